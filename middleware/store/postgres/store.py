"""The store's own transactions, on PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from mappers.vocabulary import ConnectionId
from middleware.db.direct import session
from middleware.ids import NewId, uuid7
from middleware.store.duties import Job
from middleware.store.port import Unit
from middleware.store.postgres import gaps, inbox, jobs, lanes, leases
from middleware.store.postgres.unit import PostgresUnit
from middleware.store.rows import (
    Gap,
    InboxClaim,
    InboxRow,
    JobsClaim,
    Lease,
    Parcelled,
    Purpose,
    Silence,
)

CURSOR = text("SELECT cursor FROM connections WHERE id = :connection")
SET_CURSOR = text("UPDATE connections SET cursor = :cursor WHERE id = :connection")


@dataclass(frozen=True, slots=True)
class PostgresStore:
    """See `middleware.store.port.Store`."""

    engine: AsyncEngine
    new_id: NewId = uuid7

    async def append(self, parcels: Sequence[Parcelled]) -> int:
        async with session(self.engine) as at:
            return await inbox.append(at, parcels)

    async def append_polled(self, lease: Lease, parcels: Sequence[Parcelled], cursor: str) -> int:
        async with session(self.engine) as at:
            await leases.prove(at, [lease])
            await at.execute(SET_CURSOR, {"cursor": cursor, "connection": lease.connection})
            return await inbox.append(at, parcels)

    async def cursor(self, connection: ConnectionId) -> str:
        async with session(self.engine) as at:
            return str((await at.execute(CURSOR, {"connection": connection})).scalar_one())

    async def acquire(
        self, connection: ConnectionId, purpose: Purpose, owner: str, ttl: timedelta
    ) -> Lease | None:
        async with session(self.engine) as at:
            return await leases.acquire(at, connection, purpose, owner, ttl)

    async def renew(self, held: Sequence[Lease], ttl: timedelta) -> frozenset[Lease]:
        async with session(self.engine) as at:
            return await leases.renew(at, held, ttl)

    async def owner(self, connection: ConnectionId, purpose: Purpose) -> str | None:
        async with session(self.engine) as at:
            return await leases.owner(at, connection, purpose)

    async def release(self, lease: Lease) -> None:
        async with session(self.engine) as at:
            await leases.release(at, lease)

    async def due(self, limit: int) -> tuple[ConnectionId, ...]:
        async with session(self.engine) as at:
            return await leases.due(at, limit)

    async def recover(self, lease: Lease) -> int:
        async with session(self.engine) as at:
            await leases.prove(at, [lease])
            return await lanes.recover(at, lease.connection)

    async def claim_inbox(self, claims: Sequence[InboxClaim]) -> tuple[tuple[InboxRow, ...], ...]:
        async with session(self.engine) as at:
            await leases.prove(at, [each.lease for each in claims])
            return await inbox.claim(at, claims)

    async def claim_jobs(self, claims: Sequence[JobsClaim]) -> tuple[tuple[Job, ...], ...]:
        async with session(self.engine) as at:
            await leases.prove(at, [each.lease for each in claims])
            turns = await lanes.turns(at, claims)
            await lanes.give_up(at, turns.given_up)
            taken: dict[ConnectionId, list[Job]] = {each.lease.connection: [] for each in claims}
            for job in await jobs.take(at, turns):
                taken[job.target].append(job)
            return tuple(tuple(taken[each.lease.connection]) for each in claims)

    @asynccontextmanager
    async def unit(self, *held: Lease) -> AsyncIterator[Unit]:
        async with session(self.engine) as at:
            if held:
                await leases.prove(at, held)
            unit = PostgresUnit(at, self.new_id)
            yield unit
            await unit.write()

    async def pulse(self) -> None:
        async with session(self.engine) as at:
            await at.execute(gaps.PULSE)

    async def silence(self) -> Silence | None:
        async with session(self.engine) as at:
            row = (await at.execute(gaps.LAST_PULSE)).first()
        if row is None:
            return None
        return Silence(since=row.at, now=row.now, is_restored=row.is_restored)

    async def distrust(self) -> None:
        async with session(self.engine) as at:
            await gaps.distrust(at)

    async def fall_behind(
        self, connections: Sequence[ConnectionId], since: datetime, *, asks: bool = False
    ) -> int:
        async with session(self.engine) as at:
            gap = Gap(connections=tuple(connections), since=since, asks=asks)
            return await gaps.fall_behind(at, gap, self.new_id)
