"""What a line makes in the CRM, and where its sessions hang once the hub knows whose they are."""

from dataclasses import replace
from typing import Any

import pytest

from crm_clients.bitrix24 import Bitrix24
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import DealDraft, OpenedConversation
from tests.conformance.bitrix24_scene import (
    ACME,
    ADDRESS,
    adapter_of,
)
from tests.conformance.crm_bench import DRAFT, OURS, Bench, an_entry, an_opening


def cards_of_session(emulator: Bitrix24Emulator) -> list[tuple[str, int]]:
    (told,) = emulator.activities(ACME)
    return [(each["entity"], each["id"]) for each in told["bindings"]]


async def test_a_session_that_began_at_a_namesakes_hangs_on_the_right_cards_too(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    namesake = emulator.add_card(ACME, "contact", {"NAME": "Пётр", "LAST_NAME": "Клиент"})
    record = await crm.create_record(DRAFT, key="r")
    deal = await crm.create_deal(DealDraft(record=record, title="Диван"), key="d")
    unknown = OpenedConversation(id=OURS)
    receipt = await crm.write(an_entry(bench, unknown, record, text="Здравствуйте", key="e"))
    assert cards_of_session(emulator) == [("contacts", namesake.id)]
    opening = replace(an_opening(record), user=receipt.user, deal=deal)
    for _ in range(2):
        await crm.open_conversation(opening)
    hung = {("contacts", namesake.id), ("contacts", int(record)), ("deals", int(deal))}
    assert set(cards_of_session(emulator)) == hung
    assert len(cards_of_session(emulator)) == 3
    bench.http.calls.clear()
    await crm.open_conversation(opening)
    assert "bitrix24.crm.activity.binding.add" not in {call.label for call in bench.http.calls}


@pytest.mark.parametrize("refused", ["gone", "bound"])
async def test_a_session_that_cannot_be_hung_stops_nothing(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator, refused: str
) -> None:
    entry = await bench.entry()
    receipt = await crm.write(entry)
    opening = replace(an_opening(entry.record), user=receipt.user, deal="77")
    (activity,) = emulator.world.portal(ACME).crm.activities.values()
    activity.bindings = [(3, 99)] * (100 if refused == "bound" else 1)
    assert (await crm.open_conversation(opening)).user == receipt.user


@pytest.mark.parametrize(
    ("config", "opens"),
    [
        ({"CRM_CREATE": "none", "mode": 2}, False),
        ({"CRM_CREATE": "lead", "mode": 1}, False),
        ({"CRM_CREATE": "lead", "mode": 2}, True),
        ({"CRM_CREATE": "deal", "mode": 1}, True),
        ({"CRM_CREATE": "deal", "mode": 1, "CRM": "N"}, False),
    ],
)
async def test_set_up_learns_whether_the_line_opens_deals(
    bench: Bench, emulator: Bitrix24Emulator, config: dict[str, Any], opens: bool
) -> None:
    crm = adapter_of(bench)
    emulator.world.portal(ACME).crm.mode = config["mode"]
    emulator.set_line(
        ACME, int(crm.config.line), CRM=config.get("CRM", "Y"), CRM_CREATE=config["CRM_CREATE"]
    )
    done = await crm.set_up(ADDRESS, take_over=False)
    later = bench.with_changes(done.changes)
    assert later.can.opens_own_deals is opens
    assert not later.can.keeps_quiet


async def test_a_deal_that_the_line_opened_is_there_to_be_used(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    emulator.set_line(ACME, int(crm.config.line), CRM_CREATE="deal")
    entry = await bench.entry()
    assert await crm.find_deals(entry.record) == ()
    await crm.write(entry)
    (deal,) = await crm.find_deals(entry.record)
    assert (deal.state, deal.marker) == ("open", "")
    assert len(emulator.contacts(ACME)) == 1
    assert not emulator.leads(ACME)
