"""The store's own transactions, on PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from mappers.vocabulary import ConnectionId
from middleware.db.engine import transaction
from middleware.ids import NewId, uuid7
from middleware.store.port import InboxRow, Job, Lease, Parcelled, Purpose, Unit
from middleware.store.postgres import gaps, inbox, jobs, lanes, leases
from middleware.store.postgres.unit import PostgresUnit

CIRCUIT_AFTER = 3
SET_CURSOR = text("UPDATE connections SET cursor = :cursor WHERE id = :connection")
CIRCUIT = text("SELECT circuit_open_at FROM connections WHERE id = :connection")
NOTE_DOUBT = text(
    """
    UPDATE connections SET doubts_in_row = doubts_in_row + 1,
        circuit_open_at = CASE WHEN doubts_in_row + 1 >= :limit
                               THEN clock_timestamp() + :pause ELSE circuit_open_at END
    WHERE id = :connection
    """
)
NOTE_SUCCESS = text(
    """
    UPDATE connections SET doubts_in_row = 0, circuit_open_at = NULL
    WHERE id = :connection AND (doubts_in_row > 0 OR circuit_open_at IS NOT NULL)
    """
)


@dataclass(frozen=True, slots=True)
class Silence:
    """The last sign of life and what time it is now. `is_restored`: the database is another one."""

    since: datetime
    now: datetime
    is_restored: bool


@dataclass(frozen=True, slots=True)
class PostgresStore:
    """See `middleware.store.port.Store`."""

    engine: AsyncEngine
    new_id: NewId = uuid7

    async def append(self, parcels: Sequence[Parcelled]) -> int:
        async with transaction(self.engine) as at:
            return await inbox.append(at, parcels)

    async def append_polled(self, lease: Lease, parcels: Sequence[Parcelled], cursor: str) -> int:
        async with transaction(self.engine) as at:
            await leases.prove(at, lease)
            await at.execute(SET_CURSOR, {"cursor": cursor, "connection": lease.connection})
            return await inbox.append(at, parcels)

    async def acquire(
        self, connection: ConnectionId, purpose: Purpose, owner: str, ttl: timedelta
    ) -> Lease | None:
        async with transaction(self.engine) as at:
            return await leases.acquire(at, connection, purpose, owner, ttl)

    async def renew(self, held: Sequence[Lease], ttl: timedelta) -> frozenset[Lease]:
        async with transaction(self.engine) as at:
            return await leases.renew(at, held, ttl)

    async def release(self, lease: Lease) -> None:
        async with transaction(self.engine) as at:
            await leases.release(at, lease)

    async def due(self, limit: int) -> tuple[ConnectionId, ...]:
        async with transaction(self.engine) as at:
            return await leases.due(at, limit)

    async def recover(self, lease: Lease) -> int:
        async with transaction(self.engine) as at:
            await leases.prove(at, lease)
            return await lanes.recover(at, lease.connection)

    async def claim_inbox(self, lease: Lease, limit: int) -> tuple[InboxRow, ...]:
        async with transaction(self.engine) as at:
            await leases.prove(at, lease)
            return await inbox.claim(at, lease.connection, limit)

    async def claim_jobs(self, lease: Lease, limit: int, *, probe_only: bool) -> tuple[Job, ...]:
        async with transaction(self.engine) as at:
            await leases.prove(at, lease)
            taken = await lanes.claim(at, lease.connection, limit, probe_only=probe_only)
            return await jobs.load(at, taken)

    @asynccontextmanager
    async def unit(self, lease: Lease | None) -> AsyncIterator[Unit]:
        async with transaction(self.engine) as at:
            if lease is not None:
                await leases.prove(at, lease)
            yield PostgresUnit(at, self.new_id)

    async def circuit(self, connection: ConnectionId) -> datetime | None:
        async with transaction(self.engine) as at:
            return (await at.execute(CIRCUIT, {"connection": connection})).scalar()

    async def note_doubt(self, connection: ConnectionId, *, doubt: bool, pause: timedelta) -> None:
        async with transaction(self.engine) as at:
            if doubt:
                values = {"connection": connection, "limit": CIRCUIT_AFTER, "pause": pause}
                await at.execute(NOTE_DOUBT, values)
            else:
                await at.execute(NOTE_SUCCESS, {"connection": connection})

    async def pulse(self) -> None:
        async with transaction(self.engine) as at:
            await at.execute(gaps.PULSE)

    async def silence(self) -> Silence | None:
        """How long the hub has left no sign of life; None when it never lived."""
        async with transaction(self.engine) as at:
            row = (await at.execute(gaps.LAST_PULSE)).first()
        return None if row is None else Silence(row.at, row.now, row.is_restored)

    async def fall_behind(self, connections: Sequence[ConnectionId], since: datetime) -> int:
        async with transaction(self.engine) as at:
            return await gaps.fall_behind(at, connections, since, self.new_id)
