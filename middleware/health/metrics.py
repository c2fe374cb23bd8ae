"""What is counted while the hub works. No id, no phone and no word is ever a label.

A registry of its own for each hub: two hubs in one process do not count each other's work.
"""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram

from mappers.vocabulary import DeliveryKind
from middleware.http.ledger import Exchange
from middleware.outbox.rules import Verdict
from middleware.store.duties import Job

LAG_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400)
NO_ANSWER = "no_answer"


class Metrics:
    """Counts, and remembers when the sweeper last went round (monotonic seconds)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.swept_at = float("-inf")
        self._attempts = Counter(
            "threadline_attempts",
            "Tries at deliveries, by what was decided afterwards.",
            ("provider", "kind", "outcome"),
            registry=self.registry,
        )
        self._calls = Counter(
            "threadline_calls",
            "Calls to providers, by how they ended.",
            ("provider", "outcome"),
            registry=self.registry,
        )
        self._lag = Histogram(
            "threadline_write_lag_seconds",
            "From a message being taken in to its being on the CRM's timeline.",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )

    def attempted(self, provider: str, job: Job, verdict: Verdict | None, now: datetime) -> None:
        """Count one try at a delivery; without a verdict it has succeeded."""
        outcome = "done" if verdict is None else type(verdict).__name__
        self._attempts.labels(provider, job.kind.value, outcome).inc()
        if verdict is None and job.kind is DeliveryKind.WRITE:
            self._lag.observe(max(0.0, (now - job.created_at).total_seconds()))

    def exchanged(self, exchange: Exchange) -> None:
        """Count one call as the ledger saw it. Labels of calls begin with their provider."""
        provider = exchange.label.partition(".")[0]
        self._calls.labels(provider, outcome_of(exchange.status)).inc()


def outcome_of(status: int | None) -> str:
    """Name how a call ended, in a handful of words."""
    match status:
        case None:
            return NO_ANSWER
        case 429:
            return "rate_limited"
        case 401:
            return "unauthorised"
        case _ if status < 400:
            return "ok"
        case _ if status < 500:
            return "refused"
        case _:
            return "server_error"
