"""Whether this process can do its work, and the numbers for whoever draws them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from prometheus_client import CollectorRegistry, generate_latest

from middleware.db.schema import fits
from middleware.health.snapshot import Snapshot
from middleware.health.store import HealthStore, Numbers
from middleware.hub import Hub
from middleware.store.errors import StoreConflict, StoreUnavailable

LONG_DUE = timedelta(minutes=5)
FRESH_FOR_S = 2.0
COUNTED_EVERY_S = 5.0

State = Literal["ready", "degraded", "not_ready"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """`degraded`: everything runs, and still work is left lying.

    Reasons are sentences that name nobody: whoever reaches the port may read them.
    """

    state: State
    reasons: tuple[str, ...] = ()


class Health:
    """Looks at one hub. Answers stay fresh for a moment, so that asking costs it nothing."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._store = HealthStore(hub.engine)
        self._readiness: tuple[float, Readiness] | None = None
        self._numbers: tuple[float, Numbers] | None = None

    async def readiness(self) -> Readiness:
        now = self._hub.clock.monotonic()
        if self._readiness is None or now - self._readiness[0] >= FRESH_FOR_S:
            self._readiness = (now, await self._look())
        return self._readiness[1]

    async def exposition(self) -> bytes:
        """Return every metric in Prometheus' text format.

        With the database away, what this process knows by itself: then it is wanted most.
        """
        try:
            numbers = await self._fresh_numbers()
        except (StoreUnavailable, StoreConflict):
            numbers = None
        snapshot = CollectorRegistry()
        snapshot.register(Snapshot(self._hub, numbers))
        return generate_latest(self._hub.metrics.registry) + generate_latest(snapshot)

    async def _fresh_numbers(self) -> Numbers:
        now = self._hub.clock.monotonic()
        if self._numbers is None or now - self._numbers[0] >= COUNTED_EVERY_S:
            self._numbers = (now, await self._store.numbers(LONG_DUE))
        return self._numbers[1]

    async def _look(self) -> Readiness:
        broken = list(self._hub.vitals.broken())
        try:
            if not await fits(self._hub.engine):
                broken.append("The database's schema is not the one this version was made for.")
            lanes, connections = await self._store.overdue(LONG_DUE)
            unfilled = await self._store.unfilled()
        except (StoreUnavailable, StoreConflict):
            broken.append("The database cannot be reached.")
            lanes, connections, unfilled = 0, 0, 0
        if broken:
            return Readiness(state="not_ready", reasons=tuple(broken))
        left = [line async for line in self._left_lying(lanes, connections, unfilled)]
        return Readiness(state="degraded" if left else "ready", reasons=tuple(left))

    async def _left_lying(self, lanes: int, connections: int, unfilled: int) -> AsyncIterator[str]:
        for reason in self._hub.vitals.strained():
            yield reason
        if lanes:
            minutes = round(LONG_DUE.total_seconds() / 60)
            yield (
                f"{lanes} lanes of {connections} active connections have been due for more than"
                f" {minutes} minutes: `threadline connections` names them."
            )
        if unfilled:
            yield (
                f"Values of {unfilled} messages wait for fields that a CRM does not have:"
                " `threadline connections` names them."
            )
        try:
            await self._hub.media.check()
        except OSError:
            yield "Files cannot be kept or served, and wait; messages go on: `threadline doctor`."
