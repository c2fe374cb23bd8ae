"""The twin's transactions: leases and fences, locks and races, and what a broken database does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from mappers.vocabulary import IdentityKind, MessageId, Status
from middleware.simulation.loop import START, VirtualClock, run
from middleware.simulation.twin import TwinStore
from middleware.store.errors import LeaseLost, StoreConflict, StoreUnavailable
from middleware.store.port import Unit
from middleware.store.retry import in_unit
from tests.store_scene import (
    CHANNEL,
    CRM,
    TTL,
    WORKSPACE,
    a_duty,
    a_message,
    a_parcel,
    a_person,
    a_twin,
    claim,
    meet,
    new_message,
    owe,
    read,
    served,
)

T = TypeVar("T")
SEEDS = range(200)


def play(story: Callable[[TwinStore], Awaitable[T]], seed: int | None = 0) -> T:
    """Run a story on a fresh twin, in an order of steps drawn from the seed."""

    async def main() -> T:
        return await story(a_twin(VirtualClock()))

    return run(main(), seed=seed)


# Leases.


def test_a_lease_has_one_holder_at_a_time() -> None:
    async def story(store: TwinStore) -> int:
        takers = (store.acquire(CRM, "serve", f"worker-{n}", TTL) for n in range(5))
        return sum(lease is not None for lease in await asyncio.gather(*takers))

    assert {play(story, seed) for seed in SEEDS} == {1}


def test_an_expired_lease_is_taken_over_in_a_new_epoch() -> None:
    async def story(store: TwinStore) -> None:
        first = await served(store)
        assert await store.acquire(CRM, "serve", "other", TTL) is None
        await asyncio.sleep(TTL.total_seconds())
        second = await served(store, owner="other")
        assert second.epoch == first.epoch + 1

    play(story)


def test_only_a_living_lease_is_renewed() -> None:
    async def story(store: TwinStore) -> None:
        crm, channel = await served(store), await served(store, CHANNEL)
        await asyncio.sleep(20)
        assert await store.renew([crm], TTL) == {crm}
        await asyncio.sleep(20)
        assert await store.renew([crm, channel], TTL) == {crm}

    play(story)


def test_a_released_lease_is_free_at_once() -> None:
    async def story(store: TwinStore) -> None:
        await store.release(await served(store))
        assert await store.acquire(CRM, "serve", "other", TTL) is not None

    play(story)


def test_a_purpose_is_a_lease_of_its_own() -> None:
    async def story(store: TwinStore) -> None:
        await served(store)
        assert await store.acquire(CRM, "listen", "other", TTL) is not None

    play(story)


# Fences.


def test_a_zombie_begins_nothing() -> None:
    async def story(store: TwinStore) -> None:
        lease = await served(store)
        await asyncio.sleep(31)
        with pytest.raises(LeaseLost):
            async with store.unit(lease):
                pytest.fail("a unit began without a lease")
        with pytest.raises(LeaseLost):
            await claim(store, lease)

    play(story)


def test_a_zombie_that_hung_in_a_unit_commits_nothing() -> None:
    async def story(store: TwinStore) -> None:
        lease = await served(store)
        with pytest.raises(StoreUnavailable):
            async with store.unit(lease) as unit:
                await unit.owe(a_duty(1))
                await asyncio.sleep(3600)
        assert not store.tables.deliveries.rows

    play(story)


def test_a_lease_changes_hands_only_between_units() -> None:
    """A unit shares its lease's row: whoever takes over waits for its end."""

    async def story(store: TwinStore) -> None:
        lease = await served(store)
        await asyncio.sleep(29)

        async def last_unit() -> None:
            async with store.unit(lease) as unit:
                await unit.owe(a_duty(1))
                await asyncio.sleep(3)
                await unit.owe(a_duty(2))

        async def take_over() -> int:
            await asyncio.sleep(1.5)
            await served(store, owner="other")
            return len(store.tables.deliveries.rows)

        _, seen = await asyncio.gather(last_unit(), take_over())
        assert seen == 2

    for seed in SEEDS:
        play(story, seed)


def test_a_hung_unit_does_not_keep_its_lease_for_ever() -> None:
    async def story(store: TwinStore) -> None:
        lease = await served(store)
        await asyncio.sleep(29)

        async def hang() -> None:
            async with store.unit(lease) as unit:
                await unit.owe(a_duty(1))
                await asyncio.sleep(3600)

        hung = asyncio.create_task(hang())
        await asyncio.sleep(2)
        with pytest.raises(StoreConflict):
            await store.acquire(CRM, "serve", "other", TTL)
        await asyncio.sleep(2)
        await served(store, owner="other")
        with pytest.raises(StoreUnavailable):
            await hung

    play(story)


# Races.


def test_two_units_owing_to_one_lane_never_share_a_number_or_reorder() -> None:
    async def story(store: TwinStore) -> tuple[int, ...]:
        async def plan(first: int) -> None:
            async with store.unit() as unit:
                for number in range(first, first + 3):
                    await unit.owe(a_duty(number))

        async def watch() -> None:
            for _ in range(60):
                numbers = sorted(each.seq for each in store.tables.deliveries.rows.values())
                assert numbers == list(range(1, len(numbers) + 1)), "a number was skipped"
                await asyncio.sleep(0)

        await asyncio.gather(plan(10), plan(20), plan(30), watch())
        planned = sorted(store.tables.deliveries.rows.values(), key=lambda each: each.seq)
        return tuple(each.duty.subject.int for each in planned)

    orders = {play(story, seed) for seed in SEEDS}
    for order in orders:
        assert sorted(order) == [10, 11, 12, 20, 21, 22, 30, 31, 32]
        assert all(order[at : at + 3] == tuple(range(order[at], order[at] + 3)) for at in (0, 3, 6))
    assert len(orders) == 6


def test_the_same_duty_planned_by_two_is_one_delivery() -> None:
    async def story(store: TwinStore) -> None:
        async def plan(lane: str) -> object:
            async with store.unit() as unit:
                return await unit.owe(a_duty(1, lane=lane))

        first, second = await asyncio.gather(plan("a"), plan("b"))
        assert first == second
        assert len(store.tables.deliveries.rows) == 1

    for seed in SEEDS:
        play(story, seed)


def test_units_that_lock_lanes_crosswise_are_told_and_come_right() -> None:
    async def story(store: TwinStore) -> int:
        undone = 0

        async def plan(first: int, *lanes: str) -> None:
            async def work(unit: Unit) -> None:
                for number, lane in enumerate(lanes, first):
                    await unit.owe(a_duty(number, lane=lane))

            nonlocal undone
            try:
                async with store.unit() as unit:
                    await work(unit)
            except StoreConflict:
                undone += 1
                await in_unit(store, work)

        await asyncio.gather(plan(10, "a", "b"), plan(20, "b", "a"))
        assert len(store.tables.deliveries.rows) == 4
        return undone

    assert {play(story, seed) for seed in SEEDS} == {0, 1}


def test_people_who_meet_us_twice_at_once_are_one_contact() -> None:
    async def story(store: TwinStore) -> None:
        async def come() -> tuple[object, bool]:
            async with store.unit() as unit:
                row = await unit.contact_for(WORKSPACE, a_person(phone="+79990000001"))
                return row.id, row.is_new

        (first, is_new), (second, is_new_too) = await asyncio.gather(come(), come())
        assert first == second
        assert is_new != is_new_too
        assert len(store.tables.contacts.rows) == 1
        assert not store.tables.claims.rows

    for seed in SEEDS:
        play(story, seed)


def test_a_conversation_or_a_message_told_twice_at_once_is_one() -> None:
    async def story(store: TwinStore) -> None:
        async def hear() -> MessageId | None:
            async with store.unit() as unit:
                conversation = await meet(unit)
                return await unit.add_message(new_message(conversation, a_message()))

        heard = await asyncio.gather(hear(), hear())
        assert sorted(each is None for each in heard) == [False, True]
        assert len(store.tables.conversations.rows) == len(store.tables.messages.rows) == 1

    for seed in SEEDS:
        play(story, seed)


def test_a_taker_waits_for_who_may_still_give_up() -> None:
    """An insert cannot know whether an uncommitted rival will be there in the end."""

    async def story(store: TwinStore) -> None:
        async def give_up() -> None:
            async with store.unit() as unit:
                await unit.contact_for(WORKSPACE, a_person())
                await asyncio.sleep(1)
                raise KeyError("a bug")

        async def come() -> bool:
            await asyncio.sleep(0.5)
            async with store.unit() as unit:
                return (await unit.contact_for(WORKSPACE, a_person())).is_new

        _, is_new = await asyncio.gather(give_up(), come(), return_exceptions=True)
        assert is_new is True

    play(story)


def test_a_status_rises_once_whoever_brings_it() -> None:
    async def story(store: TwinStore) -> None:
        async with store.unit() as unit:
            message = await unit.add_message(new_message(await meet(unit), a_message()))
        assert message is not None

        async def bring(status: Status) -> bool:
            async with store.unit() as unit:
                return await unit.raise_status(message, status)

        await asyncio.gather(*map(bring, [Status.READ, Status.SENT, Status.DELIVERED, Status.READ]))
        assert store.tables.messages.rows[message].status is Status.READ
        assert not await bring(Status.DELIVERED)

    for seed in SEEDS:
        play(story, seed)


def test_the_same_parcel_brought_by_several_is_kept_once() -> None:
    async def story(store: TwinStore) -> None:
        parcels = [a_parcel("1"), a_parcel("2"), a_parcel("1")]
        kept = await asyncio.gather(*(store.append(order) for order in (parcels, parcels[::-1])))
        assert sum(kept) == len(store.tables.inbox.rows) == 2

    for seed in SEEDS:
        play(story, seed)


def test_one_seed_is_one_history() -> None:
    async def story(store: TwinStore) -> str:
        async def work(number: int) -> None:
            async with store.unit() as unit:
                await meet(unit, f"user:{number % 3}", f"{number % 3}")
                await unit.owe(a_duty(number))

        await asyncio.gather(*map(work, range(10)))
        return repr([vars(table)["rows"] for table in store.tables.all()])

    histories = [play(story, seed) for seed in range(20)]
    assert histories == [play(story, seed) for seed in range(20)]
    assert len(set(histories)) == 20


# A database that breaks.


@pytest.mark.parametrize(
    ("fault", "error", "kept"),
    [
        ("cut_before_commit", StoreUnavailable, 0),
        ("cut_after_commit", StoreUnavailable, 1),
        ("conflict", StoreConflict, 0),
    ],
)
def test_a_commit_fails_in_three_ways(fault: str, error: type[Exception], kept: int) -> None:
    async def story(store: TwinStore) -> None:
        store.fail_next(fault, at="unit")  # type: ignore[arg-type]  # a literal, through parametrize
        await store.append([a_parcel("1")])
        with pytest.raises(error):
            await owe(store, a_duty(1))
        assert len(store.tables.deliveries.rows) == kept
        assert store.faults_met == {fault: 1}
        await owe(store, a_duty(1))
        assert len(store.tables.deliveries.rows) == 1

    play(story)


def test_what_a_unit_did_before_it_failed_is_nowhere() -> None:
    async def story(store: TwinStore) -> None:
        with pytest.raises(KeyError):
            async with store.unit() as unit:
                await meet(unit)
                await unit.owe(a_duty(1))
                raise KeyError("a bug")
        assert not any(
            table.rows
            for table in store.tables.all()
            if table.name not in {"connections", "routes", "mapping_versions"}
        )

    play(story)


def test_an_outage_undoes_what_is_open_and_refuses_the_rest() -> None:
    async def story(store: TwinStore) -> None:
        async def work() -> None:
            async with store.unit() as unit:
                await unit.owe(a_duty(1))
                await asyncio.sleep(2)
                await unit.owe(a_duty(2))

        working = asyncio.create_task(work())
        waiting = asyncio.create_task(owe(store, a_duty(3)))
        await asyncio.sleep(1)
        store.go_away()
        with pytest.raises(StoreUnavailable):
            await store.append([a_parcel("1")])
        store.come_back()
        for task in (working, waiting):
            with pytest.raises(StoreUnavailable):
                await task
        assert not store.tables.deliveries.rows
        await owe(store, a_duty(1))

    play(story)


def test_a_restored_database_knows_what_it_knew_and_that_it_is_another() -> None:
    async def story(store: TwinStore) -> None:
        await store.append([a_parcel("1")])
        await store.pulse()
        backup = store.backup()
        await store.append([a_parcel("2")])
        await asyncio.sleep(60)
        store.restore(backup)
        assert len(store.tables.inbox.rows) == 1
        silence = await store.silence()
        assert silence is not None
        assert silence.is_restored
        assert silence.now - silence.since == timedelta(seconds=60)
        await store.pulse()
        silence = await store.silence()
        assert silence is not None
        assert not silence.is_restored

    play(story)


def test_keys_outlive_the_words_they_named() -> None:
    async def story(store: TwinStore) -> None:
        lease = await served(store, CHANNEL)
        await store.append([a_parcel("1")])
        async with store.unit(lease) as unit:
            said = new_message(await meet(unit), a_message())
            message = await unit.add_message(said)
            for row in await read(store, lease, 1):
                await unit.close_row(row, "read")
        await store.forget_words()
        assert await store.append([a_parcel("1")]) == 0
        async with store.unit(lease) as unit:
            assert await unit.add_message(said) is None
            named = await unit.message_named(CHANNEL, "100:1")
            assert named is not None
            assert named.id == message
            with pytest.raises(LookupError):
                await unit.reply(named.id)

    play(story)


def test_an_identity_of_somebody_else_is_claimed_and_links_nothing() -> None:
    async def story(store: TwinStore) -> None:
        phone = "+79990000001"
        async with store.unit() as unit:
            first = await unit.contact_for(WORKSPACE, a_person("user:1", phone=phone))
            second = await unit.contact_for(WORKSPACE, a_person("user:2"))
            again = await unit.contact_for(WORKSPACE, a_person("user:2", phone=phone))
            more = await unit.contact_for(WORKSPACE, a_person("user:2", phone="+79990000002"))
        assert first.id != second.id
        assert (again.id, again.is_new, again.learned) == (second.id, False, ())
        assert [identity.kind for identity in more.learned] == [IdentityKind.PHONE]
        claims = store.tables.claims.rows.values()
        assert [(each.contact, each.holder) for each in claims] == [(second.id, first.id)]

    play(story)


def test_time_is_the_clocks() -> None:
    async def story(store: TwinStore) -> None:
        await asyncio.sleep(90)
        await store.append([a_parcel("1")])
        (parcel,) = store.tables.inbox.rows.values()
        assert parcel.received_at == START + timedelta(seconds=90)

    play(story)
