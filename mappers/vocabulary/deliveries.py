"""Deliveries: what we owe a connection, and the states a duty may pass through.

waiting → ready → calling → done
                   ├─► ready    nothing happened: again, later
                   ├─► doubt    it may have happened: ask before repeating
                   ├─► parked   the connection is paused or needs sign-in
                   └─► dead     refused for good: waits for a person
doubt → done | ready | held     found | provably absent | nobody can tell
"""

from enum import StrEnum


class DeliveryKind(StrEnum):
    """What is owed. The first group is owed to channels, the second to CRMs, the last to either.

    A file is fetched from the connection that its message came from.
    """

    SEND = "send"
    EDIT = "edit"
    DELETE = "delete"
    REFUSE = "refuse"
    REACT = "react"
    SHOW_TYPING = "show_typing"

    ENSURE_CONTACT = "ensure_contact"
    ENSURE_DEAL = "ensure_deal"
    OPEN_CONVERSATION = "open_conversation"
    WRITE = "write"
    WRITE_EDIT = "write_edit"
    WRITE_DELETE = "write_delete"
    WRITE_REACTION = "write_reaction"
    REPORT = "report"
    REMARK = "remark"
    READ_HISTORY = "read_history"
    WRITE_FIELDS = "write_fields"
    CREATE_TASK = "create_task"
    KEEP_SOURCE = "keep_source"
    READ_OPERATORS = "read_operators"

    FETCH_FILE = "fetch_file"


class DeliveryState(StrEnum):
    READY = "ready"
    CALLING = "calling"
    DOUBT = "doubt"
    DONE = "done"
    HELD = "held"
    PARKED = "parked"
    DEAD = "dead"
    SKIPPED = "skipped"


SETTLED = frozenset({DeliveryState.DONE, DeliveryState.SKIPPED})
NEEDS_A_PERSON = frozenset({DeliveryState.HELD, DeliveryState.DEAD})

TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.READY: frozenset(
        {DeliveryState.CALLING, DeliveryState.PARKED, DeliveryState.SKIPPED, DeliveryState.DEAD}
    ),
    DeliveryState.CALLING: frozenset(
        {
            DeliveryState.DONE,
            DeliveryState.READY,
            DeliveryState.DOUBT,
            DeliveryState.HELD,
            DeliveryState.PARKED,
            DeliveryState.DEAD,
            DeliveryState.SKIPPED,
        }
    ),
    DeliveryState.DOUBT: frozenset(
        {
            DeliveryState.DONE,
            DeliveryState.READY,
            DeliveryState.HELD,
            DeliveryState.DEAD,
            DeliveryState.SKIPPED,
        }
    ),
    DeliveryState.PARKED: frozenset({DeliveryState.READY, DeliveryState.DOUBT}),
    DeliveryState.HELD: frozenset(
        {DeliveryState.READY, DeliveryState.DONE, DeliveryState.SKIPPED, DeliveryState.DEAD}
    ),
    DeliveryState.DEAD: frozenset({DeliveryState.READY, DeliveryState.DONE, DeliveryState.SKIPPED}),
    DeliveryState.DONE: frozenset({DeliveryState.READY}),
    DeliveryState.SKIPPED: frozenset({DeliveryState.READY}),
}


class Priority(StrEnum):
    """Who goes first when a provider's limit is short. Lower classes see a lower ceiling."""

    REPLY = "reply"
    MESSAGE = "message"
    STATUS = "status"
    BACKFILL = "backfill"

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return tuple(Priority).index(self)
