"""A route is tried without writing anything: everything is decided and shown, then it goes live."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from mappers.vocabulary import DeliveryId
from middleware.operations.accounts import flow as accounts
from middleware.operations.deliveries import flow
from middleware.operations.deliveries.flow import NotReplayable
from middleware.operations.model import Caller
from middleware.operations.rehearsals.flow import Look, preview
from middleware.operations.trace import flow as tracing
from middleware.operations.trace.model import Trace
from middleware.outbox.effects import Effect
from middleware.store.policy import Policy
from tests.faults.scene import cards, deals
from tests.journeys.conftest import Opened
from tests.journeys.crm_holds import came, crm_holds, told
from tests.journeys.town import ACCOUNT, Plan, Town

NINA, PETR = 1001, 1002
PHONE = "+79990001122"
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 3000
LINKED = """
    SELECT (SELECT count(*) FROM contact_links) + (SELECT count(*) FROM conversation_links)
         + (SELECT count(*) FROM deals)
"""
CHAIN = ["create_record", "create_deal", "open_conversation", "write"]


@pytest.fixture
async def dry(town_of: Opened) -> AsyncIterator[Town]:
    """A town whose route writes nothing yet."""
    async with town_of(Plan(policy=Policy(dry_run=True))) as town:
        town.amocrm.switches.set("fetches_media", value=True)
        yield town


def anna_in(town: Town) -> Caller:
    return Caller(workspace=town.workspace, name="anna")


async def decide(town: Town, **policy: Any) -> None:
    await accounts.set_route(town.hub, anna_in(town), town.bot, town.crm, policy)


async def rows_of(town: Town, kind: str = "write") -> list[Any]:
    query = "SELECT id, message_id, state, code FROM deliveries WHERE kind = :kind ORDER BY seq"
    return list(await town.rows(query, kind=kind))


def rehearsed_in(trace: Trace) -> list[Effect]:
    return [
        effect
        for message in trace.messages
        for delivery in message.deliveries
        for attempt in delivery.attempts
        for effect in attempt.effects
    ]


def steps(effects: list[Effect]) -> list[str]:
    return list(dict.fromkeys(each.step for each in effects))


async def test_a_dry_route_writes_nothing_and_shows_everything(dry: Town) -> None:
    before = crm_holds(dry)
    dry.telegram.say(NINA, "Когда привезёте?", name="Нина")
    dry.telegram.say(NINA, "Алло?")
    await dry.settle()

    assert crm_holds(dry) == before
    first, second = await rows_of(dry)
    assert {(row["state"], row["code"]) for row in (first, second)} == {("skipped", "hub.dry_run")}
    assert await dry.count(LINKED) == 0
    shown = await tracing.trace(dry.hub, anna_in(dry), str(first["message_id"]), raw=True)
    assert steps(rehearsed_in(shown)) == CHAIN
    assert told(rehearsed_in(shown))["write", "text"] == ((), ("Когда привезёте?",))


async def test_a_trace_hides_what_customers_said_there_too(dry: Town) -> None:
    dry.telegram.say(NINA, "Когда привезёте?", name="Нина")
    await dry.settle()
    (row,) = await rows_of(dry)

    shown = await tracing.trace(dry.hub, anna_in(dry), str(row["id"]))
    lines = told(rehearsed_in(shown))
    assert lines["write", "text"] == ((), ("К•••• п••••••••?",))
    assert lines["create_record", "name"] == ((), ("Н•••",))
    assert lines["create_deal", "record"] == ((), ("new",))


async def test_live_again_later_messages_are_written_and_earlier_ones_by_hand(dry: Town) -> None:
    dry.telegram.say(NINA, "до", name="Нина")
    await dry.settle()
    (early,) = await rows_of(dry)
    with pytest.raises(NotReplayable, match="dry run"):
        await flow.replay(dry.hub, anna_in(dry), early["id"])
    await decide(dry)
    dry.telegram.say(PETR, "после", name="Пётр")
    await dry.settle()
    assert dry.entries() == ["после"]

    delivery, anna, before = DeliveryId(early["id"]), anna_in(dry), crm_holds(dry)
    shown = await preview(dry.hub, anna, delivery, Look(raw=True))
    assert steps(list(shown.effects)) == CHAIN
    assert crm_holds(dry) == before
    assert await flow.replay(dry.hub, anna, delivery)
    await dry.settle()
    assert came(before, crm_holds(dry)) == told(shown.effects)
    assert sorted(dry.entries()) == ["до", "после"]


async def test_a_customer_who_is_in_the_crm_already_is_found_there(dry: Town) -> None:
    card = {"name": "Нина Петровна", "custom_fields_values": [_phones(PHONE)]}
    known = str(dry.amocrm.add_contact(ACCOUNT, card).id)
    before = crm_holds(dry)
    dry.telegram.share_contact(NINA, PHONE)
    await dry.settle()

    assert crm_holds(dry) == before
    (row,) = await rows_of(dry)
    lines = told(rehearsed_in(await tracing.trace(dry.hub, anna_in(dry), str(row["id"]), raw=True)))
    assert lines["create_deal", "record"] == lines["open_conversation", "record"] == ((), (known,))
    assert ("create_record", "name") not in lines


def _phones(*phones: str) -> dict[str, Any]:
    values = [{"value": phone, "enum_code": "WORK"} for phone in phones]
    return {"field_code": "PHONE", "values": values}


async def test_a_file_is_fetched_so_that_it_is_there_when_it_is_written(dry: Town) -> None:
    dry.telegram.show(NINA, "photo", caption="Вот такой", content=JPEG)
    await dry.settle()
    (row,) = await rows_of(dry)
    shown = await tracing.trace(dry.hub, anna_in(dry), str(row["id"]), raw=True)
    (sort,) = told(rehearsed_in(shown))["write", "sort"][1]
    assert sort == f"image, image/jpeg, {len(JPEG)} bytes"

    await decide(dry)
    await flow.replay(dry.hub, anna_in(dry), DeliveryId(row["id"]))
    await dry.settle()
    ((entry,),) = [chat.messages for chat in dry.timeline()]
    assert dry.amocrm.world.fetched[entry.content["media"]] == JPEG


async def test_a_route_may_run_dry_for_a_while(town: Town) -> None:
    """What the CRM has stays in use: replies go out, and what is corrected is only shown."""
    said = town.telegram.say(NINA, "раз", name="Нина")
    await town.settle()
    await decide(town, dry_run=True)
    before = crm_holds(town)
    town.telegram.say(NINA, "два")
    town.telegram.edit(NINA, said.message_id, "раз!")
    await town.settle()
    assert crm_holds(town) == before
    codes = [row["code"] for kind in ("write", "write_edit") for row in await rows_of(town, kind)]
    assert codes == ["", "hub.dry_run", "hub.dry_run"]

    town.reply(NINA, "слушаю")
    await town.settle()
    assert town.seen_by(NINA) == ["слушаю"]
    await decide(town)
    town.telegram.say(NINA, "три")
    await town.settle()
    assert town.entries() == ["раз", "слушаю", "три"]


async def test_what_was_prepared_before_holds_nothing_up(town: Town) -> None:
    """The route turns dry while a card is being made: nobody waits for what is not made."""
    town.amocrm.stage.arm("unavailable_before", times=-1)
    town.telegram.say(NINA, "раз", name="Нина")
    async with town.patience():
        while not await town.count("SELECT count(*) FROM attempts"):
            await town.pause()
    await decide(town, dry_run=True)
    town.amocrm.stage.clear()
    await town.settle()

    rows = await town.rows(
        "SELECT DISTINCT state, code FROM deliveries WHERE kind <> 'keep_source'"
    )
    assert rows == [{"state": "skipped", "code": "hub.dry_run"}]
    assert (cards(town), deals(town), town.timeline()) == ([], [], ())
