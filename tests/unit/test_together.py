"""Records of attempts that end side by side."""

import asyncio
from collections.abc import Sequence

import pytest

from middleware.serve.together import Together, Work
from middleware.store.errors import LeaseLost, NotInFlight, StoreUnavailable
from middleware.store.port import Unit


class Book:
    """Commits by writing down whose work it was; `refuses` says what becomes of a try."""

    def __init__(self, *refuses: Exception | None) -> None:
        self.batches: list[int] = []
        self.done: list[str] = []
        self.has_begun = asyncio.Event()
        self._refuses = list(refuses)

    async def commit(self, works: Sequence[Work]) -> None:
        self.batches.append(len(works))
        self.has_begun.set()
        await asyncio.sleep(0)
        refusal = self._refuses.pop(0) if self._refuses else None
        if refusal is not None:
            raise refusal
        for work in works:
            await work(unit)

    def work(self, name: str, error: Exception | None = None) -> Work:
        async def write(_: Unit) -> None:
            if error is not None:
                raise error
            self.done.append(name)

        return write


unit: Unit = None  # type: ignore[assignment]  # works of these tests look at none


async def _yes() -> bool:
    return True


async def _no() -> bool:
    return False


async def test_what_waits_is_committed_together_and_alone_at_once() -> None:
    book = Book()
    together = Together(book.commit, _yes)
    await together.commit(book.work("a"))
    await asyncio.gather(*(together.commit(book.work(name)) for name in "bcd"))
    assert book.batches == [1, 3]
    assert book.done == ["a", "b", "c", "d"]


async def test_what_comes_while_a_record_is_made_goes_with_the_next_one() -> None:
    book = Book()
    together = Together(book.commit, _yes)
    first = asyncio.create_task(together.commit(book.work("a")))
    await book.has_begun.wait()
    assert together.is_busy
    await asyncio.gather(first, *(together.commit(book.work(name)) for name in "bc"))
    assert book.batches == [1, 2]
    assert not together.is_busy


async def test_one_bad_record_is_told_to_whoever_made_it_and_to_nobody_else() -> None:
    book = Book()
    together = Together(book.commit, _yes)
    works = (book.work("a"), book.work("b", ValueError("bad")), book.work("c"))
    told = await asyncio.gather(*map(together.commit, works), return_exceptions=True)
    assert [type(each) for each in told] == [type(None), ValueError, type(None)]
    assert book.batches == [3, 1, 1, 1]


async def test_a_lost_answer_is_no_reason_to_doubt_what_was_committed() -> None:
    gone = NotInFlight("it was settled")
    book = Book(StoreUnavailable("lost"), gone, gone, gone)
    together = Together(book.commit, _yes)
    await asyncio.gather(*(together.commit(book.work(name)) for name in "ab"))
    assert book.batches == [2, 2, 1, 1]


async def test_nothing_is_settled_that_was_not_ours_from_the_start() -> None:
    book = Book(NotInFlight("somebody settled it"))
    with pytest.raises(NotInFlight):
        await Together(book.commit, _yes).commit(book.work("a"))


@pytest.mark.parametrize("end", [LeaseLost("gone"), StoreUnavailable("away")])
async def test_whoever_may_not_insist_tells_everybody(end: Exception) -> None:
    book = Book(end)
    together = Together(book.commit, _no)
    works = [together.commit(book.work(name)) for name in "ab"]
    told = await asyncio.gather(*works, return_exceptions=True)
    assert [type(each) for each in told] == [type(end)] * 2
    assert book.batches == [2]
