"""One transaction of the hub, on PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

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
    RouteId,
    Status,
    WorkspaceId,
)
from middleware.ids import NewId
from middleware.pipeline.rules import is_newest_history
from middleware.store.codec import decode_message, decode_policy, encode_fact, encode_message
from middleware.store.duties import Attempt, Duty, Job, Owed, Settlement, ToldWithout
from middleware.store.postgres import deals, fields, files, inbox, lanes, people, questions
from middleware.store.postgres import operators as naming
from middleware.store.rows import (
    ContactRow,
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
    Pinned,
    RouteRow,
)
from middleware.tracing.place import marked
from middleware.webhooks.keys import digest_of

ADD_NAMES = text(
    """
    INSERT INTO names (connection_id, digest, name, message_id, part, position)
    SELECT :connection, given.digest, given.name, :message, :part, given.position
    FROM unnest(:digests, :names) WITH ORDINALITY AS given(digest, name, position)
    ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("digests", type_=ARRAY(BYTEA)), bindparam("names", type_=ARRAY(Text)))
ADD_MESSAGE = text(
    """
    INSERT INTO messages (id, workspace_id, connection_id, conversation_id, direction, sent_at,
        content, operator_id, planned)
    VALUES (:id, :workspace, :connection, :conversation, :direction, :sent_at, :content,
        :operator, :planned)
    """
)
_MESSAGE = (
    "SELECT m.id, m.workspace_id, m.connection_id, m.conversation_id, m.status, m.sent_at, "
    "m.direction, m.planned, m.content, k.kind FROM messages AS m "
    "JOIN connections AS k ON k.id = m.connection_id "
)
MESSAGE_NAMED = text(
    _MESSAGE + "JOIN names AS n ON n.message_id = m.id "
    "WHERE n.connection_id = :connection AND n.digest = :digest"
)
MESSAGE = text(_MESSAGE + "WHERE m.id = :id")
ADD_FACT = text(
    """
    INSERT INTO facts (message_id, kind, revision, content)
    VALUES (:message, :kind, :revision, :content) ON CONFLICT DO NOTHING
    """
)
RAISE_STATUS = text(
    "UPDATE messages SET status = :status WHERE id = :message AND status = ANY(:lower)"
).bindparams(bindparam("lower", type_=ARRAY(Text)))
UNPLANNED = text(
    """
    SELECT id FROM messages WHERE conversation_id = :conversation AND NOT planned
    ORDER BY sent_at, recorded_at, id
    """
)
MARK_PLANNED = text("UPDATE messages SET planned = true WHERE id = :message")
_ROUTES = """
    SELECT r.id, r.source_id, r.target_id, r.policy, m.id AS mapping_id, m.active AS version
    FROM routes AS r LEFT JOIN mappings AS m ON m.id = r.mapping_id AND m.active IS NOT NULL
    WHERE r.state = 'active' """
ROUTES_FROM = text(_ROUTES + "AND r.source_id = :source ORDER BY r.id")
ROUTES_TO = text(_ROUTES + "AND r.target_id = :target ORDER BY r.id")
SET_CONNECTION = text(
    """
    UPDATE connections SET state = :state, reason = :reason
    WHERE id = :connection AND state <> 'removed'
    """
)


@dataclass(frozen=True, slots=True)
class PostgresUnit:
    """See `middleware.store.port.Unit`."""

    at: AsyncConnection
    new_id: NewId
    touched: set[ConnectionId] = field(default_factory=set)

    async def close_row(
        self, row: InboxRow, state: InboxState, *, note: str = "", awaits: str = ""
    ) -> None:
        await inbox.close(self.at, row, state, note, awaits)

    async def wake_waiting(self, connection: ConnectionId, awaits: str) -> None:
        if await inbox.wake_waiting(self.at, connection, awaits):
            self.touched.add(connection)

    async def append(self, parcels: Sequence[Parcelled]) -> int:
        self.touched.update(parcel.connection for parcel in parcels)
        return await inbox.append(self.at, parcels)

    async def contact_for(self, workspace: WorkspaceId, person: Person) -> ContactRow:
        return await people.contact_for(self.at, workspace, person, self.new_id)

    async def person(self, contact: ContactId) -> Person | None:
        return await people.person(self.at, contact)

    async def hint(self, workspace: WorkspaceId, contact: ContactId, identity: Identity) -> None:
        await people.hint(self.at, workspace, contact, identity)

    async def conversation_for(
        self, connection: ConnectionId, external: str, contact: ContactId | None
    ) -> ConversationRow:
        return await people.conversation_for(self.at, connection, external, contact, self.new_id)

    async def conversation_at(
        self, connection: ConnectionId, external: str
    ) -> ConversationRow | None:
        return await people.conversation_at(self.at, connection, external)

    async def conversation_in_crm(
        self, connection: ConnectionId, external: str, ours: str
    ) -> ConversationRow | None:
        return await people.conversation_in_crm(self.at, connection, external, ours)

    async def conversations_of(
        self, identity: Identity, crm: ConnectionId
    ) -> tuple[ConversationRow, ...]:
        return await people.conversations_of(self.at, identity, crm)

    async def conversation_of_record(
        self, connection: ConnectionId, record: str, deal: str
    ) -> ConversationRow | None:
        return await people.conversation_of_record(self.at, connection, record, deal)

    async def conversation(self, conversation: ConversationId) -> ConversationRow:
        return await people.conversation(self.at, conversation)

    async def set_reachable(self, conversation: ConversationId, *, reachable: bool) -> None:
        values = {"id": conversation, "reachable": reachable}
        await self.at.execute(people.SET_REACHABLE, values)

    async def move_conversation(self, connection: ConnectionId, old: str, new: str) -> None:
        values = {"connection": connection, "old": old, "new": new}
        await self.at.execute(people.MOVE_CONVERSATION, values)

    async def add_message(self, new: NewMessage) -> MessageId | None:
        message = MessageId(self.new_id())
        names = (new.message.origin.message,)
        if not await self._add_names(new.connection, message, names, 0):
            return None
        await self.at.execute(
            ADD_MESSAGE,
            {
                "id": message,
                "workspace": new.workspace,
                "connection": new.connection,
                "conversation": new.conversation,
                "direction": new.message.direction,
                "sent_at": new.message.sent_at,
                "content": encode_message(new.message),
                "operator": new.operator,
                "planned": new.planned,
            },
        )
        return message

    async def add_names(
        self, connection: ConnectionId, message: MessageId, names: Sequence[str], part: int
    ) -> None:
        await self._add_names(connection, message, names, part)

    async def _add_names(
        self, connection: ConnectionId, message: MessageId, names: Sequence[str], part: int
    ) -> int:
        values = {
            "connection": connection,
            "message": message,
            "part": part,
            "digests": [digest_of(name) for name in names],
            "names": list(names),
        }
        return (await self.at.execute(ADD_NAMES, values)).rowcount

    async def message_named(self, connection: ConnectionId, name: str) -> MessageRow | None:
        values = {"connection": connection, "digest": digest_of(name)}
        row = (await self.at.execute(MESSAGE_NAMED, values)).first()
        return None if row is None else _message(row)

    async def open_question(self, conversation: ConversationId) -> OpenQuestion | None:
        return (await questions.first(self.at, [conversation])).get(conversation)

    async def reply(self, message: MessageId) -> tuple[MessageRow, Message]:
        row = (await self.at.execute(MESSAGE, {"id": message})).one()
        return _message(row), decode_message(row.content)

    async def add_fact(self, message: MessageId, kind: str, fact: Fact) -> bool:
        values = {
            "message": message,
            "kind": kind,
            "revision": fact.revision,
            "content": encode_fact(fact),
        }
        return bool((await self.at.execute(ADD_FACT, values)).rowcount)

    async def raise_status(self, message: MessageId, status: Status) -> bool:
        lower = [s.value for s in Status if s.rank < status.rank]
        values = {"message": message, "status": status, "lower": lower}
        return bool((await self.at.execute(RAISE_STATUS, values)).rowcount)

    async def unplanned_replies(self, conversation: ConversationId) -> tuple[MessageId, ...]:
        rows = await self.at.execute(UNPLANNED, {"conversation": conversation})
        return tuple(MessageId(row.id) for row in rows)

    async def mark_planned(self, message: MessageId) -> None:
        await self.at.execute(MARK_PLANNED, {"message": message})

    async def keep_file(self, file: FileRow) -> None:
        await files.keep(self.at, file)

    async def let_go(self, message: MessageId, position: int) -> tuple[ToldWithout, ...]:
        waiting, told = await files.let_go(self.at, message, position)
        self.touched.update(waiting)
        return told

    async def link(self, contact: ContactId, target: ConnectionId) -> LinkRow | None:
        return await people.link(self.at, contact, target)

    async def set_link(
        self, contact: ContactId, target: ConnectionId, record: str, evidence: str
    ) -> None:
        values = {"contact": contact, "target": target, "record": record, "evidence": evidence}
        await self.at.execute(people.SET_LINK, values)

    async def drop_links(self, target: ConnectionId, record: str) -> int:
        values = {"target": target, "record": record}
        return (await self.at.execute(people.DROP_LINKS, values)).rowcount

    async def opened(
        self, conversation: ConversationId, target: ConnectionId, *, held: bool = False
    ) -> OpenedRow | None:
        if held:
            values = {"conversation": conversation, "target": target}
            await self.at.execute(people.LOCK_OPENED, values)
        return await people.opened(self.at, conversation, target)

    async def set_opened(
        self, conversation: ConversationId, target: ConnectionId, counterpart: OpenedRow
    ) -> None:
        values = {
            "conversation": conversation,
            "target": target,
            "external": counterpart.opened.id,
            "customer": counterpart.opened.user,
            "ours": counterpart.ours,
            "record": counterpart.record,
            "opened_at": counterpart.opened_at,
            "behind_since": counterpart.behind_since,
            "begun_there": counterpart.begun_there,
        }
        await self.at.execute(people.SET_OPENED, values)

    async def caught_up(
        self, conversation: ConversationId, target: ConnectionId, revision: int
    ) -> bool:
        values = {"conversation": conversation, "target": target}
        await self.at.execute(people.LOCK_OPENED, values)
        last = await lanes.latest(self.at, target, DeliveryKind.READ_HISTORY, conversation)
        if not is_newest_history(revision, last):
            return False
        await self.at.execute(people.CAUGHT_UP, values)
        return True

    async def know_operators(self, target: ConnectionId, operators: Sequence[Operator]) -> None:
        await naming.know(self.at, target, operators)

    async def operator_name(self, target: ConnectionId, operator: str) -> str:
        return await naming.name(self.at, target, operator)

    async def deals(self, contact: ContactId, target: ConnectionId) -> tuple[DealRow, ...]:
        return (await deals.of(self.at, [contact])).get((contact, target), ())

    async def save_deal(
        self, contact: ContactId, target: ConnectionId, seen: DealRow, evidence: str
    ) -> None:
        await deals.save(self.at, contact, target, seen, evidence)

    async def use_deal(self, target: ConnectionId, deal: str) -> None:
        await self.at.execute(deals.USE, {"target": target, "deal": deal})

    async def set_deal_state(
        self, target: ConnectionId, deal: str, state: str, pipeline: str
    ) -> None:
        await deals.set_state(self.at, target, deal, state, pipeline)

    async def remember_filled(self, target: ConnectionId, card: str, keys: Collection[str]) -> None:
        await fields.remember(self.at, target, card, keys)

    async def routes_from(self, source: ConnectionId) -> tuple[RouteRow, ...]:
        rows = await self.at.execute(ROUTES_FROM, {"source": source})
        return tuple(map(_route, rows))

    async def routes_to(self, target: ConnectionId) -> tuple[RouteRow, ...]:
        rows = await self.at.execute(ROUTES_TO, {"target": target})
        return tuple(map(_route, rows))

    async def owe(self, duty: Duty) -> DeliveryId:
        self.touched.add(duty.target)
        return await lanes.owe(self.at, marked(duty), self.new_id)

    async def latest(self, target: ConnectionId, kind: DeliveryKind, subject: UUID) -> Owed | None:
        return await lanes.latest(self.at, target, kind, subject)

    async def parts(self, target: ConnectionId, message: MessageId) -> tuple[Owed, ...]:
        return await lanes.parts(self.at, target, message)

    async def settle(self, job: Job, settlement: Settlement) -> None:
        await lanes.settle(self.at, job, settlement)

    async def note_attempt(self, job: Job, attempt: Attempt) -> None:
        await lanes.note_attempt(self.at, job, attempt)

    async def set_connection(self, connection: ConnectionId, state: str, reason: str) -> None:
        values = {"connection": connection, "state": state, "reason": reason}
        await self.at.execute(SET_CONNECTION, values)


def _pinned(row: Any) -> Pinned | None:
    if row.mapping_id is None:
        return None
    return Pinned(mapping=row.mapping_id, version=row.version)


def _route(row: Any) -> RouteRow:
    return RouteRow(
        id=RouteId(row.id),
        source=ConnectionId(row.source_id),
        target=ConnectionId(row.target_id),
        policy=decode_policy(row.policy),
        mapping=_pinned(row),
    )


def _message(row: Any) -> MessageRow:
    return MessageRow(
        id=MessageId(row.id),
        workspace=WorkspaceId(row.workspace_id),
        connection=ConnectionId(row.connection_id),
        conversation=ConversationId(row.conversation_id),
        status=Status(row.status),
        sent_at=row.sent_at,
        is_reply=row.kind == "crm",
        planned=row.planned,
    )
