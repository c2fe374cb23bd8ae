"""One transaction of the hub, on PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

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
from middleware.pipeline.rules import is_newest_history
from middleware.store.duties import Attempt, Duty, Job, Owed, Settlement, ToldWithout
from middleware.store.postgres import (
    conversations,
    deals,
    fields,
    files,
    inbox,
    messages,
    people,
    planned,
    questions,
    routes,
    settled,
)
from middleware.store.postgres import operators as naming
from middleware.store.postgres.inbox import Closed
from middleware.store.postgres.meeting import Meeting
from middleware.store.postgres.messages import NewName
from middleware.store.rows import (
    ConversationRow,
    DealRow,
    Fact,
    FileRow,
    InboxRow,
    InboxState,
    LinkRow,
    MessageRow,
    NewMessage,
    OpenedRow,
    OpenQuestion,
    Parcelled,
    RouteRow,
)
from middleware.tracing.place import marked

SET_CONNECTION = text(
    """
    UPDATE connections SET state = :state, reason = :reason
    WHERE id = :connection AND state <> 'removed'
    """
)


@dataclass(frozen=True, slots=True)
class PostgresUnit(Meeting):
    """See `middleware.store.port.Unit`.

    What traffic does all the time is read ahead and written together (`Seen`, `Pending`); all
    else is a statement of its own, and begins by writing what is pending. Whoever opens a unit
    ends it with `write`.
    """

    # What arrived.

    async def close_row(
        self, row: InboxRow, state: InboxState, *, note: str = "", awaits: str = ""
    ) -> None:
        self.pending.closed.append(Closed(row=row, state=state, note=note, awaits=awaits))

    async def wake_waiting(self, connection: ConnectionId, awaits: str) -> None:
        self.pending.arrived[connection, awaits] = None

    async def append(self, parcels: Sequence[Parcelled]) -> int:
        self.touched.update(parcel.connection for parcel in parcels)
        return await inbox.append(await self.write(), parcels)

    # People.

    async def person(self, contact: ContactId) -> Person | None:
        return await people.person(await self.write(), contact)

    async def hint(self, workspace: WorkspaceId, contact: ContactId, identity: Identity) -> None:
        await people.hint(await self.write(), workspace, contact, identity)

    # Conversations.

    async def conversation_in_crm(
        self, connection: ConnectionId, external: str, ours: str
    ) -> ConversationRow | None:
        at = await self.write()
        return await conversations.conversation_in_crm(at, connection, external, ours)

    async def conversations_of(
        self, identity: Identity, crm: ConnectionId
    ) -> tuple[ConversationRow, ...]:
        return await conversations.conversations_of(await self.write(), identity, crm)

    async def conversation_of_record(
        self, connection: ConnectionId, record: str, deal: str
    ) -> ConversationRow | None:
        at = await self.write()
        return await conversations.conversation_of_record(at, connection, record, deal)

    async def conversation(self, conversation: ConversationId) -> ConversationRow:
        return await conversations.conversation(await self.write(), conversation)

    async def set_reachable(self, conversation: ConversationId, *, reachable: bool) -> None:
        values = {"id": conversation, "reachable": reachable}
        self.seen.places.clear()
        await (await self.write()).execute(conversations.SET_REACHABLE, values)

    async def move_conversation(self, connection: ConnectionId, old: str, new: str) -> None:
        values = {"connection": connection, "old": old, "new": new}
        self.seen.places.clear()
        await (await self.write()).execute(conversations.MOVE_CONVERSATION, values)

    # What was said.

    async def add_message(self, new: NewMessage) -> MessageId | None:
        message = MessageId(self.new_id())
        name = NewName(
            connection=new.connection,
            name=new.message.origin.message,
            message=message,
            is_origin=True,
        )
        await self.seen.look_for_names([name.key])
        if self.seen.names[name.key]:
            return None
        self.seen.names[name.key] = True
        self.pending.names.append(name)
        self.pending.messages.append((self.born(message), new))
        return message

    async def add_names(
        self, connection: ConnectionId, message: MessageId, names: Sequence[str], part: int
    ) -> None:
        for position, name in enumerate(names, 1):
            new = NewName(
                connection=connection, name=name, message=message, part=part, position=position
            )
            self.seen.names[new.key] = True
            self.pending.names.append(new)

    async def message_named(self, connection: ConnectionId, name: str) -> MessageRow | None:
        return await messages.named(await self.write(), connection, name)

    async def open_question(self, conversation: ConversationId) -> OpenQuestion | None:
        return (await questions.first(await self.write(), [conversation])).get(conversation)

    async def reply(self, message: MessageId) -> tuple[MessageRow, Message]:
        return await messages.whole(await self.write(), message)

    async def add_fact(self, message: MessageId, kind: str, fact: Fact) -> bool:
        return await messages.add_fact(await self.write(), message, kind, fact)

    async def raise_status(self, message: MessageId, status: Status) -> bool:
        return await messages.raise_status(await self.write(), message, status)

    async def unplanned_replies(self, conversation: ConversationId) -> tuple[MessageId, ...]:
        return await messages.unplanned(await self.write(), conversation)

    async def mark_planned(self, message: MessageId) -> None:
        await (await self.write()).execute(messages.MARK_PLANNED, {"message": message})

    async def keep_file(self, file: FileRow) -> None:
        await files.keep(await self.write(), file)

    async def let_go(self, message: MessageId, position: int) -> tuple[ToldWithout, ...]:
        waiting, told = await files.let_go(await self.write(), message, position)
        self.touched.update(waiting)
        return told

    # What a CRM knows.

    async def link(self, contact: ContactId, target: ConnectionId) -> LinkRow | None:
        if (contact, target) in self.pending.links:
            await self.write()
        await self.seen.look_at_cards([contact])
        return self.seen.links[contact].get(target)

    async def set_link(
        self, contact: ContactId, target: ConnectionId, record: str, evidence: str
    ) -> None:
        self.pending.links[contact, target] = record, evidence

    async def drop_links(self, target: ConnectionId, record: str) -> int:
        values = {"target": target, "record": record}
        self.seen.links.clear()
        return int((await (await self.write()).execute(people.DROP_LINKS, values)).rowcount)

    async def opened(
        self, conversation: ConversationId, target: ConnectionId, *, held: bool = False
    ) -> OpenedRow | None:
        if held:
            await self._hold(conversation, target)
        elif (conversation, target) in self.pending.opened:
            await self.write()
        await self.seen.look_at_counterparts([conversation])
        return self.seen.opened[conversation].get(target)

    async def _hold(self, conversation: ConversationId, target: ConnectionId) -> None:
        """Keep others from a counterpart; what was read of it before may be old."""
        values = {"conversation": conversation, "target": target}
        await (await self.write()).execute(conversations.LOCK_OPENED, values)
        self.seen.opened.pop(conversation, None)

    async def set_opened(
        self, conversation: ConversationId, target: ConnectionId, counterpart: OpenedRow
    ) -> None:
        if (conversation, target) in self.pending.opened:
            await self.write()
        self.pending.opened[conversation, target] = counterpart

    async def caught_up(
        self, conversation: ConversationId, target: ConnectionId, revision: int
    ) -> bool:
        values = {"conversation": conversation, "target": target}
        await self._hold(conversation, target)
        last = await self.latest(target, DeliveryKind.READ_HISTORY, conversation)
        if not is_newest_history(revision, last):
            return False
        await self.at.execute(conversations.CAUGHT_UP, values)
        return True

    async def know_operators(self, target: ConnectionId, operators: Sequence[Operator]) -> None:
        await naming.know(await self.write(), target, operators)

    async def operator_name(self, target: ConnectionId, operator: str) -> str:
        return await naming.name(await self.write(), target, operator)

    async def deals(self, contact: ContactId, target: ConnectionId) -> tuple[DealRow, ...]:
        if self.pending.deals:
            await self.write()
        await self.seen.look_at_cards([contact])
        return self.seen.deals[contact].get(target, ())

    async def save_deal(
        self, contact: ContactId, target: ConnectionId, seen: DealRow, evidence: str
    ) -> None:
        self.pending.deals.append((contact, target, seen, evidence))

    async def use_deal(self, target: ConnectionId, deal: str) -> None:
        self.seen.deals.clear()
        await (await self.write()).execute(deals.USE, {"target": target, "deal": deal})

    async def set_deal_state(
        self, target: ConnectionId, deal: str, state: str, pipeline: str
    ) -> None:
        self.seen.deals.clear()
        await deals.set_state(await self.write(), target, deal, state, pipeline)

    async def remember_filled(self, target: ConnectionId, card: str, keys: Collection[str]) -> None:
        await fields.remember(await self.write(), target, card, keys)

    # What is owed.

    async def routes_from(self, source: ConnectionId) -> tuple[RouteRow, ...]:
        await self.seen.look_at_routes([source])
        return self.seen.routes[source]

    async def routes_to(self, target: ConnectionId) -> tuple[RouteRow, ...]:
        return await routes.routes_to(self.at, target)

    async def owe(self, duty: Duty) -> DeliveryId:
        self.touched.add(duty.target)
        duty = marked(duty)
        key = planned.key_of(duty)
        if key in self.pending.duties:
            return self.pending.duties[key][0]
        is_news = duty.subject in self.pending.born
        known = None if is_news else await planned.known(self.at, duty)
        if known is not None:
            return known
        delivery = DeliveryId(self.new_id())
        self.pending.duties[key] = delivery, duty
        return delivery

    async def latest(self, target: ConnectionId, kind: DeliveryKind, subject: UUID) -> Owed | None:
        here = self.pending.latest(target, kind, subject)
        is_here = here is not None and subject not in self.pending.born
        if is_here or self.pending.has_ended(target, kind, subject):
            await self.write()
        if subject in self.pending.born:
            return here
        return await planned.latest(self.at, target, kind, subject)

    async def parts(self, target: ConnectionId, message: MessageId) -> tuple[Owed, ...]:
        return await planned.parts(await self.write(), target, message)

    async def settle(self, job: Job, settlement: Settlement) -> None:
        settled.check(job, settlement)
        self.pending.ended.append((job, settlement))

    async def note_attempt(self, job: Job, attempt: Attempt) -> None:
        self.pending.noted.append((job, attempt))

    async def set_connection(self, connection: ConnectionId, state: str, reason: str) -> None:
        values = {"connection": connection, "state": state, "reason": reason}
        await (await self.write()).execute(SET_CONNECTION, values)
