"""Keeping leases alive, from a thread, and letting them go when the loop has fallen silent.

A lease says "this worker is well". A loop that hangs is not well, although a thread beside it
could go on renewing for ever: so the thread renews only while the loop shows signs of life. What a
call may still dare is answered locally, from the moment the last renewal was *asked for*.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

import structlog

from mappers.vocabulary import ConnectionId
from middleware.store.errors import StoreConflict, StoreUnavailable
from middleware.store.port import Store
from middleware.store.rows import Lease, Purpose

log = structlog.get_logger(__name__)

OpenStore = Callable[[], AbstractAsyncContextManager[Store]]
Lost = Callable[[Lease], None]


class Keeper(Protocol):
    """Renews the leases it is given until they are dropped."""

    def keep(self, lease: Lease, *, asked_at: float) -> None: ...

    def drop(self, lease: Lease) -> None: ...

    def may_start(self, connection: ConnectionId, purpose: Purpose, span: timedelta) -> bool:
        """Say whether our lease certainly lasts for something that long, with a margin."""
        ...


class Holdings:
    """Until when each lease is certainly ours, by a monotonic clock. Shared with a thread."""

    def __init__(self, ttl: timedelta, now: Callable[[], float]) -> None:
        self.ttl_s = ttl.total_seconds()
        self.margin_s = self.ttl_s / 10
        self.now = now
        self._until: dict[tuple[ConnectionId, Purpose], tuple[Lease, float]] = {}
        self._lock = threading.Lock()

    def keep(self, lease: Lease, *, asked_at: float) -> None:
        with self._lock:
            self._until[_key(lease)] = (lease, asked_at + self.ttl_s)

    def drop(self, lease: Lease) -> None:
        with self._lock:
            if self._until.get(_key(lease), (None, 0.0))[0] == lease:
                del self._until[_key(lease)]

    def held(self) -> tuple[Lease, ...]:
        with self._lock:
            return tuple(lease for lease, _ in self._until.values())

    def renewed(self, asked: tuple[Lease, ...], ours: frozenset[Lease], asked_at: float) -> None:
        with self._lock:
            for lease in asked:
                if self._until.get(_key(lease), (None, 0.0))[0] != lease:
                    continue
                if lease in ours:
                    self._until[_key(lease)] = (lease, asked_at + self.ttl_s)
                else:
                    del self._until[_key(lease)]

    def may_start(self, connection: ConnectionId, purpose: Purpose, span: timedelta) -> bool:
        with self._lock:
            _, until = self._until.get((connection, purpose), (None, 0.0))
        return self.now() + span.total_seconds() + self.margin_s <= until


def _key(lease: Lease) -> tuple[ConnectionId, Purpose]:
    return lease.connection, lease.purpose


def _untold(_lease: Lease) -> None:
    """Nobody counts."""


async def renew_once(
    holdings: Holdings, store: Store, ttl: timedelta, told: Lost = _untold
) -> None:
    """Ask the database to prolong everything held; forget what is not ours any more.

    `told` hears of each lease that was lost.
    """
    asked, asked_at = holdings.held(), holdings.now()
    if not asked:
        return
    try:
        ours = await store.renew(asked, ttl)
    except (StoreUnavailable, StoreConflict):
        return
    for lease in set(asked) - ours:
        log.warning("lease.lost", connection_id=str(lease.connection), purpose=lease.purpose)
        told(lease)
    holdings.renewed(asked, ours, asked_at)


class ThreadKeeper:
    """Renews from a thread with a loop and a database connection of its own."""

    def __init__(self, ttl: timedelta, open_store: OpenStore, told: Lost = _untold) -> None:
        self._ttl = ttl
        self._told = told
        self._holdings = Holdings(ttl, time.monotonic)
        self._open_store = open_store
        self._alive_at = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease keeper", daemon=True)
        self._beat: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Say whether leases are renewed: the thread runs, and the loop shows signs of life."""
        silent_s = time.monotonic() - self._alive_at
        return self._thread.is_alive() and silent_s < self._ttl.total_seconds()

    @property
    def held(self) -> int:
        """How many leases this process holds."""
        return len(self._holdings.held())

    def keep(self, lease: Lease, *, asked_at: float) -> None:
        self._holdings.keep(lease, asked_at=asked_at)

    def drop(self, lease: Lease) -> None:
        self._holdings.drop(lease)

    def may_start(self, connection: ConnectionId, purpose: Purpose, span: timedelta) -> bool:
        return self._holdings.may_start(connection, purpose, span)

    def start(self) -> None:
        self._beat = asyncio.get_running_loop().create_task(self._show_life())
        self._thread.start()

    async def stop(self) -> None:
        self._stop.set()
        if self._beat is not None:
            self._beat.cancel()
        await asyncio.to_thread(self._thread.join)

    async def _show_life(self) -> None:
        while True:
            self._alive_at = time.monotonic()
            await asyncio.sleep(0.5)

    def _run(self) -> None:
        asyncio.run(self._renew_until_stopped())

    async def _renew_until_stopped(self) -> None:
        period = self._ttl.total_seconds() / 5
        async with self._open_store() as store:
            while not self._stop.is_set():
                if time.monotonic() - self._alive_at < period:
                    await renew_once(self._holdings, store, self._ttl, self._told)
                await asyncio.to_thread(self._stop.wait, period)
