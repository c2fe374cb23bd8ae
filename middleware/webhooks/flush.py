"""Group commit without a timer: a flush starts when the last one ended and takes all that waits.

A caller is answered when its parcels are committed, and only then. One bad parcel fails nobody
else's: a flush that fails for its content is bisected. A full queue refuses at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from mappers.vocabulary import ConnectionId
from middleware.store.errors import StoreConflict, StoreUnavailable
from middleware.store.port import Store
from middleware.store.retry import again
from middleware.store.rows import Parcelled

log = structlog.get_logger(__name__)

LARGEST_FLUSH = 500
LINES = 2

Flushed = Callable[[int, float], None]


def _untold(_parcels: int, _took_s: float) -> None:
    """Nobody counts."""


class Overflow(Exception):
    """Too much waits for its commit already: come back later."""


@dataclass(slots=True)
class _Waiting:
    parcels: Sequence[Parcelled]
    done: asyncio.Future[None] = field(repr=False)


class Flusher:
    """Commits what doors receive, two flushes side by side.

    `missed` is set when something true was answered 503: providers that call once will not call
    again, and what they said must be read back. `kept` counts parcels, repeats included. `told`
    hears of every commit: how many parcels it took, and for how long.
    """

    def __init__(
        self,
        store: Store,
        wake: Callable[[Iterable[ConnectionId]], None],
        catch_up: Callable[[], Awaitable[None]],
        *,
        limit: int,
        told: Flushed = _untold,
    ) -> None:
        self._store = store
        self._wake = wake
        self._limit = limit
        self._catch_up = catch_up
        self._told = told
        self._catching_up = asyncio.Lock()
        self.missed = asyncio.Event()
        self.kept = 0
        self._queue: deque[_Waiting] = deque()
        self._flushing: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def keep(self, parcels: Sequence[Parcelled]) -> None:
        """Return once the parcels are committed.

        Raises: `Overflow`, `StoreUnavailable`; then nothing was promised to anybody.
        """
        if len(self._queue) >= self._limit:
            raise Overflow
        waiting = _Waiting(parcels, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._start_flushing()
        await waiting.done

    def _start_flushing(self) -> None:
        if self._queue and len(self._flushing) < LINES:
            task = asyncio.get_running_loop().create_task(self._flush_all(), name="flush")
            self._flushing.add(task)
            task.add_done_callback(self._flushing.discard)

    async def _flush_all(self) -> None:
        while self._queue:
            batch: list[_Waiting] = []
            taken = 0
            while self._queue and taken < LARGEST_FLUSH:
                taken += len(self._queue[0].parcels)
                batch.append(self._queue.popleft())
            await self._flush(batch)

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
            await again(lambda: self._store.append(parcels))
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
        while self._flushing:
            await asyncio.wait(self._flushing)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
