"""Notes that answer on HubSpot's cards: which do, for whom, and how they are marked."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.emulators.hubspot.crm_model import Record
from crm_clients.hubspot import polling
from crm_clients.hubspot.adapter_on_cards import HubSpotOnCards
from crm_clients.hubspot.bodies import said_in
from mappers.vocabulary import (
    AttachmentKind,
    OperatorReplied,
    RecordDraft,
    Status,
    StatusReport,
)
from tests.conformance.crm_bench import OURS, Bench, refusal
from tests.conformance.hubspot_cards_scene import (
    PICTURE,
    a_file,
    live,
    noted,
    on_a_deal,
    on_cards,
    ours,
    said_by,
    things,
    with_notes,
    words,
)
from tests.conformance.hubspot_scene import ACME


@pytest.fixture
async def bench(emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
    async with with_notes(emulator) as bench:
        yield bench


@pytest.fixture
def crm(bench: Bench) -> HubSpotOnCards:
    return on_cards(bench)


class TestMarking:
    async def test_the_last_mark_stands_and_the_words_before_it_stay(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await bench.entry()
        begun = await crm.poll("")
        reply = noted(emulator, "<div><p>// Завтра</p><p>в десять</p></div>")

        async def report(status: Status, said: str = "") -> str:
            told = StatusReport(
                reply=reply, conversation=entry.conversation, status=status, words=said
            )
            await crm.report(told)
            return said_in(things(emulator, "notes")[-1]["hs_note_body"]).text

        assert await report(Status.SENT) == "// Завтра\nв десять\n✓"
        failed = "// Завтра\nв десять\n✗ Не дошло: номер занят"
        assert await report(Status.FAILED, "Не дошло:\nномер занят") == failed
        bench.http.calls.clear()
        assert await report(Status.FAILED, "Не дошло:\nномер занят") == failed
        assert [call.method for call in bench.http.calls] == ["GET"]
        # Not even to a hub that has forgotten everything.
        assert not (await crm.poll(begun.cursor)).parcels

    async def test_an_answer_that_somebody_deleted_is_gone(
        self, crm: HubSpotOnCards, bench: Bench
    ) -> None:
        entry = await bench.entry()
        for name in ("notes/77", "tasks/77", "нет"):
            told = StatusReport(reply=name, conversation=entry.conversation, status=Status.SENT)
            assert getattr((await refusal(crm.report(told))).failure, "gone", "") == "message"


class TestAsking:
    async def test_only_answers_are_brought_also_those_that_became_one(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        await bench.entry()
        at = await crm.poll("")
        for text in ("Перезвонить", "//", "см. // внизу"):
            noted(emulator, text)
        at = await crm.poll(at.cursor)
        assert not at.parcels
        changed = {"hs_note_body": "<p>// <b>Есть</b> две</p>"}
        emulator.edit_record(ACME, "notes", live(emulator, "notes")[-1]["id"], changed)
        found = await crm.poll(at.cursor)
        (reply,) = said_by(bench, found)
        assert reply.message.text == "Есть две"
        assert [(span.start, span.end) for span in reply.message.spans] == [(0, 4)]
        user = emulator.world.portal(ACME).user()
        assert (reply.operator.id, reply.operator.user) == (f"A-{user.id}", str(user.owner_id))
        assert not (await crm.poll(found.cursor)).parcels

    async def test_an_answer_that_the_index_shows_late_is_brought_once(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        await bench.entry()
        at = await crm.poll("")
        late = _noted_late(emulator, "// Поздно")
        await crm.create_record(RecordDraft(name="Другой"), key="record-2")
        noted(emulator, "// Сразу")
        at = await crm.poll(at.cursor)
        assert words(bench, at) == ["Сразу"]
        late.versions[:] = [replace(each, visible_at=0) for each in late.versions]
        at = await crm.poll(at.cursor)
        assert words(bench, at) == ["Поздно"]
        assert not (await crm.poll(at.cursor)).parcels

    async def test_of_two_answers_on_a_card_the_later_is_never_brought_first(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        await bench.entry()
        at = await crm.poll("")
        late = _noted_late(emulator, "// Раз")
        noted(emulator, "// Два")
        at = await crm.poll(at.cursor)
        assert words(bench, at) == ["Раз", "Два"]
        late.versions[:] = [replace(each, visible_at=0) for each in late.versions]
        assert not (await crm.poll(at.cursor)).parcels

    async def test_an_answer_on_a_deal_of_several_people_is_whose_the_deal_is(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await on_a_deal(bench)
        other = await crm.create_record(RecordDraft(name="Другой"), key="record-2")
        at = await crm.poll("")
        people = (("contacts", int(entry.record)), ("contacts", int(other)))
        noted(emulator, "// Обоим", *people, ("deals", int(entry.deal)))
        noted(emulator, "// Кому?", *people)
        found = await crm.poll(at.cursor)
        (reply,) = said_by(bench, found)
        assert (reply.message.text, reply.record, reply.deal) == ("Обоим", "", entry.deal)
        told = await crm.read_history(entry.conversation, OURS, bench.recently())
        events = [event for parcel in told for event in bench.read(parcel).events]
        said = [each for each in events if isinstance(each, OperatorReplied)]
        assert {each.record for each in said} == {entry.record}

    async def test_what_our_application_notes_is_no_answer(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await bench.entry()
        at = await crm.poll("")
        await crm.write(entry)
        name = ours(emulator)[0]["id"]
        emulator.edit_record(ACME, "notes", name, {"hs_note_body": "// эхо"})
        assert not (await crm.poll(at.cursor)).parcels

    async def test_files_of_an_answer_are_told_and_brought(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = replace(await bench.entry(), file=a_file())
        at = await crm.poll("")
        await crm.write(entry)
        kept = ours(emulator)[0]["properties"]["hs_attachment_ids"]
        noted(emulator, "<p>//</p>", hs_attachment_ids=f"{kept};99")
        (reply,) = said_by(bench, await crm.poll(at.cursor))
        (shown,) = reply.message.attachments
        assert (shown.kind, shown.size_bytes) == (AttachmentKind.IMAGE, len(PICTURE))
        assert (await crm.fetch(shown, 1024)).body == PICTURE

    async def test_a_crowd_of_notes_holds_nobody_up(
        self,
        crm: HubSpotOnCards,
        bench: Bench,
        emulator: HubSpotEmulator,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(polling, "PAGE", 4)
        monkeypatch.setattr(polling, "MOST_PAGES", 2)
        await bench.entry()
        at = await crm.poll("")
        expected = [str(number) for number in range(9)]
        for number in expected:
            noted(emulator, f"// {number}")
        said: list[str] = []
        for _ in range(4):
            at = await crm.poll(at.cursor)
            said += words(bench, at)
        assert said == expected
        assert at.again_after

    async def test_the_history_of_somebody_gone_is_nobodys(
        self, crm: HubSpotOnCards, bench: Bench
    ) -> None:
        entry = await bench.entry()
        bench.delete_record(entry.record)
        history = crm.read_history(entry.conversation, OURS, bench.recently())
        assert getattr((await refusal(history)).failure, "gone", "") == "record"


def _noted_late(emulator: HubSpotEmulator, text: str) -> Record:
    """A note that the search does not know of for now."""
    emulator.switches.set("search_lag_s", 30.0)
    noted(emulator, text)
    emulator.switches.set("search_lag_s", 0.0)
    return [*emulator.world.portal(ACME).crm.of("0-46").values()][-1]
