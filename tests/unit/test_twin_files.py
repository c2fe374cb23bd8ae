"""An entry and its file race each other: the entry shows it, or the CRM is known to lack it."""

import asyncio
from datetime import timedelta

from mappers.vocabulary import DeliveryState, MessageId
from middleware.simulation.loop import VirtualClock, run
from middleware.simulation.twin import TwinStore
from middleware.store.duties import Job, Settlement, ToldWithout
from middleware.store.rows import FileRow
from tests.store_scene import (
    CRM,
    a_duty,
    a_message,
    a_twin,
    claim,
    meet,
    new_message,
    owe,
    served,
)

SEEDS = range(60)
WAIT = timedelta(seconds=5)


async def a_photo(store: TwinStore) -> MessageId:
    async with store.unit() as unit:
        said = new_message(await meet(unit), a_message(shows=1))
        message = await unit.add_message(said)
        assert message is not None
        await unit.keep_file(FileRow(message=message, position=0))
    await owe(store, a_duty(1, message=message, detail={"file": 0}, wait=WAIT))
    return message


async def decide(store: TwinStore, message: MessageId) -> tuple[ToldWithout, ...]:
    async with store.unit() as unit:
        await unit.keep_file(FileRow(message=message, position=0, state="stored", key="k"))
        return await unit.let_go(message, 0)


def states(job: Job) -> list[str]:
    return [file.state for file in job.files]


def test_an_entry_waits_for_its_file_and_no_longer_than_it_may() -> None:
    async def story() -> tuple[int, list[str]]:
        clock = VirtualClock()
        store = a_twin(clock)
        await a_photo(store)
        lease = await served(store)
        early = await claim(store, lease)
        await clock.sleep(WAIT.total_seconds() + 0.1)
        (job,) = await claim(store, lease)
        return len(early), states(job)

    assert run(story(), seed=0) == (0, ["wanted"])


def test_a_file_that_comes_in_time_lets_its_entry_go_at_once() -> None:
    async def story() -> tuple[tuple[ToldWithout, ...], list[str]]:
        store = a_twin(VirtualClock())
        message = await a_photo(store)
        lease = await served(store)
        await claim(store, lease)
        told = await decide(store, message)
        (job,) = await claim(store, lease)
        return told, states(job)

    assert run(story(), seed=0) == ((), ["stored"])


def test_whoever_wins_the_file_is_seen_once() -> None:
    async def story() -> tuple[bool, bool]:
        clock = VirtualClock()
        store = a_twin(clock)
        message = await a_photo(store)
        lease = await served(store)
        await clock.sleep(WAIT.total_seconds() + 0.1)
        told, jobs = await asyncio.gather(decide(store, message), claim(store, lease))
        jobs = jobs or await claim(store, lease)
        return bool(told), "stored" in states(jobs[0])

    outcomes = {run(story(), seed=seed) for seed in SEEDS}
    assert outcomes == {(True, False), (False, True)}


def test_who_was_told_without_the_file_is_remembered_through_a_retry() -> None:
    async def story() -> tuple[frozenset[object], int]:
        clock = VirtualClock()
        store = a_twin(clock)
        message = await a_photo(store)
        lease = await served(store)
        await clock.sleep(WAIT.total_seconds() + 0.1)
        (job,) = await claim(store, lease)
        told = await decide(store, message)
        async with store.unit(lease) as unit:
            await unit.settle(job, Settlement(state=DeliveryState.READY, due_at=clock.now()))
        (again,) = await claim(store, lease)
        return frozenset(again.files[0].late), len(told)

    assert run(story(), seed=0) == (frozenset({CRM}), 1)
