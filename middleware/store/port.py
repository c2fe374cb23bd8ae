"""The store port: everything the hub remembers, and the only way to reach it.

Two implementations answer to it: PostgreSQL (`middleware.store.postgres`) and an in-memory twin
for the simulation (`middleware.simulation.twin`); one property test keeps them alike.

Reading and deciding happen in flows; a `Unit` is one short transaction in which a flow records
what it decided. A unit opened under a lease begins by proving that the lease is still ours, and
raises `LeaseLost` otherwise, so nothing a zombie decides is ever committed.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal, Protocol
from uuid import UUID

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    Deal,
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

Purpose = Literal["serve", "listen", "refresh", "sweep"]
InboxState = Literal["new", "read", "waiting", "set_aside"]
FileState = Literal["wanted", "stored", "refused"]


class NotInFlight(Exception):
    """The delivery is not being attempted by us any more: it was settled already."""


class LeaseLost(Exception):
    """Another worker serves this connection now; what we were about to record is not ours."""


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
class LinkRow:
    """A contact's record in one CRM account. A dropped link remembers where the person was."""

    record: str
    live: bool
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRow:
    """A conversation's counterpart in one CRM account.

    `behind_since` is set while replies may have been missed since then; `asks` when what is read
    back then must not be sent without a person's word.
    """

    opened: OpenedConversation
    ours: str
    record: str
    opened_at: datetime
    behind_since: datetime | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DealRow:
    deal: str
    record: str
    state: str
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a route decides. See docs/reference/routes.md."""

    deal_owner: Literal["hub", "crm"] = "hub"
    deal_policy: Literal["reuse_open", "never"] = "reuse_open"
    pipeline: str = ""
    stage: str = ""
    lane_policy: Literal["skip", "wait"] = "skip"
    pilot: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    id: RouteId
    source: ConnectionId
    target: ConnectionId
    policy: Policy


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
class Job:
    """A delivery whose turn it is, with everything an attempt at it needs to know.

    `was` is the state it was taken in: READY (now recorded as calling) or DOUBT. `attempts`
    counts this one, `failures` those that count against the retry schedule. `called_at` is when
    the first call still in doubt began, `taken_at` when this attempt was taken, both by the
    database's clock. `quoted` and `sent` are the target's own ids of the quoted message and of
    what we sent before. `link` and `opened` are what is known now, `ours` is the id under which
    the CRM knows the conversation, or will. `peers` are the CRM's ids of all conversations of
    this contact. `files` are the message's, as they stood when the job was taken.
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
    quoted: str = ""
    sent: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    files: tuple[FileRow, ...] = ()

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
        what = f"{kind}|{about}|{part}|{revision}"
        return "tl-" + blake2b(what.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of an attempt. `due_at` is set while the delivery goes on (ready, doubt).

    `after` makes a ready delivery wait for another one; `detail` is added to the delivery's own.
    """

    state: DeliveryState
    due_at: datetime | None = None
    failure: Failure | None = None
    counts: bool = False
    skip_lane: bool = True
    after: DeliveryId | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try, as the trace will show it. `exchanges` are redacted already."""

    started_at: datetime
    duration_ms: int
    purpose: Literal["call", "probe"]
    outcome: str
    failure: Failure | None = None
    exchanges: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The last sign of life, and what time it is now, both by the database's clock.

    `is_restored`: this is not the database that the last sign was left in.
    """

    since: datetime
    now: datetime
    is_restored: bool


class Unit(Protocol):
    """One transaction. Every method is a statement or two; none of them waits for the network.

    `touched` collects the connections that got something to do: whoever commits wakes them.
    """

    @property
    def touched(self) -> set[ConnectionId]: ...

    # What arrived.
    async def close_row(
        self, row: InboxRow, state: InboxState, *, note: str = "", awaits: str = ""
    ) -> None:
        """Say what became of a parcel. `awaits` names what a waiting one waits for."""
        ...

    async def wake_waiting(self, connection: ConnectionId, awaits: str) -> None:
        """Make parcels unread again that waited for this."""
        ...

    async def append(self, parcels: Sequence[Parcelled]) -> int:
        """Put parcels into the inbox from within; return how many were new."""
        ...

    # People.
    async def contact_for(self, workspace: WorkspaceId, person: Person) -> ContactRow:
        """Find the contact by the person's strong identities, or make one.

        The first identity decides. Another strong identity that already belongs to someone else
        is recorded as a claim for review and links nothing.
        """
        ...

    async def person(self, contact: ContactId) -> Person | None:
        """Return a contact as last seen, with every identity that is known to be theirs."""
        ...

    async def conversation_for(
        self, connection: ConnectionId, external: str, contact: ContactId | None
    ) -> ConversationRow:
        """Find the conversation, or make it. A known conversation keeps its contact."""
        ...

    async def conversation_at(
        self, connection: ConnectionId, external: str
    ) -> ConversationRow | None: ...

    async def conversation_in_crm(
        self, connection: ConnectionId, external: str, ours: str
    ) -> ConversationRow | None:
        """Find the conversation that a CRM names by its own id, or by the id we gave it.

        A CRM may name one whose opening we have not recorded yet: somebody answers faster than
        we write. It is found by what our id is made of, among the channels routed to this CRM.
        """
        ...

    async def conversation(self, conversation: ConversationId) -> ConversationRow: ...

    async def set_reachable(self, conversation: ConversationId, *, reachable: bool) -> None: ...

    async def move_conversation(self, connection: ConnectionId, old: str, new: str) -> None: ...

    # What was said.
    async def add_message(self, new: NewMessage) -> MessageId | None:
        """Remember a message under its origin; None when it is known already."""
        ...

    async def message_named(self, connection: ConnectionId, name: str) -> MessageRow | None:
        """Find a message by any id that this connection's provider has given it."""
        ...

    async def add_names(
        self, connection: ConnectionId, message: MessageId, names: Sequence[str], part: int
    ) -> None:
        """Remember under which ids the provider knows what we sent it."""
        ...

    async def add_fact(self, message: MessageId, kind: str, fact: Fact) -> bool:
        """Remember a correction; False when this revision is known."""
        ...

    async def raise_status(self, message: MessageId, status: Status) -> bool:
        """Let the status rise; False when it would not."""
        ...

    async def unplanned_replies(self, conversation: ConversationId) -> tuple[MessageId, ...]:
        """List replies recorded but not planned, oldest first by the CRM's clock."""
        ...

    async def reply(self, message: MessageId) -> tuple[MessageRow, Message]:
        """Load a recorded reply whole."""
        ...

    async def mark_planned(self, message: MessageId) -> None: ...

    async def keep_file(self, file: FileRow) -> None:
        """Remember that a file is wanted, or what became of it. What was decided stays so."""
        ...

    async def let_go(self, message: MessageId, position: int) -> tuple[ToldWithout, ...]:
        """The file is decided about, and that is recorded: let the entries go that wait for it.

        An entry that is not begun yet will see the file; the CRMs of the others are returned and
        remembered as `late`. The entries are locked first, so that each is one or the other.
        """
        ...

    # What a CRM knows.
    async def link(self, contact: ContactId, target: ConnectionId) -> LinkRow | None: ...

    async def set_link(
        self, contact: ContactId, target: ConnectionId, record: str, evidence: str
    ) -> None: ...

    async def drop_links(self, target: ConnectionId, record: str) -> int:
        """The record is gone: keep where it was, stop using it. Return how many links it had."""
        ...

    async def opened(
        self, conversation: ConversationId, target: ConnectionId
    ) -> OpenedRow | None: ...

    async def set_opened(
        self,
        conversation: ConversationId,
        target: ConnectionId,
        counterpart: OpenedRow,
    ) -> None:
        """Remember, or replace, the conversation's counterpart.

        When one is known already, its `behind_since` and `opened_at` stay as they are.
        """
        ...

    async def caught_up(
        self, conversation: ConversationId, target: ConnectionId, revision: int
    ) -> bool:
        """Say that nothing is missed any more; False when a newer gap waits for its history.

        `revision` is that of the history which has been read.

        Locks the counterpart against gaps first: what is looked at afterwards stays true.
        """
        ...

    async def open_deal(self, contact: ContactId, target: ConnectionId) -> DealRow | None:
        """Return the deal that we believe open, the newest first seen."""
        ...

    async def save_deal(
        self, contact: ContactId, target: ConnectionId, record: str, deal: Deal, evidence: str
    ) -> None: ...

    async def set_deal_state(self, target: ConnectionId, deal: str, state: str) -> None: ...

    # What is owed.
    async def routes_from(self, source: ConnectionId) -> tuple[RouteRow, ...]: ...

    async def owe(self, duty: Duty) -> DeliveryId:
        """Plan a duty at the end of its lane, or find it planned."""
        ...

    async def latest(self, target: ConnectionId, kind: DeliveryKind, subject: UUID) -> Owed | None:
        """The newest revision of a duty (its first part)."""
        ...

    async def parts(self, target: ConnectionId, message: MessageId) -> tuple[Owed, ...]:
        """All SEND parts of a reply, in order."""
        ...

    async def settle(self, job: Job, settlement: Settlement) -> None:
        """Record what became of an attempt, move the lane on, and wake whoever waited for it.

        Raises: `NotInFlight`.
        """
        ...

    async def note_attempt(self, job: Job, attempt: Attempt) -> None: ...

    async def set_connection(self, connection: ConnectionId, state: str, reason: str) -> None: ...


class Store(Protocol):
    """What is done outside of any flow's transaction. Each method is one short transaction."""

    # Doors.
    async def append(self, parcels: Sequence[Parcelled]) -> int:
        """Commit parcels to the inbox; return how many were new. Repeats are no error."""
        ...

    async def append_polled(self, lease: Lease, parcels: Sequence[Parcelled], cursor: str) -> int:
        """Commit what a listener brought together with its cursor."""
        ...

    async def cursor(self, connection: ConnectionId) -> str:
        """Where a listener goes on; empty at first."""
        ...

    # Leases, by the database's clock.
    async def acquire(
        self, connection: ConnectionId, purpose: Purpose, owner: str, ttl: timedelta
    ) -> Lease | None:
        """Take a lease that is free or expired; None when somebody holds it."""
        ...

    async def renew(self, leases: Sequence[Lease], ttl: timedelta) -> frozenset[Lease]:
        """Prolong leases; return those that are still ours."""
        ...

    async def release(self, lease: Lease) -> None: ...

    # The schedule.
    async def due(self, limit: int) -> tuple[ConnectionId, ...]:
        """Connections with an unread inbox or a due lane, and nobody serving them."""
        ...

    async def recover(self, lease: Lease) -> int:
        """Turn calls that a dead owner left in flight into doubts; return how many there were."""
        ...

    # Work.
    async def claim_inbox(
        self, lease: Lease, limit: int, *, hold: timedelta = timedelta()
    ) -> tuple[InboxRow, ...]:
        """Return unread parcels in order of arrival, their tries counted up and committed.

        Those that know when they were said are in that order among themselves, and one that has
        lain for less than `hold` stays with all behind it, since another may yet overtake it.
        A parcel that was tried before comes alone, so that the one that kills its reader is found.
        """
        ...

    async def claim_jobs(self, lease: Lease, limit: int, *, probe_only: bool) -> tuple[Job, ...]:
        """Take the heads of due lanes, the urgent first, and record them as calling.

        Heads in doubt are taken as they are. A head whose `after` is not done yet is put off and
        left out. With `probe_only` (an open circuit) only doubts are taken.
        """
        ...

    def unit(self, lease: Lease | None) -> AbstractAsyncContextManager[Unit]:
        """Begin a transaction; commits on a clean exit. None is for doors that hold no lease.

        Raises: `LeaseLost`.
        """
        ...

    # Gaps.
    async def pulse(self) -> None:
        """Leave a sign of life on the path that hooks take."""
        ...

    async def silence(self) -> Silence | None:
        """Tell how long the hub has left no sign of life; None when it never lived."""
        ...

    async def fall_behind(
        self, connections: Sequence[ConnectionId], since: datetime, *, asks: bool = False
    ) -> int:
        """Mark every open conversation of these CRMs as possibly behind, and owe its history.

        One that is just being opened owes it, too. Returns how many there are.
        """
        ...
