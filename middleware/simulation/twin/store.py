"""The store itself: short transactions, and the ways in which a test may break it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware.clock import Clock
from middleware.simulation.twin import claiming, gaps, inbox, lanes, leases
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.schema import Connection, Tables
from middleware.simulation.twin.transactions import Database, Fault, Transaction
from middleware.simulation.twin.unit import TwinUnit
from middleware.store.port import InboxRow, Job, Lease, Parcelled, Purpose, RouteRow

LONGEST_IDLE = timedelta(seconds=10)


class TwinStore:
    """`middleware.store.port.Store` in memory. Nothing survives it.

    `tables` is what is committed, for a test to look at and never to touch.
    """

    def __init__(self, clock: Clock, *, longest_idle: timedelta = LONGEST_IDLE) -> None:
        """`longest_idle` is how long a transaction may do nothing; shorter than any lease."""
        self._database = Database(clock, longest_idle)
        self.last_pulse: datetime | None = None

    @property
    def tables(self) -> Tables:
        return self._database.tables

    # What an admin has set up.
    def add_connection(
        self, connection: ConnectionId, workspace: WorkspaceId, account: str
    ) -> None:
        """`account` is the connection's name in the outside world, the same in every run."""
        self.tables.connections.save(
            Connection(id=connection, workspace=workspace, account=account)
        )

    def add_route(self, route: RouteRow) -> None:
        self.tables.routes.save(route)

    # What may go wrong.
    @property
    def faults_met(self) -> dict[str, int]:
        """How often each fault really hit a transaction."""
        return self._database.faults_met

    def fail_next(self, fault: Fault, *, at: str = "", times: int = 1) -> None:
        """Let the next transactions fail; `at` is `unit` or a method of the store, or any.

        `cut_before_commit`: nothing is recorded, the caller sees `StoreUnavailable`.
        `cut_after_commit`: all is recorded, the caller sees `StoreUnavailable` none the less.
        `conflict`: nothing is recorded, the caller sees `StoreConflict`; methods try again.
        """
        self._database.faults += [(fault, at)] * times

    def go_away(self) -> None:
        """Begin an outage: what is open is undone, what is asked is refused."""
        self._database.go_away()

    def come_back(self) -> None:
        self._database.is_away = False

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
            added = await inbox.append(tx, parcels)
            await tx.connections.change(lease.connection, cursor=cursor)
            return added

        return await self._database.run("append_polled", work, lease)

    # Leases.
    async def acquire(
        self, connection: ConnectionId, purpose: Purpose, owner: str, ttl: timedelta
    ) -> Lease | None:
        wanted = Lease(connection=connection, purpose=purpose, owner=owner, epoch=0)
        return await self._database.run("acquire", lambda tx: leases.acquire(tx, wanted, ttl))

    async def renew(self, held: Sequence[Lease], ttl: timedelta) -> frozenset[Lease]:
        return await self._database.run("renew", lambda tx: leases.renew(tx, held, ttl))

    async def release(self, lease: Lease) -> None:
        await self._database.run("release", lambda tx: leases.release(tx, lease))

    # The schedule.
    async def due(self, limit: int) -> tuple[ConnectionId, ...]:
        async def work(tx: Transaction) -> tuple[ConnectionId, ...]:
            unserved = [
                each for each in self.tables.connections.rows if not leases.is_served(tx, each)
            ]
            waiting = [(since, each) for each in unserved if (since := leases.due_since(tx, each))]
            return tuple(connection for _, connection in sorted(waiting)[:limit])

        return await self._database.run("due", work)

    async def recover(self, lease: Lease) -> int:
        return await self._database.run(
            "recover", lambda tx: lanes.recover(tx, lease.connection), lease
        )

    # Work.
    async def claim_inbox(self, lease: Lease, limit: int) -> tuple[InboxRow, ...]:
        return await self._database.run(
            "claim_inbox", lambda tx: inbox.claim(tx, lease.connection, limit), lease
        )

    async def claim_jobs(self, lease: Lease, limit: int, *, probe_only: bool) -> tuple[Job, ...]:
        return await self._database.run(
            "claim_jobs",
            lambda tx: claiming.claim(tx, lease.connection, limit, probe_only=probe_only),
            lease,
        )

    @asynccontextmanager
    async def unit(self, lease: Lease | None) -> AsyncIterator[TwinUnit]:
        async with self._database.transaction("unit", lease) as transaction:
            yield TwinUnit(transaction)

    async def circuit(self, connection: ConnectionId) -> datetime | None:
        async def work(tx: Transaction) -> datetime | None:
            return there(tx.connections.get(connection), "connection").circuit_open_at

        return await self._database.run("circuit", work)

    async def note_doubt(self, connection: ConnectionId, *, doubt: bool, pause: timedelta) -> None:
        await self._database.run(
            "note_doubt", lambda tx: leases.note_doubt(tx, connection, doubt=doubt, pause=pause)
        )

    # Gaps.
    async def pulse(self) -> None:
        async def work(tx: Transaction) -> datetime:
            return tx.now()

        self.last_pulse = await self._database.run("pulse", work)

    async def fall_behind(self, connections: Sequence[ConnectionId], since: datetime) -> int:
        return await self._database.run(
            "fall_behind", lambda tx: gaps.fall_behind(tx, connections, since)
        )
