"""A clock that moves when somebody sleeps by it, and not otherwise."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class ManualClock:
    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
