"""The promises that every CRM keeps.

A CRM's test module supplies a `Bench` and inherits `CrmPromises`. A mistake of one adapter that
another could make becomes a promise here.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crm_clients.contract import (
    CreatesTasks,
    EditsEntries,
    HasCatalogue,
    KnowsSources,
    MarksDeletions,
    ReadsHistory,
    ShowsReactions,
    WritesInBulk,
)
from mappers.vocabulary import (
    DealDraft,
    Direction,
    HistoryRead,
    Identity,
    IdentityKind,
    OperatorReplied,
    Parcel,
    Reaction,
    RecordDraft,
    Source,
    Status,
    StatusReport,
)
from mappers.vocabulary.adapters import Diagnoses, Polls, RefreshesCredentials, SetsUp
from tests.conformance.bench import secrets_of
from tests.conformance.crm_bench import (
    DRAFT,
    EMAIL,
    OURS,
    PERSON,
    PHONE,
    WORDS,
    Bench,
    an_opening,
    another,
    refusal,
)
from tests.conformance.crm_bulk import BulkPromises
from tests.conformance.crm_doors import DoorPromises
from tests.conformance.crm_fields import FieldPromises
from tests.conformance.crm_logs import LogPromises
from tests.conformance.crm_tasks import TaskPromises


class RecordPromises:
    async def test_what_is_created_is_found(self, bench: Bench) -> None:
        created = await bench.crm.create_record(DRAFT, key="record-1")
        assert await bench.crm.find_created_record("record-1", bench.recently()) == created
        record = await bench.crm.get_record(created)
        assert record is not None
        assert record.marker == "record-1"
        assert record.emails == (EMAIL,)
        for identity in (PERSON.identities[1], _email()):
            assert created in {each.id for each in await bench.crm.find_records(identity)}
        assert await bench.crm.find_records(PERSON.identities[0]) == ()

    async def test_a_creation_in_doubt_is_found_exactly_once(self, bench: Bench) -> None:
        records, _ = bench.counts()
        bench.arm("cut_after", "create")
        error = await refusal(bench.crm.create_record(DRAFT, key="record-1"))
        assert error.failure.kind == "ambiguous"
        assert await bench.crm.find_created_record("record-1", bench.recently())
        assert bench.counts()[0] == records + 1

    async def test_a_creation_that_never_was_is_not_found(self, bench: Bench) -> None:
        bench.arm("cut_before", "create")
        await refusal(bench.crm.create_record(DRAFT, key="record-1"))
        assert await bench.crm.find_created_record("record-1", bench.recently()) is None

    async def test_adding_appends_and_never_replaces(self, bench: Bench) -> None:
        created = await bench.crm.create_record(DRAFT, key="record-1")
        more = RecordDraft(name="", phones=(PHONE, "+79160000000"), emails=("q@example.com",))
        for _ in range(2):
            await bench.crm.add_to_record(created, more)
        record = await bench.crm.get_record(created)
        assert record is not None
        assert record.name == DRAFT.name
        assert len(record.phones) == 2
        assert set(record.emails) == {EMAIL, "q@example.com"}

    async def test_a_deleted_record_is_gone(self, bench: Bench) -> None:
        created = await bench.crm.create_record(DRAFT, key="record-1")
        bench.delete_record(created)
        assert await bench.crm.get_record(created) is None
        error = await refusal(bench.crm.add_to_record(created, replace(DRAFT, phones=("+79167",))))
        assert error.failure.kind == "permanent"
        assert getattr(error.failure, "gone", "") == "record"

    async def test_a_deal_is_opened_found_and_read(self, bench: Bench) -> None:
        record = await bench.crm.create_record(DRAFT, key="record-1")
        draft = DealDraft(record=record, title="Диван")
        opened = await bench.crm.create_deal(draft, key="deal-1")
        assert await bench.crm.find_created_deal(draft, "deal-1", bench.recently()) == opened
        assert await bench.crm.find_created_deal(draft, "deal-2", bench.recently()) is None
        deal = await bench.crm.get_deal(opened)
        assert deal is not None
        assert (deal.state, deal.title, deal.marker) == ("open", "Диван", "deal-1")
        assert await bench.crm.find_deals(record) == (deal,)

    async def test_a_deal_in_doubt_is_found_exactly_once(self, bench: Bench) -> None:
        record = await bench.crm.create_record(DRAFT, key="record-1")
        draft = DealDraft(record=record, title="Диван")
        bench.arm("cut_before", "create")
        assert (await refusal(bench.crm.create_deal(draft, key="d"))).failure.kind == "ambiguous"
        assert await bench.crm.find_created_deal(draft, "d", bench.recently()) is None
        bench.arm("cut_after", "create")
        assert (await refusal(bench.crm.create_deal(draft, key="d"))).failure.kind == "ambiguous"
        assert await bench.crm.find_created_deal(draft, "d", bench.recently())
        assert bench.counts()[1] == 1


class TimelinePromises:
    async def test_opening_twice_gives_the_same_conversation(self, bench: Bench) -> None:
        record = await bench.crm.create_record(DRAFT, key="record-1")
        first = await bench.crm.open_conversation(an_opening(record))
        assert first.id
        assert await bench.crm.open_conversation(an_opening(record)) == first

    async def test_what_is_written_is_found(self, bench: Bench) -> None:
        entry = await bench.entry()
        receipt = await bench.crm.write(entry)
        assert all(receipt.provider_ids)
        assert await bench.crm.find_entry(entry, bench.recently()) == receipt
        assert await bench.crm.find_entry(replace(entry, key="other"), bench.recently()) is None
        assert bench.timeline(OURS) == [WORDS]

    async def test_a_write_in_doubt_is_found_exactly_once(self, bench: Bench) -> None:
        entry = await bench.entry()
        bench.arm("cut_after", "write")
        assert (await refusal(bench.crm.write(entry))).failure.kind == bench.lost("write")
        found = await bench.crm.find_entry(entry, bench.recently())
        assert found is not None
        if "write" in bench.repeatable:
            assert await bench.crm.write(entry) == found
        assert bench.timeline(OURS) == [WORDS]

    async def test_a_write_that_never_was_is_not_found(self, bench: Bench) -> None:
        entry = await bench.entry()
        bench.arm("cut_before", "write")
        assert (await refusal(bench.crm.write(entry))).failure.kind == bench.lost("write")
        assert await bench.crm.find_entry(entry, bench.recently()) is None

    async def test_an_old_message_is_found_although_it_was_said_long_ago(
        self, bench: Bench
    ) -> None:
        entry = await bench.entry()
        old = replace(entry.message, sent_at=bench.http.now() - timedelta(days=30))
        receipt = await bench.crm.write(replace(entry, message=old))
        found = await bench.crm.find_entry(replace(entry, message=old), bench.recently())
        assert found == receipt

    async def test_an_edit_replaces_the_text_and_may_be_repeated(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, EditsEntries):
            return
        entry = await bench.entry()
        await crm.write(entry)
        for _ in range(2):
            await crm.edit_entry(replace(entry, text="Исправлено"))
        assert bench.timeline(OURS) == ["Исправлено"]

    async def test_a_reaction_comes_and_goes_and_may_be_repeated(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, ShowsReactions):
            return
        entry = await bench.entry()
        (message,) = (await crm.write(entry)).provider_ids
        for emoji in ("👍", "🔥", ""):
            felt = Reaction(
                message=message,
                conversation=entry.conversation,
                person=PERSON,
                emoji=emoji,
            )
            for _ in range(2):
                await crm.react(felt)
            assert bench.felt(OURS) == ([emoji] if emoji else [])
        lost = Reaction(message="nothing", conversation=entry.conversation, person=PERSON)
        error = await refusal(crm.react(lost))
        assert getattr(error.failure, "gone", "") == "message"

    async def test_a_deletion_leaves_the_entry_and_says_so(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, MarksDeletions):
            return
        entry = await bench.entry()
        await crm.write(entry)
        for _ in range(2):
            await crm.mark_deleted(replace(entry, text=f"[Удалено]\n{WORDS}"))
        assert bench.timeline(OURS) == [f"[Удалено]\n{WORDS}"]

    async def test_replies_are_found_by_asking_once_and_in_order(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, Polls):
            return
        begun = await crm.poll("")
        entry = await bench.entry()
        await crm.write(entry)
        said = [f"ответ {number}" for number in range(12)]
        names = [bench.reply(OURS, text) for text in said]
        first = await crm.poll(begun.cursor)
        replies = [
            each for each in _events(bench, first.parcels) if isinstance(each, OperatorReplied)
        ]
        assert [each.message.text for each in replies] == said
        assert [each.message.origin.message for each in replies] == names
        assert {each.record for each in replies} == {entry.record}
        assert len({parcel.key for parcel in first.parcels}) == len(said)
        again = await crm.poll(first.cursor)
        assert not again.parcels
        assert again.again_after

    async def test_a_text_of_exactly_the_limit_is_accepted(self, bench: Bench) -> None:
        entry = await bench.entry("я" * bench.can.text_limit)
        assert (await bench.crm.write(entry)).provider_ids

    async def test_a_report_may_be_repeated(self, bench: Bench) -> None:
        entry = await bench.entry()
        await bench.crm.write(entry)
        reply = bench.reply(OURS, "Завтра")
        for status in sorted(bench.can.statuses, key=lambda each: each.rank):
            words = "Номер не обслуживается" if status is Status.FAILED else ""
            report = StatusReport(
                reply=reply, conversation=entry.conversation, status=status, words=words
            )
            for _ in range(2):
                await bench.crm.report(report)

    async def test_history_gives_the_replies_in_order_and_says_when_it_ends(
        self, bench: Bench
    ) -> None:
        crm = bench.crm
        if not isinstance(crm, ReadsHistory):
            return
        entry = await bench.entry()
        since = bench.recently()
        nothing = await crm.read_history(entry.conversation, OURS, since)
        assert _events(bench, nothing) == [HistoryRead(conversation=entry.conversation.id)]
        await crm.write(entry)
        said = [f"ответ {number}" for number in range(60)]
        for text in said:
            bench.reply(OURS, text)
        events = _events(bench, await crm.read_history(entry.conversation, OURS, since))
        *replies, end = events
        told = [each for each in replies if isinstance(each, OperatorReplied)]
        assert isinstance(end, HistoryRead)
        assert [each.message.text for each in told] == said
        assert all((each.recovered and each.ours == OURS) or each.record for each in told)
        assert {each.message.direction for each in told} == {Direction.OUTBOUND}

    async def test_a_reply_of_the_second_from_which_a_history_is_asked_for_is_in_it(
        self, bench: Bench
    ) -> None:
        crm = bench.crm
        if not isinstance(crm, ReadsHistory):
            return
        entry = await bench.entry()
        await crm.write(entry)
        since = datetime.now(UTC)
        bench.reply(OURS, "Сразу")
        events = _events(bench, await crm.read_history(entry.conversation, OURS, since))
        told = [each.message.text for each in events if isinstance(each, OperatorReplied)]
        assert told == ["Сразу"]

    async def test_history_asked_for_again_is_news_again(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, ReadsHistory):
            return
        entry = await bench.entry()
        first = await crm.read_history(entry.conversation, OURS, bench.recently())
        again = await crm.read_history(entry.conversation, OURS, bench.recently())
        later = await crm.read_history(entry.conversation, OURS, bench.http.now())
        assert first == again
        assert not {each.key for each in first} & {each.key for each in later}


class AccountPromises:
    async def test_every_fault_is_recognised(self, bench: Bench, subtests: pytest.Subtests) -> None:
        entry = await bench.entry()
        for fault, kind in bench.faults_of_write.items():
            with subtests.test(fault=fault, call="write"):
                bench.arm(fault, "write")
                error = await refusal(bench.crm.write(replace(entry, key=fault)))
                assert error.failure.kind == kind
        for fault, kind in bench.faults_of_create.items():
            with subtests.test(fault=fault, call="create"):
                bench.arm(fault, "create")
                error = await refusal(bench.crm.create_record(another(fault), key=fault))
                assert error.failure.kind == kind

    def test_no_fault_of_the_emulator_is_forgotten(self, bench: Bench) -> None:
        met = bench.faults_of_write.keys() | bench.faults_of_create.keys()
        assert bench.known_faults == met | bench.elsewhere
        kinds = {*bench.faults_of_write.values(), *bench.faults_of_create.values()}
        assert kinds >= {"permanent", "rate_limited", "auth_expired", "blocked", "ambiguous"}

    async def test_no_secret_and_no_word_of_a_customer_is_ever_shown(self, bench: Bench) -> None:
        entry = await bench.entry()
        errors = []
        for fault in bench.faults_of_write:
            bench.arm(fault, "write")
            errors.append(await refusal(bench.crm.write(replace(entry, key=fault))))
        for fault in bench.faults_of_create:
            bench.arm(fault, "create")
            errors.append(await refusal(bench.crm.create_record(another(fault), key=fault)))
        shown: list[object] = [bench.config, bench.application, bench.crm, bench.http.calls]
        shown += [entrance.door for entrance in bench.entrances]
        shown += [part for error in errors for part in (error, error.failure)]
        shown += [bench.manifest.budgets(bench.config, bench.application)]
        words = " ".join(f"{thing!r} {thing}" for thing in shown)
        details = " ".join(error.failure.detail for error in errors)
        secrets = (*secrets_of(bench.config, bench.application), *bench.secrets)
        assert secrets
        assert not [secret for secret in secrets if secret in words + details]
        assert not [word for word in (WORDS, PHONE, EMAIL, DRAFT.name) if word in words]

    async def test_calls_stay_inside_the_declared_budgets_and_addresses(self, bench: Bench) -> None:
        await bench.crm.write(await bench.entry())
        budgets = bench.manifest.budgets(bench.config, bench.application)
        names = {budget.name for budget in budgets}
        drawn = {name.partition(":")[0] for call in bench.http.calls for name in call.budgets}
        assert all(call.budgets for call in bench.http.calls)
        assert drawn <= names
        assert len({budget.key for budget in budgets}) == len(budgets)
        bases = bench.manifest.bases(bench.config, bench.application)
        assert all(call.url.startswith(bases) for call in bench.http.calls)

    def test_the_manifest_tells_the_truth(self, bench: Bench) -> None:
        can, crm = bench.can, bench.crm
        assert can.edits == isinstance(crm, EditsEntries)
        assert can.reactions == isinstance(crm, ShowsReactions)
        assert can.sources == isinstance(crm, KnowsSources)
        assert can.deletes == isinstance(crm, MarksDeletions)
        assert can.polled == isinstance(crm, Polls)
        assert can.tasks == isinstance(crm, CreatesTasks)
        assert (can.bulk > 1) == isinstance(crm, WritesInBulk)
        assert not can.replies_told_once or isinstance(crm, ReadsHistory)
        assert Status.QUEUED not in can.statuses
        assert can.text_limit > 0

    async def test_check_proves_the_credentials(self, bench: Bench) -> None:
        account = await bench.crm.check()
        assert account.id == bench.manifest.accounts(bench.config)[0]
        assert account.title

    async def test_a_refresh_rotates_and_the_old_pair_is_never_used_again(
        self, bench: Bench
    ) -> None:
        crm = bench.crm
        if not isinstance(crm, RefreshesCredentials):
            return
        changes = await crm.refresh()
        later = bench.with_changes(changes)
        assert {**later.config.model_dump()} != {**bench.config.model_dump()}
        bench.http.calls.clear()
        await later.crm.check()
        assert isinstance(later.crm, RefreshesCredentials)
        await later.crm.refresh()
        spoken = " ".join(f"{call.headers} {call.json}" for call in bench.http.calls)
        spent = set(secrets_of(bench.config)) - set(secrets_of(later.config))
        assert spent
        assert not [secret for secret in spent if secret in spoken]

    async def test_setting_up_twice_and_tearing_down_twice_is_harmless(self, bench: Bench) -> None:
        if not isinstance(bench.crm, SetsUp):
            return
        done = await bench.crm.set_up(bench.address, take_over=False)
        later = bench.with_changes(done.changes)
        assert isinstance(later.crm, SetsUp)
        assert (await later.crm.set_up(bench.address, take_over=False)).changes == done.changes
        assert not [secret for secret in secrets_of(bench.config) if secret in repr(done)]
        for _ in range(2):
            await later.crm.tear_down()

    async def test_a_diagnosis_is_well_when_all_is_well(self, bench: Bench) -> None:
        if not isinstance(bench.crm, SetsUp) or not isinstance(bench.crm, Diagnoses):
            return
        done = await bench.crm.set_up(bench.address, take_over=False)
        crm = bench.with_changes(done.changes).crm
        assert isinstance(crm, Diagnoses)
        findings = await crm.diagnose(bench.address)
        assert {finding.level for finding in findings} == {"ok"}

    async def test_a_source_is_kept_and_dropped_as_often_as_wanted(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, KnowsSources):
            return
        for title in ("@shop_bot", "@shop_bot", "Магазин"):
            assert await crm.keep_source(Source(id="telegram:7", title=title))
        for _ in range(2):
            assert await crm.drop_source("telegram:7")

    async def test_the_catalogue_can_be_read(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, HasCatalogue):
            return
        catalogue = await crm.catalogue()
        assert [pipeline for pipeline in catalogue.pipelines if pipeline.is_main]
        assert all(pipeline.stages for pipeline in catalogue.pipelines)
        assert catalogue.operators
        assert {field.entity for field in catalogue.fields} <= {"contact", "deal"}


class CrmPromises(
    DoorPromises,
    RecordPromises,
    TimelinePromises,
    TaskPromises,
    LogPromises,
    BulkPromises,
    AccountPromises,
    FieldPromises,
):
    """All of them."""


def _events(bench: Bench, parcels: tuple[Parcel, ...]) -> list[object]:
    return [event for parcel in parcels for event in bench.read(parcel).events]


def _email() -> Identity:
    return Identity(kind=IdentityKind.EMAIL, value=EMAIL, evidence="typed")
