"""The instruments that one process counts with, grouped by what they watch.

Labels are words of ours, few and known beforehand. A thousand connections are no more series than
one: a provider is a label, an account never is.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram

LAG_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400)
CALL_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
ACK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
SHORT_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
PARCELS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Work:
    """Tries at deliveries, and how long people's words were on the way."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "threadline_attempts",
            "Tries at deliveries, by what was decided afterwards.",
            ("provider", "kind", "outcome"),
            registry=registry,
        )
        self.write_lag = Histogram(
            "threadline_write_lag_seconds",
            "From a message being taken in to its being on the CRM's timeline.",
            buckets=LAG_S,
            registry=registry,
        )
        self.reply_lag = Histogram(
            "threadline_reply_lag_seconds",
            "From an operator's reply being taken in to the channel's having it.",
            buckets=LAG_S,
            registry=registry,
        )
        self.circuits = Counter(
            "threadline_circuits_opened",
            "Connections whose calls were stopped after doubts in a row.",
            ("provider",),
            registry=registry,
        )


class Calls:
    """Calls to providers, and the budgets they draw on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ended = Counter(
            "threadline_calls",
            "Calls to providers, by how they ended.",
            ("provider", "outcome"),
            registry=registry,
        )
        self.seconds = Histogram(
            "threadline_call_seconds",
            "How long calls to providers took, waits for a budget not counted.",
            ("provider",),
            buckets=CALL_S,
            registry=registry,
        )
        self.waits = Counter(
            "threadline_budget_waits",
            "Times a call had to wait for its provider's limit, by urgency.",
            ("urgency",),
            registry=registry,
        )
        self.waited_s = Counter(
            "threadline_budget_wait_seconds",
            "Seconds for which such calls were told to wait.",
            ("urgency",),
            registry=registry,
        )
        self.rejections = Counter(
            "threadline_budget_rejections",
            "Times a provider turned a call away for its limit, and a budget learned of it.",
            registry=registry,
        )


class Door:
    """Hooks: what was answered, how fast, and how they were committed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.acks = Counter(
            "threadline_acks",
            "Answers to hooks: kept, refused (theirs is wrong), turned_away (ours is).",
            ("outcome",),
            registry=registry,
        )
        self.ack_seconds = Histogram(
            "threadline_ack_seconds",
            "From the first byte of a hook to its answer.",
            buckets=ACK_S,
            registry=registry,
        )
        self.flush_parcels = Histogram(
            "threadline_flush_parcels",
            "Parcels that one commit took.",
            buckets=PARCELS,
            registry=registry,
        )
        self.flush_seconds = Histogram(
            "threadline_flush_seconds",
            "How long one commit of parcels took.",
            buckets=SHORT_S,
            registry=registry,
        )


class Process:
    """The process itself: its loop, its leases, its way to the database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.loop_lag = Histogram(
            "threadline_loop_lag_seconds",
            "How late the event loop comes round, measured twice a second.",
            buckets=SHORT_S,
            registry=registry,
        )
        self.leases_lost = Counter(
            "threadline_leases_lost",
            "Leases that ended under us, by purpose.",
            ("purpose",),
            registry=registry,
        )
        self.database_wait = Histogram(
            "threadline_database_wait_seconds",
            "How long work waited for a database connection of the pool.",
            buckets=SHORT_S,
            registry=registry,
        )
