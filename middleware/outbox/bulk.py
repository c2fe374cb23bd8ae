"""Entries that attempts bring side by side, written in one call: without a timer.

A call takes what waits when the last one has ended, one entry of a conversation, and answers for
each by itself. Which attempt makes it is chance; all of them know what was exchanged. One that
carries many goes before calls that do one thing each: where the provider's limit is short, it is
worth the most, and while few wait the others have their turn.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from crm_clients.contract import Crm, WritesInBulk
from mappers.vocabulary import Ambiguous, Entry, Failure, Priority, ProviderError, Receipt
from middleware.http.codes import CANCELLED
from middleware.http.ledger import Exchange, also, collecting
from middleware.http.urgency import urgency, urgent
from middleware.outbox.rules import FIRST_BULK, next_bulk


class BulkCrm(Crm, WritesInBulk, Protocol):
    """A CRM that takes several entries in one call."""


@dataclass(slots=True)
class Size:
    """How many entries the next call of a connection may carry; a process remembers it."""

    now: int = FIRST_BULK


@dataclass(slots=True, eq=False)
class _Waiting:
    entry: Entry
    answer: asyncio.Future[Receipt | Failure] = field(repr=False)
    exchanges: Sequence[Exchange] = ()

    def end(self, answer: Receipt | Failure, exchanges: Sequence[Exchange]) -> None:
        self.exchanges = exchanges
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(slots=True)
class Bulk:
    """Writes for the attempts of one server. `most` is what one call of this CRM may carry."""

    crm: BulkCrm
    most: int
    size: Size
    _waiting: list[_Waiting] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def write(self, entry: Entry) -> Receipt:
        """Write it, beside others where it may join them. Raises: `ProviderError`."""
        if not self.crm.may_join(entry):
            return await self.crm.write(entry)
        mine = _Waiting(entry, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        try:
            async with self._turn:
                if mine in self._waiting:
                    await asyncio.sleep(0)  # whoever begins in the same turn of the loop goes along
                    await self._write_what_waits(mine)
            answer = await mine.answer
        finally:
            if mine in self._waiting:  # given up before its turn: nobody may write it any more
                self._waiting.remove(mine)
        also(mine.exchanges)
        if not isinstance(answer, Receipt):
            raise ProviderError(answer)
        return answer

    async def _write_what_waits(self, mine: _Waiting) -> None:
        """Write `mine`, and as many more as may be; what becomes of the call is theirs, too."""
        batch = self._next(mine)
        self._waiting = [each for each in self._waiting if each not in batch]
        is_worth_most = 1 < len(batch) >= min(self._room, FIRST_BULK)
        try:
            with collecting() as exchanges, urgent(Priority.REPLY if is_worth_most else urgency()):
                answers = await self._call([each.entry for each in batch])
        except BaseException as error:
            for each in batch:
                if each is not mine:
                    each.fail(_why_for_others(error))
            raise
        for each, answer in zip(batch, answers, strict=True):
            each.end(answer, exchanges)
        is_doubt = all(isinstance(answer, Ambiguous) for answer in answers)
        took_s = sum(each.duration_ms for each in exchanges) / 1000
        self.size.now = next_bulk(self.size.now, len(batch), took_s, is_doubt=is_doubt)

    @property
    def _room(self) -> int:
        return min(self.size.now, self.most)

    def _next(self, mine: _Waiting) -> list[_Waiting]:
        """Choose by age, so that those of one conversation stay in their order."""
        chosen: dict[str, _Waiting] = {mine.entry.ours: mine}
        for each in self._waiting:
            if len(chosen) >= self._room:
                break
            chosen.setdefault(each.entry.ours, each)
        return list(chosen.values())

    async def _call(self, entries: Sequence[Entry]) -> Sequence[Receipt | Failure]:
        """An envelope that was refused, or is in doubt, is so for each of them."""
        try:
            if len(entries) == 1:
                return [await self.crm.write(entries[0])]
            return await self.crm.write_many(entries)
        except ProviderError as error:
            return [error.failure] * len(entries)


def _why_for_others(error: BaseException) -> Exception:
    """Who makes the call may be told to stop: to the others it is a call whose answer was lost."""
    return error if isinstance(error, Exception) else ProviderError(Ambiguous(code=CANCELLED))
