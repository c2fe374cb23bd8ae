"""The latest messages and tries, found by the time in their keys."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from mappers.vocabulary import WorkspaceId
from middleware.db.engine import transaction
from middleware.ids import uuid7_of
from middleware.store.codec import decode_message

MESSAGES = text(
    """
    SELECT m.id, m.recorded_at AS at, m.direction, m.status, m.content, c.title
    FROM messages AS m JOIN connections AS c ON c.id = m.connection_id
    WHERE m.id > :first AND m.workspace_id = :workspace ORDER BY m.id DESC LIMIT :limit
    """
)
ATTEMPTS = text(
    """
    SELECT a.delivery_id AS id, a.started_at, a.duration_ms, a.number, a.purpose, a.outcome,
        a.code, d.kind, c.title
    FROM attempts AS a JOIN deliveries AS d ON d.id = a.delivery_id
    JOIN connections AS c ON c.id = d.target_id
    WHERE a.started_at > :since AND d.workspace_id = :workspace
    ORDER BY a.started_at DESC LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of what happens. `key` is the same whenever the same thing is read again.

    `detail` is a message's direction, or the outcome of a try; `words` what was said.
    """

    at: datetime
    what: Literal["message", "attempt"]
    key: str
    id: UUID
    title: str
    kind: str
    detail: str
    code: str = ""
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class FeedStore:
    engine: AsyncEngine
    workspace: WorkspaceId

    async def since(self, moment: datetime, *, limit: int) -> tuple[Happening, ...]:
        """Return what was recorded since then, the latest `limit` of each sort, in order."""
        first = uuid7_of(round(moment.timestamp() * 1000), 0)
        about = {"workspace": self.workspace, "limit": limit, "first": first, "since": moment}
        async with transaction(self.engine) as at:
            said = [_message(row) for row in await at.execute(MESSAGES, about)]
            tried = [_attempt(row) for row in await at.execute(ATTEMPTS, about)]
        return tuple(sorted([*said, *tried], key=lambda happening: happening.at))


def _message(row: Any) -> Happening:
    return Happening(
        at=row.at,
        what="message",
        key=str(row.id),
        id=row.id,
        title=row.title,
        kind="message",
        detail=row.direction,
        words=decode_message(row.content).text if row.content is not None else "",
    )


def _attempt(row: Any) -> Happening:
    return Happening(
        at=row.started_at + timedelta(milliseconds=row.duration_ms),
        what="attempt",
        key=f"{row.id}/{row.number}/{row.purpose}",
        id=row.id,
        title=row.title,
        kind=row.kind,
        detail=row.outcome,
        code=row.code,
    )
