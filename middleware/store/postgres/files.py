"""Files of messages: what became of them, and who waits for them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Uuid

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryState,
    MessageId,
    RouteId,
)
from middleware.db.direct import Session
from middleware.store.duties import ToldWithout
from middleware.store.rows import FileRow

KEEP = text(
    """
    INSERT INTO files (message_id, position, state, reason, key, mime, size_bytes, name)
    VALUES (:message, :position, :state, :reason, :key, :mime, :size_bytes, :name)
    ON CONFLICT (message_id, position) DO UPDATE SET
        state = excluded.state, reason = excluded.reason, key = excluded.key,
        mime = excluded.mime, size_bytes = excluded.size_bytes, name = excluded.name,
        at = excluded.at
    WHERE files.state = 'wanted'
    """
)
OF = text(
    "SELECT * FROM files WHERE message_id = ANY(:messages) ORDER BY message_id, position"
).bindparams(bindparam("messages", type_=ARRAY(Uuid)))
ENTRIES = text(
    """
    SELECT d.id, d.state, d.target_id, d.lane_id, l.key AS lane, d.route_id, d.conversation_id,
        d.contact_id
    FROM deliveries AS d JOIN lanes AS l ON l.id = d.lane_id
    WHERE d.message_id = :message AND d.kind = 'write' AND d.detail ->> 'file' = :position
    ORDER BY d.id FOR UPDATE OF d
    """
)
# Whoever tries again after a failure waits out its pause, file or no file.
STOP_WAITING = text(
    "UPDATE deliveries SET due_at = NULL WHERE id = ANY(:ids) AND attempts = 0"
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))
# A lane that is being changed is looked at again soon enough: waiting for it here, with its
# entry locked, could be for ever.
HASTEN = text(
    """
    UPDATE lanes SET due_at = clock_timestamp() WHERE id IN (
        SELECT id FROM lanes WHERE id = ANY(:lanes) AND due_at IS NOT NULL
        ORDER BY id FOR UPDATE SKIP LOCKED)
    """
).bindparams(bindparam("lanes", type_=ARRAY(BigInteger)))
MARK_LATE = text(
    """
    UPDATE files SET late = ARRAY(SELECT DISTINCT unnest(late || :targets))
    WHERE message_id = :message AND position = :position
    """
).bindparams(bindparam("targets", type_=ARRAY(Uuid)))

NOT_BEGUN = frozenset({DeliveryState.READY, DeliveryState.PARKED})


async def keep(at: Session, file: FileRow) -> None:
    await at.execute(
        KEEP,
        {
            "message": file.message,
            "position": file.position,
            "state": file.state,
            "reason": file.reason,
            "key": file.key,
            "mime": file.mime,
            "size_bytes": file.size_bytes,
            "name": file.name.encode(),
        },
    )


async def of(at: Session, messages: Sequence[UUID]) -> Mapping[UUID, tuple[FileRow, ...]]:
    """Load the files of messages, each message's in order."""
    found: dict[UUID, list[FileRow]] = defaultdict(list)
    for row in await at.execute(OF, {"messages": list(messages)}):
        found[row.message_id].append(as_file(row))
    return {message: tuple(files) for message, files in found.items()}


async def let_go(
    at: Session, message: MessageId, position: int
) -> tuple[tuple[ConnectionId, ...], tuple[ToldWithout, ...]]:
    """Return who will show the file now, and who was told without it."""
    values = {"message": message, "position": str(position)}
    entries = (await at.execute(ENTRIES, values)).all()
    waiting = [row for row in entries if DeliveryState(row.state) in NOT_BEGUN]
    told = [row for row in entries if row not in waiting and row.state != DeliveryState.SKIPPED]
    if waiting:
        await at.execute(STOP_WAITING, {"ids": [row.id for row in waiting]})
        await at.execute(HASTEN, {"lanes": [row.lane_id for row in waiting]})
    if told:
        late = {"message": message, "position": position}
        await at.execute(MARK_LATE, {**late, "targets": [row.target_id for row in told]})
    return tuple(row.target_id for row in waiting), tuple(_told(row) for row in told)


def _told(row: Any) -> ToldWithout:
    return ToldWithout(
        target=ConnectionId(row.target_id),
        lane=row.lane,
        route=None if row.route_id is None else RouteId(row.route_id),
        conversation=None if row.conversation_id is None else ConversationId(row.conversation_id),
        contact=None if row.contact_id is None else ContactId(row.contact_id),
    )


def as_file(row: Any) -> FileRow:
    return FileRow(
        message=MessageId(row.message_id),
        position=row.position,
        state=row.state,
        reason=row.reason,
        key=row.key,
        mime=row.mime,
        size_bytes=row.size_bytes,
        name=row.name.decode(),
        late=frozenset(ConnectionId(each) for each in row.late),
    )
