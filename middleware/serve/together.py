"""Doing at once what tasks ask of the store side by side: without a timer.

A batch begins when the last one ended, and takes what waits; one that lasts does not keep the next
from beginning. What one task's wish comes upon is nobody else's trouble: a batch that fails for its
content is done again one by one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from middleware.store.errors import NotInFlight, StoreUnavailable

AskT = TypeVar("AskT")
AnswerT = TypeVar("AnswerT")

MOST = 64
LASTS_S = 0.25

DoAll = Callable[[Sequence[AskT]], Awaitable[Sequence[AnswerT]]]
Again = Callable[[Sequence[AskT]], Awaitable[Sequence[bool]]]


async def never(asked: Sequence[AskT]) -> Sequence[bool]:
    """Try nothing again."""
    return [False] * len(asked)


@dataclass(slots=True, eq=False)
class _Waiting(Generic[AskT, AnswerT]):
    """`is_unsure`: a commit of it lost its answer, and may have happened."""

    ask: AskT
    answer: asyncio.Future[AnswerT] = field(repr=False)
    is_unsure: bool = False

    def end(self, answer: AnswerT) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Together(Generic[AskT, AnswerT]):
    """Does what tasks ask for in one unit, through a database that comes and goes.

    `do` does it all or nothing, and answers in the order of what was asked. When the database
    cannot be asked, `again` waits a moment and says who may be tried again. A try whose answer was
    lost may have been committed: then `settled` is the answer of one that finds itself settled.
    """

    def __init__(
        self, do: DoAll[AskT, AnswerT], again: Again[AskT] = never, *, settled: AnswerT
    ) -> None:
        self._do = do
        self._again = again
        self._settled = settled
        self._waiting: list[_Waiting[AskT, AnswerT]] = []
        self._begun: set[_Waiting[AskT, AnswerT]] = set()
        self._turn = asyncio.Lock()

    async def ask(self, what: AskT) -> AnswerT:
        """Return its answer, once it is committed. Raises: what became of it."""
        mine = _Waiting[AskT, AnswerT](what, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        await self._turn.acquire()
        turn = _Turn(self._turn)
        try:
            if mine in self._waiting:
                await self._do_what_waits()
        finally:
            turn.end()
        return await mine.answer

    async def rest(self) -> None:
        """Return once everything that is being done now has ended."""
        if self._begun:
            await asyncio.wait({each.answer for each in self._begun})

    async def _do_what_waits(self) -> None:
        await asyncio.sleep(0)  # whoever ends in the same turn of the loop goes along
        batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        self._begun.update(batch)
        try:
            await self._insist(batch)
        except BaseException as error:  # noqa: BLE001 - it is raised to everybody who waits
            for each in batch:
                each.fail(error)
        finally:
            self._begun.difference_update(batch)

    async def _insist(self, batch: Sequence[_Waiting[AskT, AnswerT]]) -> None:
        while batch:
            try:
                answers = await self._do([each.ask for each in batch])
            except StoreUnavailable as error:
                batch = await self._those_that_may(batch, error)
            except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
                if len(batch) > 1:
                    for each in batch:
                        await self._insist([each])
                elif batch[0].is_unsure and isinstance(error, NotInFlight):
                    batch[0].end(self._settled)
                else:
                    batch[0].fail(error)
                return
            else:
                for each, answer in zip(batch, answers, strict=True):
                    each.end(answer)
                return

    async def _those_that_may(
        self, batch: Sequence[_Waiting[AskT, AnswerT]], error: StoreUnavailable
    ) -> Sequence[_Waiting[AskT, AnswerT]]:
        kept = []
        may = await self._again([each.ask for each in batch])
        for each, may_be_tried in zip(batch, may, strict=True):
            each.is_unsure = True
            if may_be_tried:
                kept.append(each)
            else:
                each.fail(error)
        return kept


class _Turn:
    """Ends once: when it is told to, or when it has lasted."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._timer = asyncio.get_running_loop().call_later(LASTS_S, self.end)
        self._is_over = False

    def end(self) -> None:
        self._timer.cancel()
        if not self._is_over:
            self._is_over = True
            self._lock.release()
