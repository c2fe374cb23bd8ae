"""The store port: everything the hub remembers, and the only way to reach it.

Two implementations answer to it: PostgreSQL (`middleware.store.postgres`) and an in-memory twin
for the simulation (`middleware.simulation.twin`); one property test keeps them alike.

Reading and deciding happen in flows; a `Unit` is one short transaction in which a flow records
what it decided. A unit opened under leases begins by proving that each is still ours, and raises
`LeaseLost` otherwise, so nothing a zombie decides is ever committed.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    Identity,
    Message,
    MessageId,
    Operator,
    Person,
    Status,
    WorkspaceId,
)
from middleware.store.duties import Attempt, Duty, Job, Owed, Settlement, ToldWithout
from middleware.store.rows import (
    Arrived,
    ContactRow,
    ConversationRow,
    DealRow,
    Fact,
    FileRow,
    InboxClaim,
    InboxRow,
    InboxState,
    JobsClaim,
    Lease,
    LinkRow,
    MessageRow,
    NewMessage,
    OpenedRow,
    OpenQuestion,
    Parcelled,
    Purpose,
    RouteRow,
    Silence,
)


class Unit(Protocol):
    """One transaction. Every method is a statement or two; none of them waits for the network.

    `touched` collects the connections that got something to do: whoever has committed wakes them.

    What is recorded may be written only when the unit ends: then it is refused, too (`NotInFlight`,
    and `StoreConflict` when something was assumed that is not so any more).
    """

    @property
    def touched(self) -> set[ConnectionId]: ...

    async def foresee(self, arrived: Sequence[Arrived]) -> None:
        """Read together what recording these messages will ask for.

        Nothing answers otherwise for it, only sooner.
        """
        ...

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

    async def hint(self, workspace: WorkspaceId, contact: ContactId, identity: Identity) -> None:
        """Record a weak sign of who they are: a claim for review, if it is surely somebody else's.

        What is nobody's is not remembered, and nothing is linked.
        """
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

    async def conversations_of(
        self, identity: Identity, crm: ConnectionId
    ) -> tuple[ConversationRow, ...]:
        """List conversations of whoever surely has this identity, the newest spoken in first.

        Of the CRM's workspace, and only on channels that are routed to it and not disconnected.
        """
        ...

    async def conversation_of_record(
        self, connection: ConnectionId, record: str, deal: str
    ) -> ConversationRow | None:
        """Find where to answer the person whose record, or whose deal, a CRM names.

        Of their conversations on channels routed to this CRM: one where they can be reached
        before one where they cannot, then the one where they wrote last.
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

    async def open_question(self, conversation: ConversationId) -> OpenQuestion | None:
        """Return what nobody has answered yet, by the clocks of those who said it."""
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
        self, conversation: ConversationId, target: ConnectionId, *, held: bool = False
    ) -> OpenedRow | None:
        """Find a counterpart. `held`: nobody else changes it until this unit ends."""
        ...

    async def set_opened(
        self,
        conversation: ConversationId,
        target: ConnectionId,
        counterpart: OpenedRow,
    ) -> None:
        """Remember, or replace, the conversation's counterpart.

        When one is known already, its `behind_since` and `opened_at` stay as they are, and
        `begun_there` may only become false.
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

    async def know_operators(self, target: ConnectionId, operators: Sequence[Operator]) -> None:
        """Remember what operators are called. One without a name stays as known as they were."""
        ...

    async def operator_name(self, target: ConnectionId, operator: str) -> str:
        """Return what the CRM calls an operator; empty when it was never heard."""
        ...

    async def deals(self, contact: ContactId, target: ConnectionId) -> tuple[DealRow, ...]:
        """Return every deal of the contact that is not deleted, the newest first seen."""
        ...

    async def save_deal(
        self, contact: ContactId, target: ConnectionId, seen: DealRow, evidence: str
    ) -> None:
        """Remember a deal that is used now, as just seen; whose it was first stays so."""
        ...

    async def use_deal(self, target: ConnectionId, deal: str) -> None:
        """Remember that a message goes to the deal now."""
        ...

    async def set_deal_state(
        self, target: ConnectionId, deal: str, state: str, pipeline: str
    ) -> None:
        """Remember what somebody told us of a deal. It is closed since it was first seen closed.

        An empty `pipeline` leaves it where it was. Such news may overtake other news: that a deal
        is open makes it one to be looked at again before it is used next; that it is not is looked
        into by itself, when one is needed.
        """
        ...

    async def remember_filled(self, target: ConnectionId, card: str, keys: Collection[str]) -> None:
        """Remember which places of a card a mapping has filled. Known ones stay known."""
        ...

    # What is owed.
    async def routes_from(self, source: ConnectionId) -> tuple[RouteRow, ...]: ...

    async def routes_to(self, target: ConnectionId) -> tuple[RouteRow, ...]: ...

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

    async def owner(self, connection: ConnectionId, purpose: Purpose) -> str | None: ...

    async def release(self, lease: Lease) -> None: ...

    # The schedule.
    async def due(self, limit: int) -> tuple[ConnectionId, ...]:
        """Connections with an unread inbox or a due lane, and nobody serving them."""
        ...

    async def recover(self, lease: Lease) -> int:
        """Turn calls that a dead owner left in flight into doubts; return how many there were."""
        ...

    # Work.
    async def claim_inbox(self, claims: Sequence[InboxClaim]) -> tuple[tuple[InboxRow, ...], ...]:
        """Return unread parcels in order of arrival, their tries counted up and committed.

        Those that know when they were said are in that order among themselves. A parcel that was
        tried before comes alone, so that the one that kills its reader is found. Answers are in the
        order of the claims, each of another lease. Raises: `LeaseLost`, if only one of them is.
        """
        ...

    async def claim_jobs(self, claims: Sequence[JobsClaim]) -> tuple[tuple[Job, ...], ...]:
        """Take the heads of due lanes, the urgent first, and record them as calling.

        Heads in doubt are taken as they are. A head whose `after` is not done yet is put off and
        left out. Answers are in the order of the claims, each of another lease. Raises:
        `LeaseLost`, if only one of them is.
        """
        ...

    def unit(self, *leases: Lease) -> AbstractAsyncContextManager[Unit]:
        """Begin a transaction; commits on a clean exit. Doors hold no lease."""
        ...

    # Gaps.
    async def pulse(self) -> None:
        """Leave a sign of life on the path that hooks take."""
        ...

    async def silence(self) -> Silence | None:
        """Tell how long the hub has left no sign of life; None when it never lived."""
        ...

    async def distrust(self) -> None:
        """Take nothing for undone that may have been done since the last sign of life.

        For a restored database. What is owed comes into doubt; so will, from now on, what is owed
        about a message said before now, and for people whom the CRM may know.
        """
        ...

    async def fall_behind(
        self, connections: Sequence[ConnectionId], since: datetime, *, asks: bool = False
    ) -> int:
        """Mark open conversations of these CRMs as possibly behind, and owe their histories.

        Those just being opened owe theirs, too. Returns how many there are.
        """
        ...
