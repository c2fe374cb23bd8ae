"""What a unit is about to write: it is put down in a few statements, however much there is of it.

Everything is written in one order, table by table and sorted within each, so that two units do not
wait for each other in a circle. What was taken for new and is somebody's by now is a
`StoreConflict`: the unit is undone and begun again, and then it finds it.
"""

from dataclasses import dataclass, field
from uuid import UUID

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryKind,
    DeliveryState,
    MessageId,
)
from middleware.db.direct import Session
from middleware.store.duties import Attempt, Job, Owed
from middleware.store.postgres import (
    conversations,
    deals,
    inbox,
    messages,
    people,
    planned,
    settled,
)
from middleware.store.postgres.inbox import Closed
from middleware.store.postgres.messages import NewName
from middleware.store.postgres.people import NewContact
from middleware.store.postgres.planned import Key, Planned
from middleware.store.postgres.settled import Ended
from middleware.store.rows import ConversationRow, DealRow, NewMessage, OpenedRow

Seen = tuple[ContactId, ConnectionId, DealRow, str]


@dataclass(slots=True)
class Pending:
    """`born` are the ids of what is new here: nothing that is written is about them."""

    contacts: list[NewContact] = field(default_factory=list)
    conversations: list[ConversationRow] = field(default_factory=list)
    names: list[NewName] = field(default_factory=list)
    messages: list[tuple[MessageId, NewMessage]] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    duties: dict[Key, Planned] = field(default_factory=dict)
    links: dict[tuple[ContactId, ConnectionId], tuple[str, str]] = field(default_factory=dict)
    deals: list[Seen] = field(default_factory=list)
    opened: dict[tuple[ConversationId, ConnectionId], OpenedRow] = field(default_factory=dict)
    noted: list[tuple[Job, Attempt]] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    arrived: dict[tuple[ConnectionId, str], None] = field(default_factory=dict)
    born: set[UUID] = field(default_factory=set)

    def has_ended(self, target: ConnectionId, kind: DeliveryKind, subject: UUID) -> bool:
        """Say whether a duty of this sort ends here."""
        return any(
            (job.target, job.kind, job.subject) == (target, kind, subject) for job, _ in self.ended
        )

    def latest(self, target: ConnectionId, kind: DeliveryKind, subject: UUID) -> Owed | None:
        """Return the newest revision of a duty that is planned here."""
        of = [
            (duty.revision, -duty.part, delivery, duty)
            for delivery, duty in self.duties.values()
            if (duty.target, duty.kind, duty.subject) == (target, kind, subject)
        ]
        if not of:
            return None
        revision, _, delivery, duty = max(of, key=lambda each: each[:2])
        state = DeliveryState.HELD if duty.held else DeliveryState.READY
        return Owed(id=delivery, state=state, revision=revision)

    async def write(self, at: Session) -> frozenset[ConnectionId]:
        """Put it all down; return the connections whose waiting parcels are unread again."""
        if self.contacts:
            await people.add_contacts(at, self.contacts)
        if self.conversations:
            await conversations.add_conversations(at, self.conversations)
        if self.names:
            await messages.add_names(at, self.names)
        if self.messages:
            await messages.add(at, self.messages)
        await self._write_duties(at)
        await self._write_cards(at)
        if self.noted:
            await settled.note_attempts(at, self.noted)
        if self.closed:
            await inbox.close(at, self.closed)
        woken = await inbox.wake_waiting(at, self.arrived) if self.arrived else frozenset()
        self._clear()
        return woken

    async def _write_duties(self, at: Session) -> None:
        duties = tuple(self.duties.values())
        if self.ended or duties:
            await settled.lock_lanes(at, self.ended, planned.lanes_of(duties))
        if self.ended:
            await settled.settle(at, self.ended)
        if duties:
            await planned.plan(at, duties)

    async def _write_cards(self, at: Session) -> None:
        """Write what a CRM told of its side, when the lanes are ours."""
        if self.links:
            await people.set_links(at, self.links)
        for seen in self.deals:
            await deals.save(at, *seen)
        if self.opened:
            await conversations.set_opened(at, self.opened)

    def _clear(self) -> None:
        for each in (
            *(self.contacts, self.conversations, self.names, self.messages, self.ended),
            *(self.links, self.deals, self.opened, self.duties, self.noted),
            *(self.closed, self.arrived, self.born),
        ):
            each.clear()
