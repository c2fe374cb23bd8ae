"""What tasks ask for side by side, done at once."""

import asyncio
from collections.abc import Sequence

import pytest

from middleware.serve.together import MOST, Together
from middleware.store.errors import LeaseLost, NotInFlight, StoreUnavailable


class Book:
    """Answers with what it was asked in capitals; `refuses` says what becomes of a try."""

    def __init__(self, *refuses: Exception | None, bad: str = "") -> None:
        self.batches: list[str] = []
        self.has_begun = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self._refuses = list(refuses)
        self._bad = bad

    async def do(self, asked: Sequence[str]) -> Sequence[str]:
        self.batches.append("".join(asked))
        self.has_begun.set()
        await asyncio.sleep(0)
        await self.goes_on.wait()
        refusal = self._refuses.pop(0) if self._refuses else None
        if refusal is not None:
            raise refusal
        if self._bad and self._bad in asked:
            raise ValueError(self._bad)
        return [each.upper() for each in asked]


async def all_of_them(asked: Sequence[str]) -> Sequence[bool]:
    return [True] * len(asked)


async def told(together: Together[str, str], words: str) -> list[str | BaseException]:
    asked = (together.ask(word) for word in words)
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_what_waits_is_done_together_and_alone_at_once() -> None:
    book = Book()
    together = Together[str, str](book.do, settled="?")
    assert await together.ask("a") == "A"
    assert await told(together, "bcd") == ["B", "C", "D"]
    assert book.batches == ["a", "bcd"]


async def test_what_comes_while_a_batch_is_done_goes_with_the_next_one() -> None:
    book = Book()
    together = Together[str, str](book.do, settled="?")
    first = asyncio.create_task(together.ask("a"))
    await book.has_begun.wait()
    await asyncio.gather(first, told(together, "bc"))
    assert book.batches == ["a", "bc"]


async def test_a_batch_that_lasts_keeps_nobody_else_waiting() -> None:
    book = Book()
    book.goes_on.clear()
    together = Together[str, str](book.do, settled="?")
    first = asyncio.create_task(together.ask("a"))
    await book.has_begun.wait()
    book.has_begun.clear()
    second = asyncio.create_task(together.ask("b"))
    await book.has_begun.wait()
    assert book.batches == ["a", "b"]
    resting = asyncio.create_task(together.rest())
    await asyncio.sleep(0)
    assert not resting.done()
    book.goes_on.set()
    assert [await first, await second] == ["A", "B"]
    await resting
    assert await together.ask("c") == "C"


async def test_a_batch_has_an_end() -> None:
    book = Book()
    words = "x" * (MOST + 3)
    assert await told(Together[str, str](book.do, settled="?"), words) == list(words.upper())
    assert [len(batch) for batch in book.batches] == [MOST, 3]


async def test_one_bad_wish_is_told_to_whoever_had_it_and_to_nobody_else() -> None:
    book = Book(bad="b")
    answers = await told(Together[str, str](book.do, settled="?"), "abc")
    assert [type(each) for each in answers] == [str, ValueError, str]
    assert book.batches == ["abc", "a", "b", "c"]


async def test_one_lost_lease_is_told_to_whoever_had_it() -> None:
    book = Book(LeaseLost("b"), None, LeaseLost("b"))
    answers = await told(Together[str, str](book.do, settled="?"), "abc")
    assert [type(each) for each in answers] == [str, LeaseLost, str]


async def test_a_lost_answer_is_no_reason_to_doubt_what_was_committed() -> None:
    gone = NotInFlight("it was settled")
    book = Book(StoreUnavailable("lost"), gone, gone, gone)
    answers = await told(Together[str, str](book.do, all_of_them, settled="?"), "ab")
    assert answers == ["?", "?"]
    assert book.batches == ["ab", "ab", "a", "b"]


async def test_nothing_is_settled_that_was_not_ours_from_the_start() -> None:
    book = Book(NotInFlight("somebody settled it"))
    with pytest.raises(NotInFlight):
        await Together[str, str](book.do, all_of_them, settled="?").ask("a")


async def test_whoever_may_not_be_tried_again_is_told_and_the_others_are_tried() -> None:
    async def only_b(asked: Sequence[str]) -> Sequence[bool]:
        return [each == "b" for each in asked]

    book = Book(StoreUnavailable("away"))
    answers = await told(Together[str, str](book.do, only_b, settled="?"), "abc")
    assert [type(each) for each in answers] == [StoreUnavailable, str, StoreUnavailable]
    assert book.batches == ["abc", "b"]


async def test_without_more_said_nothing_is_tried_again() -> None:
    book = Book(StoreUnavailable("away"))
    answers = await told(Together[str, str](book.do, settled="?"), "ab")
    assert [type(each) for each in answers] == [StoreUnavailable] * 2
    assert book.batches == ["ab"]


async def test_who_is_given_up_in_the_middle_leaves_nobody_waiting_for_ever() -> None:
    book = Book()
    book.goes_on.clear()
    together = Together[str, str](book.do, settled="?")
    tasks = [asyncio.create_task(together.ask(word)) for word in "ab"]
    await book.has_begun.wait()
    tasks[0].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in answers] == [asyncio.CancelledError] * 2
    book.goes_on.set()
    assert await together.ask("c") == "C"
