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
    def __init__(self, longest_idle_s: float) -> None:
        self._longest_idle_s = longest_idle_s
        self._locks: dict[Hashable, _Lock] = {}
        self._held: dict[Holder, dict[Hashable, None]] = {}
        self._waits: dict[Holder, _Wait] = {}

    async def acquire(self, holder: Holder, what: Hashable, *, shared: bool = False) -> None:
        """Wait until the lock is ours. Held already, whole or shared, it is at most made whole.

        Raises: `StoreConflict` if those we would wait for wait for us.
        """
        while blockers := self._blockers(holder, what, shared=shared):
            if self._in_a_circle(holder, blockers):
                reason = StoreConflict(f"deadlock over {what!r}")
                holder.abort(reason)
                raise reason
            await self._wait(holder, _Wait(what, shared, _future()), blockers)
            holder.check()
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

    async def _wait(self, holder: Holder, wait: _Wait, blockers: tuple[Holder, ...]) -> None:
        lock = self._locks[wait.what]
        lock.waiting[wait.woken] = None
        self._waits[holder] = wait
        idle = [other.patience_s() for other in blockers if other not in self._waits]
        look_again_s = min(idle, default=self._longest_idle_s)
        timer = asyncio.get_running_loop().call_later(look_again_s, _wake, wait.woken)
        try:
            await wait.woken
        finally:
            timer.cancel()
            lock.waiting.pop(wait.woken, None)
            del self._waits[holder]


def _future() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
