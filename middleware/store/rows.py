"""What the hub remembers, row by row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    Identity,
    Message,
    MessageArrived,
    MessageId,
    OpenedConversation,
    RouteId,
    Span,
    Status,
    WorkspaceId,
)
from middleware.store.policy import Policy

Purpose = Literal["serve", "listen", "refresh", "sweep"]
InboxState = Literal["new", "read", "waiting", "set_aside"]
FileState = Literal["wanted", "stored", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Our right to serve one connection for one purpose, until the database's clock says so."""

    connection: ConnectionId
    purpose: Purpose
    owner: str
    epoch: int


Arrived = tuple[ConnectionId, MessageArrived]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxClaim:
    """A wish for at most `limit` unread parcels of what is leased.

    One that knows when it was said and has lain for less than `hold` stays, with all behind it,
    since another may yet overtake it.
    """

    lease: Lease
    limit: int
    hold: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsClaim:
    """A wish for at most `limit` deliveries to what is leased, or only for those in doubt."""

    lease: Lease
    limit: int
    probe_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcelled:
    """A parcel on its way into the inbox. `digest` is of its key: it outlives the body."""

    connection: ConnectionId
    digest: bytes
    form: str
    body: bytes = field(repr=False)
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """An unread parcel. `tries` counts this reading too."""

    connection: ConnectionId
    digest: bytes
    arrival: int
    form: str
    body: bytes = field(repr=False)
    received_at: datetime
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """`learned` are strong identities of the known person that were new to us just now."""

    id: ContactId
    is_new: bool
    learned: tuple[Identity, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRow:
    id: ConversationId
    workspace: WorkspaceId
    connection: ConnectionId
    external: str
    contact: ContactId | None
    reachable: bool = True
    thread: ContactId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A recorded message. `is_reply`: an operator said it from inside the CRM `connection`."""

    id: MessageId
    workspace: WorkspaceId
    connection: ConnectionId
    conversation: ConversationId
    status: Status
    sent_at: datetime
    is_reply: bool
    planned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """The first message of a customer since anything was said to them in the conversation."""

    message: MessageId
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A contact's record in one CRM account. A dropped link remembers where the person was.

    `gone`: it was dropped because the CRM had the record no more, and not because people said so.
    """

    record: str
    live: bool
    evidence: str
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRow:
    """A conversation's counterpart in one CRM account.

    `behind_since` is set while replies may have been missed since then; `asks` when what is read
    back then must not be sent without a person's word. `begun_there`: the CRM began it and was
    not told `ours` yet.
    """

    opened: OpenedConversation
    ours: str
    record: str
    opened_at: datetime
    behind_since: datetime | None = None
    asks: bool = False
    begun_there: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DealRow:
    """A deal as last seen. `source` is the channel that it was used for first.

    `used_at` is when a message went to it last, as far as routes with a thread window look.
    """

    deal: str
    record: str
    state: str
    seen_at: datetime
    pipeline: str = ""
    source: ConnectionId | None = None
    closed_at: datetime | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A version of a mapping."""

    mapping: UUID
    version: int

    @property
    def detail(self) -> Mapping[str, Any]:
        """How a delivery keeps it."""
        return {"mapping": str(self.mapping), "version": self.version}


def pinned_in(detail: Mapping[str, Any]) -> Pinned | None:
    """Read the version that a delivery was planned with."""
    if "mapping" not in detail:
        return None
    return Pinned(mapping=UUID(detail["mapping"]), version=int(detail["version"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """`mapping` is the version in force of the mapping that the route uses."""

    id: RouteId
    source: ConnectionId
    target: ConnectionId
    policy: Policy
    mapping: Pinned | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to be remembered. Shape: `operator` is set for replies only."""

    workspace: WorkspaceId
    connection: ConnectionId
    conversation: ConversationId
    message: Message
    planned: bool
    operator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The newest correction of a message."""

    revision: int
    text: str = field(repr=False)
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """The file of a message's attachment at `position`, and what became of it.

    `key` finds the bytes in the media store once they are there; `reason` says why they never
    will be. `late` are the CRMs that were told of the message without it.
    """

    message: MessageId
    position: int
    state: FileState = "wanted"
    reason: str = ""
    key: str = ""
    mime: str = ""
    size_bytes: int = 0
    name: str = field(default="", repr=False)
    late: frozenset[ConnectionId] = frozenset()


def cards_of(record: str, deal: str) -> tuple[str, ...]:
    """Name the cards on which it is remembered what a mapping has filled."""
    named = (("contact", record), ("deal", deal))
    return tuple(f"{kind}:{card}" for kind, card in named if card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """These CRMs may have told us something since then that we did not hear."""

    connections: tuple[ConnectionId, ...]
    since: datetime
    asks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The last sign of life, and what time it is now, both by the database's clock.

    `is_restored`: this is not the database that the last sign was left in.
    """

    since: datetime
    now: datetime
    is_restored: bool
