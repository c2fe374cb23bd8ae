"""One random story told to both stores: whatever one answers, the other answers too.

The twin is what the simulation proves things about; this is what makes it a proof about us.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
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
    Deal,
    DeliveryKind,
    DeliveryState,
    OpenedConversation,
    Priority,
    Status,
    Transient,
)
from middleware.store.port import (
    Fact,
    InboxState,
    LeaseLost,
    NotInFlight,
    OpenedRow,
    Settlement,
    Unit,
)
from tests.store_scene import (
    CHANNEL,
    CONNECTIONS,
    CRM,
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
Work = Callable[[World], Awaitable[Any]]

TTL = timedelta(seconds=90)
A_WHILE_S = 60.0
REFUSALS = (LeaseLost, NotInFlight, ValueError)
EVERYTHING = 50

few = st.integers(0, 3)
numbers = st.integers(0, 20)
connections = st.sampled_from(CONNECTIONS)
externals = st.sampled_from(["100", "200"])
names = st.sampled_from(["100:1", "100:2", "100:3", "200:1", "r-1", "r-2"])
records = st.sampled_from(["501", "502"])
deals = st.sampled_from(["901", "902"])
phones = st.sampled_from(["", "+79990000001", "+79990000002"])
lanes = st.sampled_from(["thread:1", "thread:2", "message:1"])
kinds = st.sampled_from(
    [DeliveryKind.WRITE, DeliveryKind.ENSURE_CONTACT, DeliveryKind.WRITE_EDIT, DeliveryKind.REPORT]
)
endings = st.sampled_from([state for state in DeliveryState if state is not DeliveryState.CALLING])


def of(things: list[T], number: int) -> T:
    return things[number % len(things)]


def duty_of(job: Any) -> tuple[str, int, int, int]:
    return job.kind.value, job.subject.int, job.part, job.revision


def has(kind: str) -> Callable[[Any], bool]:
    return lambda machine: bool(getattr(machine.worlds[0].kept, kind))


class Agreement(RuleBasedStateMachine):
    """Does the same to every world, and compares what comes back and what is left behind."""

    def __init__(self, worlds: tuple[World, ...]) -> None:
        super().__init__()
        self.worlds = worlds

    def tell(self, work: Work) -> None:
        """Do it in every world; the answers, or the refusals, are the same."""
        outcomes = [self._outcome(world, work) for world in self.worlds]
        for other in outcomes[1:]:
            assert other == outcomes[0]

    def _outcome(self, world: World, work: Work) -> Any:
        try:
            return world.kept.plain(world.run(work))
        except REFUSALS as refusal:
            return type(refusal).__name__

    def in_unit(self, work: Callable[[World, Unit], Awaitable[Any]]) -> None:
        async def story(world: World) -> Any:
            async with world.store.unit(None) as unit:
                return await work(world, unit), set(unit.touched)

        self.tell(story)

    @initialize()
    def somebody_wrote_and_is_served(self) -> None:
        self.acquire(CRM, "a")
        self.meet(0, "", "", "Мария")
        self.converse("100", 0, known=True)

    # Leases and time.

    @rule(connection=connections, owner=st.sampled_from(["a", "b"]))
    def acquire(self, connection: ConnectionId, owner: str) -> None:
        async def work(world: World) -> Any:
            lease = await world.store.acquire(connection, "serve", owner, TTL)
            if lease is not None:
                world.kept.leases.append(lease)
            return lease

        self.tell(work)

    @precondition(has("leases"))
    @rule(number=numbers)
    def renew(self, number: int) -> None:
        self.tell(lambda world: world.store.renew([of(world.kept.leases, number)], TTL))

    @precondition(has("leases"))
    @rule(number=numbers)
    def release(self, number: int) -> None:
        self.tell(lambda world: world.store.release(of(world.kept.leases, number)))

    @rule()
    def time_passes(self) -> None:
        for world in self.worlds:
            world.pass_time(A_WHILE_S)

    # The inbox.

    @rule(keys=st.lists(st.sampled_from("abcde"), max_size=4), connection=connections)
    def append(self, keys: list[str], connection: ConnectionId) -> None:
        self.tell(lambda world: world.store.append([a_parcel(key, connection) for key in keys]))

    @precondition(has("leases"))
    @rule(key=st.sampled_from("abcde"), cursor=st.sampled_from("xyz"), number=numbers)
    def append_polled(self, key: str, cursor: str, number: int) -> None:
        async def work(world: World) -> Any:
            lease = of(world.kept.leases, number)
            parcels = [a_parcel(key, lease.connection)]
            try:
                return await world.store.append_polled(lease, parcels, cursor)
            finally:
                assert await world.store.cursor(lease.connection) in {"", "x", "y", "z"}

        self.tell(work)

    @precondition(has("leases"))
    @rule(number=numbers, limit=st.integers(1, 4))
    def claim_inbox(self, number: int, limit: int) -> None:
        async def work(world: World) -> Any:
            rows = await world.store.claim_inbox(of(world.kept.leases, number), limit)
            world.kept.rows.extend(rows)
            return rows

        self.tell(work)

    @precondition(has("rows"))
    @rule(
        number=numbers,
        state=st.sampled_from(["new", "read", "waiting", "set_aside"]),
        awaits=st.sampled_from(["r-1", "r-2"]),
    )
    def close_row(self, number: int, state: InboxState, awaits: str) -> None:
        async def work(world: World, unit: Unit) -> None:
            named = awaits if state == "waiting" else ""
            await unit.close_row(of(world.kept.rows, number), state, note="why", awaits=named)

        self.in_unit(work)

    @rule(connection=connections, awaits=st.sampled_from(["r-1", "r-2"]))
    def wake_waiting(self, connection: ConnectionId, awaits: str) -> None:
        self.in_unit(lambda _, unit: unit.wake_waiting(connection, awaits))

    # People and what they say.

    @rule(user=few, phone=phones, weak=phones, name=st.sampled_from(["", "Мария"]))
    def meet(self, user: int, phone: str, weak: str, name: str) -> None:
        person = a_person(f"user:{user}", phone=phone, weak_phone=weak, name=name)

        async def work(world: World, unit: Unit) -> Any:
            row = await unit.contact_for(WORKSPACE, person)
            world.kept.contacts.append(row.id)
            return row

        self.in_unit(work)

    @precondition(has("contacts"))
    @rule(external=externals, number=numbers, known=st.booleans())
    def converse(self, external: str, number: int, known: bool) -> None:
        async def work(world: World, unit: Unit) -> Any:
            contact = of(world.kept.contacts, number) if known else None
            row = await unit.conversation_for(CHANNEL, external, contact)
            world.kept.conversations.append(row.id)
            return row, await unit.conversation(row.id)

        self.in_unit(work)

    @rule(external=externals, ours=externals)
    def look_up_conversations(self, external: str, ours: str) -> None:
        async def work(_: World, unit: Unit) -> Any:
            at = await unit.conversation_at(CHANNEL, external)
            return at, await unit.conversation_in_crm(CRM, f"crm-{external}", f"ours-{ours}")

        self.in_unit(work)

    @precondition(has("conversations"))
    @rule(number=numbers, reachable=st.booleans(), old=externals, new=externals)
    def change_conversations(self, number: int, reachable: bool, old: str, new: str) -> None:
        async def work(world: World, unit: Unit) -> None:
            conversation = of(world.kept.conversations, number)
            await unit.set_reachable(conversation, reachable=reachable)
            if old != new:
                await unit.move_conversation(CHANNEL, old, new)

        self.in_unit(work)

    @precondition(has("conversations"))
    @rule(number=numbers, name=names, quotes=st.one_of(st.just(""), names), reply=st.booleans())
    def say(self, number: int, name: str, quotes: str, reply: bool) -> None:
        provider, at = ("amocrm", CRM) if reply else ("telegram", CHANNEL)
        message = a_message(name, provider=provider, quotes=quotes, minute=int(name[-1]))

        async def work(world: World, unit: Unit) -> Any:
            conversation = of(world.kept.conversations, number)
            new = new_message(conversation, message, connection=at, planned=not reply)
            added = await unit.add_message(new)
            if added is not None:
                world.kept.messages.append(added)
            return added, await unit.message_named(at, name)

        self.in_unit(work)

    @precondition(has("messages"))
    @rule(
        number=numbers, connection=connections, name=names, part=few, status=st.sampled_from(Status)
    )
    def learn_of_a_message(
        self, number: int, connection: ConnectionId, name: str, part: int, status: Status
    ) -> None:
        async def work(world: World, unit: Unit) -> Any:
            message = of(world.kept.messages, number)
            await unit.add_names(connection, message, [name], part)
            fact = Fact(revision=part, text=f"Правка {part}")
            known = [await unit.add_fact(message, "edit", fact)]
            known.append(await unit.raise_status(message, status))
            return known, await unit.message_named(connection, name), await unit.reply(message)

        self.in_unit(work)

    @precondition(has("conversations"))
    @rule(number=numbers)
    def plan_replies(self, number: int) -> None:
        async def work(world: World, unit: Unit) -> Any:
            waiting = await unit.unplanned_replies(of(world.kept.conversations, number))
            for message in waiting[:1]:
                await unit.mark_planned(message)
            return waiting

        self.in_unit(work)

    # What a CRM knows.

    @precondition(has("contacts"))
    @rule(number=numbers, record=records, gone=records, drops=st.booleans())
    def link(self, number: int, record: str, gone: str, drops: bool) -> None:
        async def work(world: World, unit: Unit) -> Any:
            contact = of(world.kept.contacts, number)
            await unit.set_link(contact, CRM, record, "phone.verified")
            dropped = await unit.drop_links(CRM, gone) if drops else None
            return dropped, await unit.link(contact, CRM)

        self.in_unit(work)

    @precondition(has("contacts"))
    @rule(number=numbers, deal=deals, record=records, state=st.sampled_from(["open", "won"]))
    def deal(self, number: int, deal: str, record: str, state: Any) -> None:
        async def work(world: World, unit: Unit) -> Any:
            contact = of(world.kept.contacts, number)
            await unit.save_deal(contact, CRM, record, Deal(id=deal, state=state), "hub.created")
            return await unit.open_deal(contact, CRM)

        self.in_unit(work)

    @rule(deal=deals, state=st.sampled_from(["open", "lost"]))
    def change_deal(self, deal: str, state: str) -> None:
        self.in_unit(lambda _, unit: unit.set_deal_state(CRM, deal, state))

    @precondition(has("conversations"))
    @rule(number=numbers, record=records, version=few)
    def open_in_crm(self, number: int, record: str, version: int) -> None:
        async def work(world: World, unit: Unit) -> Any:
            row = await unit.conversation(of(world.kept.conversations, number))
            counterpart = OpenedRow(
                opened=OpenedConversation(id=f"crm-{row.external}", user=f"u{version}"),
                ours=f"ours-{row.external}",
                record=record,
                opened_at=SPOKEN_AT + timedelta(hours=version),
            )
            others = [
                await unit.conversation_in_crm(CRM, f"crm-{row.external}", ""),
                await unit.conversation_in_crm(CRM, "", f"ours-{row.external}"),
            ]
            if all(other is None or other.id == row.id for other in others):
                await unit.set_opened(row.id, CRM, counterpart)
            return await unit.opened(row.id, CRM)

        self.in_unit(work)

    @rule(hours=st.integers(-2, 5), asks=st.booleans())
    def fall_behind(self, hours: int, asks: bool) -> None:
        since = SPOKEN_AT + timedelta(hours=hours)
        self.tell(lambda world: world.store.fall_behind([CRM], since, asks=asks))

    @precondition(has("conversations"))
    @rule(number=numbers)
    def catch_up(self, number: int) -> None:
        async def work(world: World, unit: Unit) -> Any:
            conversation = of(world.kept.conversations, number)
            await unit.caught_up(conversation, CRM)
            return await unit.opened(conversation, CRM)

        self.in_unit(work)

    # What is owed.

    @precondition(has("conversations"))
    @rule(data=st.data(), kind=kinds, lane=lanes, subject=st.integers(1, 3), revision=few)
    def owe(self, data: Any, kind: DeliveryKind, lane: str, subject: int, revision: int) -> None:
        values = {
            "lane": lane,
            "kind": kind,
            "revision": revision,
            "priority": data.draw(st.sampled_from(Priority)),
            "held": data.draw(st.sampled_from(["", "", "", "hub.too_old"])),
            "route": data.draw(st.sampled_from([None, ROUTE.id])),
        }
        about, before = data.draw(numbers), data.draw(st.one_of(st.none(), numbers))

        async def work(world: World, unit: Unit) -> Any:
            kept = world.kept
            ties: dict[str, Any] = {"conversation": of(kept.conversations, about)}
            ties["message"] = of(kept.messages, about) if kept.messages else None
            ties["contact"] = of(kept.contacts, about) if about % 2 else None
            if before is not None and kept.deliveries:
                ties["after"] = of(kept.deliveries, before)
            owed = await unit.owe(a_duty(subject, **values, **ties))
            kept.deliveries.append(owed)
            return owed, await unit.latest(CRM, kind, UUID(int=subject))

        self.in_unit(work)

    @precondition(has("messages"))
    @rule(number=numbers, part=few)
    def owe_a_reply(self, number: int, part: int) -> None:
        async def work(world: World, unit: Unit) -> Any:
            message = of(world.kept.messages, number)
            conversation = of(world.kept.conversations, number)
            duty = a_duty(0, subject=message, message=message, conversation=conversation)
            send = replace(duty, kind=DeliveryKind.SEND, part=part)
            await unit.owe(replace(send, target=CHANNEL, lane="conversation:1"))
            return await unit.parts(CHANNEL, message)

        self.in_unit(work)

    @precondition(has("leases"))
    @rule(number=numbers, probe_only=st.sampled_from([False, False, False, True]))
    def claim_jobs(self, number: int, probe_only: bool) -> None:
        async def work(world: World) -> Any:
            lease = of(world.kept.leases, number)
            jobs = await world.store.claim_jobs(lease, EVERYTHING, probe_only=probe_only)
            # Lanes that one statement made due have an order of their own in each world.
            ordered = sorted(jobs, key=duty_of)
            world.kept.jobs.extend(ordered)
            return ordered

        self.tell(work)

    @precondition(has("leases"))
    @rule(data=st.data(), number=numbers)
    def work_off(self, data: Any, number: int) -> None:
        """Claim what is due, and settle most of it."""
        before = len(self.worlds[0].kept.jobs)
        self.claim_jobs(number, probe_only=False)
        for job in range(before, len(self.worlds[0].kept.jobs)):
            if data.draw(st.integers(0, 4)):
                self.settle(data, job, data.draw(endings), skip_lane=data.draw(st.booleans()))

    @precondition(has("jobs"))
    @rule(data=st.data(), number=numbers, state=endings, skip_lane=st.booleans())
    def settle(self, data: Any, number: int, state: DeliveryState, skip_lane: bool) -> None:
        goes_on = state in {DeliveryState.READY, DeliveryState.DOUBT}
        wait_s = data.draw(st.sampled_from([-1, 30])) if goes_on else None
        failure = data.draw(st.sampled_from([None, Transient(code="net.ConnectError")]))
        counts, looks = data.draw(st.booleans()), data.draw(st.booleans())
        due = [None if wait_s is None else w.now() + timedelta(seconds=wait_s) for w in self.worlds]
        due_in = dict(zip(map(id, self.worlds), due, strict=True))

        async def work(world: World, unit: Unit) -> None:
            settlement = Settlement(
                state=state,
                due_at=due_in[id(world)],
                failure=failure,
                counts=counts,
                skip_lane=skip_lane,
                detail={"looked_again": True} if looks else {},
            )
            await unit.settle(of(world.kept.jobs, number), settlement)

        self.in_unit(work)

    @precondition(has("leases"))
    @rule(number=numbers)
    def recover(self, number: int) -> None:
        self.tell(lambda world: world.store.recover(of(world.kept.leases, number)))

    @rule(connection=connections, state=st.sampled_from(["needs_sign_in", "broken"]))
    def stop(self, connection: ConnectionId, state: str) -> None:
        self.in_unit(lambda _, unit: unit.set_connection(connection, state, "why"))

    @rule(connection=connections)
    def resume(self, connection: ConnectionId) -> None:
        self.tell(lambda world: world.resume(connection))

    # What is left behind.

    @invariant()
    def the_same_connections_are_due(self) -> None:
        async def work(world: World) -> Any:
            return frozenset(await world.store.due(EVERYTHING))

        self.tell(work)

    @invariant()
    def the_outboxes_are_alike(self) -> None:
        shown = [
            [sorted(map(repr, world.kept.plain(rows))) for rows in world.lanes_and_deliveries()]
            for world in self.worlds
        ]
        for other in shown[1:]:
            assert other == shown[0]


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[PostgresWorld]:
    world = PostgresWorld(postgres_url)
    yield world
    world.close()


def test_the_twin_and_postgres_agree(postgres: PostgresWorld) -> None:
    class Story(Agreement):
        """A new twin for each story, and the same PostgreSQL, emptied."""

        def __init__(self) -> None:
            postgres.begin()
            self.twin = TwinWorld(seed=0)
            super().__init__((self.twin, postgres))

        def teardown(self) -> None:
            self.twin.close()

    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=checks,
        ),
    )
