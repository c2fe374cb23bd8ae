"""The store itself: short transactions, and the ways in which a test may break it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Literal

from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware.clock import Clock
from middleware.simulation.twin import claiming, gaps, inbox, lanes, leases
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.schema import Connection, MappingVersion, Tables
from middleware.simulation.twin.transactions import Database, Fault, Transaction
from middleware.simulation.twin.unit import TwinUnit
from middleware.store.duties import Job
from middleware.store.rows import (
    Gap,
    InboxClaim,
    InboxRow,
    JobsClaim,
    Lease,
    Parcelled,
    Pinned,
    Purpose,
    RouteRow,
    Silence,
)

LONGEST_IDLE = timedelta(seconds=8)
Backup = dict[str, tuple[Any, ...]]


class TwinStore:
    """`middleware.store.port.Store` in memory. Nothing survives it.

    `tables` is what is committed, for a test to look at and never to touch.
    """

    def __init__(self, clock: Clock, *, longest_idle: timedelta = LONGEST_IDLE) -> None:
        """`longest_idle` is how long a transaction may do nothing; shorter than any lease."""
        self._database = Database(clock, longest_idle)

    @property
    def tables(self) -> Tables:
        return self._database.tables

    # What an admin does.
    def add_connection(
        self,
        connection: ConnectionId,
        workspace: WorkspaceId,
        kind: Literal["channel", "crm"],
        account: tuple[str, str],
    ) -> None:
        """`account` is a provider's name and what it calls the account: the same in every run."""
        provider, name = account
        self.tables.connections.save(
            Connection(
                id=connection, workspace=workspace, kind=kind, provider=provider, account=name
            )
        )

    def add_route(self, route: RouteRow) -> None:
        self.tables.routes.save(route)

    def add_mapping(self, pinned: Pinned, name: str, document: str) -> None:
        version = MappingVersion(pinned=pinned, name=name, document=document)
        self.tables.mapping_versions.save(version)

    async def resume(self, connection: ConnectionId) -> None:
        """Make a connection active again, with everything that was parked."""
        await self._database.run("resume", lambda tx: lanes.resume(tx, connection))

    # What may go wrong.
    @property
    def faults_met(self) -> dict[str, int]:
        """How often each fault really hit a transaction."""
        return self._database.faults_met

    def fail_next(self, fault: Fault, *, at: str = "", times: int = 1) -> None:
        """Let the next transactions fail; `at` is `unit` or a method of the store, or any.

        `cut_before_commit`: nothing is recorded, the caller sees `StoreUnavailable`.
        `cut_after_commit`: all is recorded, and the caller sees `StoreUnavailable` none the less.
        `conflict`: nothing is recorded, the caller sees `StoreConflict`.
        """
        self._database.faults += [(fault, at)] * times

    def go_away(self) -> None:
        """Begin an outage: what is open is undone, what is asked is refused."""
        self._database.go_away()

    def come_back(self) -> None:
        self._database.is_away = False

    def backup(self) -> Backup:
        """Copy everything that is committed now."""
        return {table.name: tuple(table.rows.values()) for table in self.tables.all()}

    def restore(self, backup: Backup) -> None:
        """Undo what is open and go back to a backup, as a database that knows it is another one."""
        self.go_away()
        for table in self.tables.all():
            table.reset(backup[table.name])
        self._database.identity += 1
        self.come_back()

    async def forget_words(self) -> None:
        """Do what retention does: settled bodies, texts and names go, their keys stay."""

        async def work(tx: Transaction) -> None:
            for parcel in list(self.tables.inbox.rows.values()):
                if parcel.state == "read":
                    await tx.inbox.change((parcel.connection, parcel.digest), body=None)
            for said in list(self.tables.messages.rows.values()):
                await tx.messages.change(said.id, content=None)
            for name in list(self.tables.names.rows.values()):
                await tx.names.change((name.connection, name.digest), name=None)

        await self._database.run("forget_words", work)

    # Doors.
    async def append(self, parcels: Sequence[Parcelled]) -> int:
        return await self._database.run("append", lambda tx: inbox.append(tx, parcels))

    async def append_polled(self, lease: Lease, parcels: Sequence[Parcelled], cursor: str) -> int:
        async def work(tx: Transaction) -> int:
            await tx.connections.change(lease.connection, cursor=cursor)
            return await inbox.append(tx, parcels)

        return await self._database.run("append_polled", work, lease)

    async def cursor(self, connection: ConnectionId) -> str:
        async def work(tx: Transaction) -> str:
            return there(tx.connections.get(connection), "connection").cursor

        return await self._database.run("cursor", work)

    # Leases.
    async def acquire(
        self, connection: ConnectionId, purpose: Purpose, owner: str, ttl: timedelta
    ) -> Lease | None:
        wanted = Lease(connection=connection, purpose=purpose, owner=owner, epoch=0)
        return await self._database.run("acquire", lambda tx: leases.acquire(tx, wanted, ttl))

    async def renew(self, held: Sequence[Lease], ttl: timedelta) -> frozenset[Lease]:
        return await self._database.run("renew", lambda tx: leases.renew(tx, held, ttl))

    async def owner(self, connection: ConnectionId, purpose: Purpose) -> str | None:
        async def work(tx: Transaction) -> str | None:
            return leases.owner(tx, connection, purpose)

        return await self._database.run("owner", work)

    async def release(self, lease: Lease) -> None:
        await self._database.run("release", lambda tx: leases.release(tx, lease))

    # The schedule.
    async def due(self, limit: int) -> tuple[ConnectionId, ...]:
        async def work(tx: Transaction) -> tuple[ConnectionId, ...]:
            everyone = tuple(self.tables.connections.rows)
            due = [connection for connection in everyone if leases.needs_a_server(tx, connection)]
            return tuple(due[:limit])

        return await self._database.run("due", work)

    async def recover(self, lease: Lease) -> int:
        at = lease.connection
        return await self._database.run("recover", lambda tx: lanes.recover(tx, at), lease)

    # Work.
    async def claim_inbox(self, claims: Sequence[InboxClaim]) -> tuple[tuple[InboxRow, ...], ...]:
        async def work(tx: Transaction) -> tuple[tuple[InboxRow, ...], ...]:
            return tuple([await inbox.claim(tx, each) for each in claims])

        held = [each.lease for each in claims]
        return await self._database.run("claim_inbox", work, *held)

    async def claim_jobs(self, claims: Sequence[JobsClaim]) -> tuple[tuple[Job, ...], ...]:
        async def work(tx: Transaction) -> tuple[tuple[Job, ...], ...]:
            return tuple([await claiming.claim(tx, each) for each in claims])

        held = [each.lease for each in claims]
        return await self._database.run("claim_jobs", work, *held)

    @asynccontextmanager
    async def unit(self, *held: Lease) -> AsyncIterator[TwinUnit]:
        async with self._database.transaction("unit", *held) as transaction:
            yield TwinUnit(transaction)

    # Gaps.
    async def pulse(self) -> None:
        await self._database.run("pulse", gaps.pulse)

    async def silence(self) -> Silence | None:
        async def work(tx: Transaction) -> Silence | None:
            return gaps.silence(tx)

        return await self._database.run("silence", work)

    async def distrust(self) -> None:
        await self._database.run("distrust", gaps.distrust)

    async def fall_behind(
        self, connections: Sequence[ConnectionId], since: datetime, *, asks: bool = False
    ) -> int:
        gap = Gap(connections=tuple(connections), since=since, asks=asks)
        return await self._database.run("fall_behind", lambda tx: gaps.fall_behind(tx, gap))
