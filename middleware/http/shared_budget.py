"""Budgets of a hub that is many processes: one bucket a key, in Redis and on its clock.

**Leased tokens.** A process that draws densely on a budget takes several calls at once and keeps
the rest in hand for `UNUSED_S`. What may lie in hands is room that nobody is given, so the limit
holds in every window. Budgets too small for that are drawn on call by call.

**Redis away.** Each process then keeps to a share of its own, the `most`-th part of every rate and
no burst, and together they never exceed the rate. At once there may be one call of each that is cut
off, which is within the burst of every budget that is at least as large as they are many:

- every process is heard by Redis at least every `BEAT_S`. One that was not for `QUIET_S` may be
  drawing on its own share, so Redis gives away that much less until it hears of it again;
- a process begins with its share only after a longer silence than that, and its first call comes
  after a whole interval of it;
- coming back, it fills the shared bucket of every key that it drew on by itself;
- one that ends takes leave. One that was killed is missed for `FORGOTTEN_S`, unless it comes back
  under its name.

After a flush every bucket begins full: nobody knows what was spent.
"""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.resources import files
from typing import ClassVar, NamedTuple, Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from mappers.vocabulary import Priority
from mappers.vocabulary.adapters import Budget
from middleware.clock import Clock
from middleware.http.budget import (
    CEILING,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    RECOVERY_PER_S,
    SLOWEST_PACE,
    MemoryBudgets,
)

log = structlog.get_logger(__name__)

SCRIPT = files("middleware.http").joinpath("shared_budget.lua").read_text("utf-8")
BEAT_S = 0.5
QUIET_S = 2.0
FORGOTTEN_S = 600.0
# A process that Redis takes for silent must not be drawing yet: clocks and answers take their time.
MARGIN_S = 1.0
UNUSED_S = 0.1
# A budget is worth leasing from when its burst is so many times what may lie in hands.
HANDS = 4
MOST_IN_HAND = 50
ANSWERS_WITHIN_S = 0.5


class RedisAway(Exception):
    """Redis did not answer, or refused. Nothing is known of what it did."""


class Answer(NamedTuple):
    """How many calls were taken; when none, how long to wait for one, in seconds."""

    taken: int
    wait_s: float


class Scripts(Protocol):
    """Runs the script. Raises: `RedisAway`."""

    async def __call__(self, keys: Sequence[str], arguments: Sequence[str]) -> Answer: ...


@dataclass(slots=True)
class Hand:
    """Calls taken and not made yet: how many, and until when."""

    left: int = 0
    until: float = -math.inf


def in_hand(budget: Budget) -> int:
    """Say how many calls one process may hold of a budget; 1 is none but the one it makes."""
    leaks = math.floor(budget.rate_per_s * UNUSED_S)
    is_worth_it = leaks >= 2 and budget.burst >= HANDS * leaks
    return min(leaks, MOST_IN_HAND) if is_worth_it else 1


def room_of(budget: Budget) -> float:
    """Say how many calls fit into the bucket: its burst, less what may lie in hands meanwhile."""
    if in_hand(budget) == 1:
        return budget.burst
    return budget.burst - budget.rate_per_s * UNUSED_S


@dataclass(slots=True)
class SharedBudgets:
    """`who` is our name among the sharers, the same after a restart.

    `most` is how many processes may draw on the same budgets at once, the CLI among them.
    """

    every_s: ClassVar[float] = BEAT_S

    run: Scripts
    clock: Clock
    who: str
    most: int
    prefix: str = "threadline"
    _heard_at: float = field(default=-math.inf)
    _began_at: float = field(default=-math.inf)
    _is_away: bool = field(default=False)
    _alone: MemoryBudgets | None = field(default=None)
    _drawn: dict[str, Budget] = field(default_factory=dict)
    _hands: dict[tuple[str, Priority], Hand] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began_at = self.clock.monotonic()

    @property
    def is_alone(self) -> bool:
        return self._alone is not None

    async def take(self, budget: Budget, bucket_key: str, priority: Priority) -> timedelta:
        if self._is_away:
            return await self._take_alone(budget, bucket_key, priority)
        most = in_hand(budget)
        if most == 1:
            return await self._take(budget, bucket_key, priority, 1)
        now = self.clock.monotonic()
        hand = self._hands.setdefault((bucket_key, priority), Hand())
        is_dense = now < hand.until
        if hand.left and is_dense:
            hand.left -= 1
            return timedelta()
        return await self._take(budget, bucket_key, priority, most if is_dense else 1, hand)

    async def penalise(
        self, budget: Budget, bucket_key: str, retry_after: timedelta | None
    ) -> None:
        self._let_go(bucket_key)
        if self._alone is not None:
            await self._alone.penalise(self._share(budget), bucket_key, retry_after)
        asked = "" if retry_after is None else repr(retry_after.total_seconds())
        limits = (FIRST_PAUSE_S, SLOWEST_PACE, LONGEST_PAUSE_S)
        with contextlib.suppress(RedisAway):
            await self._ask("penalise", budget, bucket_key, *limits, asked)

    async def hold(self, budget: Budget, bucket_key: str, wait: timedelta) -> None:
        self._let_go(bucket_key)
        if self._alone is not None:
            await self._alone.hold(self._share(budget), bucket_key, wait)
        with contextlib.suppress(RedisAway):
            await self._ask("hold", budget, bucket_key, wait.total_seconds(), LONGEST_PAUSE_S)

    def _let_go(self, bucket_key: str) -> None:
        for priority in Priority:
            self._hands.pop((bucket_key, priority), None)

    async def beat(self) -> None:
        """Let Redis know that we are here. Never fails; to be called every `BEAT_S`."""
        with contextlib.suppress(RedisAway):
            await self._come_back()
            await self._run("beat", "")
            self._is_away = False

    async def leave(self) -> None:
        """Take leave of the others: nobody has to wonder what we are drawing."""
        with contextlib.suppress(RedisAway):
            await self._come_back()
            await self._run("leave", "")

    async def _take(
        self,
        budget: Budget,
        key: str,
        priority: Priority,
        wanted: int,
        hand: Hand | None = None,
    ) -> timedelta:
        asked_at = self.clock.monotonic()
        try:
            answer = await self._ask(
                "take", budget, key, CEILING[priority], str(wanted), room_of(budget)
            )
        except RedisAway:
            self._is_away = True
            return await self._take_alone(budget, key, priority)
        if not answer.taken:
            return timedelta(microseconds=math.ceil(answer.wait_s * 1_000_000) + 1)
        if hand is not None:
            hand.left, hand.until = answer.taken - 1, asked_at + UNUSED_S
        return timedelta()

    async def _come_back(self) -> None:
        """Hand in what was drawn alone before drawing on the shared bucket again."""
        if self._alone is None:
            return
        for key, budget in tuple(self._drawn.items()):
            await self._ask("hold", budget, key, 0.0, LONGEST_PAUSE_S)
            del self._drawn[key]
        self._alone = None
        log.info("budgets.shared_again")

    async def _take_alone(self, budget: Budget, key: str, priority: Priority) -> timedelta:
        now = self.clock.monotonic()
        begins = max(self._heard_at, self._began_at) + QUIET_S + MARGIN_S
        if now < begins:
            return timedelta(seconds=begins - now)
        share = self._share(budget)
        if self._alone is None:
            log.warning("budgets.redis_away")
            self._alone = MemoryBudgets(self.clock, spent_before=False)
        if key not in self._drawn:
            # Its first call comes after a whole interval, as if one had been made just now.
            self._drawn[key] = budget
            await self._alone.take(share, key, Priority.REPLY)
        return await self._alone.take(share, key, priority)

    def _share(self, budget: Budget) -> Budget:
        return replace(budget, rate_per_s=budget.rate_per_s / self.most, burst=1)

    async def _ask(self, act: str, budget: Budget, key: str, *more: float | str) -> Answer:
        about = (budget.rate_per_s, budget.burst, RECOVERY_PER_S, *more)
        return await self._run(
            act, key, *(each if isinstance(each, str) else repr(each) for each in about)
        )

    async def _run(self, act: str, key: str, *arguments: str) -> Answer:
        asked_at = self.clock.monotonic()
        keys = (f"{self.prefix}:budget:{key}", f"{self.prefix}:sharers", f"{self.prefix}:begun")
        limits = (str(self.most), repr(QUIET_S), repr(FORGOTTEN_S), repr(UNUSED_S))
        answer = await self.run(keys, (act, "", self.who, *limits, *arguments))
        self._heard_at = asked_at
        return answer


class RedisScripts:
    """The script, sent by its digest. Whatever goes wrong, nothing is known of what it did."""

    def __init__(self, client: Redis) -> None:
        self._script = client.register_script(SCRIPT)

    async def __call__(self, keys: Sequence[str], arguments: Sequence[str]) -> Answer:
        try:
            taken, wait_s = await self._script(keys=keys, args=arguments)
            return Answer(int(taken), float(wait_s))
        except (RedisError, OSError, ValueError) as error:
            raise RedisAway(type(error).__name__) from None
