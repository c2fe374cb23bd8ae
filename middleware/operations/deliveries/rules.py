"""What a person may ask of a delivery. Values in, sentences out; an empty one means yes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mappers.vocabulary import (
    NEEDS_A_PERSON,
    SETTLED,
    ConnectionId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    MessageId,
)

CORRECTIONS = frozenset(
    {
        DeliveryKind.EDIT,
        DeliveryKind.DELETE,
        DeliveryKind.WRITE_EDIT,
        DeliveryKind.WRITE_DELETE,
        DeliveryKind.REPORT,
    }
)


class Decision(StrEnum):
    """What a person says about a delivery that nobody else can judge."""

    SEND = "send"
    SENT = "sent"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which deliveries are meant; whatever is left empty does not matter."""

    states: tuple[DeliveryState, ...] = ()
    kinds: tuple[DeliveryKind, ...] = ()
    connection: ConnectionId | None = None
    conversation: ConversationId | None = None
    since: datetime | None = None
    until: datetime | None = None
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A delivery as it stands while a person decides about it.

    `later` is the newest revision of the same duty, if that is a later one. `asked` is the key of
    the request that replayed it last.
    """

    id: DeliveryId
    target: ConnectionId
    target_state: str
    lane: int
    kind: DeliveryKind
    state: DeliveryState
    revision: int
    later: int | None = None
    message: MessageId | None = None
    prerequisite: DeliveryState | None = None
    asked: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def must_look_again(self) -> bool:
        """What it waited for was skipped: it has to find out by itself what the CRM lacks."""
        return self.prerequisite is DeliveryState.SKIPPED and self.kind not in CORRECTIONS


def why_not_replay(at: Standing, *, again: bool) -> str:
    """Say what stands against doing it once more."""
    if at.target_state == "removed":
        return "Its connection was disconnected; nothing can be delivered there any more."
    if at.later is not None:
        return f"Revision {at.later} has replaced this one ({at.revision}): replay that one."
    if at.kind in CORRECTIONS and at.prerequisite is DeliveryState.SKIPPED:
        return "The message that it corrects was skipped: replay that message first."
    if at.state in SETTLED and not again:
        return (
            f"It is {at.state} already. Ask with `again` to do it once more on purpose; it may"
            " then be seen twice."
        )
    if at.state not in SETTLED and at.state not in NEEDS_A_PERSON:
        return f"It is under way ({at.state}): there is nothing to replay."
    return ""


def why_not_settle(at: Standing, decision: Decision) -> str:
    """Say what stands against deciding it so."""
    if at.state not in NEEDS_A_PERSON:
        return f"It waits for nobody's decision: it is {at.state}."
    match decision:
        case Decision.SEND:
            return why_not_replay(at, again=False)
        case Decision.SENT if at.kind is not DeliveryKind.SEND:
            return "Only a reply can be known to have arrived: replay this one, or drop it."
        case _:
            return ""


def replayable_states(asked: Filter) -> tuple[DeliveryState, ...]:
    """Which states a replay of many means. What may have arrived has to be named."""
    return asked.states or (DeliveryState.DEAD,)
