"""Bitrix24 without open lines on the test bench: activities of an application, its queue."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from crm_clients.bitrix24 import Bitrix24OnCards
from crm_clients.bitrix24.upkeep_of_cards import NO_QUEUE
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import (
    AttachmentKind,
    CallResult,
    DealDraft,
    Direction,
    EmailDraft,
    Entry,
    MediaFile,
    Operator,
    OperatorReplied,
    Permanent,
    Quote,
    Status,
    StatusReport,
)
from tests.conformance.bitrix24_cards_scene import on_cards, with_activities
from tests.conformance.bitrix24_scene import ACME, CALL, LETTER, of_type
from tests.conformance.crm_bench import DRAFT, EMAIL, OURS, WORDS, Bench, refusal
from tests.conformance.crm_logs import a_call
from tests.conformance.crms import CrmPromises


@pytest.fixture
async def bench(emulator: Bitrix24Emulator) -> AsyncIterator[Bench]:
    async with with_activities(emulator) as bench:
        yield bench


@pytest.fixture
def crm(bench: Bench) -> Bitrix24OnCards:
    return on_cards(bench)


async def on_a_deal(bench: Bench) -> Entry:
    entry = await bench.entry()
    deal = await bench.crm.create_deal(DealDraft(record=entry.record, title="Диван"), key="d")
    return replace(entry, deal=deal)


async def no_bytes() -> bytes:
    return b""


class TestBitrix24OnCards(CrmPromises):
    """Inherits every promise."""


class TestWriting:
    async def test_an_entry_says_who_wrote_when_and_which_way_on_both_cards(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await on_a_deal(bench)
        said_at = datetime(2025, 7, 4, 9, 40, tzinfo=UTC)
        message = replace(entry.message, sent_at=said_at)
        await crm.write(replace(entry, message=message, text="[url=x]клик[/url]"))
        (made,) = emulator.activities(ACME)
        told = made["fields"]
        assert told["SUBJECT"] == "telegram · Пётр Клиент · 04.07 09:40 UTC"
        assert told["DESCRIPTION"] == "[\u200burl=x]клик[\u200b/url]"
        assert (told["DIRECTION"], told["COMPLETED"]) == ("1", "Y")
        assert datetime.fromisoformat(told["START_TIME"]) == said_at
        assert (told["ORIGINATOR_ID"], told["ORIGIN_ID"]) == ("threadline", "entry-1")
        assert [each["entity"] for each in made["bindings"]] == ["deals", "contacts"]

    async def test_what_an_employee_wrote_goes_the_other_way(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        message = replace(entry.message, direction=Direction.OUTBOUND)
        await crm.write(replace(entry, message=message, author=Operator(id="")))
        told = emulator.activities(ACME)[0]["fields"]
        assert told["SUBJECT"] == "telegram → Пётр Клиент"
        assert told["DIRECTION"] == "2"

    async def test_a_file_is_a_link_and_a_quote_a_line(
        self, crm: Bitrix24OnCards, bench: Bench
    ) -> None:
        entry = await bench.entry()
        file = MediaFile(
            kind=AttachmentKind.FILE,
            name="счёт[1].pdf",
            mime="application/pdf",
            size_bytes=3,
            url="https://hub.example.com/media/1/signed",
            read=no_bytes,
        )
        message = replace(
            entry.message, quote=Quote(origin=entry.message.origin, text="Какой\nразмер?")
        )
        await crm.write(replace(entry, message=message, file=file))
        link = "[url=https://hub.example.com/media/1/signed]счёт[1].pdf[/url]"
        assert bench.timeline(OURS) == [f"> Какой размер?\n{WORDS}\n{link}"]

    async def test_an_answer_that_is_quoted_by_its_name_is_read(
        self, crm: Bitrix24OnCards, bench: Bench
    ) -> None:
        entry = await bench.entry()
        reply = bench.reply(OURS, "Сорок два")
        (first,) = (await crm.write(entry)).provider_ids
        await crm.write(replace(entry, key="entry-2", quoted=first, text="Да"))
        await crm.write(replace(entry, key="entry-3", quoted=reply, text="Беру"))
        await crm.write(replace(entry, key="entry-4", quoted="1807:86497", text="Старое"))
        said = [WORDS, f"> {WORDS}\nДа", "> // Сорок два\nБеру", "Старое"]
        assert bench.timeline(OURS) == said

    async def test_a_card_that_is_gone_is_named(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        for gone, astray in (
            ("deal", replace(entry, deal="77")),
            ("record", replace(entry, record="78")),
        ):
            error = await refusal(crm.write(astray))
            assert isinstance(error.failure, Permanent)
            assert error.failure.gone == gone
        assert not emulator.activities(ACME)

    async def test_what_is_on_one_card_and_not_on_the_other_is_in_doubt_and_made_whole(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await on_a_deal(bench)
        bench_of = emulator.stage
        bench_of.arm("QUERY_LIMIT_EXCEEDED", match="crm.activity.binding.add")
        error = await refusal(crm.write(entry))
        assert error.failure.kind == "ambiguous"
        assert await crm.find_entry(entry, bench.recently())
        (made,) = emulator.activities(ACME)
        assert [each["entity"] for each in made["bindings"]] == ["deals", "contacts"]

    async def test_a_contact_that_went_from_a_deal_stops_no_message(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await on_a_deal(bench)
        bench.delete_record(entry.record)
        receipt = await crm.write(entry)
        assert await crm.find_entry(entry, bench.recently()) == receipt
        assert len(emulator.activities(ACME)) == 1

    async def test_a_correction_of_what_somebody_deleted_says_so(
        self, crm: Bitrix24OnCards, bench: Bench
    ) -> None:
        error = await refusal(crm.edit_entry(await bench.entry()))
        assert isinstance(error.failure, Permanent)
        assert error.failure.gone == "message"


class TestMarking:
    async def test_the_last_mark_stands_and_the_words_before_it_stay(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        reply = bench.reply(OURS, "Завтра\nв десять")

        async def report(status: Status, words: str = "") -> str:
            at = entry.conversation
            await crm.report(StatusReport(reply=reply, conversation=at, status=status, words=words))
            return emulator.notes(ACME)[-1].text

        assert await report(Status.SENT) == "// Завтра\nв десять\n✓"
        failed = "// Завтра\nв десять\n✗ Не дошло: номер занят"
        assert await report(Status.FAILED, "Не дошло:\nномер занят") == failed
        assert await report(Status.SENT) == "// Завтра\nв десять\n✓"

    async def test_where_comments_are_their_authors_a_failure_is_said_below_once(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        emulator.switches.set("comment_changed_by", "author")
        entry = await bench.entry()
        contact = int(entry.record)
        note = emulator.write_note(ACME, contact, "// Завтра", user_id=2)
        begun = await crm.poll("")
        for status in (Status.SENT, Status.FAILED, Status.FAILED):
            told = StatusReport(
                reply=f"comment/{note.id}",
                conversation=entry.conversation,
                status=status,
                words="Не дошло",
            )
            await crm.report(told)
        said = [each.text for each in emulator.notes(ACME)]
        assert said == ["// Завтра", f"✗ Не дошло [comment/{note.id}]"]
        assert not (await crm.poll(begun.cursor)).parcels

    async def test_a_comment_that_was_deleted_cannot_be_marked(
        self, crm: Bitrix24OnCards, bench: Bench
    ) -> None:
        entry = await bench.entry()
        for reply in ("comment/99", "1807:86497", "nonsense"):
            told = StatusReport(reply=reply, conversation=entry.conversation, status=Status.SENT)
            error = await refusal(crm.report(told))
            assert getattr(error.failure, "gone", "") == "message"


class TestAsking:
    async def test_what_is_read_stays_in_the_queue_until_it_is_kept(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        await bench.entry()
        begun = await crm.poll("")
        bench.reply(OURS, "Завтра")
        told, again = [await crm.poll(begun.cursor) for _ in range(2)]
        assert told == again
        assert len(told.parcels) == 1
        (installed,) = emulator.world.portal(ACME).installations.values()
        assert len(installed.queue) == 1
        await crm.poll(told.cursor)
        assert not installed.queue

    async def test_a_crowd_in_the_queue_is_read_at_once_and_in_order(
        self, crm: Bitrix24OnCards, bench: Bench
    ) -> None:
        await bench.entry()
        said = [f"ответ {number}" for number in range(60)]
        for text in said:
            bench.reply(OURS, text)
        first = await crm.poll("")
        assert not first.again_after
        second = await crm.poll(first.cursor)
        assert second.again_after
        parcels = (*first.parcels, *second.parcels)
        events = [each for parcel in parcels for each in bench.read(parcel).events]
        told = [each for each in events if isinstance(each, OperatorReplied)]
        assert [each.message.text for each in told] == said
        moments = [each.message.sent_at for each in told]
        assert moments == sorted(set(moments))

    async def test_only_answers_are_brought_also_those_that_became_one(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        at = await crm.poll("")
        for words in ("Перезвонить", "//", "см. // внизу"):
            emulator.write_note(ACME, int(entry.record), words)
        at = await crm.poll(at.cursor)
        assert not at.parcels
        noted = emulator.notes(ACME)[-1].id
        emulator.edit_note(ACME, noted, "[p]// [b]Есть[/b] две[/p]")
        (parcel,) = (await crm.poll(at.cursor)).parcels
        (reply,) = bench.read(parcel).events
        assert isinstance(reply, OperatorReplied)
        assert reply.message.text == "Есть две"
        assert [(span.start, span.end) for span in reply.message.spans] == [(0, 4)]

    async def test_an_answer_on_a_deal_is_its_contacts(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await on_a_deal(bench)
        emulator.write_note(ACME, int(entry.deal), "// Есть", entity="deal")
        (parcel,) = (await crm.poll("")).parcels
        (reply,) = bench.read(parcel).events
        assert isinstance(reply, OperatorReplied)
        assert (reply.record, reply.deal) == (entry.record, entry.deal)

    async def test_without_a_queue_answers_are_looked_for_by_card(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        await crm.tear_down()
        emulator.world.portal(ACME).user(None).is_admin = False
        done = await crm.set_up(bench.address, take_over=False)
        assert NO_QUEUE in done.notes
        assert done.changes["has_queue"] is False
        later = bench.with_changes(done.changes)
        begun = await on_cards(later).poll("")
        await later.entry()
        later.reply(OURS, "Завтра")
        assert len((await on_cards(later).poll(begun.cursor)).parcels) == 1


class TestLogbook:
    async def test_a_call_that_was_missed_waits_to_be_dealt_with(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        record = await crm.create_record(DRAFT, key="record-1")
        talked = replace(a_call(bench, record), responsible="2")
        await crm.write_call(talked, key="c-1")
        await crm.write_call(replace(talked, result=CallResult.NO_ANSWER), key="c-2")
        first, second = (each.fields for each in of_type(emulator, CALL))
        assert (first["COMPLETED"], second["COMPLETED"]) == ("Y", "N")
        assert second["SETTINGS"] == {"MISSED_CALL": True}
        began, ended = (datetime.fromisoformat(first[at]) for at in ("START_TIME", "END_TIME"))
        assert (ended - began).total_seconds() == talked.duration_s
        assert str(first["RESPONSIBLE_ID"]) == "2"
        assert f"[url]{talked.recording}[/url]" in first["DESCRIPTION"]
        assert "No answer" in second["DESCRIPTION"]

    async def test_an_outgoing_letter_is_complete_and_never_sent(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        draft = EmailDraft(
            direction=Direction.OUTBOUND,
            record=await crm.create_record(DRAFT, key="record-1"),
            sent_at=bench.http.now(),
            subject="Счёт",
            sender="shop@example.com",
            recipients=(EMAIL,),
        )
        emulator.stage.arm("cut_before", match="crm.activity.update")
        assert (await refusal(crm.write_email(draft, key="m-1"))).failure.kind == "ambiguous"
        assert await crm.find_email(draft, "m-1", bench.recently())
        (letter,) = of_type(emulator, LETTER)
        assert letter.fields["COMPLETED"] == "Y"
        assert letter.communications[0]["VALUE"] == EMAIL
        assert not emulator.world.warnings


class TestCare:
    async def test_the_doctor_and_the_hourly_look_miss_a_queue_that_is_gone(
        self, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        crm = on_cards(bench)
        assert await crm.is_set_up(bench.address)
        (mine,) = emulator.world.portal(ACME).installations.values()
        mine.bindings[:] = [each for each in mine.bindings if each.handler]
        assert not await crm.is_set_up(bench.address)
        findings = await crm.diagnose(bench.address)
        assert [each.level for each in findings if "queue of comments" in each.what] == ["warning"]

    async def test_an_application_without_the_permission_is_told_which(
        self, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        (mine,) = emulator.world.portal(ACME).installations.values()
        mine.scopes = frozenset({"user"})
        findings = await on_cards(bench).diagnose(bench.address)
        assert any("lacks permissions: crm" in each.what for each in findings)
        assert await on_cards(bench).has_passed("bitrix24.updated")
