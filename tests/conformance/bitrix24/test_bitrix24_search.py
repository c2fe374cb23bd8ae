"""Finding contacts in a portal: spellings, leads, namesakes of a phone, what is gone."""

from dataclasses import replace

import pytest

from crm_clients.bitrix24 import Bitrix24
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import DealDraft, HttpCall, HttpReply, Identity, IdentityKind
from middleware.identity.rules import choose
from tests.conformance.bitrix24_scene import ACME
from tests.conformance.crm_bench import DRAFT, EMAIL, PHONE, Bench
from tests.port import LoopbackHttp

BY_PHONE = Identity(kind=IdentityKind.PHONE, value=PHONE, evidence="telegram.contact_shared")
BY_EMAIL = Identity(kind=IdentityKind.EMAIL, value=EMAIL, evidence="mail.from")


def reached_by(phone: str, email: str = "") -> dict[str, list[dict[str, str]]]:
    return {"PHONE": [{"VALUE": phone}], **({"EMAIL": [{"VALUE": email}]} if email else {})}


async def chosen(crm: Bitrix24, identity: Identity = BY_PHONE) -> str:
    record = choose(await crm.find_records(identity), identity)
    return "" if record is None else record.id


@pytest.mark.parametrize("spelling", [PHONE, "8 (915) 111-22-33", "79151112233", "915 111 22 33"])
async def test_a_phone_is_found_however_somebody_typed_it(
    crm: Bitrix24, emulator: Bitrix24Emulator, spelling: str
) -> None:
    contact = emulator.add_card(ACME, "contact", {"NAME": "Пётр", **reached_by(spelling)})
    assert await chosen(crm) == str(contact.id)


async def test_leads_hide_no_contact_and_cost_no_call(
    crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
) -> None:
    for number in range(25):
        emulator.add_card(ACME, "lead", {"TITLE": str(number), **reached_by(PHONE)})
    contact = emulator.add_card(ACME, "contact", {"NAME": "Пётр", **reached_by(PHONE)})
    bench.http.calls.clear()
    assert await chosen(crm) == str(contact.id)
    assert len(bench.http.calls) == 2


@pytest.mark.parametrize("identity", [BY_PHONE, BY_EMAIL])
async def test_a_lead_leads_to_the_contact_that_it_became(
    crm: Bitrix24, emulator: Bitrix24Emulator, identity: Identity
) -> None:
    lead = emulator.add_card(ACME, "lead", {"NAME": "Пётр", **reached_by(PHONE, EMAIL)})
    assert await chosen(crm, identity) == ""
    made = emulator.convert_lead(ACME, lead.id)
    contact = emulator.world.portal(ACME).crm.card(3, made["contact_id"])
    assert contact is not None
    contact.multi.clear()
    assert await chosen(crm, identity) == str(contact.id)
    (deal,) = await crm.find_deals(str(contact.id))
    assert (deal.id, deal.state) == (str(made["deal_id"]), "open")
    emulator.delete_card(ACME, "contact", contact.id)
    assert await chosen(crm, identity) == ""


async def test_of_two_who_share_a_phone_the_one_with_a_deal_is_meant(
    crm: Bitrix24, emulator: Bitrix24Emulator
) -> None:
    cards = [emulator.add_card(ACME, "contact", reached_by(PHONE)) for _ in range(2)]
    assert await chosen(crm) == str(cards[0].id)
    await crm.create_deal(DealDraft(record=str(cards[1].id), title="Диван"), key="d")
    assert await chosen(crm) == str(cards[1].id)
    emulator.delete_card(ACME, "contact", cards[1].id)
    assert await chosen(crm) == str(cards[0].id)


async def test_an_address_that_is_none_costs_nobody_their_card(
    crm: Bitrix24, emulator: Bitrix24Emulator
) -> None:
    odd = replace(DRAFT, emails=("не адрес",))
    made = await crm.create_record(odd, key="r")
    await crm.add_to_record(made, replace(odd, phones=("+79160000001",)))
    (contact,) = emulator.contacts(ACME)
    assert (contact["emails"], len(contact["phones"])) == ([], 2)


async def test_a_phone_that_the_line_added_meanwhile_stays_once(
    bench: Bench, crm: Bitrix24, emulator: Bitrix24Emulator
) -> None:
    made = await crm.create_record(replace(DRAFT, phones=()), key="r")

    class Hurried(LoopbackHttp):
        async def send(self, call: HttpCall) -> HttpReply:
            if call.label == "bitrix24.crm.contact.update" and not said:
                said.append(call)
                emulator.edit_card(ACME, "contact", int(made), reached_by(PHONE))
            return await super().send(call)

    said: list[HttpCall] = []
    await replace(crm, http=Hurried(bench.http.client)).add_to_record(made, DRAFT)
    (contact,) = emulator.contacts(ACME)
    assert contact["phones"] == [PHONE]
