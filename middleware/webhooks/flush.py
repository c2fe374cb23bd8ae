"""Group commit without a timer: a flush starts when the last one ended and takes all that waits.

A caller is answered when its parcels are committed, and only then. One bad parcel fails nobody
else's: a flush that fails for its content is bisected. A full queue refuses at once, and nobody
waits for the database longer than a provider waits for us.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from mappers.vocabulary import ConnectionId
from middleware.store.errors import StoreConflict, StoreUnavailable
from middleware.store.retry import again
from middleware.store.rows import Parcelled

log = structlog.get_logger(__name__)

LARGEST_FLUSH = 500
# While one flush waits for the disk, others share its wait. A quick disk makes none of them wait,
# and then larger flushes cost less than more of them.
LINES = 4
DISK_IS_SLOW_S = 0.002
# A database that hangs is away, too. The most hurried provider of those who call once waits 5 s.
PATIENCE_S = 3.0
LOOK_EVERY_S = 0.25


Append = Callable[[Sequence[Parcelled]], Awaitable[int]]

Flushed = Callable[[int, float], None]


def _untold(_parcels: int, _took_s: float) -> None:
    """Nobody counts."""


class Overflow(Exception):
    """Too much waits for its commit already: come back later."""


@dataclass(slots=True, eq=False)
class _Waiting:
    parcels: Sequence[Parcelled]
    since: float
    done: asyncio.Future[None] = field(repr=False)


class Flusher:
    """Commits what doors receive, a few flushes side by side.

    `missed` is set when something true was answered 503: providers that call once will not call
    again, and what they said must be read back. `kept` counts parcels, repeats included. `told`
    hears of every commit: how many parcels it took, and for how long.
    """

    def __init__(
        self,
        append: Append,
        wake: Callable[[Iterable[ConnectionId]], None],
        catch_up: Callable[[], Awaitable[None]],
        *,
        limit: int,
        told: Flushed = _untold,
    ) -> None:
        self._append = append
        self._wake = wake
        self._limit = limit
        self._catch_up = catch_up
        self._told = told
        self._catching_up = asyncio.Lock()
        self.missed = asyncio.Event()
        self.kept = 0
        self._queue: deque[_Waiting] = deque()
        self._lines: set[asyncio.Task[None]] = set()
        self._unanswered: dict[_Waiting, None] = {}
        self._flushed_at = float("-inf")
        self._is_watched = False

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def keep(self, parcels: Sequence[Parcelled]) -> None:
        """Return once the parcels are committed.

        Raises: `Overflow`; then nothing was promised to anybody. `StoreUnavailable`, also when the
        commit takes too long: should it come later, it makes the provider's repeat known.
        """
        if len(self._queue) >= self._limit:
            raise Overflow
        loop = asyncio.get_running_loop()
        waiting = _Waiting(parcels, loop.time(), loop.create_future())
        self._queue.append(waiting)
        self._unanswered[waiting] = None
        if not self._lines or self._disk_is_slow(waiting.since):
            self._open_line(loop)
        if not self._is_watched:
            self._watch(loop)
        try:
            await waiting.done
        finally:
            del self._unanswered[waiting]

    def _disk_is_slow(self, now: float) -> bool:
        return len(self._lines) < LINES and now - self._flushed_at >= DISK_IS_SLOW_S

    def _open_line(self, loop: asyncio.AbstractEventLoop) -> None:
        line = loop.create_task(self._flush_all(loop), name="flush")
        self._flushed_at = loop.time()
        self._lines.add(line)

    async def _flush_all(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while self._queue:
                self._flushed_at = loop.time()
                await self._flush(self._next())
        finally:
            # At once: whoever comes next must find either a line at work or none.
            self._lines.discard(asyncio.current_task())

    def _next(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        taken = 0
        while self._queue and taken < LARGEST_FLUSH:
            taken += len(self._queue[0].parcels)
            batch.append(self._queue.popleft())
        return batch

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look now and then, while anybody waits, whether that has been long enough."""
        now = loop.time()
        for waiting in self._unanswered:
            if waiting.since + PATIENCE_S > now:
                break
            _fail(waiting, StoreUnavailable("no commit in time"))
        if self._queue and self._disk_is_slow(now):
            self._open_line(loop)
        self._is_watched = bool(self._unanswered)
        if self._is_watched:
            loop.call_later(LOOK_EVERY_S, self._watch, loop)

    async def make_up(self) -> None:
        """Catch up now, if anything was missed. Raises: `StoreUnavailable`."""
        async with self._catching_up:
            if self.missed.is_set():
                await self._catch_up()
                self.missed.clear()
                log.info("hooks.kept_again")

    def miss(self, why: Exception) -> None:
        """Something true is turned away. Told of once, however many follow."""
        if not self.missed.is_set():
            log.warning("hooks.turned_away", why=type(why).__name__)
        self.missed.set()

    async def _flush(self, batch: list[_Waiting]) -> None:
        try:
            if self.missed.is_set():
                await self.make_up()
            parcels = [parcel for waiting in batch for parcel in waiting.parcels]
            began = time.perf_counter()
            await again(lambda: self._append(parcels))
            self._told(len(parcels), time.perf_counter() - began)
        except (StoreUnavailable, StoreConflict) as error:
            self.miss(error)
            for waiting in batch:
                _fail(waiting, StoreUnavailable(str(error)))
        except Exception as error:
            if len(batch) == 1:
                log.exception("flush.refused_by_the_database")
                _fail(batch[0], error)
                return
            middle = len(batch) // 2
            await self._flush(batch[:middle])
            await self._flush(batch[middle:])
        else:
            self.kept += sum(len(waiting.parcels) for waiting in batch)
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_result(None)
            self._wake({parcel.connection for waiting in batch for parcel in waiting.parcels})

    async def drain(self) -> None:
        """Wait until everything that was promised a commit has had it."""
        while self._lines:
            await asyncio.wait(self._lines)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
