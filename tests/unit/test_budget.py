"""Budgets keep within the limit, let replies through, and tell the truth about waits."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.vocabulary import Priority
from mappers.vocabulary.adapters import Budget
from middleware.http.budget import (
    LONGEST_PAUSE_S,
    SLOWEST_PACE,
    SWEEP_EVERY_S,
    Bucket,
    MemoryBudgets,
    pace_at,
    penalised,
    wait_s,
)
from tests.manual_clock import ManualClock

NONE = timedelta()
ROUNDING = 1e-4
T = TypeVar("T")

budgets = st.builds(
    Budget,
    name=st.just("portal"),
    key=st.just("portal:1"),
    rate_per_s=st.floats(0.05, 50),
    burst=st.integers(1, 60),
)
priorities = st.sampled_from(Priority)
steps = st.lists(
    st.tuples(st.floats(0, 5), priorities, st.sampled_from(["take", "take", "take", "penalise"])),
    max_size=120,
)


class Shop:
    """One bucket and the times at which something was taken from it."""

    def __init__(self, budget: Budget, *, spent_before: bool = False) -> None:
        self.budget = budget
        self.clock = ManualClock(1000.0)
        self.budgets = MemoryBudgets(self.clock, spent_before=spent_before)
        self.taken: list[float] = []

    async def take(self, priority: Priority) -> timedelta:
        wait = await self.budgets.take(self.budget, self.budget.key, priority)
        if not wait:
            self.taken.append(self.clock.seconds)
        return wait

    async def penalise(self, retry_after: timedelta | None = None) -> None:
        await self.budgets.penalise(self.budget, self.budget.key, retry_after)

    async def take_all(self, priority: Priority, most: int = 1000) -> int:
        for count in range(most):
            if await self.take(priority):
                return count
        return most


def run(scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return asyncio.run(scenario())


def budget(rate_per_s: float = 1, burst: int = 1) -> Budget:
    return Budget(name="portal", key="portal:1", rate_per_s=rate_per_s, burst=burst)


@settings(deadline=None)
@given(budget=budgets, steps=steps, spent_before=st.booleans())
def test_no_window_holds_more_than_the_burst_and_the_rate_allow(
    budget: Budget, steps: list[tuple[float, Priority, str]], spent_before: bool
) -> None:
    async def scenario() -> list[float]:
        shop = Shop(budget, spent_before=spent_before)
        for pause, priority, act in steps:
            shop.clock.seconds += pause
            if act == "penalise":
                await shop.penalise(timedelta(seconds=pause))
            else:
                await shop.take_all(priority, most=30)
        return shop.taken

    taken = run(scenario)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            allowed = budget.burst + budget.rate_per_s * (taken[last] - taken[first])
            assert last - first + 1 <= allowed + ROUNDING


@settings(deadline=None)
@given(budget=budgets, steps=steps, priority=priorities)
def test_whoever_waits_as_long_as_told_is_served(
    budget: Budget, steps: list[tuple[float, Priority, str]], priority: Priority
) -> None:
    async def scenario() -> None:
        shop = Shop(budget)
        for pause, other, act in steps:
            shop.clock.seconds += pause
            if act == "penalise":
                await shop.penalise(None)
            else:
                await shop.take_all(other, most=10)
        wait = await shop.take(priority)
        shop.clock.seconds += wait.total_seconds()
        if wait:
            assert await shop.take(priority) == NONE

    run(scenario)


@settings(deadline=None)
@given(budget=budgets, priority=priorities, early=st.floats(0.01, 0.99))
def test_nobody_is_told_to_wait_longer_than_needed(
    budget: Budget, priority: Priority, early: float
) -> None:
    async def scenario() -> None:
        shop = Shop(budget)
        await shop.take_all(priority)
        wait = await shop.take(priority)
        if wait < timedelta(milliseconds=1):
            return
        shop.clock.seconds += wait.total_seconds() * early
        assert await shop.take(priority) > NONE

    run(scenario)


@settings(deadline=None)
@given(budget=budgets, arrives=st.floats(0, 60))
def test_a_reply_gets_through_a_flood_of_backfill(budget: Budget, arrives: float) -> None:
    """Backfill tries at every moment it is told to, and just before the reply does."""

    async def scenario() -> None:
        shop = Shop(budget)
        due = shop.clock.seconds + arrives
        for _ in range(500):
            wait = await shop.take(Priority.BACKFILL)
            if shop.clock.seconds + wait.total_seconds() >= due:
                break
            shop.clock.seconds += wait.total_seconds()
        shop.clock.seconds = max(shop.clock.seconds, due)
        await shop.take_all(Priority.BACKFILL, most=100)
        wait = await shop.take(Priority.REPLY)
        assert wait.total_seconds() <= 1 / budget.rate_per_s + ROUNDING
        if not wait:
            return
        assert budget.burst == 1
        shop.clock.seconds += wait.total_seconds()
        assert await shop.take_all(Priority.BACKFILL) == 0
        assert await shop.take(Priority.REPLY) == NONE

    run(scenario)


@pytest.mark.parametrize(
    ("priority", "at_once"),
    [
        (Priority.REPLY, 10),
        (Priority.MESSAGE, 9),
        (Priority.STATUS, 7),
        (Priority.BACKFILL, 5),
    ],
)
async def test_lower_classes_see_a_lower_ceiling(priority: Priority, at_once: int) -> None:
    assert await Shop(budget(burst=10)).take_all(priority) == at_once


async def test_backfill_alone_gets_the_whole_rate() -> None:
    shop = Shop(budget(rate_per_s=5, burst=10))
    while shop.clock.seconds < 1100:
        shop.clock.seconds += (await shop.take(Priority.BACKFILL)).total_seconds()
    assert len(shop.taken) == pytest.approx(5 + 500, abs=2)


async def test_a_process_that_just_started_assumes_that_the_burst_was_spent() -> None:
    shop = Shop(budget(rate_per_s=2, burst=50), spent_before=True)
    assert await shop.take_all(Priority.REPLY) == 1
    shop.clock.seconds += 30
    assert await shop.take_all(Priority.REPLY) == 50


async def test_a_rejection_stops_every_class_for_as_long_as_it_says() -> None:
    shop = Shop(budget(rate_per_s=10, burst=20))
    await shop.penalise(timedelta(seconds=30))
    waits = {priority: await shop.take(priority) for priority in Priority}
    assert waits[Priority.REPLY].total_seconds() == pytest.approx(30, abs=ROUNDING)
    assert sorted(waits.values()) == [waits[priority] for priority in Priority]


async def test_after_a_rejection_the_queue_does_not_rush_the_door() -> None:
    shop = Shop(budget(rate_per_s=10, burst=20))
    await shop.penalise(timedelta(seconds=30))
    shop.clock.seconds += 30.001
    assert await shop.take_all(Priority.REPLY) == 1


async def test_a_provider_that_lies_is_believed_for_an_hour_at_most() -> None:
    shop = Shop(budget())
    await shop.penalise(timedelta(days=400))
    assert (await shop.take(Priority.REPLY)).total_seconds() <= LONGEST_PAUSE_S + ROUNDING


async def test_without_a_word_from_the_provider_the_pause_grows() -> None:
    shop, pauses = Shop(budget()), []
    for _ in range(8):
        await shop.penalise()
        pause = (await shop.take(Priority.REPLY)).total_seconds()
        shop.clock.seconds += pause
        pauses.append(pause)
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(2, abs=0.1)
    assert pauses[-1] <= 1 / SLOWEST_PACE + ROUNDING


def test_calls_rejected_together_are_one_rejection() -> None:
    bucket = penalised(Bucket(empty_at=0), budget(), 100, 5)
    for _ in range(20):
        bucket = penalised(bucket, budget(), 100.5, 5)
    assert bucket.pace == pytest.approx(0.5)


def test_the_pace_recovers_in_a_straight_line() -> None:
    bucket = penalised(Bucket(empty_at=0), budget(), 100, 10)
    assert [pace_at(bucket, at) for at in (100, 110, 125, 140, 900)] == [0.5, 0.5, 0.75, 1, 1]


@settings(deadline=None)
@given(budget=budgets, now=st.floats(0, 1e6), retry_after_s=st.none() | st.floats(0, 1e9))
def test_a_penalty_never_shortens_a_wait(
    budget: Budget, now: float, retry_after_s: float | None
) -> None:
    before = Bucket(empty_at=now + 3)
    after = penalised(before, budget, now, retry_after_s)
    for priority in Priority:
        assert wait_s(after, budget, priority, now) >= wait_s(before, budget, priority, now)


async def test_a_held_budget_waits_for_its_time_and_goes_on_at_its_pace() -> None:
    shop = Shop(budget(rate_per_s=2, burst=4))
    await shop.budgets.hold(shop.budget, shop.budget.key, timedelta(seconds=30))
    assert (await shop.take(Priority.REPLY)).total_seconds() == pytest.approx(30, abs=ROUNDING)
    shop.clock.seconds += 30 + ROUNDING
    assert await shop.take(Priority.REPLY) == NONE
    assert (await shop.take(Priority.REPLY)).total_seconds() == pytest.approx(0.5, abs=0.01)


async def test_a_shorter_hold_shortens_no_longer_one() -> None:
    shop = Shop(budget())
    for seconds in (30, 5):
        await shop.budgets.hold(shop.budget, shop.budget.key, timedelta(seconds=seconds))
    assert (await shop.take(Priority.REPLY)).total_seconds() == pytest.approx(30, abs=ROUNDING)


async def test_buckets_of_one_budget_do_not_share() -> None:
    shop = Shop(budget())
    assert await shop.take(Priority.REPLY) == NONE
    assert await shop.budgets.take(shop.budget, "portal:1:501", Priority.REPLY) == NONE


async def test_buckets_out_of_use_are_dropped() -> None:
    shop = Shop(budget(rate_per_s=1, burst=3))
    for chat in range(1000):
        await shop.budgets.take(shop.budget, f"chat:{chat}", Priority.REPLY)
    await shop.budgets.penalise(shop.budget, "chat:7", timedelta(seconds=600))
    shop.clock.seconds += SWEEP_EVERY_S + 1
    await shop.take(Priority.REPLY)
    assert len(shop.budgets) == 2
