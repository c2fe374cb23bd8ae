"""One random story told to both stores: whatever one answers, the other answers too.

The twin is what the simulation proves things about; this is what makes it a proof about us.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from difflib import unified_diff
from pprint import pformat
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mappers.vocabulary import (
    ConnectionId,
    DeliveryKind,
    DeliveryState,
    OpenedConversation,
    Operator,
    Priority,
    Status,
    Transient,
)
from middleware.store.duties import DRY_RUN, Settlement
from middleware.store.errors import LeaseLost, NotInFlight
from middleware.store.port import Unit
from middleware.store.rows import DealRow, Fact, FileRow, InboxClaim, JobsClaim, Lease, OpenedRow
from tests.store_scene import (
    CHANNEL,
    CONNECTIONS,
    CRM,
    MAPPING,
    OTHER_CHANNEL,
    ROUTE,
    SPOKEN_AT,
    WORKSPACE,
    a_duty,
    a_message,
    a_parcel,
    a_person,
    new_message,
)
from tests.store_worlds import PostgresWorld, TwinWorld, World

T = TypeVar("T")

TTL = timedelta(seconds=90)
A_WHILE_S = 60.0
EVERYTHING = 50
REFUSALS = (LeaseLost, NotInFlight, ValueError)
REFUSED = Transient(code="net.ConnectError")
KINDS = (
    DeliveryKind.WRITE,
    DeliveryKind.ENSURE_CONTACT,
    DeliveryKind.OPEN_CONVERSATION,
    DeliveryKind.WRITE_EDIT,
    DeliveryKind.WRITE_REACTION,
    DeliveryKind.REPORT,
    DeliveryKind.ENSURE_DEAL,
    DeliveryKind.CREATE_TASK,
    DeliveryKind.WRITE_FIELDS,
)
ENDINGS = tuple(state for state in DeliveryState if state is not DeliveryState.CALLING)

few = st.integers(0, 3)
said = st.one_of(st.none(), few)
holds = st.sampled_from([timedelta(), timedelta(hours=1)])
any_of_them = st.integers(0, 20)
some_of_them = st.lists(any_of_them, min_size=1, max_size=3)
connections = st.sampled_from(CONNECTIONS)
externals = st.sampled_from(["100", "200"])
keys = st.sampled_from("abcde")
names = st.sampled_from(["100:1", "100:2", "100:3", "200:1", "r-1", "r-2"])
awaited = st.sampled_from(["r-1", "r-2"])
records = st.sampled_from(["501", "502"])
deals = st.sampled_from(["901", "902"])
phones = st.sampled_from(["", "+79990000001", "+79990000002"])
duties = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "lane": st.sampled_from(["thread:1", "thread:2", "message:1"]),
        "subject": st.integers(1, 3).map(lambda number: UUID(int=number)),
        "revision": few,
        "priority": st.sampled_from(Priority),
        "held": st.sampled_from(["", "", "", "hub.too_old"]),
        "route": st.sampled_from([None, ROUTE.id]),
        "after": st.one_of(st.none(), any_of_them),
        "wait": st.sampled_from([timedelta(), timedelta(), timedelta(seconds=30)]),
        "detail": st.sampled_from([{}, {"file": 0}, {"file": 1}, MAPPING.detail]),
        "about": any_of_them,
    }
)
settlements = st.builds(
    Settlement,
    state=st.sampled_from(ENDINGS),
    failure=st.sampled_from([None, REFUSED]),
    counts=st.booleans(),
    skip_lane=st.booleans(),
    code=st.sampled_from(["", DRY_RUN]),
    detail=st.sampled_from([{}, {"looked_again": True}]),
)
waits_s = st.sampled_from([-1, 30])


def of(things: list[T], number: int) -> T:
    return things[number % len(things)]


def duty_of(job: Any) -> tuple[str, int, int, int]:
    return job.kind.value, job.subject.int, job.part, job.revision


def different(leases: list[Lease], numbers: list[int]) -> list[Lease]:
    """Leases of different connections, the newest of what is asked for."""
    chosen = {lease.connection: lease for lease in (of(leases, number) for number in numbers)}
    return list(chosen.values())


def has(kind: str) -> Callable[[Any], bool]:
    return lambda machine: bool(getattr(machine.worlds[0].kept, kind))


class Agreement(RuleBasedStateMachine):
    """Does the same to every world, and compares what comes back and what is left behind."""

    def __init__(self, worlds: tuple[World, ...]) -> None:
        super().__init__()
        self.worlds = worlds

    def tell(self, work: Callable[[World], Awaitable[Any]]) -> None:
        """Do it in every world; the answers, or the refusals, are the same."""
        first, *others = (pformat(self._outcome(world, work)).splitlines() for world in self.worlds)
        for other in others:
            difference = "\n".join(unified_diff(first, other, n=1, lineterm=""))
            assert not difference, difference

    def _outcome(self, world: World, work: Callable[[World], Awaitable[Any]]) -> Any:
        try:
            return world.kept.plain(world.run(work))
        except REFUSALS as refusal:
            return type(refusal).__name__

    def in_unit(self, work: Callable[[World, Unit], Awaitable[Any]]) -> None:
        async def story(world: World) -> Any:
            async with world.store.unit() as unit:
                outcome = await work(world, unit)
            return outcome, set(unit.touched)

        self.tell(story)

    @initialize()
    def somebody_wrote_and_is_served(self) -> None:
        self.lease(CRM, "a")
        self.meet(0, "", "", "Мария")
        self.converse("100", 0, known=True)

    # Leases and time.

    @rule(connection=connections, owner=st.sampled_from("ab"))
    def lease(self, connection: ConnectionId, owner: str) -> None:
        async def work(world: World) -> Any:
            lease = await world.store.acquire(connection, "serve", owner, TTL)
            world.kept.leases += [lease] if lease is not None else []
            return lease

        self.tell(work)

    @rule(number=any_of_them, keeps=st.booleans())
    def prolong_or_give_back(self, number: int, keeps: bool) -> None:
        async def work(world: World) -> Any:
            lease = of(world.kept.leases, number)
            renewed = await world.store.renew([lease], TTL) if keeps else None
            return renewed if keeps else await world.store.release(lease)

        self.tell(work)

    @rule()
    def time_passes(self) -> None:
        self.tell(lambda world: world.pass_time(A_WHILE_S))

    # The inbox.

    @rule(told=st.dictionaries(keys, said, max_size=4), connection=connections)
    def hear(self, told: dict[str, int | None], connection: ConnectionId) -> None:
        parcels = [a_parcel(key, connection, said_after_s=at) for key, at in told.items()]
        self.tell(lambda world: world.store.append(parcels))

    @rule(key=keys, cursor=st.sampled_from("xyz"), number=any_of_them)
    def ask_for_news(self, key: str, cursor: str, number: int) -> None:
        async def work(world: World) -> Any:
            lease = of(world.kept.leases, number)
            told = await world.store.append_polled(lease, [a_parcel(key, lease.connection)], cursor)
            return told, await world.store.cursor(lease.connection)

        self.tell(work)

    @rule(numbers=some_of_them, limit=st.integers(1, 4), hold=holds)
    def read(self, numbers: list[int], limit: int, hold: timedelta) -> None:
        async def work(world: World) -> Any:
            claims = [
                InboxClaim(lease=lease, limit=limit, hold=hold)
                for lease in different(world.kept.leases, numbers)
            ]
            told = await world.store.claim_inbox(claims)
            world.kept.rows.extend(row for rows in told for row in rows)
            return told

        self.tell(work)

    @precondition(has("rows"))
    @rule(
        number=any_of_them,
        state=st.sampled_from(["new", "read", "waiting", "set_aside"]),
        awaits=awaited,
        arrived=awaited,
    )
    def close_and_wake(self, number: int, state: Any, awaits: str, arrived: str) -> None:
        async def work(world: World, unit: Unit) -> None:
            named = awaits if state == "waiting" else ""
            await unit.close_row(of(world.kept.rows, number), state, note="why", awaits=named)
            await unit.wake_waiting(CRM, arrived)

        self.in_unit(work)

    # People and what they say.

    @rule(user=few, phone=phones, weak=phones, name=st.sampled_from(["", "Мария"]))
    def meet(self, user: int, phone: str, weak: str, name: str) -> None:
        person = a_person(f"user:{user}", phone=phone, weak_phone=weak, name=name)

        async def work(world: World, unit: Unit) -> Any:
            row = await unit.contact_for(WORKSPACE, person)
            world.kept.contacts.append(row.id)
            met = [await unit.conversations_of(each, CRM) for each in person.identities]
            for hint in person.identities:
                await unit.hint(WORKSPACE, of(world.kept.contacts, user), hint)
            return row, await unit.person(row.id), met, await unit.routes_to(CRM)

        self.in_unit(work)

    @rule(external=externals, number=any_of_them, known=st.booleans())
    def converse(self, external: str, number: int, known: bool) -> None:
        async def work(world: World, unit: Unit) -> Any:
            contact = of(world.kept.contacts, number) if known else None
            row = await unit.conversation_for(CHANNEL, external, contact)
            world.kept.conversations.append(row.id)
            return row, await unit.conversation(row.id)

        self.in_unit(work)

    @rule(number=any_of_them, reachable=st.booleans(), old=externals, new=externals)
    def change_conversations(self, number: int, reachable: bool, old: str, new: str) -> None:
        async def work(world: World, unit: Unit) -> Any:
            await unit.set_reachable(of(world.kept.conversations, number), reachable=reachable)
            if old != new:
                await unit.move_conversation(CHANNEL, old, new)
            at = await unit.conversation_at(CHANNEL, new)
            ours = [f"ours-{new}", f"telegram:77:{old}", f"telegram:78:{old}", ""]
            return at, [await unit.conversation_in_crm(CRM, f"crm-{old}", each) for each in ours]

        self.in_unit(work)

    @rule(number=any_of_them, name=names, quotes=st.one_of(st.just(""), names), reply=st.booleans())
    def say(self, number: int, name: str, quotes: str, reply: bool) -> None:
        provider, at = ("amocrm", CRM) if reply else ("telegram", CHANNEL)
        message = a_message(name, provider=provider, quotes=quotes, minute=int(name[-1]), shows=2)

        async def work(world: World, unit: Unit) -> Any:
            conversation = of(world.kept.conversations, number)
            new = new_message(conversation, message, connection=at, planned=not reply)
            added = await unit.add_message(new)
            world.kept.messages += [added] if added is not None else []
            return added, await unit.message_named(at, name)

        self.in_unit(work)

    @rule(number=any_of_them)
    def ask_who_waits(self, number: int) -> None:
        async def work(world: World, unit: Unit) -> Any:
            return await unit.open_question(of(world.kept.conversations, number))

        self.in_unit(work)

    @precondition(has("messages"))
    @rule(
        number=any_of_them,
        connection=connections,
        name=names,
        part=few,
        status=st.sampled_from(Status),
    )
    def learn_of_a_message(
        self, number: int, connection: ConnectionId, name: str, part: int, status: Status
    ) -> None:
        async def work(world: World, unit: Unit) -> Any:
            message = of(world.kept.messages, number)
            await unit.add_names(connection, message, [name], part)
            fact = Fact(revision=part, text=f"Правка {part}")
            kinds = ("edit", "reaction", "delete")[: 2 + (part == 3)]
            news = [await unit.add_fact(message, kind, fact) for kind in kinds]
            news.append(await unit.raise_status(message, status))
            return news, await unit.message_named(connection, name), await unit.reply(message)

        self.in_unit(work)

    @rule(number=any_of_them)
    def plan_replies(self, number: int) -> None:
        async def work(world: World, unit: Unit) -> Any:
            waiting = await unit.unplanned_replies(of(world.kept.conversations, number))
            for message in waiting[:1]:
                await unit.mark_planned(message)
            return waiting

        self.in_unit(work)

    @precondition(has("messages"))
    @rule(
        number=any_of_them,
        position=st.integers(0, 1),
        state=st.sampled_from(["wanted", "stored", "refused"]),
        size=few,
    )
    def decide_about_a_file(self, number: int, position: int, state: Any, size: int) -> None:
        async def work(world: World, unit: Unit) -> Any:
            message = of(world.kept.messages, number)
            file = FileRow(
                message=message,
                position=position,
                state=state,
                key="ab" * size,
                size_bytes=size,
                name=f"Фото {size}.jpg",
            )
            await unit.keep_file(file)
            told = await unit.let_go(message, position) if state != "wanted" else ()
            return sorted(told, key=lambda each: repr(world.kept.plain(each)))

        self.in_unit(work)

    # What a CRM knows.

    @rule(number=any_of_them, record=records, gone=records, drops=st.booleans())
    def link(self, number: int, record: str, gone: str, drops: bool) -> None:
        async def work(world: World, unit: Unit) -> Any:
            contact = of(world.kept.contacts, number)
            await unit.set_link(contact, CRM, record, "phone.verified")
            dropped = await unit.drop_links(CRM, gone) if drops else None
            return dropped, await unit.link(contact, CRM)

        self.in_unit(work)

    @rule(
        number=any_of_them,
        deal=deals,
        record=records,
        other=deals,
        state=st.sampled_from(["won", "open", "deleted"]),
    )
    def deal(self, number: int, deal: str, record: str, other: str, state: str) -> None:
        source = of([None, CHANNEL, OTHER_CHANNEL], number)

        async def work(world: World, unit: Unit) -> Any:
            contact = of(world.kept.contacts, number)
            closed_at = SPOKEN_AT if record == "501" and state == "won" else None
            seen = DealRow(
                deal=deal,
                record=record,
                state=state,
                seen_at=SPOKEN_AT,
                source=source,
                closed_at=closed_at,
            )
            await unit.save_deal(contact, CRM, seen, "hub.created")
            await world.tick()
            state_now, pipeline = ("open", "7") if record == "501" else ("lost", "")
            await unit.set_deal_state(CRM, other, state_now, pipeline)
            await unit.use_deal(CRM, other)
            found = await unit.deals(contact, CRM)
            # When something was seen, by each world's own clock, says less than that it was.
            answered = [
                await unit.conversation_of_record(CRM, record, ""),
                await unit.conversation_of_record(CRM, "", deal),
            ]
            return answered, [
                (
                    *(each.deal, each.record, each.state, each.pipeline, each.source),
                    *(each.closed_at == SPOKEN_AT, each.closed_at is None, each.used_at is None),
                )
                for each in found
            ]

        self.in_unit(work)

    @rule(operator=records, name=st.sampled_from(["", "Ольга", "Иван"]))
    def name_operators(self, operator: str, name: str) -> None:
        async def work(world: World, unit: Unit) -> Any:
            await unit.know_operators(CRM, [Operator(id=operator, name=name), Operator(id="")])
            return [await unit.operator_name(CRM, each) for each in ("501", "502", "503")]

        self.in_unit(work)

    @rule(record=records, filled=st.sets(st.sampled_from(["contact:7", "contact:8"])))
    def fill(self, record: str, filled: set[str]) -> None:
        self.in_unit(lambda _, unit: unit.remember_filled(CRM, f"contact:{record}", filled))

    @rule(number=any_of_them, record=records, version=few, behind=st.booleans())
    def open_in_crm(self, number: int, record: str, version: int, behind: bool) -> None:
        opened_at = SPOKEN_AT + timedelta(hours=version)

        async def work(world: World, unit: Unit) -> Any:
            row = await unit.conversation(of(world.kept.conversations, number))
            theirs, ours = f"crm-{row.external}", f"ours-{row.external}"
            counterpart = OpenedRow(
                opened=OpenedConversation(id=theirs, user=f"u{version}"),
                ours=ours,
                record=record,
                opened_at=opened_at,
                behind_since=opened_at if behind else None,
                begun_there=version == 0,
            )
            holders = [
                await unit.conversation_in_crm(CRM, theirs, ""),
                await unit.conversation_in_crm(CRM, "", ours),
            ]
            if all(holder is None or holder.id == row.id for holder in holders):
                await unit.set_opened(row.id, CRM, counterpart)
            return await unit.opened(row.id, CRM)

        self.in_unit(work)

    @rule(hours=st.integers(-2, 5), asks=st.booleans())
    def fall_behind(self, hours: int, asks: bool) -> None:
        since = SPOKEN_AT + timedelta(hours=hours)
        self.tell(lambda world: world.store.fall_behind([CRM], since, asks=asks))

    @rule()
    def be_restored(self) -> None:
        self.tell(lambda world: world.store.pulse())
        self.tell(lambda world: world.store.distrust())

    @rule(number=any_of_them)
    def catch_up(self, number: int) -> None:
        async def work(world: World, unit: Unit) -> Any:
            conversation = of(world.kept.conversations, number)
            await unit.caught_up(conversation, CRM, 0)
            return await unit.opened(conversation, CRM)

        self.in_unit(work)

    # What is owed.

    @rule(planned=st.lists(duties, min_size=1, max_size=4))
    def owe(self, planned: list[dict[str, Any]]) -> None:
        async def work(world: World, unit: Unit) -> Any:
            kept, owed = world.kept, []
            for each in planned:
                about, after = each["about"], each["after"]
                ties = {
                    "conversation": of(kept.conversations, about),
                    "message": of(kept.messages, about) if kept.messages else None,
                    "contact": of(kept.contacts, about) if about % 2 else None,
                    "after": of(kept.deliveries, after) if after and kept.deliveries else None,
                }
                said = {name: value for name, value in each.items() if name != "about"}
                kept.deliveries.append(await unit.owe(a_duty(0, **{**said, **ties})))
                owed.append(await unit.latest(CRM, each["kind"], each["subject"]))
            return owed, kept.deliveries

        self.in_unit(work)

    @precondition(has("messages"))
    @rule(number=any_of_them, part=few, kind=st.sampled_from(["", "edit", "delete"]), revision=few)
    def owe_a_reply(self, number: int, part: int, kind: str, revision: int) -> None:
        async def work(world: World, unit: Unit) -> Any:
            message = of(world.kept.messages, number)
            conversation = of(world.kept.conversations, number)
            duty = a_duty(0, subject=message, message=message, conversation=conversation)
            send = replace(duty, kind=DeliveryKind.SEND, part=part, target=CHANNEL)
            await unit.owe(replace(send, lane="conversation:1"))
            parts = await unit.parts(CHANNEL, message)
            if kind:
                duty = replace(send, kind=DeliveryKind(kind), part=0, revision=revision)
                await unit.owe(replace(duty, lane="message:1", after=parts[-1].id))
            return parts

        self.in_unit(work)

    @rule(
        numbers=some_of_them,
        probed=some_of_them,
        ends=st.lists(settlements, max_size=5),
        wait_s=waits_s,
    )
    def serve(
        self, numbers: list[int], probed: list[int], ends: list[Settlement], wait_s: int
    ) -> None:
        """Claim what is due, and settle as much of it as there are ends for."""

        async def work(world: World) -> Any:
            leases = different(world.kept.leases, numbers)
            claims = [
                JobsClaim(lease=lease, limit=EVERYTHING, probe_only=place in probed)
                for place, lease in enumerate(leases)
            ]
            told = await world.store.claim_jobs(claims)
            # Lanes that one statement made due have an order of their own in each world.
            ordered = sorted((job for jobs in told for job in jobs), key=duty_of)
            world.kept.jobs.extend(ordered)
            return [len(jobs) for jobs in told], ordered

        before = len(self.worlds[0].kept.jobs)
        self.tell(work)
        claimed = len(self.worlds[0].kept.jobs) - before
        for place, end in enumerate(ends[:claimed], before):
            self.settle(place, end, wait_s)

    @precondition(has("jobs"))
    @rule(number=any_of_them, end=settlements, wait_s=waits_s)
    def settle(self, number: int, end: Settlement, wait_s: int) -> None:
        goes_on = end.state in {DeliveryState.READY, DeliveryState.DOUBT}

        async def work(world: World, unit: Unit) -> None:
            due_at = await world.now() + timedelta(seconds=wait_s) if goes_on else None
            await unit.settle(of(world.kept.jobs, number), replace(end, due_at=due_at))

        self.in_unit(work)

    @rule(number=any_of_them)
    def recover(self, number: int) -> None:
        self.tell(lambda world: world.store.recover(of(world.kept.leases, number)))

    @rule(connection=connections, state=st.sampled_from(["needs_sign_in", "active", "active"]))
    def stop_or_resume(self, connection: ConnectionId, state: str) -> None:
        if state == "active":
            self.tell(lambda world: world.resume(connection))
        else:
            self.in_unit(lambda _, unit: unit.set_connection(connection, state, "why"))

    # What is left behind.

    @invariant()
    def everything_is_alike(self) -> None:
        async def work(world: World) -> Any:
            due = frozenset(await world.store.due(EVERYTHING))
            outbox = world.kept.plain(await world.lanes_and_deliveries())
            return due, [sorted(map(repr, rows)) for rows in outbox]

        self.tell(work)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[PostgresWorld]:
    world = PostgresWorld(postgres_url)
    yield world
    world.close()


@pytest.mark.timeout(300)
def test_the_twin_and_postgres_agree(postgres: PostgresWorld) -> None:
    class Story(Agreement):
        """A new twin for each story, and the same PostgreSQL, emptied."""

        def __init__(self) -> None:
            postgres.begin()
            self.twin = TwinWorld(seed=0)
            super().__init__((self.twin, postgres))

        def teardown(self) -> None:
            self.twin.close()

    # A story that differs is told as it was found: shrinking it would take minutes.
    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
