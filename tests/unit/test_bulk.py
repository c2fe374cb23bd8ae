"""Entries of attempts that come side by side: who goes with whom, and what each of them learns."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from mappers.vocabulary import (
    Ambiguous,
    Direction,
    Entry,
    Failure,
    Message,
    OpenedConversation,
    Origin,
    Permanent,
    Person,
    Priority,
    ProviderError,
    Receipt,
)
from middleware.http.ledger import Ledger, Outcome, Question, collecting
from middleware.http.urgency import urgency
from middleware.outbox.bulk import Bulk, BulkCrm, Size
from middleware.outbox.rules import BULK_LASTS_S, FIRST_BULK, next_bulk

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LOST = Ambiguous(code="net.ReadTimeout")


@dataclass
class Crm:
    """Takes `takes_s` for a call, and puts each in the ledger as the gateway does."""

    takes_s: float = 0.1
    lasts_s: float = 0.1
    answer: Callable[[Entry], Receipt | Failure] = lambda entry: Receipt(provider_ids=(entry.key,))
    fails: Exception | None = None
    calls: list[list[str]] = field(default_factory=list)
    urgencies: list[Priority] = field(default_factory=list)

    def may_join(self, entry: Entry) -> bool:
        return entry.file is None and not entry.key.startswith("alone")

    async def write(self, entry: Entry) -> Receipt:
        (answer,) = await self.write_many([entry])
        if not isinstance(answer, Receipt):
            raise ProviderError(answer)
        return answer

    async def write_many(self, entries: Sequence[Entry]) -> tuple[Receipt | Failure, ...]:
        self.calls.append([entry.key for entry in entries])
        self.urgencies.append(urgency())
        asked = Question(connection="c", label="write", method="POST", host="h", content=b"")
        outcome = Outcome(number=1, started_at=NOON, duration_s=self.lasts_s, begun=True)
        Ledger(b"key").note(asked, outcome)
        await asyncio.sleep(self.takes_s)
        if self.fails is not None:
            raise self.fails
        return tuple(self.answer(entry) for entry in entries)


def an_entry(key: str, ours: str = "") -> Entry:
    message = Message(
        origin=Origin("telegram", "7", key),
        conversation="1",
        author="1",
        direction=Direction.INBOUND,
        sent_at=NOON,
        text=key,
    )
    return Entry(
        key=key,
        conversation=OpenedConversation(id=ours or key),
        ours=ours or key,
        record="1",
        person=Person(identities=(), name=""),
        message=message,
        text=key,
    )


def bulk_of(crm: Crm, *, now: int = 3, most: int = 50) -> Bulk:
    return Bulk(cast("BulkCrm", crm), most, Size(now))


async def outcomes(bulk: Bulk, entries: Sequence[Entry]) -> list[Any]:
    return await asyncio.gather(*map(bulk.write, entries), return_exceptions=True)


async def test_one_alone_is_an_ordinary_call() -> None:
    crm = Crm()
    assert await bulk_of(crm).write(an_entry("a")) == Receipt(provider_ids=("a",))
    assert crm.calls == [["a"]]


async def test_a_call_takes_what_waits_up_to_its_size_in_order() -> None:
    crm = Crm(lasts_s=BULK_LASTS_S / 2)
    found = await outcomes(bulk_of(crm), [an_entry(key) for key in "abcdefg"])
    assert crm.calls == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert found == [Receipt(provider_ids=(key,)) for key in "abcdefg"]


async def test_of_one_conversation_a_call_takes_one() -> None:
    crm = Crm()
    entries = [an_entry("a1", "a"), an_entry("a2", "a"), an_entry("b1", "b"), an_entry("b2", "b")]
    await outcomes(bulk_of(crm), entries)
    assert crm.calls == [["a1", "b1"], ["a2", "b2"]]


async def test_what_may_not_join_waits_for_nobody() -> None:
    crm = Crm()
    await outcomes(bulk_of(crm), [an_entry(key) for key in ("a", "alone", "b")])
    assert sorted(crm.calls) == [["a", "b"], ["alone"]]


async def test_each_has_its_own_failure_and_all_know_the_exchange() -> None:
    refused = Permanent(code="crm.refused")
    crm = Crm(answer=lambda entry: refused if entry.key == "b" else Receipt(provider_ids=()))
    bulk = bulk_of(crm)

    async def attempt(key: str) -> tuple[str, int]:
        with collecting() as exchanges:
            try:
                await bulk.write(an_entry(key))
            except ProviderError as error:
                return error.failure.code, len(exchanges)
            return "", len(exchanges)

    assert await asyncio.gather(*map(attempt, "abc")) == [("", 1), (refused.code, 1), ("", 1)]


async def test_a_call_that_carries_many_goes_before_calls_that_do_one_thing() -> None:
    crm, many = Crm(), FIRST_BULK + 1
    await outcomes(bulk_of(crm, now=many), [an_entry(str(key)) for key in range(many + 2)])
    assert [len(call) for call in crm.calls] == [many, 2]
    assert crm.urgencies == [Priority.REPLY, Priority.MESSAGE]


@pytest.mark.parametrize("error", [ProviderError(LOST), RuntimeError("a bug")])
async def test_what_becomes_of_the_call_becomes_of_each(error: Exception) -> None:
    crm = Crm(fails=error)
    found = await outcomes(bulk_of(crm), [an_entry(key) for key in "ab"])
    assert [str(each) for each in found] == [str(error)] * 2
    crm.fails = None
    assert len(await outcomes(bulk_of(crm), [an_entry("c")])) == 1


async def test_one_that_is_given_up_takes_nobody_along() -> None:
    crm = Crm(takes_s=5)
    bulk = bulk_of(crm, now=2)
    calling, along, waiting = (asyncio.create_task(bulk.write(an_entry(key))) for key in "abc")
    await asyncio.sleep(0.01)
    waiting.cancel()
    calling.cancel()
    found = await asyncio.gather(calling, along, waiting, return_exceptions=True)
    assert [type(each) for each in found] == [
        *(asyncio.CancelledError, ProviderError, asyncio.CancelledError)
    ]
    assert isinstance(found[1], ProviderError)
    assert found[1].failure.kind == "ambiguous"
    crm.takes_s = 0
    await bulk.write(an_entry("d"))
    assert crm.calls == [["a", "b"], ["d"]]


async def test_the_size_follows_what_calls_last() -> None:
    crm, size = Crm(takes_s=0), Size()
    bulk = Bulk(cast("BulkCrm", crm), 50, size)
    await outcomes(bulk, [an_entry(str(number)) for number in range(300)])
    assert [len(call) for call in crm.calls] == [10, 20, 40, 50, 50, 50, 50, 30]


@pytest.mark.parametrize(
    ("now", "carried", "took_s", "is_doubt", "after"),
    [
        (FIRST_BULK, FIRST_BULK, 0.5, False, 2 * FIRST_BULK),
        (FIRST_BULK, 3, 0.5, False, FIRST_BULK),
        (FIRST_BULK, FIRST_BULK, 0.0, False, FIRST_BULK),
        (FIRST_BULK, FIRST_BULK, BULK_LASTS_S / 2, False, FIRST_BULK),
        (80, 50, BULK_LASTS_S + 1, False, 25),
        (80, 50, 0.5, True, 25),
        (1, 1, 0.5, True, 1),
    ],
)
def test_what_went_quickly_may_be_more_and_what_lasted_must_be_less(
    now: int, carried: int, took_s: float, after: int, *, is_doubt: bool
) -> None:
    assert next_bulk(now, carried, took_s, is_doubt=is_doubt) == after
