"""What was said: messages, every name they are known by, and what was said of them later."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.types import Boolean, SmallInteger, Text, Uuid

from mappers.vocabulary import (
    ConnectionId,
    ConversationId,
    Message,
    MessageId,
    Status,
    WorkspaceId,
)
from middleware.db.direct import Session
from middleware.db.tables import Moment
from middleware.store.codec import decode_message, encode_fact, encode_message
from middleware.store.errors import StoreConflict
from middleware.store.postgres.columns import arrays, by_column
from middleware.store.rows import Fact, MessageRow, NewMessage
from middleware.webhooks.keys import digest_of

Name = tuple[ConnectionId, bytes]

KNOWN_NAMES = text(
    """
    SELECT n.connection_id, n.digest FROM names AS n
    JOIN unnest(:connection, :digest) AS asked(connection_id, digest)
      ON n.connection_id = asked.connection_id AND n.digest = asked.digest
    """
).bindparams(*arrays(connection=Uuid, digest=BYTEA))
ADD_NAMES = text(
    """
    INSERT INTO names (connection_id, digest, name, message_id, part, position)
    SELECT * FROM unnest(:connection, :digest, :name, :message, :part, :position)
        AS given(connection_id, digest, name, message_id, part, position)
    ORDER BY connection_id, digest
    ON CONFLICT DO NOTHING RETURNING connection_id, digest
    """
).bindparams(
    *arrays(
        connection=Uuid,
        digest=BYTEA,
        name=Text,
        message=Uuid,
        part=SmallInteger,
        position=SmallInteger,
    )
)
ADD = text(
    """
    INSERT INTO messages (id, workspace_id, connection_id, conversation_id, direction, sent_at,
        content, operator_id, planned)
    SELECT * FROM unnest(:id, :workspace, :connection, :conversation, :direction, :sent_at,
        :content, :operator, :planned)
    """
).bindparams(
    *arrays(
        id=Uuid,
        workspace=Uuid,
        connection=Uuid,
        conversation=Uuid,
        direction=Text,
        sent_at=Moment,
        content=BYTEA,
        operator=Text,
        planned=Boolean,
    )
)
_MESSAGE = (
    "SELECT m.id, m.workspace_id, m.connection_id, m.conversation_id, m.status, m.sent_at, "
    "m.direction, m.planned, m.content, k.kind FROM messages AS m "
    "JOIN connections AS k ON k.id = m.connection_id "
)
NAMED = text(
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewName:
    """A name for a message. `is_origin`: it makes the message, and must be nobody's yet."""

    connection: ConnectionId
    name: str
    message: MessageId
    part: int = 0
    position: int = 1
    is_origin: bool = False

    @property
    def key(self) -> Name:
        return self.connection, digest_of(self.name)


async def known_names(at: Session, names: Collection[Name]) -> frozenset[Name]:
    """Say which of these are some message's."""
    asked = [{"connection": connection, "digest": digest} for connection, digest in names]
    rows = await at.execute(KNOWN_NAMES, by_column(asked))
    return frozenset((ConnectionId(row.connection_id), row.digest) for row in rows)


async def add_names(at: Session, names: Sequence[NewName]) -> None:
    """Raises: `StoreConflict` when an origin is somebody's meanwhile."""
    rows = [
        {
            "connection": each.connection,
            "digest": each.key[1],
            "name": each.name,
            "message": each.message,
            "part": each.part,
            "position": each.position,
        }
        for each in names
    ]
    added = {
        (row.connection_id, row.digest) for row in await at.execute(ADD_NAMES, by_column(rows))
    }
    if any(each.is_origin and each.key not in added for each in names):
        raise StoreConflict("a message was recorded beside us")


async def add(at: Session, messages: Sequence[tuple[MessageId, NewMessage]]) -> None:
    rows = [
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
        }
        for message, new in messages
    ]
    await at.execute(ADD, by_column(rows))


async def named(at: Session, connection: ConnectionId, name: str) -> MessageRow | None:
    values = {"connection": connection, "digest": digest_of(name)}
    row = (await at.execute(NAMED, values)).first()
    return None if row is None else _message(row)


async def whole(at: Session, message: MessageId) -> tuple[MessageRow, Message]:
    row = (await at.execute(MESSAGE, {"id": message})).one()
    return _message(row), decode_message(row.content)


async def add_fact(at: Session, message: MessageId, kind: str, fact: Fact) -> bool:
    values = {
        "message": message,
        "kind": kind,
        "revision": fact.revision,
        "content": encode_fact(fact),
    }
    return bool((await at.execute(ADD_FACT, values)).rowcount)


async def raise_status(at: Session, message: MessageId, status: Status) -> bool:
    lower = [s.value for s in Status if s.rank < status.rank]
    values = {"message": message, "status": status, "lower": lower}
    return bool((await at.execute(RAISE_STATUS, values)).rowcount)


async def unplanned(at: Session, conversation: ConversationId) -> tuple[MessageId, ...]:
    rows = await at.execute(UNPLANNED, {"conversation": conversation})
    return tuple(MessageId(row.id) for row in rows)


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
