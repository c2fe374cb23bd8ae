"""Recording what attempts brought: together, without a timer.

A record begins when the last one ended, and takes all that waits. What one attempt's record comes
upon is nobody else's trouble: a record that fails for its content is made again one by one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from middleware.store.errors import LeaseLost, NotInFlight, StoreUnavailable
from middleware.store.port import Unit

Work = Callable[[Unit], Awaitable[None]]


class CommitAll(Protocol):
    """Does work, one after the other, in one unit."""

    async def __call__(self, works: Sequence[Work]) -> None: ...


@dataclass(slots=True)
class _Waiting:
    """`is_unsure`: a commit of it lost its answer, and may have happened."""

    work: Work
    done: asyncio.Future[None] = field(repr=False)
    is_unsure: bool = False

    def end(self, error: BaseException | None) -> None:
        if self.done.done():
            return
        if error is None or (self.is_unsure and isinstance(error, NotInFlight)):
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class Together:
    """Commits what tasks bring that run side by side, through a database that comes and goes.

    The outcome of a call is known only here: letting it go would turn a certainty into a doubt. So
    a record is tried for as long as `pause` says so, which waits a moment or answers False. A try
    whose answer was lost may have been committed, and then the next one finds it settled.
    """

    def __init__(self, commit: CommitAll, pause: Callable[[], Awaitable[bool]]) -> None:
        self._commit = commit
        self._pause = pause
        self._waiting: list[_Waiting] = []
        self._turn = asyncio.Lock()

    async def commit(self, work: Work) -> None:
        """Return once the work is committed. Raises: what became of this work."""
        mine = _Waiting(work, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        async with self._turn:
            if not mine.done.done():
                await self._commit_all()
        await mine.done

    @property
    def is_busy(self) -> bool:
        return bool(self._waiting) or self._turn.locked()

    async def rest(self) -> None:
        """Return once everything that is being recorded now has ended."""
        async with self._turn:
            pass

    async def _commit_all(self) -> None:
        await asyncio.sleep(0)  # whoever ends in the same turn of the loop goes along
        batch, self._waiting = self._waiting, []
        try:
            await self._insist(batch)
        except BaseException as error:  # noqa: BLE001 - it is raised to everybody who waits
            _end(batch, error)

    async def _insist(self, batch: Sequence[_Waiting]) -> None:
        while True:
            try:
                await self._commit([each.work for each in batch])
            except StoreUnavailable:
                for each in batch:
                    each.is_unsure = True
                if not await self._pause():
                    raise
            except LeaseLost:
                raise
            except Exception:
                if len(batch) == 1:
                    raise
                await self._one_by_one(batch)
                return
            else:
                _end(batch)
                return

    async def _one_by_one(self, batch: Iterable[_Waiting]) -> None:
        for each in batch:
            try:
                await self._insist([each])
            except Exception as error:  # noqa: BLE001 - it is raised to whoever waits for it
                each.end(error)


def _end(batch: Iterable[_Waiting], error: BaseException | None = None) -> None:
    for each in batch:
        each.end(error)
