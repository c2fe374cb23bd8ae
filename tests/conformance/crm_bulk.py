"""What a CRM that takes several entries in one call owes the hub."""

from dataclasses import replace

import pytest

from crm_clients.contract import Crm, WritesInBulk
from mappers.vocabulary import Entry, Opening, Receipt
from tests.conformance.crm_bench import OURS, PERSON, WORDS, Bench, an_entry, refusal

HELLO = "Здравствуйте"


async def entries_of(bench: Bench, count: int) -> list[Entry]:
    """Entries of as many conversations, in each of which something was said before."""
    record, found = (await bench.entry()).record, []
    for number in range(count):
        ours = f"{OURS}-{number}"
        opening = Opening(ours=ours, record=record, person=PERSON)
        opened = await bench.crm.open_conversation(opening)
        hello = an_entry(bench, opened, record, text=HELLO, key=f"hello-{number}")
        receipt = await bench.crm.write(replace(hello, ours=ours))
        known = replace(opened, user=receipt.user or opened.user)
        entry = an_entry(bench, known, record, text=WORDS, key=f"entry-{number}")
        found.append(replace(entry, ours=ours))
    bench.http.calls.clear()
    return found


def in_bulk(crm: Crm) -> WritesInBulk:
    if not isinstance(crm, WritesInBulk):
        pytest.skip("it takes one entry a call")
    return crm


class BulkPromises:
    async def test_entries_of_many_conversations_go_in_one_call(self, bench: Bench) -> None:
        crm, entries = in_bulk(bench.crm), await entries_of(bench, 3)
        assert all(crm.may_join(entry) for entry in entries)
        receipts = await crm.write_many(entries)
        assert len(bench.http.calls) == 1
        assert [bench.timeline(entry.ours) for entry in entries] == [[HELLO, WORDS]] * 3
        assert [await _found(bench, entry) for entry in entries] == list(receipts)

    async def test_a_lost_answer_of_many_is_settled_for_each_by_itself(self, bench: Bench) -> None:
        crm, entries = in_bulk(bench.crm), await entries_of(bench, 3)
        await bench.crm.write(entries[0])
        assert await _kept(bench, entries) == [True, False, False]
        bench.arm("cut_before", "bulk")
        assert (await refusal(crm.write_many(entries[1:]))).failure.kind == bench.lost("bulk")
        assert await _kept(bench, entries) == [True, False, False]
        bench.arm("cut_after", "bulk")
        assert (await refusal(crm.write_many(entries[1:]))).failure.kind == bench.lost("bulk")
        assert await _kept(bench, entries) == [True, True, True]
        assert [bench.timeline(entry.ours) for entry in entries] == [[HELLO, WORDS]] * 3


async def _kept(bench: Bench, entries: list[Entry]) -> list[bool]:
    return [await _found(bench, entry) is not None for entry in entries]


async def _found(bench: Bench, entry: Entry) -> Receipt | None:
    return await bench.crm.find_entry(entry, bench.recently())
