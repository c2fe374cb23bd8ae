"""Rate limits that bite: token buckets a bot and a chat, refilled by the stage's clock.

Telegram publishes no exact numbers; these are the ones its FAQ names. Source:
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from channel_clients.emulators.stage import Clock
from channel_clients.emulators.telegram.refusals import too_many


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Messages that pass. `chat_burst` may come at once before "one a second" is enforced."""

    bot_per_second: float = 30
    chat_per_second: float = 1
    chat_burst: int = 5
    group_per_minute: float = 20


@dataclass(slots=True)
class _Bucket:
    size: float
    per_second: float
    level: float
    filled_at: datetime

    def refill(self, now: datetime) -> None:
        passed_s = max(0.0, (now - self.filled_at).total_seconds())
        self.level = min(self.size, self.level + passed_s * self.per_second)
        self.filled_at = now


class Meter:
    """Counts messages; no limits means everything passes."""

    def __init__(self, limits: Limits | None, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: dict[Hashable, _Bucket] = {}

    def admit(self, bot_id: int, chat_id: int) -> None:
        """Let one message pass.

        Raises: `Refused` with 429 and the seconds to wait; a refused message costs nothing.
        """
        if self._limits is None:
            return
        buckets = self._buckets_of(self._limits, bot_id, chat_id)
        wait_s = max((1 - bucket.level) / bucket.per_second for bucket in buckets)
        # The tolerance absorbs rounding: who waited exactly as told must be let in.
        if wait_s > 1e-6:
            raise too_many(math.ceil(wait_s))
        for bucket in buckets:
            bucket.level -= 1

    def _buckets_of(self, limits: Limits, bot_id: int, chat_id: int) -> list[_Bucket]:
        shapes: list[tuple[Hashable, float, float]] = [
            (bot_id, limits.bot_per_second, limits.bot_per_second),
            ((bot_id, chat_id), limits.chat_burst, limits.chat_per_second),
        ]
        if chat_id < 0:
            minute = limits.group_per_minute
            shapes.append(((bot_id, chat_id, "minute"), minute, minute / 60))
        now = self._clock.now()
        found = []
        for key, size, per_second in shapes:
            bucket = self._buckets.setdefault(key, _Bucket(size, per_second, size, now))
            bucket.refill(now)
            found.append(bucket)
        return found
