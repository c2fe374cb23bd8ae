"""What is owed: a duty as it is planned, as it is attempted, and what became of it."""

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
    Message,
    MessageId,
    Person,
    Priority,
    RouteId,
    WorkspaceId,
)
from middleware.store.policy import Policy
from middleware.store.rows import (
    ConversationRow,
    DealRow,
    Fact,
    FileRow,
    LinkRow,
    OpenedRow,
    OpenQuestion,
)

# Which facts of a message a delivery tells: the newest of them, whichever it was planned for.
FACTS_OF: Mapping[DeliveryKind, str] = {
    DeliveryKind.SEND: "edit",
    DeliveryKind.EDIT: "edit",
    DeliveryKind.WRITE_EDIT: "edit",
    DeliveryKind.WRITE_DELETE: "edit",
    DeliveryKind.WRITE_REACTION: "reaction",
    DeliveryKind.REACT: "answer",
}
# What says a reply, or what is left of it, asks whether it was taken back.
CORRECTS_REPLIES = frozenset({DeliveryKind.EDIT, DeliveryKind.DELETE})
SAYS_REPLIES = CORRECTS_REPLIES | {DeliveryKind.SEND}
TAKEN_BACK = "delete"
# One that waits to tell the same of the same thing tells it in place of those before it.
SUPERSEDABLE = frozenset({*FACTS_OF, DeliveryKind.REPORT, DeliveryKind.KEEP_SOURCE}) - {
    DeliveryKind.SEND
}
# Why a delivery ends that was only rehearsed. It did nothing that others could wait for.
DRY_RUN = "hub.dry_run"
# Doing these twice does harm, or forgets what came of the first time. What a restored database
# takes for undone may have been done since its copy was made: so they begin in doubt, and say in
# their detail why.
UNSURE = frozenset(
    {
        DeliveryKind.SEND,
        DeliveryKind.REFUSE,
        DeliveryKind.WRITE,
        DeliveryKind.ENSURE_CONTACT,
        DeliveryKind.OPEN_CONVERSATION,
        DeliveryKind.CREATE_TASK,
    }
)
RESTORED = "restored"


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
class ToldWithout:
    """A CRM that was told of a message while its file was on the way."""

    target: ConnectionId
    lane: str
    route: RouteId | None
    conversation: ConversationId | None
    contact: ContactId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One part of a reply: how it was planned, and under which ids the channel has it."""

    part: int
    detail: Mapping[str, Any]
    names: tuple[str, ...] = ()


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
    message's, as they stood when the job was taken. `taken_back`: its author deleted the reply that
    this is about, of which `spoken` are the parts. `mapped` is there when the delivery was planned
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
    taken_back: bool = False
    spoken: tuple[Spoken, ...] = ()

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
