"""The hub's clock: what time it is, how long something took, and waiting.

Everything in the hub that asks for the time or sleeps does it here, so that the simulation can
hand in a clock of its own. `asyncio.timeout` may be used beside it: it counts by `loop.time()`,
and the simulation's loop runs on the same virtual time as its clock.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Tell the wall-clock time: aware, UTC. It may jump; never subtract two of them."""
        ...

    def monotonic(self) -> float:
        """Tell seconds since some moment of this process's past. They never jump."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
