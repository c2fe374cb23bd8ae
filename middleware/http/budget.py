"""Budgets: how long to wait before the next call, so that no provider has to turn us away.

A bucket leaks at the provider's rate. Every call adds one drop, and a call may be made while the
drop still fits under its class's ceiling; otherwise the answer is how long until it will, and
nothing is taken. One number holds the level: `empty_at`, when the last drop will have leaked out.
It makes "at most `burst + rate × t` calls in any `t` seconds" true by construction.

**Classes.** A reply may fill the whole bucket; lower classes stop at a share of it. So backfill
alone still gets the full rate, but the moment replies come they find room, and backfill waits
until they are done. Where the burst is 1 there is no room to reserve: a lower class must then
leave the bucket empty for a moment before it takes its turn, and a waiting reply goes first.

**Learning.** Others share the provider's limit with us. A rejection stops every class for as long
as the provider says (an hour at most, or a guess that grows), halves the pace, and lets the
pace climb back in a straight line. Calls that were under way together are one rejection. After the
pause the bucket counts as full, so that a queue does not rush the door.

**Holding.** A provider may count otherwise than by calls, and say in an answer how little is left.
Then nobody draws for so long as it takes, and nothing has been refused.

The arithmetic is in plain functions over `Bucket`, which any store can share.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

from mappers.vocabulary import Priority
from mappers.vocabulary.adapters import Budget
from middleware.clock import Clock

CEILING: Mapping[Priority, float] = MappingProxyType(
    {Priority.REPLY: 1.0, Priority.MESSAGE: 0.9, Priority.STATUS: 0.7, Priority.BACKFILL: 0.5}
)
LONGEST_PAUSE_S = 3600.0
FIRST_PAUSE_S = 1.0
SLOWEST_PACE = 1 / 16
RECOVERY_PER_S = 1 / 60
SWEEP_EVERY_S = 60.0


class Budgets(Protocol):
    """Shared by everyone whom the provider counts together: the truth is one bucket a key."""

    async def take(self, budget: Budget, bucket_key: str, priority: Priority) -> timedelta:
        """Take one call. Zero means taken; else nothing was taken and this is how long to wait."""
        ...

    async def penalise(
        self, budget: Budget, bucket_key: str, retry_after: timedelta | None
    ) -> None:
        """Learn that the provider turned a call away, and for how long, if it said so."""
        ...

    async def hold(self, budget: Budget, bucket_key: str, wait: timedelta) -> None:
        """Learn that the provider would turn calls away for so long: nobody takes any."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Units: seconds of one monotonic clock.

    `pace` is the share of the rate that we believe is ours, as it was at `paced_at`; while that
    lies ahead, a penalty is running.
    """

    empty_at: float
    pace: float = 1.0
    paced_at: float = 0.0


def pace_at(bucket: Bucket, now: float) -> float:
    return min(1.0, bucket.pace + max(0.0, now - bucket.paced_at) * RECOVERY_PER_S)


def wait_s(bucket: Bucket, budget: Budget, priority: Priority, now: float) -> float:
    """Say how long until one more call fits under the class's ceiling; zero is now."""
    # Room is counted in drops of the full pace: a slower pace must not make the bucket larger.
    room = (budget.burst * CEILING[priority] - 1) / budget.rate_per_s
    return max(0.0, bucket.empty_at - room - now)


def taken(bucket: Bucket, budget: Budget, now: float) -> Bucket:
    drop = 1 / (budget.rate_per_s * pace_at(bucket, now))
    return replace(bucket, empty_at=max(bucket.empty_at, now) + drop)


def penalised(bucket: Bucket, budget: Budget, now: float, retry_after_s: float | None) -> Bucket:
    pace = pace_at(bucket, now)
    if now >= bucket.paced_at:  # else this call left before the penalty that is running
        pace = max(SLOWEST_PACE, pace / 2)
    pause = FIRST_PAUSE_S / pace if retry_after_s is None else max(0.0, retry_after_s)
    until = max(bucket.paced_at, now + min(pause, LONGEST_PAUSE_S))
    full = until + (budget.burst - 1) / budget.rate_per_s
    return Bucket(empty_at=max(bucket.empty_at, full), pace=pace, paced_at=until)


def held(bucket: Bucket, budget: Budget, now: float, wait_s: float) -> Bucket:
    """Let nobody draw for so long, and then one after another. The pace stays what it is."""
    full = now + min(wait_s, LONGEST_PAUSE_S) + (budget.burst - 1) / budget.rate_per_s
    return replace(bucket, empty_at=max(bucket.empty_at, full))


def is_forgettable(bucket: Bucket, budget: Budget, now: float) -> bool:
    """Say whether a new bucket would give the same answers to every class."""
    quiet = bucket.empty_at + 1 / budget.rate_per_s <= now
    return quiet and pace_at(bucket, now) >= 1.0


class MemoryBudgets:
    """The buckets of a hub that is one process.

    A process that has just started does not know what the one before it spent, so every bucket
    counts as full at the start. `spent_before=False` is for tests and demonstrations.
    Buckets nobody has used for long are dropped, which changes no answer.
    """

    def __init__(self, clock: Clock, *, spent_before: bool = True) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._spent_before = spent_before
        self._buckets: dict[str, tuple[Bucket, Budget]] = {}
        self._sweep_at = self._started + SWEEP_EVERY_S

    def __len__(self) -> int:
        return len(self._buckets)

    async def take(self, budget: Budget, bucket_key: str, priority: Priority) -> timedelta:
        now = self._clock.monotonic()
        self._sweep(now)
        bucket = self._bucket(budget, bucket_key)
        wait = wait_s(bucket, budget, priority, now)
        if wait > 0:
            # Rounded up: whoever waits this long must not be sent away for the last microsecond.
            return timedelta(microseconds=math.ceil(wait * 1_000_000) + 1)
        self._buckets[bucket_key] = taken(bucket, budget, now), budget
        return timedelta()

    async def penalise(
        self, budget: Budget, bucket_key: str, retry_after: timedelta | None
    ) -> None:
        pause = None if retry_after is None else retry_after.total_seconds()
        bucket = self._bucket(budget, bucket_key)
        slower = penalised(bucket, budget, self._clock.monotonic(), pause)
        self._buckets[bucket_key] = slower, budget

    async def hold(self, budget: Budget, bucket_key: str, wait: timedelta) -> None:
        bucket, now = self._bucket(budget, bucket_key), self._clock.monotonic()
        self._buckets[bucket_key] = held(bucket, budget, now, wait.total_seconds()), budget

    def _bucket(self, budget: Budget, bucket_key: str) -> Bucket:
        if known := self._buckets.get(bucket_key):
            return known[0]
        spent = (budget.burst - 1) / budget.rate_per_s if self._spent_before else -math.inf
        return Bucket(empty_at=self._started + spent)

    def _sweep(self, now: float) -> None:
        if now < self._sweep_at:
            return
        self._sweep_at = now + SWEEP_EVERY_S
        self._buckets = {
            key: (bucket, budget)
            for key, (bucket, budget) in self._buckets.items()
            if not is_forgettable(bucket, budget, now)
        }
