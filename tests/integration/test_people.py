"""What people decide about people: previewed, done once, undone exactly; against PostgreSQL."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from mappers.vocabulary import ConnectionId, ContactId, ConversationId, DeliveryKind, DeliveryState
from middleware.db import tables
from middleware.db.engine import transaction
from middleware.errors import BadRequest, NotFound
from middleware.hub import Hub
from middleware.operations.access import flow as access
from middleware.operations.claims import flow as asking
from middleware.operations.claims.flow import ClaimDecided
from middleware.operations.model import Caller
from middleware.operations.people import flow
from middleware.operations.people.flow import (
    AlreadyUndone,
    IdentityShared,
    NotSeparable,
    RecordUnderWay,
)
from middleware.operations.people.model import How, Verdict
from middleware.operations.trace import flow as tracing
from middleware.pipeline.planning import Incoming, Planner
from middleware.pipeline.rules import prerequisite_lane
from middleware.store.policy import Policy
from tests.builders import (
    PHONE,
    a_caller,
    a_claim,
    a_connection,
    a_contact,
    a_conversation,
    a_delivery,
    a_message,
    a_stranger,
    an_open_hub,
)

PREVIEW, AGAIN = How(preview=True), How(again=True)
OTHER_PHONE = "+79162223344"
STANDING = (
    "SELECT kind, value, contact_id, evidence, since FROM identities ORDER BY 1, 2",
    "SELECT id, contact_id, thread_id FROM conversations ORDER BY 1",
    "SELECT * FROM contact_links ORDER BY contact_id, connection_id",
    "SELECT connection_id, deal, contact_id, record FROM deals ORDER BY 1, 2",
    "SELECT id, contact_id, holder_id, decision FROM claims ORDER BY 1",
    "SELECT id, contact_id, state, seq, lane_id FROM deliveries ORDER BY 1",
)


async def standing(hub: Hub, *, of: tuple[str, ...] = STANDING) -> list[list[tuple[Any, ...]]]:
    """Everything that a decision may change, as it is committed."""
    async with transaction(hub.engine) as at:
        return [[tuple(row) for row in await at.execute(text(query))] for query in of]


async def put(hub: Hub, table: Any, **values: Any) -> None:
    async with transaction(hub.engine) as at:
        await at.execute(insert(table).values(**values))


async def a_record(
    hub: Hub, contact: ContactId, crm: ConnectionId, record: str, state: str = "live"
) -> None:
    link = {"contact_id": contact, "connection_id": crm, "record": record, "state": state}
    await put(hub, tables.contact_links, **link, evidence="hub.created")


async def a_person(
    hub: Hub, bot: ConnectionId, phone: str, external: str
) -> tuple[ContactId, ConversationId]:
    """A contact with a phone, and a conversation with the identity that brought it."""
    workspace = await hub.connections.workspace()
    contact = await a_contact(hub, workspace, phone=phone)
    identity = {"kind": "channel_user", "value": f"telegram:{external}", "contact_id": contact}
    trust = {"evidence": "telegram.user_id", "confidence": "strong"}
    await put(hub, tables.identities, workspace_id=workspace, **identity, **trust)
    return contact, await a_conversation(hub, bot, contact, external)


@pytest.fixture
async def two(hub: Hub, anna: Caller) -> tuple[ContactId, ContactId]:
    bot = await a_connection(hub, anna.workspace)
    one, _ = await a_person(hub, bot, PHONE, "1001")
    other, _ = await a_person(hub, bot, OTHER_PHONE, "1002")
    return one, other


Two = tuple[ContactId, ContactId]


class TestLink:
    async def test_the_record_that_lives_is_used_and_nothing_is_said_in_clear(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm", title="Shop CRM")
        await a_record(hub, two[0], crm, "501", "dropped")
        await a_record(hub, two[1], crm, "502")
        seen = await flow.link(hub, anna, *two, PREVIEW)
        (choice,) = seen.records
        assert (choice.kept, choice.joined, choice.used) == ("", "502", "502")
        assert "phone +7•••44" in seen.identities
        assert OTHER_PHONE not in repr(seen)
        done = await flow.link(hub, anna, *two)
        assert done.records == seen.records
        links = (await standing(hub, of=(STANDING[2],)))[0]
        assert {(row[0], row[2], row[3]) for row in links} == {
            (two[0], "502", "live"),
            (two[1], "501", "dropped"),
        }

    async def test_a_preview_writes_nothing(self, hub: Hub, anna: Caller, two: Two) -> None:
        await a_claim(hub, two[1], two[0])
        before = await standing(hub)
        seen = await flow.link(hub, anna, *two, PREVIEW)
        assert (seen.id, len(seen.identities), len(seen.conversations), seen.claims) == (
            *(None, 2, 1, 1),
        )
        assert await standing(hub) == before
        assert (await access.audit(hub, anna)).items == ()

    async def test_linking_twice_changes_nothing(self, hub: Hub, anna: Caller, two: Two) -> None:
        first = await flow.link(hub, anna, *two)
        after = await standing(hub)
        second = await flow.link(hub, anna, *two)
        assert first.id is not None
        assert (second.id, second.identities, second.conversations) == (None, (), ())
        assert await standing(hub) == after
        assert [line.action for line in (await access.audit(hub, anna)).items] == ["contact.linked"]

    async def test_no_identity_is_kept_in_clear(self, hub: Hub, anna: Caller, two: Two) -> None:
        await flow.link(hub, anna, *two)
        async with transaction(hub.engine) as at:
            moved = str((await at.execute(text("SELECT moved FROM joins"))).scalar_one())
        assert "phone:" in moved
        assert OTHER_PHONE[1:] not in moved

    async def test_what_is_owed_follows_and_keeps_its_lane(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        bot = await a_connection(hub, anna.workspace)
        crm = await a_connection(hub, anna.workspace, "amocrm")
        talk = await a_conversation(hub, bot, two[1])
        message = await a_message(hub, talk, bot)
        about: dict[str, Any] = {
            "message_id": message,
            "conversation_id": talk,
            "contact_id": two[1],
        }
        owed = await a_delivery(hub, crm, lane=f"thread:{two[1]}", **about)
        told: dict[str, Any] = {**about, "subject": message, "part": 1}
        done = await a_delivery(hub, crm, DeliveryState.DONE, **told)
        await flow.link(hub, anna, *two)
        contacts = {row[0]: row[1] for row in (await standing(hub))[5]}
        assert (contacts[owed], contacts[done]) == (two[0], two[1])
        await hub.connections.set_route(anna.workspace, bot, crm, Policy())
        async with hub.store.unit() as unit:
            conversation = await unit.conversation(talk)
            later = await a_message(hub, talk, bot)
            _, said = await unit.reply(later)
            new = Incoming(id=later, said=said, shown={})
            await Planner(unit, hub.clock.now()).write(conversation, two[0], new)
        keys = (await standing(hub, of=("SELECT key FROM lanes WHERE key LIKE 'thread:%'",)))[0]
        assert keys == [(f"thread:{two[1]}",)]

    @pytest.mark.parametrize("state", [DeliveryState.CALLING, DeliveryState.DOUBT])
    async def test_nobody_is_linked_while_a_record_is_being_made(
        self, hub: Hub, anna: Caller, two: Two, state: DeliveryState
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        kind = DeliveryKind.ENSURE_CONTACT
        lane = prerequisite_lane(kind, two[0])
        values = {"subject": two[0], "contact_id": two[0]}
        await a_delivery(hub, crm, state, kind, lane=lane, **values)
        before = await standing(hub)
        with pytest.raises(RecordUnderWay):
            await flow.link(hub, anna, *two)
        assert await standing(hub) == before

    async def test_two_records_to_come_are_not_made_side_by_side(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        kind = DeliveryKind.ENSURE_CONTACT
        lane = prerequisite_lane(kind, two[1])
        values = {"subject": two[1], "contact_id": two[1]}
        await a_delivery(hub, crm, DeliveryState.PARKED, kind, lane=lane, **values)
        with pytest.raises(RecordUnderWay):
            await flow.link(hub, anna, *two)
        await a_record(hub, two[0], crm, "501")
        assert (await flow.link(hub, anna, *two)).deliveries == 1

    async def test_one_does_not_join_oneself_nor_strangers(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        with pytest.raises(BadRequest):
            await flow.link(hub, anna, two[0], two[0])
        with pytest.raises(NotFound):
            await flow.link(hub, await a_stranger(hub), *two)


class TestClaims:
    async def test_a_claim_dismissed_is_never_asked_again(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        claim = await a_claim(hub, two[1], two[0])
        (line,) = (await asking.find(hub, anna)).items
        assert (line.id, line.value, line.contact.id, line.holder.id) == (
            *(claim, "+7•••33", two[1], two[0]),
        )
        await asking.decide(hub, anna, claim, Verdict.DIFFERENT)
        assert (await asking.find(hub, anna)).items == ()
        with pytest.raises(ClaimDecided):
            await asking.decide(hub, anna, claim, Verdict.SAME)
        async with transaction(hub.engine) as at:
            kept = (await at.execute(text("SELECT decision, decided_by FROM claims"))).one()
        assert tuple(kept) == ("different", "anna")

    @pytest.mark.parametrize("one", list(Verdict))
    @pytest.mark.parametrize("other", list(Verdict))
    async def test_of_two_who_decide_at_once_one_is_told_so(
        self, hub: Hub, anna: Caller, two: Two, one: Verdict, other: Verdict
    ) -> None:
        claim = await a_claim(hub, two[1], two[0])
        answers = await asyncio.gather(
            *(asking.decide(hub, anna, claim, verdict) for verdict in (one, other)),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in answers) == ["ClaimDecided", "Decided"]
        actions = [line.action for line in (await access.audit(hub, anna)).items]
        assert len([action for action in actions if action.startswith("claim.")]) == 1

    async def test_a_claim_is_followed_when_its_claimant_is_joined(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        third = await a_contact(hub, anna.workspace, phone="+79165556677")
        await a_claim(hub, two[1], third, phone="+79165556677")
        await a_claim(hub, third, two[1], phone=OTHER_PHONE)
        await flow.link(hub, anna, *two)
        lines = (await asking.find(hub, anna)).items
        assert [(line.contact.id, line.holder.id) for line in lines] == [
            (two[0], third),
            (third, two[0]),
        ]

    async def test_what_many_claim_links_only_when_one_insists(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        claims = [await a_claim(hub, two[1], two[0])]
        for number in range(2):
            other = await a_contact(hub, anna.workspace, phone=f"+7916000000{number}")
            claims.append(await a_claim(hub, other, two[0]))
        lines = (await asking.find(hub, anna, limit=2)).items
        assert [(line.shared, line.claimants) for line in lines] == [(True, 3)] * 2
        with pytest.raises(IdentityShared, match="again"):
            await asking.decide(hub, anna, claims[0], Verdict.SAME)
        with pytest.raises(IdentityShared):
            await flow.link(hub, anna, *two)
        assert (await asking.decide(hub, anna, claims[0], Verdict.SAME, AGAIN)).join is not None

    async def test_pages_lead_to_the_end(self, hub: Hub, anna: Caller, two: Two) -> None:
        made = [
            await a_claim(hub, two[1], two[0], phone=f"+7916000000{number}") for number in range(5)
        ]
        seen: list[UUID] = []
        cursor = ""
        while True:
            page = await asking.find(hub, anna, cursor=cursor, limit=2)
            seen += [line.id for line in page.items]
            if not (cursor := page.next):
                break
        assert seen == made


class TestUnlink:
    async def test_a_conversation_leaves_with_whoever_writes_there(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        done = await flow.link(hub, anna, *two)
        before = await standing(hub)
        (talk,) = done.conversations
        seen = await flow.unlink(hub, anna, two[0], talk, preview=True)
        assert (seen.id, seen.identities) == (None, ("channel_user telegram:1002",))
        assert await standing(hub) == before
        taken = await flow.unlink(hub, anna, two[0], talk)
        assert taken.joined not in {None, *two}
        assert taken.id is not None
        await flow.undo(hub, anna, taken.id)
        assert await standing(hub) == before

    async def test_somebody_s_only_conversation_stays(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        workspace = await a_stranger(hub)
        done = await flow.link(hub, anna, *two)
        with pytest.raises(NotSeparable, match="not this contact's"):
            await flow.unlink(hub, anna, two[1], done.conversations[0])
        assert done.id is not None
        await flow.undo(hub, anna, done.id)
        with pytest.raises(NotSeparable, match="nothing would be left"):
            await flow.unlink(hub, anna, two[1], done.conversations[0])
        with pytest.raises(NotFound):
            await flow.unlink(hub, workspace, two[1], done.conversations[0])

    async def test_a_record_is_forgotten_and_remembered(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        await a_record(hub, two[0], crm, "501")
        before = await standing(hub)
        assert (await flow.forget_record(hub, anna, two[0], crm, preview=True)).id is None
        assert await standing(hub) == before
        done = await flow.forget_record(hub, anna, two[0], crm)
        async with hub.store.unit() as unit:
            link = await unit.link(two[0], crm)
        assert link is not None
        assert not link.live
        with pytest.raises(NotSeparable):
            await flow.forget_record(hub, anna, two[0], crm)
        assert done.id is not None
        await flow.undo(hub, anna, done.id)
        assert await standing(hub) == before


class TestUndo:
    async def test_it_is_done_once(self, hub: Hub, anna: Caller, two: Two) -> None:
        done = await flow.link(hub, anna, *two)
        assert done.id is not None
        with pytest.raises(NotFound):
            await flow.undo(hub, await a_stranger(hub), done.id)
        seen = await flow.undo(hub, anna, done.id, preview=True)
        undone = await flow.undo(hub, anna, done.id)
        assert (seen.id, seen.identities) == (None, undone.identities)
        with pytest.raises(AlreadyUndone):
            await flow.undo(hub, anna, done.id)

    async def test_what_has_moved_on_is_named_and_left(
        self, hub: Hub, anna: Caller, two: Two
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        await a_record(hub, two[1], crm, "502")
        done = await flow.link(hub, anna, *two)
        (talk,) = done.conversations
        await flow.unlink(hub, anna, two[0], talk)
        await flow.forget_record(hub, anna, two[0], crm)
        assert done.id is not None
        undone = await flow.undo(hub, anna, done.id)
        assert undone.stays == ("identity channel_user", f"conversation {talk}", "record 502")
        assert undone.identities == ("phone +7•••44",)

    async def test_a_trace_tells_of_it(self, hub: Hub, anna: Caller, two: Two) -> None:
        done = await flow.link(hub, anna, *two)
        told = await tracing.trace(hub, anna, str(two[1]))
        assert told.contact is not None
        (join,) = told.contact.joins
        assert (join.id, join.kept, join.joined, join.by) == (done.id, *two, "anna")


states = st.sampled_from(["", "live", "dropped"])
sides = st.fixed_dictionaries(
    {
        "talks": st.integers(0, 2),
        "records": st.tuples(states, states),
        "owed": st.integers(0, 2),
        "deals": st.booleans(),
    }
)
claimed = st.lists(st.sampled_from([(0, 1), (1, 0), (1, 2), (0, 2), (2, 1)]), unique=True)


async def a_scene(hub: Hub, plans: list[dict[str, Any]], asked: list[tuple[int, int]]) -> Two:
    """Two contacts as planned, a third beside them, and who claims whose phone."""
    caller = await a_caller(hub)
    bot = await a_connection(hub, caller.workspace)
    crms = [await a_connection(hub, caller.workspace, "amocrm") for _ in range(2)]
    phones = [f"+7{UUID(int=bot.int + number).int % 10**10:010}" for number in range(3)]
    people = [await a_contact(hub, caller.workspace, phone=phone) for phone in phones]
    for contact, plan in zip(people, plans, strict=False):
        for crm, state in zip(crms, plan["records"], strict=True):
            if state:
                await a_record(hub, contact, crm, f"{state}-{contact}", state)
            if state and plan["deals"]:
                deal = {"deal": str(contact), "contact_id": contact, "record": f"{contact}"}
                more = {"connection_id": crm, "state": "open", "evidence": "hub.created"}
                await put(hub, tables.deals, **deal, **more)
        for _ in range(plan["talks"]):
            talk = await a_conversation(hub, bot, contact)
            for _ in range(plan["owed"]):
                message = await a_message(hub, talk, bot)
                about: dict[str, Any] = {
                    "message_id": message,
                    "conversation_id": talk,
                    "contact_id": contact,
                }
                await a_delivery(hub, crms[0], lane=f"thread:{contact}", **about)
    for one, other in asked:
        await a_claim(hub, people[one], people[other], phone=phones[other])
    return people[0], people[1]


def test_to_link_and_to_undo_is_to_have_done_nothing(postgres_url: str, tmp_path: Path) -> None:
    async def story(hub: Hub, plans: list[dict[str, Any]], asked: list[tuple[int, int]]) -> None:
        caller = await a_caller(hub)
        keep, join = await a_scene(hub, plans, asked)
        before = await standing(hub)
        done = await flow.link(hub, caller, keep, join)
        assert done.id is not None
        after = await standing(hub)
        assert (await flow.link(hub, caller, keep, join)).id is None
        assert await standing(hub) == after
        assert (await flow.undo(hub, caller, done.id)).stays == ()
        assert await standing(hub) == before

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        hub = runner.run(stack.enter_async_context(an_open_hub(postgres_url, tmp_path)))

        @settings(
            max_examples=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
        )
        @given(plans=st.lists(sides, min_size=2, max_size=2), asked=claimed)
        def holds(plans: list[dict[str, Any]], asked: list[tuple[int, int]]) -> None:
            runner.run(story(hub, plans, asked))

        try:
            holds()
        finally:
            runner.run(stack.aclose())
