"""The doors' own way into the inbox: a flush is one statement, and one journey to the database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncEngine

from middleware.db.engine import bare_connection, in_store_terms
from middleware.store.postgres import inbox
from middleware.store.rows import Parcelled

APPEND = str(inbox.APPEND.compile(dialect=dialect()))  # type: ignore[no-untyped-call]
# Whatever stands between us and the database may forget a connection that is silent for longer.
IDLE_S = 60.0


class InboxWriter:
    """Appends as `Store.append` does, on connections of its own.

    A statement that is a transaction by itself needs no BEGIN, no COMMIT and no pool: a small
    flush costs the hub a fifth, and the database a half.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._idle: list[tuple[asyncpg.Connection, float]] = []

    async def append(self, parcels: Sequence[Parcelled]) -> int:
        """Commit parcels; return how many were new. Raises: as `in_store_terms`."""
        if not parcels:
            return 0
        async with self._connection() as connection:
            return int(await connection.fetchval(APPEND, *inbox.columns(parcels).values()))

    async def aclose(self) -> None:
        while self._idle:
            self._idle.pop()[0].terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        clock = asyncio.get_running_loop().time
        with in_store_terms():
            connection = self._take(clock()) or await bare_connection(self._engine)
            try:
                yield connection
            except BaseException:
                connection.terminate()
                raise
        self._idle.append((connection, clock()))

    def _take(self, now: float) -> asyncpg.Connection | None:
        """Take the connection that was used last, unless it is dead or may be forgotten."""
        while self._idle:
            connection, used_at = self._idle.pop()
            if now - used_at < IDLE_S and not connection.is_closed():
                return connection
            connection.terminate()
        return None
