"""What is counted while the hub works. No id, no phone and no word is ever a label.

A registry of its own for each hub: two hubs in one process do not count each other's work.
"""

from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from mappers.vocabulary import DeliveryKind, Priority
from middleware.health.instruments import Calls, Door, Process, Work
from middleware.http.ledger import Exchange
from middleware.outbox.rules import Verdict
from middleware.store.duties import Job
from middleware.store.rows import Lease

NO_ANSWER = "no_answer"


class Metrics:
    """Counts, and remembers when the sweeper last went round (monotonic seconds)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.swept_at = float("-inf")
        self._work = Work(self.registry)
        self._calls = Calls(self.registry)
        self._door = Door(self.registry)
        self._process = Process(self.registry)

    def attempted(self, provider: str, job: Job, verdict: Verdict | None, now: datetime) -> None:
        """Count one try at a delivery; without a verdict it has succeeded."""
        outcome = "done" if verdict is None else type(verdict).__name__
        self._work.attempts.labels(provider, job.kind.value, outcome).inc()
        if verdict is not None:
            return
        took = max(0.0, (now - job.created_at).total_seconds())
        if job.kind is DeliveryKind.WRITE:
            self._work.write_lag.observe(took)
        elif job.kind is DeliveryKind.SEND:
            self._work.reply_lag.observe(took)

    def circuit_opened(self, provider: str) -> None:
        self._work.circuits.labels(provider).inc()

    def exchanged(self, exchange: Exchange) -> None:
        """Count one call as the ledger saw it. Labels of calls begin with their provider."""
        provider = exchange.label.partition(".")[0]
        self._calls.ended.labels(provider, outcome_of(exchange.status)).inc()
        self._calls.seconds.labels(provider).observe(exchange.duration_ms / 1000)

    def told_to_wait(self, urgency: Priority, wait: timedelta) -> None:
        """Count a call that its budget did not let through yet."""
        self._calls.waits.labels(urgency.value).inc()
        self._calls.waited_s.labels(urgency.value).inc(wait.total_seconds())

    def rejected(self) -> None:
        """Count a provider's "too many"."""
        self._calls.rejections.inc()

    def acked(self, status: int, took_s: float) -> None:
        """Count one answer to a hook."""
        outcome = "kept" if status < 400 else "refused" if status < 500 else "turned_away"
        self._door.acks.labels(outcome).inc()
        self._door.ack_seconds.observe(took_s)

    def flushed(self, parcels: int, took_s: float) -> None:
        """Count one commit of parcels."""
        self._door.flush_parcels.observe(parcels)
        self._door.flush_seconds.observe(took_s)

    def lost(self, lease: Lease) -> None:
        """Count a lease that ended under us. Called from the keeper's thread."""
        self._process.leases_lost.labels(lease.purpose).inc()

    def lagged(self, seconds: float) -> None:
        self._process.loop_lag.observe(seconds)

    def waited_for_database(self, seconds: float) -> None:
        self._process.database_wait.observe(seconds)


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
