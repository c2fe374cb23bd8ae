"""One limit for many processes, with Redis there, away, flushed, and away for some of them only."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from mappers.vocabulary import Priority
from mappers.vocabulary.adapters import Budget
from middleware.http.budget import MemoryBudgets
from middleware.http.shared_budget import (
    UNUSED_S,
    Answer,
    RedisAway,
    RedisScripts,
    Scripts,
    SharedBudgets,
    in_hand,
    room_of,
)
from tests.manual_clock import ManualClock
from tests.redis import RedisServer

MOST = 3
ROUNDING = 1e-3


def budgets_of(fastest_per_s: float, largest: int) -> st.SearchStrategy[Budget]:
    return st.builds(
        Budget,
        name=st.just("portal"),
        key=st.just("portal:1"),
        rate_per_s=st.floats(0.5, fastest_per_s),
        burst=st.integers(1, largest),
    )


# Drawn on call by call, and by the handful.
small, large = budgets_of(19, 20), budgets_of(150, 300)
priorities = st.sampled_from(Priority)
times = st.integers(0, 3000).map(lambda milliseconds: milliseconds / 1000)
asked = st.lists(
    st.tuples(times, priorities, st.sampled_from(["take", "take", "take", "penalise", "hold"])),
    max_size=40,
)
troubles = st.lists(
    st.tuples(times, st.integers(0, MOST - 1), st.sampled_from(["cut", "mend", "flush"])),
    max_size=6,
)


@dataclass
class Wire:
    """One process's way to Redis, which tells the time of the test."""

    scripts: RedisScripts
    clock: ManualClock
    is_cut: bool = False

    async def __call__(self, keys: Sequence[str], arguments: Sequence[str]) -> Answer:
        if self.is_cut:
            raise RedisAway("cut")
        act, _, *rest = arguments
        return await self.scripts(keys, (act, repr(self.clock.seconds), *rest))


@dataclass
class Crew:
    """Processes that share a limit."""

    clock: ManualClock
    client: "Redis"
    wires: list[Wire] = field(default_factory=list)
    members: list[SharedBudgets] = field(default_factory=list)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass as it passes for running processes: with a beat now and then."""
        until = self.clock.seconds + seconds
        while self.clock.seconds < until:
            self.clock.seconds = min(until, self.clock.seconds + 0.5)
            for member in self.members:
                await member.beat()


@asynccontextmanager
async def crew(server: RedisServer, members: int = MOST) -> AsyncIterator[Crew]:
    client = Redis.from_url(server.url)
    await client.flushall()
    clock = ManualClock(1_000_000.0)
    made = Crew(clock, client)
    for number in range(members):
        wire = Wire(RedisScripts(client), clock)
        made.wires.append(wire)
        made.members.append(SharedBudgets(wire, clock, f"worker-{number}", MOST))
    await made.pass_time(0.001)
    yield made
    await client.aclose()


@settings(max_examples=30)
@given(budget=small, steps=asked)
def test_one_process_gets_what_the_memory_twin_gives(
    redis_server: RedisServer, budget: Budget, steps: list[tuple[float, Priority, str]]
) -> None:
    async def scenario() -> None:
        async with crew(redis_server, members=1) as one:
            await one.pass_time(UNUSED_S)  # a beginning waits for tokens from before it
            twin, shared = MemoryBudgets(one.clock), one.members[0]
            for pause, priority, act in steps:
                await one.pass_time(pause)
                if act == "hold":
                    await twin.hold(budget, budget.key, timedelta(seconds=pause))
                    await shared.hold(budget, budget.key, timedelta(seconds=pause))
                elif act == "penalise":
                    await twin.penalise(budget, budget.key, timedelta(seconds=pause))
                    await shared.penalise(budget, budget.key, timedelta(seconds=pause))
                else:
                    expected = await twin.take(budget, budget.key, priority)
                    found = await shared.take(budget, budget.key, priority)
                    assert abs(found - expected) <= timedelta(milliseconds=2)

    asyncio.run(scenario())


@settings(max_examples=30)
@given(budget=small | large, troubles=troubles, priority=priorities)
def test_together_they_never_exceed_the_limit_whoever_is_cut_off(
    redis_server: RedisServer,
    budget: Budget,
    troubles: list[tuple[float, int, str]],
    priority: Priority,
) -> None:
    async def scenario() -> list[float]:
        taken: list[float] = []
        async with crew(redis_server) as all_:
            for pause, who, trouble in [*troubles, (5.0, 0, "mend")]:
                match trouble:
                    # Who is cut off at the moment of a flush is forgotten: two faults at once.
                    case "flush" if not any(wire.is_cut for wire in all_.wires):
                        await all_.client.flushall()
                    case "flush":
                        pass
                    case _:
                        all_.wires[who].is_cut = trouble == "cut"
                for _ in range(max(1, int(pause / 0.25))):
                    await all_.pass_time(0.25)
                    for member in all_.members:
                        while not await member.take(budget, budget.key, priority):
                            taken.append(all_.clock.seconds)
        return taken

    taken = asyncio.run(scenario())
    at_once = max(budget.burst, MOST)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            allowed = at_once + budget.rate_per_s * (taken[last] - taken[first])
            assert last - first + 1 <= allowed + ROUNDING


def test_whoever_draws_densely_asks_for_many_at_once_and_spends_what_it_was_given(
    redis_server: RedisServer,
) -> None:
    budget = Budget(name="portal", key="portal:1", rate_per_s=100, burst=200)

    async def scenario() -> tuple[int, int]:
        async with crew(redis_server, members=1) as one:
            shared, asked = one.members[0], Counter[str]()
            shared.run = counted(shared.run, asked)
            await one.pass_time(5)
            before = asked["take"]
            calls = 0
            while not await shared.take(budget, budget.key, Priority.REPLY):
                calls += 1
            return calls, asked["take"] - before

    calls, asked = asyncio.run(scenario())
    assert calls == budget.burst - budget.rate_per_s * UNUSED_S
    assert asked <= calls / in_hand(budget) + 3


def counted(run: Scripts, asked: Counter[str]) -> Scripts:
    async def ask(keys: Sequence[str], arguments: Sequence[str]) -> Answer:
        asked[arguments[0]] += 1
        return await run(keys, arguments)

    return ask


def test_a_hand_that_was_not_used_is_lost_and_not_saved_up(redis_server: RedisServer) -> None:
    budget = Budget(name="portal", key="portal:1", rate_per_s=100, burst=200)

    async def scenario() -> int:
        async with crew(redis_server, members=1) as one:
            shared = one.members[0]
            await one.pass_time(5)
            for _ in range(3):
                assert not await shared.take(budget, budget.key, Priority.REPLY)
            one.wires[0].is_cut = True
            one.clock.seconds += UNUSED_S
            return round((await shared.take(budget, budget.key, Priority.REPLY)).total_seconds())

    assert asyncio.run(scenario()) > 0


def test_whoever_takes_leave_is_not_missed(redis_server: RedisServer) -> None:
    budget = Budget(name="portal", key="portal:1", rate_per_s=4, burst=1)

    async def waits(*, leaves: bool) -> timedelta:
        async with crew(redis_server, members=2) as both:
            stays, goes = both.members
            if leaves:
                await goes.leave()
            both.members.remove(goes)
            await both.pass_time(10)
            assert not await stays.take(budget, budget.key, Priority.REPLY)
            return await stays.take(budget, budget.key, Priority.REPLY)

    assert asyncio.run(waits(leaves=True)) < timedelta(seconds=0.26)
    assert asyncio.run(waits(leaves=False)) > timedelta(seconds=0.3)


@given(budget=budgets_of(1_000_000, 2000))
def test_no_bucket_is_so_quick_that_nothing_fits_into_it(budget: Budget) -> None:
    assert in_hand(budget) <= room_of(budget)
