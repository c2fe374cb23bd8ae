"""Deliveries as people see them, name them and decide about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    MessageId,
)
from middleware.store.duties import DRY_RUN

CORRECTIONS = frozenset(
    {
        DeliveryKind.EDIT,
        DeliveryKind.DELETE,
        DeliveryKind.WRITE_EDIT,
        DeliveryKind.WRITE_DELETE,
        DeliveryKind.WRITE_REACTION,
        DeliveryKind.REACT,
        DeliveryKind.REPORT,
        DeliveryKind.REMARK,
    }
)


class Decision(StrEnum):
    """What a person says about a delivery that nobody else can judge."""

    SEND = "send"
    SENT = "sent"
    DROP = "drop"


class Mapped(StrEnum):
    """By which version of a mapping values for fields are made: as planned, or the one in force."""

    ORIGINAL = "original"
    CURRENT = "current"


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
    the request that replayed it last. `is_dry`: its route writes nothing now.
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
    code: str = ""
    is_dry: bool = False
    asked: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def must_look_again(self) -> bool:
        """What it waited for was skipped: it has to find out by itself what the CRM lacks."""
        return self.prerequisite is DeliveryState.SKIPPED and self.kind not in CORRECTIONS

    @property
    def was_rehearsed(self) -> bool:
        """Nothing was ever done: a replay is its first time."""
        return self.state is DeliveryState.SKIPPED and self.code == DRY_RUN


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """One delivery as a list shows it. `words` are the customer's or the operator's."""

    id: DeliveryId
    kind: DeliveryKind
    state: DeliveryState
    target: ConnectionId
    title: str
    lane: str
    seq: int
    part: int
    revision: int
    attempts: int
    failure: str
    code: str
    after: DeliveryId | None
    after_state: DeliveryState | None
    message: MessageId | None
    conversation: ConversationId | None
    contact: ContactId | None
    created_at: datetime
    due_at: datetime | None
    settled_at: datetime | None
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How many deliveries of one kind and state one connection has, and of what age."""

    target: ConnectionId
    title: str
    kind: DeliveryKind
    state: DeliveryState
    count: int
    oldest: datetime
    newest: datetime
