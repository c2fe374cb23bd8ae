"""Going wrong at any moment: every touch of the world is a point where something may happen.

A hub in the simulation reaches the store and the network only through these wrappers. Each call
has two points, before and after it. At the chosen one the hub

    crash       dies; whatever is left of it dies at its next touch, and what it had asked for
                before goes on without it
    error       is told that the store is away, or that the provider's answer was lost
    hang        stands still for longer than a lease lasts, and then goes on as if nothing were
    duplicate   does the call twice, where it is one that the outside may repeat
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Literal, cast

from mappers.vocabulary import Ambiguous, Http, HttpCall, HttpReply, ProviderError
from middleware.store.errors import StoreUnavailable
from middleware.store.port import Store, Unit
from middleware.store.rows import Lease

Action = Literal["crash", "error", "hang", "duplicate"]
ACTIONS: tuple[Action, ...] = ("crash", "error", "hang", "duplicate")
HANGS_S = 100.0
REPEATED_FROM_OUTSIDE = frozenset({"store.append"})


class Died(BaseException):
    """The process is gone. Nothing catches it: there is nobody left to."""


class Life:
    """One hub's life. `points` counts the touches; at number `point` the action happens."""

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]],
        *,
        point: int | None = None,
        action: Action = "crash",
    ) -> None:
        self.is_over = False
        self.points = 0
        self.last_words = ""
        self.at_death: Callable[[], None] = lambda: None
        self._sleep = sleep
        self._point = point
        self._action = action

    def end(self) -> None:
        if not self.is_over:
            self.is_over = True
            self.at_death()

    async def touch(self, what: str) -> bool:
        """Pass a point; True says that what follows is to be done twice.

        Raises: `Died`, and what an error at this point is.
        """
        if self.is_over:
            raise Died(what)
        self.points += 1
        if self.points != self._point:
            return False
        self.last_words = what
        match self._action:
            case "crash":
                self.end()
                raise Died(what)
            case "error" if "store" in what or "unit" in what:
                raise StoreUnavailable(what)
            case "error":
                raise ProviderError(Ambiguous(code="net.ReadError"))
            case "hang":
                await self._sleep(HANGS_S)
            case "duplicate":
                pass
        return self._action == "duplicate"


class _Mortal:
    """Passes every call on, with a point before it and one after it."""

    def __init__(self, inner: Any, life: Life, name: str) -> None:
        self._inner = inner
        self._life = life
        self._name = name

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._inner, method)
        if not inspect.iscoroutinefunction(found):
            return found
        what = f"{self._name}.{method}"

        async def lived(*values: Any, **named: Any) -> Any:
            twice = await self._life.touch(f"before {what}")
            result = await found(*values, **named)
            if twice and what in REPEATED_FROM_OUTSIDE:
                result = await found(*values, **named)
            await self._life.touch(f"after {what}")
            return result

        return lived


class _MortalStore(_Mortal):
    @asynccontextmanager
    async def unit(self, *held: Lease) -> AsyncIterator[Unit]:
        await self._life.touch("before unit.begin")
        async with self._inner.unit(*held) as unit:
            yield cast("Unit", _Mortal(unit, self._life, "unit"))
            await self._life.touch("before unit.commit")
        await self._life.touch("after unit.commit")


def mortal_store(store: Store, life: Life) -> Store:
    return cast("Store", _MortalStore(store, life, "store"))


class MortalHttp:
    """`mappers.vocabulary.Http` of a hub to which something may happen before or after a call."""

    def __init__(self, inner: Http, life: Life) -> None:
        self._inner = inner
        self._life = life

    def now(self) -> datetime:
        return self._inner.now()

    async def send(self, call: HttpCall) -> HttpReply:
        twice = await self._life.touch(f"before {call.label}")
        reply = await self._inner.send(call)
        if twice and call.repeatable:
            reply = await self._inner.send(call)
        await self._life.touch(f"after {call.label}")
        return reply
