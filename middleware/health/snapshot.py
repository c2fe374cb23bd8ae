"""The numbers of one moment: what the process knows now, and what the database holds for all."""

import math
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from middleware.db.pool import in_use
from middleware.health.store import Due, Numbers
from middleware.hub import Hub
from middleware.serve.executor import Bells

IDLE = Due(lanes=0, most_lanes=0, oldest_s=0.0, behind=0)


class Snapshot(Collector):
    """`numbers` is None when the database could not be asked."""

    def __init__(self, hub: Hub, numbers: Numbers | None) -> None:
        self._hub = hub
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        yield from self._hooks()
        yield from self._process()
        yield from self._others()
        if self._numbers is not None:
            yield from _waiting(self._numbers)
            yield from _due(self._numbers)

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

    def _process(self) -> Iterator[Metric]:
        hub = self._hub
        serving, held = hub.executor.serving, hub.keeper.held
        yield GaugeMetricFamily("threadline_serving", "Connections served now.", value=serving)
        yield GaugeMetricFamily("threadline_leases_held", "Leases of this process.", value=held)
        yield GaugeMetricFamily(
            "threadline_database_up",
            "1 when the database answered this scrape.",
            value=self._numbers is not None,
        )
        yield GaugeMetricFamily(
            "threadline_database_connections",
            "Database connections that work holds now.",
            value=in_use(hub.engine),
        )
        yield GaugeMetricFamily(
            "threadline_database_pool_size",
            "Database connections that are kept; twice as many may be open.",
            value=hub.settings.pool_size,
        )
        if math.isfinite(hub.metrics.swept_at):
            yield GaugeMetricFamily(
                "threadline_sweeper_age_seconds",
                "Since the sweeper last went round.",
                value=hub.clock.monotonic() - hub.metrics.swept_at,
            )

    def _others(self) -> Iterator[Metric]:
        """What passes between this process and its like; all zero where it is the only one."""
        hub = self._hub
        bells = Bells() if hub.celery is None else hub.celery.bells
        counted = (
            ("wakeups_published", "Wake-ups given to the broker.", bells.published),
            ("wakeups_received", "Wake-ups taken from the broker.", bells.received),
            ("wakeups_refused", "Wake-ups that the broker did not take.", bells.refused),
            ("worker_deaf", "Consumers replaced for hearing nothing.", bells.deaf),
        )
        for name, says, value in counted:
            yield CounterMetricFamily(f"threadline_{name}", says, value=value)
        yield GaugeMetricFamily(
            "threadline_budgets_alone",
            "1 while shared budgets are away and this process keeps to a share of its own.",
            value=hub.sharing is not None and hub.sharing.is_alone,
        )


def _waiting(numbers: Numbers) -> Iterator[Metric]:
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
    yield from (inbox, oldest, owed, connected)
    yield GaugeMetricFamily(
        "threadline_conversations_behind",
        "Conversations whose missed replies are still to be read back.",
        value=numbers.missed,
    )


def _due(numbers: Numbers) -> Iterator[Metric]:
    labels = ("kind", "provider")
    lanes = GaugeMetricFamily("threadline_due_lanes", "Lanes with work due now.", labels=labels)
    most = GaugeMetricFamily(
        "threadline_worst_due_lanes", "Such lanes of the connection with most.", labels=labels
    )
    oldest = GaugeMetricFamily(
        "threadline_oldest_due_seconds", "How long the oldest lane has been due.", labels=labels
    )
    behind = GaugeMetricFamily(
        "threadline_connections_behind",
        "Connections with a lane due for more than five minutes.",
        labels=labels,
    )
    for kind, provider in sorted({(kind, provider) for kind, provider, _ in numbers.connections}):
        due = numbers.due.get((kind, provider), IDLE)
        lanes.add_metric((kind, provider), due.lanes)
        most.add_metric((kind, provider), due.most_lanes)
        oldest.add_metric((kind, provider), due.oldest_s)
        behind.add_metric((kind, provider), due.behind)
    yield from (lanes, most, oldest, behind)
