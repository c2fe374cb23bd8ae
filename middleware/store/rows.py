"""What the hub remembers, row by row, and what one transaction is asked to record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal
from uuid import UUID

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Failure,
    Identity,
    Message,
    MessageId,
    OpenedConversation,
    Person,
    Priority,
    RouteId,
    Span,
    Status,
    WorkspaceId,
)
from middleware.store.policy import Policy

Purpose = Literal["serve", "listen", "refresh", "sweep"]
InboxState = Literal["new", "read", "waiting", "set_aside"]
FileState = Literal["wanted", "stored", "refused"]
# Which facts of a message a delivery tells: the newest of them, whichever it was planned for.
FACTS_OF: Mapping[DeliveryKind, str] = {
    DeliveryKind.WRITE_EDIT: "edit",
    DeliveryKind.WRITE_DELETE: "edit",
    DeliveryKind.WRITE_REACTION: "reaction",
    DeliveryKind.REACT: "answer",
}
# Why a delivery ends that was only rehearsed. It did nothing that others could wait for.
DRY_RUN = "hub.dry_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Our right to serve one connection for one purpose, until the database's clock says so."""

    connection: ConnectionId
    purpose: Purpose
    owner: str
    epoch: int


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
    """A contact's record in one CRM account. A dropped link remembers where the person was."""

    record: str
    live: bool
    evidence: str


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
class Duty:
    """A delivery to be planned.

    `subject`, with kind, part and revision, is what makes it one duty and not another: owing it
    twice is owing it once. `after` is a delivery that must be done first, in whatever lane.
    `held` plans it straight into a person's hands, with that code as the reason. For `wait` it is
    not begun, unless the file that its `detail` names is decided about before.
    """

    workspace: WorkspaceId
    target: ConnectionId
    lane: str
    kind: DeliveryKind
    subject: UUID
    priority: Priority
    part: int = 0
    revision: int = 0
    after: DeliveryId | None = None
    route: RouteId | None = None
    message: MessageId | None = None
    conversation: ConversationId | None = None
    contact: ContactId | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    held: str = ""
    wait: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A duty that exists already."""

    id: DeliveryId
    state: DeliveryState
    revision: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldWithout:
    """A CRM that was told of a message while its file was on the way."""

    target: ConnectionId
    lane: str
    route: RouteId | None
    conversation: ConversationId | None
    contact: ContactId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedRow:
    """What a mapping is applied with: its document, and what is known beside the message.

    `written` are the keys of places on the contact's cards that a mapping has filled before.
    `provider`, `account` and `title` are the channel's.
    """

    name: str
    document: str = field(repr=False)
    written: frozenset[str] = frozenset()
    provider: str = ""
    account: str = ""
    title: str = ""


def cards_of(record: str, deal: str) -> tuple[str, ...]:
    """Name the cards on which it is remembered what a mapping has filled."""
    named = (("contact", record), ("deal", deal))
    return tuple(f"{kind}:{card}" for kind, card in named if card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A delivery whose turn it is, with everything an attempt at it needs to know.

    `was` is the state it was taken in: READY (now recorded as calling) or DOUBT. `attempts`
    counts this one, `failures` those that count against the retry schedule. `called_at` is when
    the first call still in doubt began, `taken_at` when this attempt was taken, both by the
    database's clock. `quoted` and `sent` are the target's own ids of the quoted message and of
    what we sent before. `link` and `opened` are what is known now, `ours` is the id under which
    the CRM knows the conversation, or will, `source` that of its channel. `peers` are the CRM's
    ids of all conversations of this contact, `deals` the contact's deals. `files` are the
    message's, as they stood when the job was taken. `mapped` is there when the delivery was planned
    with a mapping, and `question` is what nobody has answered in the conversation yet. What only
    some kinds need is loaded for them alone.
    """

    id: DeliveryId
    workspace: WorkspaceId
    target: ConnectionId
    lane: int
    seq: int
    kind: DeliveryKind
    subject: UUID
    part: int
    revision: int
    was: DeliveryState
    attempts: int
    failures: int
    called_at: datetime
    taken_at: datetime
    created_at: datetime
    policy: Policy
    detail: Mapping[str, Any]
    superseded: bool = False
    message: Message | None = None
    message_id: MessageId | None = None
    operator: str = ""
    fact: Fact | None = None
    conversation: ConversationRow | None = None
    contact: ContactId | None = None
    person: Person | None = None
    link: LinkRow | None = None
    opened: OpenedRow | None = None
    ours: str = ""
    source: str = ""
    quoted: str = ""
    sent: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    deals: tuple[DealRow, ...] = ()
    files: tuple[FileRow, ...] = ()
    mapped: MappedRow | None = None
    route: RouteId | None = None
    question: OpenQuestion | None = None

    @property
    def key(self) -> str:
        """Our idempotency key: the same for every attempt at this duty, and for no other."""
        return self._key(self.kind, self.part, self.revision)

    def key_as(self, kind: DeliveryKind) -> str:
        """The key of the first duty of another kind about the same message."""
        return self._key(kind, 0, 0)

    def _key(self, kind: DeliveryKind, part: int, revision: int) -> str:
        # Made of what the outside knows, not of our row ids, so that it is the same again after
        # the database was lost or restored.
        if self.message is not None:
            about = str(self.message.origin)
        elif self.person is not None and self.person.identities:
            about = self.person.identities[0].value
        else:
            about = self.subject.hex
        if self.detail.get("apart"):
            about = f"{about}|{':'.join(self.ours.split(':')[:2])}"
        what = f"{kind}|{about}|{part}|{revision}"
        return "tl-" + blake2b(what.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of an attempt. `due_at` is set while the delivery goes on (ready, doubt).

    `code` says why it ended so where that is no failure. `after` makes a ready delivery wait for
    another one; `detail` is added to the delivery's own.
    """

    state: DeliveryState
    due_at: datetime | None = None
    failure: Failure | None = None
    code: str = ""
    counts: bool = False
    skip_lane: bool = True
    after: DeliveryId | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try, as the trace will show it. `exchanges` are redacted already.

    `effects` are what it would have done, where it was a rehearsal: customers' words are in them.
    """

    started_at: datetime
    duration_ms: int
    purpose: Literal["call", "probe"]
    outcome: str
    failure: Failure | None = None
    exchanges: tuple[Mapping[str, Any], ...] = ()
    effects: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The last sign of life, and what time it is now, both by the database's clock.

    `is_restored`: this is not the database that the last sign was left in.
    """

    since: datetime
    now: datetime
    is_restored: bool
