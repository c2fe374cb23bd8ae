"""Transactions of the twin: a private view over what is committed, locks, and an end.

Between any two steps of a transaction the loop may run somebody else's, so what is read is as
old as the step that read it: READ COMMITTED. What must not change meanwhile is locked first and
read then.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Generic, Literal, TypeAlias, TypeVar
from uuid import UUID

from middleware.clock import Clock
from middleware.ids import uuid7_of
from middleware.simulation.twin.locks import Locks
from middleware.simulation.twin.schema import Tables
from middleware.simulation.twin.tables import Table
from middleware.store.errors import LeaseLost, StoreConflict, StoreUnavailable
from middleware.store.rows import Lease

KeyT = TypeVar("KeyT", bound=Hashable)
RowT = TypeVar("RowT")
ResultT = TypeVar("ResultT")

Fault: TypeAlias = Literal["cut_before_commit", "cut_after_commit", "conflict"]
A_MOMENT_S = 1e-6


class View(Generic[KeyT, RowT]):
    """One table as one transaction sees it: what is committed, its own changes laid over it."""

    def __init__(self, transaction: "Transaction", table: Table[KeyT, RowT]) -> None:
        self._transaction = transaction
        self._table = table
        self._changes: dict[KeyT, RowT | None] = {}

    def get(self, key: KeyT) -> RowT | None:
        return self._changes[key] if key in self._changes else self._table.rows.get(key)

    def find(self, index: str, value: Hashable) -> list[RowT]:
        committed = self._table.keys(index, value)
        if not self._changes:
            return [self._table.rows[key] for key in committed]
        of = self._table.indexes[index]
        keys = dict.fromkeys((*committed, *self._changes))
        seen = (self.get(key) for key in keys)
        return [row for row in seen if row is not None and of(row) == value]

    def one(self, index: str, value: Hashable) -> RowT | None:
        return next(iter(self.find(index, value)), None)

    async def lock(self, *keys: KeyT) -> None:
        """Lock rows, there or not, in sorted order. What was read before may be old by now."""
        # Keys of one table are tuples of the same plain, ordered types.
        for key in sorted(keys):  # type: ignore[type-var]
            await self._transaction.lock((self._table.name, key))

    def try_lock(self, key: KeyT) -> bool:
        """Lock a row unless somebody holds it: `SKIP LOCKED`."""
        return self._transaction.try_lock((self._table.name, key))

    async def insert(self, row: RowT) -> bool:
        """Add a row unless its key is taken; wait while somebody's uncommitted row may take it."""
        key = self._table.key_of(row)
        if self.get(key) is not None:
            return False
        had_lock = self._transaction.holds((self._table.name, key))
        await self.lock(key)
        if self.get(key) is None:
            self._changes[key] = row
            return True
        if not had_lock:
            self._transaction.unlock((self._table.name, key))
        return False

    async def insert_or_lock(self, row: RowT) -> RowT:
        """Add a row, or lock the one that has its key: `ON CONFLICT DO UPDATE`."""
        key = self._table.key_of(row)
        await self.lock(key)
        known = self.get(key)
        if known is None:
            self._changes[key] = row
        return row if known is None else known

    async def change(self, key: KeyT, **values: Any) -> RowT | None:
        """Lock a row and change it as it is by then; None when it is not there."""
        await self.lock(key)
        row = self.get(key)
        if row is not None:
            # Rows are dataclasses, every one.
            row = replace(row, **values)  # type: ignore[type-var]
            self._changes[key] = row
        return row

    def put(self, row: RowT) -> None:
        """Write a row that is locked already."""
        key = self._table.key_of(row)
        if not self._transaction.holds((self._table.name, key)):
            raise RuntimeError(f"a row of {self._table.name} is written without its lock")
        self._changes[key] = row

    def remove(self, key: KeyT) -> None:
        self._changes[key] = None

    def save(self) -> None:
        for key, row in self._changes.items():
            if row is None:
                self._table.drop(key)
            else:
                self._table.save(row)


class Transaction:
    """One transaction. It ends by committing, by being given up, or by the database's hand."""

    def __init__(self, database: "Database", tables: Tables) -> None:
        self._database = database
        self._active_at = database.clock.monotonic()
        self.reason: Exception | None = None
        self.connections = View(self, tables.connections)
        self.leases = View(self, tables.leases)
        self.pulses = View(self, tables.pulses)
        self.routes = View(self, tables.routes)
        self.inbox = View(self, tables.inbox)
        self.contacts = View(self, tables.contacts)
        self.identities = View(self, tables.identities)
        self.claims = View(self, tables.claims)
        self.contact_links = View(self, tables.contact_links)
        self.operators = View(self, tables.operators)
        self.deals = View(self, tables.deals)
        self.mapping_versions = View(self, tables.mapping_versions)
        self.filled_places = View(self, tables.filled_places)
        self.conversations = View(self, tables.conversations)
        self.conversation_links = View(self, tables.conversation_links)
        self.messages = View(self, tables.messages)
        self.names = View(self, tables.names)
        self.facts = View(self, tables.facts)
        self.files = View(self, tables.files)
        self.lanes = View(self, tables.lanes)
        self.deliveries = View(self, tables.deliveries)
        self.attempts = View(self, tables.attempts)

    def now(self) -> datetime:
        return self._database.clock.now()

    def new_id(self) -> UUID:
        return self._database.new_id()

    def identity(self) -> int:
        """Tell this database from the one it was before it was restored."""
        return self._database.identity

    def number(self) -> int:
        """Return the next number of a sequence: never the same twice, given back by nobody."""
        return self._database.number()

    async def turn(self) -> None:
        """Let others run, as every statement's way to the database and back does."""
        self.check()
        await asyncio.sleep(0)
        self.check()
        self._active_at = self._database.clock.monotonic()

    async def lock(self, what: Hashable, *, shared: bool = False) -> None:
        await self._database.locks.acquire(self, what, shared=shared)
        self._active_at = self._database.clock.monotonic()

    def try_lock(self, what: Hashable) -> bool:
        return self._database.locks.try_acquire(self, what)

    def unlock(self, what: Hashable) -> None:
        self._database.locks.release(self, what)

    def holds(self, what: Hashable) -> bool:
        return self._database.locks.holds(self, what)

    def check(self) -> None:
        """Raise what ended this transaction, if anything did."""
        if self.reason is None:
            self.end_if_idle()
        if self.reason is not None:
            raise self.reason

    def patience_s(self) -> float:
        idle_s = self._database.clock.monotonic() - self._active_at
        return self._database.longest_idle.total_seconds() - idle_s

    def end_if_idle(self) -> bool:
        if self.patience_s() > A_MOMENT_S:
            return False
        self.abort(StoreUnavailable("the database ended a transaction that did nothing for long"))
        return True

    def abort(self, reason: Exception) -> None:
        self.reason = self.reason or reason
        self._database.forget(self)

    def save(self) -> None:
        for view in vars(self).values():
            if isinstance(view, View):
                view.save()

    async def prove(self, lease: Lease) -> None:
        """See that a lease is ours, and keep it so until the end: `SELECT … FOR SHARE`.

        Raises: `LeaseLost`.
        """
        key = (lease.connection, lease.purpose)
        await self.lock(("leases", key), shared=True)
        held = self.leases.get(key)
        if held is None or held.epoch != lease.epoch or held.until <= self.now():
            raise LeaseLost(f"{lease.purpose} of {lease.connection}, epoch {lease.epoch}")


class Database:
    """What transactions share: committed tables, locks, sequences, and how it all may fail."""

    def __init__(self, clock: Clock, longest_idle: timedelta) -> None:
        self.clock = clock
        self.longest_idle = longest_idle
        self.tables = Tables()
        self.locks = Locks()
        self.is_away = False
        self.identity = 1
        self.faults: list[tuple[Fault, str]] = []
        self.faults_met: dict[str, int] = {}
        self._open: dict[Transaction, None] = {}
        self._sequence = count(1)

    def number(self) -> int:
        return next(self._sequence)

    def new_id(self) -> UUID:
        """Make an id that sorts after all before it, and is the same in every run."""
        return uuid7_of(int(self.clock.now().timestamp() * 1000), self.number())

    def go_away(self) -> None:
        """Undo all that is not committed and refuse everything, until `is_away` is false again."""
        self.is_away = True
        for transaction in tuple(self._open):
            transaction.abort(StoreUnavailable("the database went away"))

    def forget(self, transaction: Transaction) -> None:
        self.locks.release_all(transaction)
        self._open.pop(transaction, None)

    @asynccontextmanager
    async def transaction(self, name: str, *held: Lease) -> AsyncIterator[Transaction]:
        """Raises: `LeaseLost`, `StoreUnavailable`, `StoreConflict`."""
        transaction = Transaction(self, self.tables)
        self._open[transaction] = None
        try:
            self._refuse_if_away()
            await transaction.turn()
            for lease in held:
                await transaction.prove(lease)
            yield transaction
            await self._commit(transaction, name)
        finally:
            self.forget(transaction)

    async def run(
        self, name: str, work: Callable[[Transaction], Awaitable[ResultT]], *held: Lease
    ) -> ResultT:
        async with self.transaction(name, *held) as transaction:
            return await work(transaction)

    async def _commit(self, transaction: Transaction, name: str) -> None:
        await transaction.turn()
        fault = self._take(name)
        if fault == "conflict":
            raise StoreConflict("the transaction could not be serialised")
        if fault == "cut_before_commit":
            raise StoreUnavailable("the connection was lost before the commit")
        transaction.save()
        self.forget(transaction)
        await asyncio.sleep(0)
        if fault == "cut_after_commit" or self.is_away:
            raise StoreUnavailable("the connection was lost after the commit")

    def _take(self, name: str) -> Fault | None:
        """Use up the first armed fault that is meant for a transaction of this name."""
        for armed in self.faults:
            fault, at = armed
            if at in {"", name}:
                self.faults.remove(armed)
                self.faults_met[fault] = self.faults_met.get(fault, 0) + 1
                return fault
        return None

    def _refuse_if_away(self) -> None:
        if self.is_away:
            raise StoreUnavailable("the database is away")
