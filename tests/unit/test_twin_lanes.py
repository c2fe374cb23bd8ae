"""The twin's inbox and lanes: whose turn it is, what an end means, and who waits for whom."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest

from mappers.vocabulary import (
    ConnectionId,
    DeliveryKind,
    DeliveryState,
    Failure,
    OpenedConversation,
    Priority,
    Transient,
)
from middleware.simulation.loop import VirtualClock, run
from middleware.simulation.twin import TwinStore
from middleware.store.duties import DRY_RUN, Job, Settlement
from middleware.store.errors import NotInFlight
from middleware.store.rows import Lease, OpenedRow
from tests.store_scene import (
    CHANNEL,
    CRM,
    SPOKEN_AT,
    a_duty,
    a_message,
    a_parcel,
    a_twin,
    claim,
    meet,
    new_message,
    owe,
    read,
    served,
)

T = TypeVar("T")

REFUSED: Failure = Transient(code="net.ConnectError")
DONE = Settlement(state=DeliveryState.DONE)
SKIPPED = Settlement(state=DeliveryState.SKIPPED)


def play(story: Callable[[TwinStore, Lease], Awaitable[T]], at: ConnectionId = CRM) -> T:
    """Run a story on a fresh twin, with the connection served."""

    async def main() -> T:
        store = a_twin(VirtualClock())
        return await story(store, await served(store, at))

    return run(main(), seed=0)


async def settle(store: TwinStore, lease: Lease, job: Job, end: Settlement = DONE) -> None:
    async with store.unit(lease) as unit:
        await unit.settle(job, end)


async def subjects(store: TwinStore, lease: Lease, limit: int = 10) -> list[int]:
    return [job.subject.int for job in await claim(store, lease, limit)]


def in_seconds(seconds: float) -> datetime:
    return VirtualClock().now() + timedelta(seconds=seconds)


# The inbox.


def test_parcels_are_read_in_the_order_they_were_given() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await store.append([a_parcel(key) for key in "zay"])
        await store.append([a_parcel("b")])
        assert [row.body for row in await read(store, lease, 3)] == [b"z", b"a", b"y"]

    play(story, CHANNEL)


def test_hooks_that_overtook_one_another_are_read_as_they_were_said() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        told = {"c": 3, "account": None, "a": 1, "b": 2}
        await store.append([a_parcel(key, said_after_s=told[key]) for key in told])
        assert not await read(store, lease, 9, hold=timedelta(milliseconds=150))
        await asyncio.sleep(0.1)
        await store.append([a_parcel("first", said_after_s=0)])
        await asyncio.sleep(0.1)
        assert not await read(store, lease, 9, hold=timedelta(milliseconds=150))
        await asyncio.sleep(0.1)
        ripe = await read(store, lease, 9, hold=timedelta(milliseconds=150))
        assert [row.body.decode() for row in ripe] == ["first", "account", "a", "b", "c"]

    play(story, CHANNEL)


def test_what_was_tried_before_comes_alone() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await store.append([a_parcel("1"), a_parcel("2")])
        await read(store, lease, 10)
        await store.append([a_parcel("3")])
        (row,) = await read(store, lease, 10)
        assert (row.body, row.tries) == (b"1", 2)
        async with store.unit(lease) as unit:
            await unit.close_row(row, "set_aside")
        (row,) = await read(store, lease, 10)
        assert (row.body, row.tries) == (b"2", 2)

    play(story, CHANNEL)


def test_a_parcel_waits_for_a_name_and_starts_afresh() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await store.append([a_parcel("edit")])
        (row,) = await read(store, lease, 10)
        async with store.unit(lease) as unit:
            await unit.close_row(row, "waiting", awaits="100:1")
        assert not await read(store, lease, 10)
        async with store.unit(lease) as unit:
            await unit.wake_waiting(CHANNEL, "100:2")
            assert not unit.touched
            await unit.wake_waiting(CHANNEL, "100:1")
            assert unit.touched == {CHANNEL}
        (row,) = await read(store, lease, 10)
        assert row.tries == 1

    play(story, CHANNEL)


# Taking turns.


def test_a_lane_goes_one_by_one_and_lanes_side_by_side() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1), a_duty(2), a_duty(3, lane="thread:2"))
        first, other = await claim(store, lease)
        assert (first.subject.int, other.subject.int) == (1, 3)
        assert not await claim(store, lease)
        await settle(store, lease, first)
        assert await subjects(store, lease) == [2]

    play(story)


def test_the_urgent_go_first_and_make_their_lane_urgent() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(
            store,
            a_duty(1, lane="a", priority=Priority.BACKFILL),
            a_duty(2, lane="b", priority=Priority.STATUS),
            a_duty(3, lane="c", priority=Priority.MESSAGE),
            a_duty(4, lane="a", priority=Priority.REPLY),
        )
        assert await subjects(store, lease, 1) == [1]
        assert await subjects(store, lease, 1) == [3]
        assert await subjects(store, lease, 1) == [2]

    play(story)


def test_a_drained_lane_forgets_how_urgent_it_was() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1, lane="a", priority=Priority.REPLY))
        (job,) = await claim(store, lease)
        await settle(store, lease, job)
        await owe(store, a_duty(2, lane="a", priority=Priority.BACKFILL), a_duty(3, lane="b"))
        assert await subjects(store, lease) == [3, 2]

    play(story)


def test_owing_twice_is_owing_once() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        async with store.unit(lease) as unit:
            ids = {await unit.owe(a_duty(1)), await unit.owe(a_duty(1, lane="elsewhere"))}
            others = [await unit.owe(a_duty(1, part=1)), await unit.owe(a_duty(1, revision=1))]
            newest = await unit.latest(CRM, DeliveryKind.WRITE, UUID(int=1))
        assert len(ids) == 1
        assert newest is not None
        assert newest.id == others[1]

    play(story)


def test_a_lane_that_somebody_changes_comes_next_time() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1), a_duty(2, lane="thread:2"))
        async with store.unit() as unit:
            await unit.owe(a_duty(3))
            assert await subjects(store, lease) == [2]
        assert await subjects(store, lease) == [1]

    play(story)


# What an end means.


@pytest.mark.parametrize(
    ("state", "skip_lane", "next_ones"),
    [
        (DeliveryState.DONE, True, [2]),
        (DeliveryState.SKIPPED, True, [2]),
        (DeliveryState.DEAD, True, [2]),
        (DeliveryState.HELD, True, [2]),
        (DeliveryState.DEAD, False, []),
        (DeliveryState.HELD, False, []),
        (DeliveryState.PARKED, True, []),
    ],
)
def test_an_end_moves_the_lane_on_or_stops_it(
    state: DeliveryState, skip_lane: bool, next_ones: list[int]
) -> None:
    async def story(store: TwinStore, lease: Lease) -> list[int]:
        await owe(store, a_duty(1), a_duty(2))
        (job,) = await claim(store, lease)
        await settle(store, lease, job, Settlement(state=state, skip_lane=skip_lane))
        return await subjects(store, lease)

    assert play(story) == next_ones


def test_a_retry_comes_when_it_is_due_and_counts_what_counts() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1))
        (job,) = await claim(store, lease)
        again = Settlement(
            state=DeliveryState.READY, due_at=in_seconds(10), failure=REFUSED, counts=True
        )
        await settle(store, lease, job, again)
        await asyncio.sleep(9)
        assert not await claim(store, lease)
        await asyncio.sleep(1)
        (job,) = await claim(store, lease)
        assert (job.was, job.attempts, job.failures) == (DeliveryState.READY, 2, 1)

    play(story)


def test_a_doubt_keeps_the_moment_of_its_call() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1))
        (job,) = await claim(store, lease)
        unsure = Settlement(state=DeliveryState.DOUBT, due_at=in_seconds(5))
        await settle(store, lease, job, unsure)
        await asyncio.sleep(5)
        (asked,) = await claim(store, lease)
        assert asked.was is DeliveryState.DOUBT
        assert asked.called_at == job.called_at
        assert not await claim(store, lease)

    play(story)


def test_with_an_open_circuit_only_doubts_are_taken() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1))
        (job,) = await claim(store, lease)
        await settle(store, lease, job, Settlement(state=DeliveryState.DOUBT, due_at=in_seconds(0)))
        await owe(store, *(a_duty(number, lane=f"thread:{number}") for number in range(2, 6)))
        taken = await claim(store, lease, probe_only=True)
        assert [each.subject.int for each in taken] == [1]
        assert not await claim(store, lease)
        await asyncio.sleep(5)
        assert await subjects(store, lease) == [2, 3, 4, 5]

    play(story)


def test_what_is_planned_for_a_person_is_passed_by() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1, held="hub.too_old"), a_duty(2))
        assert await subjects(store, lease) == [2]

    play(story)


def test_only_what_is_in_flight_is_settled_and_only_as_it_may() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1))
        (job,) = await claim(store, lease)
        unsure = Settlement(state=DeliveryState.DOUBT, due_at=in_seconds(0))
        await settle(store, lease, job, unsure)
        with pytest.raises(NotInFlight):
            await settle(store, lease, job)
        (job,) = await claim(store, lease)
        with pytest.raises(ValueError, match="does not go from doubt to parked"):
            await settle(store, lease, job, Settlement(state=DeliveryState.PARKED))
        await settle(store, lease, job)

    play(story)


# Who waits for whom.


def test_a_prerequisite_is_waited_for_across_lanes() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        async with store.unit(lease) as unit:
            first = await unit.owe(a_duty(1, lane="contact"))
            await unit.owe(a_duty(2, after=first))
        (job,) = await claim(store, lease)
        assert job.subject.int == 1
        await settle(store, lease, job)
        assert await subjects(store, lease) == [2]

    play(story)


def test_a_prerequisite_that_does_not_end_well_is_asked_after_every_few_seconds() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        async with store.unit(lease) as unit:
            first = await unit.owe(a_duty(1, lane="contact", held="hub.too_old"))
            await unit.owe(a_duty(2, after=first))
        for _ in range(3):
            assert not await claim(store, lease)
            assert not await store.due(10)
            await asyncio.sleep(5)

    play(story)


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (DeliveryKind.WRITE, DeliveryState.DEAD),
        (DeliveryKind.ENSURE_DEAL, DeliveryState.DEAD),
        (DeliveryKind.WRITE_EDIT, DeliveryState.SKIPPED),
        (DeliveryKind.REPORT, DeliveryState.SKIPPED),
    ],
)
def test_without_its_prerequisite_a_follower_is_pointless_and_the_rest_is_lost(
    kind: DeliveryKind, state: DeliveryState
) -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        async with store.unit(lease) as unit:
            first = await unit.owe(a_duty(1, lane="contact"))
            await unit.owe(a_duty(2, kind=kind, after=first))
            await unit.owe(a_duty(3))
        (job,) = await claim(store, lease)
        await settle(store, lease, job, SKIPPED)
        assert not await claim(store, lease)
        assert await subjects(store, lease) == [3]
        async with store.unit(lease) as unit:
            owed = await unit.latest(CRM, kind, UUID(int=2))
        assert owed is not None
        assert owed.state is state

    play(story)


def test_what_was_only_rehearsed_holds_up_nothing_but_its_followers() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        async with store.unit(lease) as unit:
            first = await unit.owe(a_duty(1, lane="contact"))
            await unit.owe(a_duty(2, after=first))
            await unit.owe(a_duty(3, kind=DeliveryKind.WRITE_EDIT, lane="edit", after=first))
        (job,) = await claim(store, lease)
        await settle(store, lease, job, replace(SKIPPED, code=DRY_RUN))
        assert await subjects(store, lease) == [2]
        async with store.unit(lease) as unit:
            edit = await unit.latest(CRM, DeliveryKind.WRITE_EDIT, UUID(int=3))
        assert edit is not None
        assert edit.state is DeliveryState.SKIPPED

    play(story)


def test_a_report_that_a_later_one_overtakes_knows_it() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        reports: dict[str, Any] = {"kind": DeliveryKind.REPORT, "lane": "message:1"}
        await owe(store, a_duty(1, **reports), a_duty(1, revision=1, **reports))
        (first,) = await claim(store, lease)
        await settle(store, lease, first)
        (second,) = await claim(store, lease)
        assert (first.superseded, second.superseded) == (True, False)

    play(story)


# Servers that die.


def test_what_a_dead_server_left_in_flight_is_found_and_doubted() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1), a_duty(2, lane="thread:2"))
        called, asked = await claim(store, lease)
        unsure = Settlement(state=DeliveryState.DOUBT, due_at=in_seconds(0))
        await settle(store, lease, asked, unsure)
        await claim(store, lease)
        assert not await store.due(10)
        await asyncio.sleep(31)
        assert await store.due(10) == (CRM,)
        lease = await served(store)
        assert await store.recover(lease) == 1
        again = await claim(store, lease)
        assert {job.id for job in again} == {called.id, asked.id}
        assert {job.was for job in again} == {DeliveryState.DOUBT}

    play(story)


def test_a_paused_connection_is_nobodys_to_serve() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        await owe(store, a_duty(1))
        (job,) = await claim(store, lease)
        async with store.unit(lease) as unit:
            await unit.settle(job, Settlement(state=DeliveryState.PARKED))
            await unit.set_connection(CRM, "needs_sign_in", "token revoked")
        await store.release(lease)
        await store.append([a_parcel("1", CRM)])
        assert not await store.due(10)
        await store.resume(CRM)
        assert await store.due(10) == (CRM,)
        (job,) = await claim(store, await served(store))
        assert job.was is DeliveryState.READY

    play(story)


# What a job knows.


def test_a_job_knows_its_message_under_the_targets_names() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        async with store.unit(lease) as unit:
            conversation = await meet(unit)
            quoted = await unit.add_message(new_message(conversation, a_message("100:1")))
            said = await unit.add_message(
                new_message(conversation, a_message("100:2", quotes="100:1"))
            )
            assert quoted is not None
            assert said is not None
            await unit.add_names(CRM, quoted, ["e-9", "e-10"], 0)
            await unit.add_names(CRM, said, ["e-21"], 1)
            await unit.add_names(CRM, said, ["e-20"], 0)
            await unit.owe(a_duty(1, message=said, conversation=conversation))
        (job,) = await claim(store, lease)
        assert job.quoted == "e-9"
        assert job.sent == ("e-20", "e-21")
        assert job.ours == "telegram:77:100"
        assert job.person is not None
        assert job.person.name == "Мария"
        assert job.message is not None
        assert job.message.text == "Сообщение 100:2"

    play(story)


def test_falling_behind_owes_a_conversation_that_is_being_opened_its_history_afterwards() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        async with store.unit(lease) as unit:
            conversation = await meet(unit)
            opening = await unit.owe(
                a_duty(
                    1,
                    kind=DeliveryKind.OPEN_CONVERSATION,
                    subject=conversation,
                    conversation=conversation,
                )
            )
        assert await store.fall_behind([CRM], SPOKEN_AT) == 0
        (job,) = await claim(store, lease)
        assert job.id == opening
        assert await store.fall_behind([CRM], SPOKEN_AT) == 1
        assert not await claim(store, lease)
        await settle(store, lease, job)
        (job,) = await claim(store, lease)
        assert (job.kind, job.subject) == (DeliveryKind.READ_HISTORY, conversation)

    play(story)


def test_falling_behind_owes_each_open_conversation_its_history_once() -> None:
    async def story(store: TwinStore, lease: Lease) -> None:
        counterpart = OpenedRow(
            opened=OpenedConversation(id="c-1"), ours="o-1", record="501", opened_at=SPOKEN_AT
        )
        async with store.unit(lease) as unit:
            conversation = await meet(unit)
            await unit.set_opened(conversation, CRM, counterpart)
        hour = timedelta(hours=1)
        for since, asks in ((SPOKEN_AT + hour, False), (SPOKEN_AT - hour, True)):
            assert await store.fall_behind([CRM], since, asks=asks) == 1
        (job,) = await claim(store, lease)
        assert (job.kind, job.revision) == (DeliveryKind.READ_HISTORY, 0)
        assert job.opened is not None
        assert (job.opened.behind_since, job.opened.asks) == (SPOKEN_AT, True)
        await settle(store, lease, job)
        async with store.unit(lease) as unit:
            await unit.caught_up(conversation, CRM, 0)
            opened = await unit.opened(conversation, CRM)
        assert opened == counterpart
        await store.fall_behind([CRM], SPOKEN_AT + hour)
        assert [job.revision for job in await claim(store, lease)] == [1]

    play(story)
