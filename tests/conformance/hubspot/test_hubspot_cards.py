"""What is peculiar to HubSpot's cards: how things on them read, and where they lie."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot.adapter_on_cards import HubSpotOnCards
from crm_clients.hubspot.bodies import said_in
from crm_clients.on_cards import mark_of
from mappers.vocabulary import (
    CallResult,
    Direction,
    EmailDraft,
    Operator,
    Permanent,
    Quote,
    Receipt,
    RecordDraft,
    TaskDraft,
)
from tests.conformance.crm_bench import DRAFT, EMAIL, OURS, WORDS, Bench, an_opening, refusal
from tests.conformance.crm_bulk import entries_of
from tests.conformance.crm_logs import a_call
from tests.conformance.hubspot_cards_scene import (
    a_file,
    live,
    noted,
    on_a_deal,
    on_cards,
    ours,
    things,
    with_notes,
    with_service_key,
    words,
)
from tests.conformance.hubspot_scene import ACME


@pytest.fixture
async def bench(emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
    async with with_notes(emulator) as bench:
        yield bench


@pytest.fixture
async def by_mark(emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
    async with with_notes(emulator, properties="refused") as bench:
        yield bench


@pytest.fixture
def crm(bench: Bench) -> HubSpotOnCards:
    return on_cards(bench)


class TestWriting:
    async def test_an_entry_says_who_wrote_when_and_lies_on_both_cards(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await on_a_deal(bench)
        said_at = datetime(2025, 7, 4, 9, 40, 7, 250_000, tzinfo=UTC)
        message = replace(entry.message, sent_at=said_at)
        bench.http.calls.clear()
        await crm.write(replace(entry, message=message, text="<b>клик</b>\nи ещё"))
        assert len(bench.http.calls) == 1
        (made,) = ours(emulator)
        assert made["tied"] == {"contacts": [int(entry.record)], "deals": [int(entry.deal)]}
        assert made["properties"]["hs_timestamp"] == "2025-07-04T09:40:07.250Z"
        text = said_in(made["properties"]["hs_note_body"]).text
        assert text == "telegram · Пётр Клиент\n<b>клик</b>\nи ещё"

    async def test_without_a_unique_property_a_small_mark_ends_it(
        self, by_mark: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await by_mark.entry()
        await by_mark.crm.write(replace(entry, author=Operator(id="")))
        text = said_in(things(emulator, "notes")[0]["hs_note_body"]).text
        assert text == f"telegram → Пётр Клиент\n{WORDS}\n{mark_of(entry.key)}"

    async def test_a_file_is_kept_in_the_portal_once_and_shown_by_the_note(
        self, by_mark: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = replace(await by_mark.entry(), file=a_file())
        by_mark.arm("cut_after", "write")
        assert (await refusal(by_mark.crm.write(entry))).failure.kind == "ambiguous"
        assert await by_mark.crm.find_entry(entry, by_mark.recently())
        await by_mark.crm.write(entry)
        (file,) = emulator.world.portal(ACME).files.values()
        shown = [each["hs_attachment_ids"] for each in things(emulator, "notes")]
        assert shown == [str(file.id)] * 2
        assert by_mark.timeline(OURS) == [WORDS] * 2
        await on_cards(by_mark).edit_entry(replace(entry, text="Иначе"))
        assert "Иначе" in by_mark.timeline(OURS)

    async def test_a_file_is_a_link_where_the_portal_keeps_none_of_ours(
        self, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = replace(await bench.entry(), file=a_file())
        link = f"{WORDS}\nсчёт 1.png"
        await bench.with_changes({"scopes": ("oauth",)}).crm.write(entry)
        emulator.stage.arm("scopes_missing", match="/files")
        await bench.with_changes({"scopes": ()}).crm.write(replace(entry, key="second"))
        shown = bench.with_changes({"entry_object": "communications", "marked": ()})
        await shown.crm.write(replace(entry, key="third"))
        assert bench.timeline(OURS) == [link] * 2
        (body,) = (each["hs_communication_body"] for each in things(emulator, "communications"))
        assert entry.file is not None
        assert [each.url for each in said_in(body).spans if each.url] == [entry.file.url]
        await on_cards(bench).edit_entry(replace(entry, text="Иначе"))
        assert bench.timeline(OURS)[0] == "Иначе\nсчёт 1.png"

    async def test_what_is_quoted_is_a_line_also_by_its_name(
        self, crm: HubSpotOnCards, bench: Bench
    ) -> None:
        entry = await bench.entry()
        reply = bench.reply(OURS, "Сорок два")
        quote = Quote(origin=entry.message.origin, text="Какой\nразмер?")
        await crm.write(replace(entry, message=replace(entry.message, quote=quote)))
        (first,) = (await crm.write(replace(entry, key="entry-2"))).provider_ids
        await crm.write(replace(entry, key="entry-3", quoted=first, text="Да"))
        await crm.write(replace(entry, key="entry-4", quoted=reply, text="Беру"))
        await crm.write(replace(entry, key="entry-5", quoted="notes/77", text="Что?"))
        said = bench.timeline(OURS)
        assert said[0] == f"> Какой размер?\n{WORDS}"
        assert said[2:] == [f"> {WORDS}\nДа", "> // Сорок два\nБеру", "Что?"]

    @pytest.mark.parametrize("properties", ["unique", "refused"])
    async def test_what_is_gone_is_named(self, emulator: HubSpotEmulator, properties: str) -> None:
        async with with_notes(emulator, properties=properties) as bench:
            entry = await bench.entry()
            lost = (("deal", replace(entry, deal="77")), ("record", replace(entry, record="78")))
            for gone, astray in lost:
                error = await refusal(bench.crm.write(astray))
                assert isinstance(error.failure, Permanent)
                assert error.failure.gone == gone
            error = await refusal(on_cards(bench).edit_entry(entry))
            assert getattr(error.failure, "gone", "") == "message"
            assert not ours(emulator)

    async def test_a_note_is_found_by_its_mark_wherever_it_went_and_in_a_crowd(
        self, by_mark: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await on_a_deal(by_mark)
        receipt = await by_mark.crm.write(entry)
        for number in range(120):
            noted(emulator, f"заметка {number}")
        # The deal was closed meanwhile: the hub knows of none.
        alone = replace(entry, deal="")
        assert await by_mark.crm.find_entry(alone, by_mark.recently()) == receipt
        emulator.delete_record(ACME, "contacts", int(entry.record))
        assert await by_mark.crm.find_entry(entry, by_mark.recently()) == receipt
        assert await by_mark.crm.find_entry(alone, by_mark.recently()) is None

    @pytest.mark.parametrize("answers", [True, False])
    async def test_a_note_is_found_although_its_contact_was_merged(
        self, by_mark: Bench, emulator: HubSpotEmulator, answers: bool
    ) -> None:
        emulator.switches.set("merged_id_answers", value=answers)
        entry = await by_mark.entry()
        receipt = await by_mark.crm.write(entry)
        other = await by_mark.crm.create_record(RecordDraft(name="Другой"), key="record-2")
        emulator.merge_records(ACME, int(other), int(entry.record))
        assert await by_mark.crm.find_entry(entry, by_mark.recently()) == receipt
        error = await refusal(by_mark.crm.write(replace(entry, key="another")))
        assert getattr(error.failure, "gone", "") == "record"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("association_ids", "strings"),
            ("refusal_has_category", False),
            ("same_file", "content"),
            ("contact_needs_name", False),
            ("communications_searchable", False),
        ],
    )
    async def test_whatever_is_not_documented_may_be_either_way(
        self, by_mark: Bench, emulator: HubSpotEmulator, name: str, value: object
    ) -> None:
        emulator.switches.set(name, value)
        entry = replace(await on_a_deal(by_mark), file=a_file())
        receipt = await by_mark.crm.write(entry)
        assert await by_mark.crm.find_entry(entry, by_mark.recently()) == receipt
        at = await on_cards(by_mark).poll("")
        noted(emulator, "// Есть")
        assert words(by_mark, await on_cards(by_mark).poll(at.cursor)) == ["Есть"]
        error = await refusal(by_mark.crm.write(replace(entry, key="x", deal="77")))
        assert getattr(error.failure, "gone", "") == "deal"

    async def test_in_a_portal_of_tickets_an_entry_lies_on_the_ticket(
        self, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        there = bench.with_changes({"case": "tickets"})
        ticket = emulator.add_record(
            ACME, "tickets", {"subject": "Диван", "hs_pipeline_stage": "1"}
        )
        entry = replace(await there.entry(), deal=str(ticket.id))
        await there.crm.write(entry)
        assert ours(emulator)[0]["tied"]["tickets"] == [ticket.id]


class TestBulk:
    async def test_whose_card_is_gone_holds_up_nobody_else(
        self, by_mark: Bench, emulator: HubSpotEmulator
    ) -> None:
        entries = await entries_of(by_mark, 3)
        astray = replace(entries[1], record="78")
        answers = await on_cards(by_mark).write_many([entries[0], astray, entries[2]])
        assert [isinstance(each, Receipt) for each in answers] == [True, False, True]
        assert getattr(answers[1], "gone", "") == "record"
        assert len(ours(emulator)) == 5

    async def test_what_was_written_before_is_not_written_again(
        self, bench: Bench, crm: HubSpotOnCards, emulator: HubSpotEmulator
    ) -> None:
        entries = await entries_of(bench, 2)
        first = await crm.write(entries[0])
        answers = await crm.write_many(entries)
        assert answers[0] == first
        assert isinstance(answers[1], Receipt)
        assert len(ours(emulator)) == 4

    @pytest.mark.parametrize("is_traced", [True, False])
    async def test_what_half_was_written_of_is_settled_for_each(
        self, by_mark: Bench, emulator: HubSpotEmulator, is_traced: bool
    ) -> None:
        emulator.switches.set("results_traced", is_traced)
        entries, crm = await entries_of(by_mark, 3), on_cards(by_mark)
        emulator.stage.arm("batch_dies")
        assert (await refusal(crm.write_many(entries))).failure.kind == "ambiguous"
        found = [await crm.find_entry(each, by_mark.recently()) for each in entries]
        assert [each is not None for each in found] == [True, True, False]
        assert [isinstance(each, Receipt) for each in await crm.write_many(entries[2:])] == [True]
        assert len(ours(emulator)) == 6

    async def test_what_takes_longer_than_words_goes_alone(
        self, bench: Bench, crm: HubSpotOnCards
    ) -> None:
        entry = await bench.entry()
        assert crm.may_join(entry)
        assert not crm.may_join(replace(entry, file=a_file()))
        assert not crm.may_join(replace(entry, quoted="notes/5"))


class TestLogbook:
    async def test_a_call_says_how_long_it_took_and_how_it_ended(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        record = await crm.create_record(DRAFT, key="record-1")
        owner = str(emulator.world.portal(ACME).user().owner_id)
        talked = replace(a_call(bench, record), responsible=owner)
        await crm.write_call(talked, key="c-1")
        missed = replace(talked, result=CallResult.BUSY, recording="http://records.example/1.mp3")
        await crm.write_call(replace(missed, direction=Direction.OUTBOUND), key="c-2")
        first, second = things(emulator, "calls")
        assert (first["hs_call_duration"], first["hs_call_status"]) == ("73000", "COMPLETED")
        assert (first["hubspot_owner_id"], second["hs_call_status"]) == (owner, "BUSY")
        assert first["hs_call_recording_url"] == talked.recording
        assert "hs_call_recording_url" not in second
        said = said_in(second["hs_call_body"]).text
        assert said == "Перезвонить завтра\nhttp://records.example/1.mp3"

    async def test_without_a_unique_property_calls_and_letters_are_found_by_their_mark(
        self, by_mark: Bench, emulator: HubSpotEmulator
    ) -> None:
        crm = on_cards(by_mark)
        draft = EmailDraft(
            direction=Direction.OUTBOUND,
            record=await crm.create_record(DRAFT, key="record-1"),
            sent_at=by_mark.http.now(),
            subject="Счёт",
            sender="shop@example.com",
            recipients=(EMAIL,),
        )
        receipt = await crm.write_email(draft, key="m-1")
        assert await crm.find_email(draft, "m-1", by_mark.recently()) == receipt
        (letter,) = things(emulator, "emails")
        assert letter["hs_email_text"] == mark_of("m-1")
        assert (letter["hs_email_direction"], letter["hs_email_status"]) == ("EMAIL", "SENT")
        blind = on_cards(by_mark.with_changes({"scopes": ("oauth",)}))
        error = await refusal(blind.find_email(draft, "m-1", by_mark.recently()))
        assert error.failure.detail == "sales-email-read"


class TestTasks:
    async def test_a_task_is_due_when_it_says_and_nobody_is_told_a_key(
        self, by_mark: Bench, emulator: HubSpotEmulator
    ) -> None:
        record = await by_mark.crm.create_record(DRAFT, key="record-1")
        due = datetime(2026, 11, 23, 9, tzinfo=UTC)
        draft = TaskDraft(record=record, text="Ответить <b>сегодня</b>\nдо шести", due_at=due)
        made = await on_cards(by_mark).create_task(draft, key="t-1")
        (task,) = things(emulator, "tasks")
        assert task["hs_task_subject"] == "Ответить <b>сегодня</b> до шести"
        assert said_in(task["hs_task_body"]).text == draft.text
        assert (task["hs_timestamp"], task["hs_task_status"]) == (
            "2026-11-23T09:00:00.000Z",
            "NOT_STARTED",
        )
        found = on_cards(by_mark).find_created_task(draft, "t-1", by_mark.recently())
        assert await found == made


class TestProof:
    @pytest.mark.parametrize(
        ("properties", "marked"),
        [("unique", ("notes", "calls", "emails", "tasks")), ("plain", ()), ("refused", ())],
    )
    async def test_what_takes_our_key_is_tried_and_nothing_is_left(
        self, emulator: HubSpotEmulator, properties: str, marked: tuple[str, ...]
    ) -> None:
        async with with_notes(emulator, properties=properties) as bench:
            crm = on_cards(bench)
            assert crm.config.marked == marked
            for kind in ("notes", "calls", "emails", "tasks"):
                assert not live(emulator, kind)
            assert await crm.is_set_up(bench.address)

    async def test_a_property_that_somebody_removed_is_missed(
        self, crm: HubSpotOnCards, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        emulator.world.portal(ACME).crm.properties["0-46"].pop("threadline_key")
        assert not await crm.is_set_up(bench.address)
        assert "problem" in {each.level for each in await crm.diagnose(bench.address)}
        done = await crm.set_up(bench.address, take_over=False)
        assert "notes" in done.changes["marked"]
        assert "problem" not in {each.level for each in await crm.diagnose(bench.address)}
        assert await crm.is_set_up(bench.address)

    async def test_what_an_account_cannot_do_is_said(
        self, by_mark: Bench, emulator: HubSpotEmulator
    ) -> None:
        done = await on_cards(by_mark).set_up(by_mark.address, take_over=False)
        assert any("begins with //" in note for note in done.notes)
        assert any("small mark" in note for note in done.notes)
        without = on_cards(by_mark.with_changes({"scopes": ("oauth",)}))
        assert any("(files)" in words for words in (await without.check()).warnings)


class TestServiceKey:
    async def test_a_key_made_by_hand_does_all_of_it_and_is_never_renewed(
        self, emulator: HubSpotEmulator
    ) -> None:
        async with with_service_key(emulator) as bench:
            crm = on_cards(bench)
            done = await crm.set_up(bench.address, take_over=False)
            assert any("no webhooks" in note for note in done.notes)
            at = await crm.poll("")
            entry = await bench.entry()
            receipt = await crm.write(replace(entry, file=a_file()))
            assert await crm.find_entry(entry, bench.recently()) == receipt
            noted(emulator, "// Завтра")
            assert words(bench, await crm.poll(at.cursor)) == ["Завтра"]
            assert not crm.is_stale(bench.http.now() + timedelta(days=365))
            assert (await refusal(crm.refresh())).failure.kind == "auth_expired"
            assert (await crm.open_conversation(an_opening(entry.record))).user == entry.record
