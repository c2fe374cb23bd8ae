"""Whether this process can do its work, and the numbers for whoever draws them."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from middleware.db.schema import is_current
from middleware.health.store import HealthStore, Numbers
from middleware.hub import Hub
from middleware.store.errors import StoreConflict, StoreUnavailable

SWEEPS_WITHIN_S = 30.0
LONG_DUE = timedelta(minutes=5)
FRESH_FOR_S = 2.0

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
        """Return every metric in Prometheus' text format. Raises: `StoreUnavailable`."""
        now = self._hub.clock.monotonic()
        if self._numbers is None or now - self._numbers[0] >= FRESH_FOR_S:
            self._numbers = (now, await self._store.numbers())
        snapshot = CollectorRegistry()
        snapshot.register(_Snapshot(self._hub, self._numbers[1]))
        return generate_latest(self._hub.metrics.registry) + generate_latest(snapshot)

    async def _look(self) -> Readiness:
        broken = list(self._of_process())
        try:
            if not await is_current(self._hub.engine):
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

    def _of_process(self) -> Iterator[str]:
        if not self._hub.keeper.is_alive:
            yield "The keeper of leases does not run: nothing can be served."
        if self._hub.clock.monotonic() - self._hub.metrics.swept_at > SWEEPS_WITHIN_S:
            yield "The sweeper has not gone round for a while: nothing is found that is due."


class _Snapshot(Collector):
    """Numbers of this moment, and counters that the hub keeps in plain variables."""

    def __init__(self, hub: Hub, numbers: Numbers) -> None:
        self._hub = hub
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        yield from self._hooks()
        yield from self._work()

    def _hooks(self) -> Iterator[Metric]:
        kept = self._hub.flusher.kept
        yield CounterMetricFamily("threadline_parcels_kept", "Parcels committed.", value=kept)
        refused = CounterMetricFamily(
            "threadline_hooks_refused", "Calls at our door turned away.", labels=("reason",)
        )
        for reason, count in self._hub.refusals.total.items():
            refused.add_metric((reason,), count)
        yield refused
        waiting = self._hub.flusher.waiting
        yield GaugeMetricFamily("threadline_hooks_waiting", "Hooks before commit.", value=waiting)

    def _work(self) -> Iterator[Metric]:
        numbers = self._numbers
        inbox = GaugeMetricFamily("threadline_inbox", "Parcels not read.", labels=("state",))
        oldest = GaugeMetricFamily(
            "threadline_inbox_oldest_seconds", "Age of the oldest of them.", labels=("state",)
        )
        for state, count in numbers.inbox.items():
            inbox.add_metric((state,), count)
            oldest.add_metric((state,), numbers.inbox_oldest[state])
        owed = GaugeMetricFamily(
            "threadline_deliveries", "Deliveries not settled.", labels=("state", "kind")
        )
        for labels, count in numbers.deliveries.items():
            owed.add_metric(labels, count)
        connected = GaugeMetricFamily(
            "threadline_connections", "Connections.", labels=("kind", "provider", "state")
        )
        for names, count in numbers.connections.items():
            connected.add_metric(names, count)
        due = numbers.oldest_due
        serving = self._hub.executor.serving
        yield from (inbox, oldest, owed, connected)
        yield GaugeMetricFamily("threadline_oldest_due_seconds", "Oldest due lane.", value=due)
        yield GaugeMetricFamily("threadline_serving", "Connections served now.", value=serving)
