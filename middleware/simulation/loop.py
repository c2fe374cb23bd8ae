"""A virtual-time event loop: hours pass in a second, and the same seed gives the same run.

Time stands still while anything is ready to run, and jumps to the next timer when nothing is.
Given a seed, the callback to run next is drawn from all that are ready, one at a time: code that
leans on an order which asyncio happens to keep, and two machines would not, is found out.

Nothing real can be reached from here: no sockets, no threads, no child processes. What a seed
cannot settle is the order of sets of strings: run with `PYTHONHASHSEED=0` to repeat a run in
another process.
"""

import asyncio
import heapq
import random
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)
MOST_STEPS_AT_ONCE = 1_000_000
ASYNCIO = Path(asyncio.__file__).parent


class Stuck(Exception):
    """The simulation cannot go on: everything waits, or everything runs and time does not."""


class NotInSimulation(Exception):
    """Something asked for a thread or for the outside world, which would spoil the seed."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An asyncio loop on time of its own, from 0.0. Without a seed it is first come, first served.

    Tasks are named `task-1`, `task-2`, … in order of creation, so that names repeat as well.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _stopping: bool

    def __init__(self, seed: int | None = None) -> None:
        super().__init__()
        self._now = 0.0
        self._steps_at_once = 0
        self._thread = threading.get_ident()
        self._numbers: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()
        self._tasks_made = 0
        self._rng = None if seed is None else random.Random(seed)  # noqa: S311 - nothing secret

    def time(self) -> float:
        return self._now

    def create_task(
        self, coro: Any, *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        self._tasks_made += 1
        name = str(name or f"task-{self._tasks_made}")
        task = super().create_task(coro, name=name, context=context)
        self._numbers[task] = self._tasks_made
        return task

    def tasks(self) -> tuple[asyncio.Task[Any], ...]:
        """Return the tasks that are not done, the oldest first."""
        numbered = ((number, task) for task, number in self._numbers.items() if not task.done())
        return tuple(task for _, task in sorted(numbered, key=lambda pair: pair[0]))

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        del executor, args
        raise NotInSimulation(f"{func!r} wants a thread")

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread:
            raise NotInSimulation("another thread speaks to the simulation")
        return self.call_soon(callback, *args, context=context)

    def _run_once(self) -> None:
        """Run one callback. `BaseEventLoop` calls this until it is told to stop."""
        if not self._ready and not self._stopping:
            self._jump()
        if not self._ready:
            return
        self._steps_at_once += 1
        if self._steps_at_once > MOST_STEPS_AT_ONCE:
            raise Stuck(f"{MOST_STEPS_AT_ONCE} steps at {self._now} s; {self._who_waits()}")
        if self._rng is not None and len(self._ready) > 1:
            self._ready.rotate(-self._rng.randrange(len(self._ready)))
        handle = self._ready.popleft()
        if not handle.cancelled():
            handle._run()  # noqa: SLF001 - asyncio offers a loop no other way to run a handle

    def _jump(self) -> None:
        """Go to the moment of the next timer, and make ready whatever is due then."""
        self._drop_cancelled()
        if not self._scheduled:
            raise Stuck(f"nothing is ready and no timer is set; {self._who_waits()}")
        self._now = max(self._now, self._scheduled[0].when())
        self._steps_at_once = 0
        while self._scheduled and self._scheduled[0].when() <= self._now:
            self._ready.append(heapq.heappop(self._scheduled))
            self._drop_cancelled()

    def _drop_cancelled(self) -> None:
        while self._scheduled and self._scheduled[0].cancelled():
            heapq.heappop(self._scheduled)

    def _who_waits(self) -> str:
        lines = [f"  {task.get_name()} at {_where(task)}" for task in self.tasks()]
        return f"{len(lines)} tasks are waiting:\n" + "\n".join(lines)


def _where(task: asyncio.Task[Any]) -> str:
    """Name the innermost line in which a task waits, outside of asyncio itself."""
    inner: Any = task.get_coro()
    where = "its end"
    while inner is not None:
        frame: FrameType | None = getattr(inner, "cr_frame", None) or getattr(
            inner, "ag_frame", None
        )
        if frame is not None and Path(frame.f_code.co_filename).parent != ASYNCIO:
            where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
            where += f" in {frame.f_code.co_qualname}"
        inner = getattr(inner, "cr_await", None) or getattr(inner, "ag_await", None)
    return where


def run(main: Coroutine[Any, Any, T], *, seed: int | None = None) -> T:
    """Run `main` to its end on a loop of its own. What it left running is cancelled.

    Raises: `Stuck`, when `main` can never end.
    """
    loop = VirtualLoop(seed)
    try:
        return loop.run_until_complete(main)
    finally:
        _close(loop)


def _close(loop: VirtualLoop) -> None:
    try:
        while left := loop.tasks():
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


class VirtualClock:
    """`middleware.clock.Clock` on a virtual loop. Emulators' stages can be given it as well."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop | None = None, start: datetime = START
    ) -> None:
        """Without a loop it is the running one's."""
        self._loop = loop or asyncio.get_running_loop()
        self._start = start

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
