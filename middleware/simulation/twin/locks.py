"""Locks of the twin: held to the end of a transaction, waited for, and never in a circle.

As in PostgreSQL, a shared lock is granted while others share it even if somebody waits for it
whole; whoever closes a circle of waiting is the one whose transaction is undone. Who comes next
is drawn by the loop: all that wait are woken, and the first to run gets it.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from middleware.store.errors import StoreConflict

LONGEST_WAIT_S = 5.0


class Holder(Protocol):
    """A transaction, as far as locks are concerned."""

    def check(self) -> None:
        """Raise what ended the transaction, if anything did."""
        ...

    def abort(self, reason: Exception) -> None: ...

    def patience_s(self) -> float:
        """For how much longer it may do nothing before the database ends it."""
        ...

    def end_if_idle(self) -> bool: ...


@dataclass(slots=True)
class _Lock:
    holders: dict[Holder, None] = field(default_factory=dict)
    shared: bool = False
    waiting: dict["asyncio.Future[None]", None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Wait:
    what: Hashable
    shared: bool
    woken: "asyncio.Future[None]"


class Locks:
    def __init__(self) -> None:
        self._locks: dict[Hashable, _Lock] = {}
        self._held: dict[Holder, dict[Hashable, None]] = {}
        self._waits: dict[Holder, _Wait] = {}

    async def acquire(self, holder: Holder, what: Hashable, *, shared: bool = False) -> None:
        """Wait until the lock is ours. Held already, whole or shared, it is at most made whole.

        Raises: `StoreConflict` if those we would wait for wait for us, or for too long.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_WAIT_S
        while blockers := self._blockers(holder, what, shared=shared):
            left_s = until - loop.time()
            if left_s <= 0 or self._in_a_circle(holder, blockers):
                holder.abort(StoreConflict(f"no way to lock {what!r}"))
                holder.check()
            wait = _Wait(what, shared, loop.create_future())
            timer = loop.call_later(min(left_s, self._idle_s(blockers)), _wake, wait.woken)
            try:
                await self._wait(holder, wait)
            finally:
                timer.cancel()
            holder.check()
        self._grant(holder, what, shared=shared)

    def try_acquire(self, holder: Holder, what: Hashable) -> bool:
        """Take a lock whole if nobody else holds it, without waiting."""
        if self._blockers(holder, what, shared=False):
            return False
        self._grant(holder, what, shared=False)
        return True

    def _grant(self, holder: Holder, what: Hashable, *, shared: bool) -> None:
        lock = self._locks.setdefault(what, _Lock(shared=shared))
        lock.shared = shared and lock.shared
        lock.holders[holder] = None
        self._held.setdefault(holder, {})[what] = None

    def holds(self, holder: Holder, what: Hashable) -> bool:
        return what in self._held.get(holder, ())

    def release(self, holder: Holder, what: Hashable) -> None:
        lock = self._locks[what]
        del self._held[holder][what]
        del lock.holders[holder]
        for woken in lock.waiting:
            _wake(woken)
        if not lock.holders:
            del self._locks[what]

    def release_all(self, holder: Holder) -> None:
        """Let go of everything at a transaction's end; if it was waiting, it wakes up to that."""
        for what in tuple(self._held.get(holder, ())):
            self.release(holder, what)
        self._held.pop(holder, None)
        if (wait := self._waits.get(holder)) is not None:
            _wake(wait.woken)

    def _blockers(self, holder: Holder, what: Hashable, *, shared: bool) -> tuple[Holder, ...]:
        """Return who stands in the way. Whoever has idled for too long is ended first."""
        lock = self._locks.get(what)
        if lock is None or (shared and lock.shared):
            return ()
        others = [other for other in tuple(lock.holders) if other is not holder]
        return tuple(o for o in others if o in self._waits or not o.end_if_idle())

    def _in_a_circle(self, holder: Holder, blockers: tuple[Holder, ...]) -> bool:
        seen: set[Holder] = set()
        ahead = list(blockers)
        while ahead:
            other = ahead.pop()
            if other is holder:
                return True
            wait = self._waits.get(other)
            if wait is None or other in seen:
                continue
            seen.add(other)
            lock = self._locks.get(wait.what)
            if lock is not None and not (wait.shared and lock.shared):
                ahead.extend(each for each in lock.holders if each is not other)
        return False

    def _idle_s(self, blockers: tuple[Holder, ...]) -> float:
        """Return after how long the first of them will have idled for too long."""
        idle = (other.patience_s() for other in blockers if other not in self._waits)
        return min(idle, default=LONGEST_WAIT_S)

    async def _wait(self, holder: Holder, wait: _Wait) -> None:
        lock = self._locks[wait.what]
        lock.waiting[wait.woken] = None
        self._waits[holder] = wait
        try:
            await wait.woken
        finally:
            lock.waiting.pop(wait.woken, None)
            del self._waits[holder]


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
