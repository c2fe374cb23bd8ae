"""Which of a customer's messages nobody has answered yet."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from mappers.vocabulary import MessageId
from middleware.db.direct import Session
from middleware.store.rows import OpenQuestion

FIRST = text(
    """
    SELECT asked.conversation_id, first.id, first.sent_at
    FROM unnest(:conversations) AS asked(conversation_id) CROSS JOIN LATERAL (
        SELECT m.id, m.sent_at FROM messages AS m
        WHERE m.conversation_id = asked.conversation_id AND m.direction = 'inbound'
          AND m.sent_at > coalesce(
                (SELECT max(a.sent_at) FROM messages AS a
                 WHERE a.conversation_id = asked.conversation_id AND a.direction = 'outbound'),
                '-infinity')
        ORDER BY m.sent_at, m.recorded_at, m.id LIMIT 1
    ) AS first
    """
).bindparams(bindparam("conversations", type_=ARRAY(Uuid)))


async def first(at: Session, conversations: Sequence[UUID]) -> Mapping[UUID, OpenQuestion]:
    """Return each conversation's first message that came after everything said to the customer."""
    if not conversations:
        return {}
    rows = await at.execute(FIRST, {"conversations": list(conversations)})
    return {
        row.conversation_id: OpenQuestion(message=MessageId(row.id), sent_at=row.sent_at)
        for row in rows
    }
