"""Parcels that could not be read, and how they are put back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import BigInteger, Uuid

from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware.db.engine import transaction
from middleware.operations.access.store import note
from middleware.operations.model import Caller

LIST = text(
    """
    SELECT i.connection_id, c.title, i.arrival, i.form, i.state, i.note, i.tries, i.received_at
    FROM inbox AS i JOIN connections AS c ON c.id = i.connection_id
    WHERE c.workspace_id = :workspace AND i.state = 'set_aside'
      AND (:connection IS NULL OR i.connection_id = :connection)
      AND (:after IS NULL OR i.arrival > :after)
    ORDER BY i.arrival LIMIT :limit
    """
).bindparams(bindparam("connection", type_=Uuid), bindparam("after", type_=BigInteger))
# A body may be gone with its partition, and then there is nothing left to read.
READ_AGAIN = text(
    """
    UPDATE inbox SET state = 'new', tries = 0, note = '', awaits = ''
    FROM connections AS c
    WHERE c.id = inbox.connection_id AND c.workspace_id = :workspace
      AND c.id = :connection AND inbox.state = 'set_aside'
      AND (:all OR inbox.arrival = ANY(:arrivals))
      AND EXISTS (SELECT FROM bodies AS b WHERE b.received_at = inbox.received_at
                  AND b.connection_id = inbox.connection_id AND b.digest = inbox.digest)
    RETURNING inbox.arrival
    """
).bindparams(bindparam("arrivals", type_=ARRAY(BigInteger)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalLine:
    connection: ConnectionId
    title: str
    arrival: int
    form: str
    state: str
    note: str
    tries: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ArrivalStore:
    engine: AsyncEngine

    async def set_aside(
        self,
        workspace: WorkspaceId,
        connection: ConnectionId | None,
        *,
        after: int | None,
        limit: int,
    ) -> tuple[ArrivalLine, ...]:
        """Return the oldest first, `after` an arrival number."""
        values = {"workspace": workspace, "connection": connection, "after": after, "limit": limit}
        async with transaction(self.engine) as at:
            return tuple(arrival_line(row) for row in await at.execute(LIST, values))

    async def read_again(
        self, caller: Caller, connection: ConnectionId, arrivals: Sequence[int] | None
    ) -> tuple[int, ...]:
        """Make parcels unread; all of the connection's that were set aside when none is named."""
        values = {
            "workspace": caller.workspace,
            "connection": connection,
            "all": arrivals is None,
            "arrivals": list(arrivals or ()),
        }
        async with transaction(self.engine) as at:
            rows = await at.execute(READ_AGAIN, values)
            freed = tuple(sorted(row.arrival for row in rows))
            if freed:
                await note(at, caller, "inbox.read_again", str(connection), {"arrivals": freed})
        return freed


def arrival_line(row: Any) -> ArrivalLine:
    return ArrivalLine(
        connection=ConnectionId(row.connection_id),
        title=row.title,
        arrival=row.arrival,
        form=row.form,
        state=row.state,
        note=row.note,
        tries=row.tries,
        received_at=row.received_at,
    )
