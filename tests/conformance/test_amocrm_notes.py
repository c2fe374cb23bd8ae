"""amoCRM without chats on the test bench: the promises, and what is peculiar to notes on cards."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from crm_clients.amocrm import AmoCrmNotes, polling
from crm_clients.emulators.amocrm import AmoCrmEmulator
from mappers.vocabulary import DealDraft, Permanent, Status, StatusReport
from tests.conformance.amocrm_scene import ACME, an_emulator, with_notes
from tests.conformance.crm_bench import DRAFT, OURS, Bench, refusal
from tests.conformance.crm_logs import a_call
from tests.conformance.crms import CrmPromises


@pytest.fixture
async def emulator() -> AsyncIterator[AmoCrmEmulator]:
    async with an_emulator() as emulator:
        yield emulator


@pytest.fixture
async def bench(emulator: AmoCrmEmulator) -> AsyncIterator[Bench]:
    async with with_notes(emulator) as bench:
        yield bench


def notes_of(bench: Bench) -> AmoCrmNotes:
    crm = bench.crm
    assert isinstance(crm, AmoCrmNotes)
    return crm


class TestAmoCrmNotes(CrmPromises):
    """Inherits every promise; a token that lives long is never renewed."""

    async def test_a_refresh_rotates_and_the_old_pair_is_never_used_again(
        self, bench: Bench
    ) -> None:
        crm = notes_of(bench)
        assert not crm.is_stale(bench.http.now())
        assert (await refusal(crm.refresh())).failure.kind == "auth_expired"


class TestWriting:
    async def test_a_note_on_a_deal_that_is_gone_says_so(
        self, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        entry = await bench.entry()
        for status in (400, 404):
            emulator.switches.set("note_on_missing_status", status)
            lost = (("deal", replace(entry, deal="77")), ("record", replace(entry, record="78")))
            for gone, astray in lost:
                error = await refusal(bench.crm.write(astray))
                assert isinstance(error.failure, Permanent)
                assert error.failure.gone == gone

    async def test_a_note_is_found_wherever_it_went(
        self, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        entry = await bench.entry()
        deal = await bench.crm.create_deal(DealDraft(record=entry.record, title="Диван"), key="d")
        receipt = await bench.crm.write(replace(entry, deal=deal))
        assert emulator.notes(ACME)[-1].entity == "leads"
        # The deal was closed meanwhile: the hub knows of none.
        assert await bench.crm.find_entry(entry, bench.recently()) == receipt

    async def test_a_note_is_found_although_its_contact_is_gone(
        self, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        entry = await bench.entry()
        receipt = await bench.crm.write(entry)
        other = await bench.crm.create_record(DRAFT, key="record-2")
        emulator.merge_contacts(ACME, int(other), int(entry.record))
        assert await bench.crm.find_entry(entry, bench.recently()) == receipt

    @pytest.mark.parametrize("is_honoured", [True, False])
    async def test_what_comes_late_says_when_it_was_said(
        self, bench: Bench, emulator: AmoCrmEmulator, is_honoured: bool
    ) -> None:
        emulator.switches.set("note_created_at_honoured", value=is_honoured)
        entry = await bench.entry()
        said_at = datetime(2025, 7, 4, 9, 40, tzinfo=UTC)
        await bench.crm.write(replace(entry, message=replace(entry.message, sent_at=said_at)))
        note = emulator.notes(ACME)[-1]
        assert " · 04.07 09:40 UTC · #" in note.title
        assert (note.created_at == said_at.timestamp()) == is_honoured

    async def test_a_correction_of_a_note_that_somebody_deleted_says_so(
        self, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        entry = await bench.entry()
        await bench.crm.write(entry)
        emulator.world.account(ACME).notes.clear()
        error = await refusal(notes_of(bench).edit_entry(entry))
        assert isinstance(error.failure, Permanent)
        assert error.failure.gone == "message"


class TestMarking:
    async def test_the_last_mark_stands_and_the_words_before_it_stay(
        self, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        entry = await bench.entry()
        reply = bench.reply(OURS, "Завтра\nв десять")

        async def report(status: Status, words: str = "") -> str:
            told = StatusReport(
                reply=reply, conversation=entry.conversation, status=status, words=words
            )
            await bench.crm.report(told)
            return emulator.notes(ACME)[-1].text

        assert await report(Status.SENT) == "// Завтра\nв десять\n✓"
        failed = "// Завтра\nв десять\n✗ Не дошло: номер занят"
        assert await report(Status.FAILED, "Не дошло:\nномер занят") == failed
        bench.http.calls.clear()
        assert await report(Status.FAILED, "Не дошло:\nномер занят") == failed
        assert [call.method for call in bench.http.calls] == ["GET"]
        assert await report(Status.SENT) == "// Завтра\nв десять\n✓"

    async def test_an_answer_that_was_dealt_with_is_not_brought_again(self, bench: Bench) -> None:
        """Not even to a hub that has forgotten everything."""
        entry = await bench.entry()
        crm = notes_of(bench)
        begun = await crm.poll("")
        reply = bench.reply(OURS, "Завтра")
        told = StatusReport(reply=reply, conversation=entry.conversation, status=Status.SENT)
        await crm.report(told)
        assert not (await crm.poll(begun.cursor)).parcels


class TestAsking:
    async def test_notes_of_colleagues_are_not_brought(
        self, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        entry = await bench.entry()
        crm = notes_of(bench)
        begun = await crm.poll("")
        for words in ("Перезвонить", "//", "см. // внизу"):
            emulator.write_note(ACME, int(entry.record), words)
        assert not (await crm.poll(begun.cursor)).parcels

    async def test_a_crowd_of_notes_holds_nobody_up(
        self, bench: Bench, emulator: AmoCrmEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(polling, "PAGE", 4)
        monkeypatch.setattr(polling, "MOST_PAGES", 2)
        entry = await bench.entry()
        crm = notes_of(bench)
        begun = await crm.poll("")
        for number in range(9):
            emulator.write_note(ACME, int(entry.record), f"// {number}")
        first = await crm.poll(begun.cursor)
        assert len(first.parcels) == 8
        assert not first.again_after

    async def test_where_hooks_are_set_asking_is_seldom(self, bench: Bench) -> None:
        often = (await notes_of(bench).poll("")).again_after
        done = await notes_of(bench).set_up(bench.address, take_over=False)
        seldom = (await notes_of(bench.with_changes(done.changes)).poll("")).again_after
        assert often < seldom

    async def test_a_plan_without_hooks_is_told_of_and_asked_often(
        self, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        emulator.switches.set("webhooks_in_plan", value=False)
        done = await notes_of(bench).set_up(bench.address, take_over=False)
        assert done.changes["hook_address"] == ""
        assert any("every few seconds" in note for note in done.notes)


class TestCalls:
    @pytest.mark.parametrize(("deals", "entity"), [(0, "contacts"), (1, "leads"), (2, "contacts")])
    async def test_a_call_is_where_amocrm_puts_it(
        self, bench: Bench, emulator: AmoCrmEmulator, deals: int, entity: str
    ) -> None:
        crm = notes_of(bench)
        record = await crm.create_record(DRAFT, key="record-1")
        for number in range(deals):
            await crm.create_deal(DealDraft(record=record, title=""), key=f"deal-{number}")
        receipt = await crm.write_call(a_call(bench), key="call-1")
        (note,) = emulator.notes(ACME)
        assert receipt.provider_ids == (f"{entity}/{note.id}",)
        assert note.note_type == "call_in"
        assert note.params["uniq"] == "call-1"
        assert note.params["call_status"] == 4

    @pytest.mark.parametrize("status", [200, 400])
    async def test_a_phone_that_nobody_has_is_refused_either_way(
        self, bench: Bench, emulator: AmoCrmEmulator, status: int
    ) -> None:
        emulator.switches.set("unmatched_call_status", status)
        error = await refusal(notes_of(bench).write_call(a_call(bench), key="call-1"))
        assert error.failure.kind == "permanent"
