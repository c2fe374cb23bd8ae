"""Bitrix24 without an application on the test bench: comments through a webhook, asked by card."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from crm_clients.bitrix24 import MANIFEST, Bitrix24OnCards, asking
from crm_clients.bitrix24.upkeep_of_cards import NO_CRM
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import DealDraft, OperatorReplied, RecordDraft
from mappers.vocabulary.hooks import Polled
from tests.conformance.bitrix24_cards_scene import on_cards, with_webhook
from tests.conformance.bitrix24_scene import ACME
from tests.conformance.crm_bench import OURS, WORDS, Bench, an_opening, refusal
from tests.conformance.crms import CrmPromises


@pytest.fixture
async def bench(emulator: Bitrix24Emulator) -> AsyncIterator[Bench]:
    async with with_webhook(emulator) as bench:
        yield bench


@pytest.fixture
def crm(bench: Bench) -> Bitrix24OnCards:
    return on_cards(bench)


def said_in(bench: Bench, polled: Polled) -> list[str]:
    events = [event for parcel in polled.parcels for event in bench.read(parcel).events]
    return [each.message.text for each in events if isinstance(each, OperatorReplied)]


class TestBitrix24ByWebhook(CrmPromises):
    """Inherits every promise; a webhook lives until a person changes it."""

    async def test_a_refresh_rotates_and_the_old_pair_is_never_used_again(
        self, bench: Bench
    ) -> None:
        crm = on_cards(bench)
        assert not crm.is_stale(bench.http.now())
        assert (await refusal(crm.refresh())).failure.kind == "auth_expired"


class TestWriting:
    async def test_a_comment_says_who_wrote_and_hangs_on_both_cards(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        deal = await crm.create_deal(DealDraft(record=entry.record, title="Диван"), key="d")
        receipt = await crm.write(replace(entry, deal=deal, text="// не эхо"))
        on_deal, on_contact = emulator.notes(ACME)
        assert on_deal.text == on_contact.text
        assert on_deal.text.startswith("[b]telegram · Пётр Клиент[/b]\n")
        assert {on_deal.entity, on_contact.entity} == {"deals", "contacts"}
        # The deal was closed meanwhile: the hub knows of none.
        assert await crm.find_entry(entry, bench.recently()) == receipt

    async def test_what_hangs_on_the_deal_alone_is_found_and_made_whole(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        deal = await crm.create_deal(DealDraft(record=entry.record, title="Диван"), key="d")
        emulator.stage.arm("cut_before", match="crm.timeline.bindings.bind")
        error = await refusal(crm.write(replace(entry, deal=deal)))
        assert error.failure.kind == "ambiguous"
        assert len(emulator.notes(ACME)) == 1
        assert await crm.find_entry(replace(entry, deal=deal), bench.recently())
        assert len(emulator.notes(ACME)) == 2

    async def test_a_correction_keeps_the_title(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(replace(entry, channel="Telegram"))
        title = emulator.notes(ACME)[0].text.splitlines()[0]
        await crm.edit_entry(replace(entry, text="Иначе\nна двух строках"))
        assert emulator.notes(ACME)[0].text.splitlines()[0] == title
        assert bench.timeline(OURS) == ["Иначе\nна двух строках"]

    async def test_an_entry_is_found_among_a_crowd_of_comments(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        receipt = await crm.write(entry)
        for number in range(120):
            emulator.write_note(ACME, int(entry.record), f"заметка {number}")
        assert await crm.find_entry(entry, bench.recently()) == receipt
        assert bench.timeline(OURS) == [WORDS]


class TestAsking:
    async def test_answers_on_every_card_are_found_in_rounds_and_once(
        self,
        crm: Bitrix24OnCards,
        bench: Bench,
        emulator: Bitrix24Emulator,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(asking, "ROUND", 2)
        monkeypatch.setattr(asking, "NEWEST", 1)
        monkeypatch.setattr(asking, "MOST_HOT", 1)
        at = await crm.poll("")
        people = []
        for number in range(7):
            draft = RecordDraft(name=f"Клиент {number}")
            people.append(await crm.create_record(draft, key=f"r-{number}"))
            await crm.open_conversation(an_opening(people[-1]))
        for each in people:
            emulator.write_note(ACME, int(each), f"// для {each}")
        said: list[str] = []
        for _ in range(9):
            at = await crm.poll(at.cursor)
            said += said_in(bench, at)
        assert sorted(said) == [f"для {each}" for each in people]

    async def test_cards_that_are_not_ours_are_left_alone(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        at = await crm.poll("")
        stranger = await crm.create_record(RecordDraft(name="Чужой"), key="r")
        emulator.write_note(ACME, int(stranger), "// не нам")
        assert not (await crm.poll(at.cursor)).parcels

    async def test_an_answer_on_a_deal_is_found(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        deal = await crm.create_deal(DealDraft(record=entry.record, title="Диван"), key="d")
        at = await crm.poll("")
        emulator.write_note(ACME, int(deal), "// Есть", entity="deal")
        found = await crm.poll(at.cursor)
        assert said_in(bench, found) == ["Есть"]

    async def test_a_batch_that_died_is_asked_again(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        await bench.entry()
        at = await crm.poll("")
        bench.reply(OURS, "Завтра")
        emulator.stage.arm("batch_dies", match="batch")
        assert (await refusal(crm.poll(at.cursor))).failure.kind == "transient"
        assert said_in(bench, await crm.poll(at.cursor)) == ["Завтра"]


class TestWebhook:
    async def test_a_webhook_that_was_changed_is_a_matter_for_a_person(
        self, crm: Bitrix24OnCards, emulator: Bitrix24Emulator
    ) -> None:
        emulator.world.portal(ACME).webhooks.clear()
        error = await refusal(crm.check())
        assert error.failure.kind == "auth_expired"
        assert crm.config.key.partition("/")[2] not in f"{error!r} {error.failure!r}"

    async def test_a_webhook_without_the_crm_is_told_of(
        self, crm: Bitrix24OnCards, emulator: Bitrix24Emulator
    ) -> None:
        (hook,) = emulator.world.portal(ACME).webhooks.values()
        hook.scopes = frozenset({"user"})
        assert (await crm.check()).warnings == (NO_CRM,)

    async def test_what_it_cannot_do_is_said_when_it_is_connected(
        self, crm: Bitrix24OnCards, bench: Bench
    ) -> None:
        done = await crm.set_up(bench.address, take_over=False)
        assert any("need an application" in note for note in done.notes)
        assert any(bench.address in note for note in done.notes)

    async def test_a_renamed_portal_is_followed_with_the_key_and_nobody_else_is(
        self, crm: Bitrix24OnCards, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        emulator.rename(ACME, "acme-new")
        assert (await crm.check()).id == MANIFEST.accounts(bench.config)[0]
        assert bench.http.calls[-1].url.endswith(f"/acme-new/rest/{crm.config.key}/scope")

    async def test_the_doctor_says_what_a_webhook_lacks(
        self, crm: Bitrix24OnCards, emulator: Bitrix24Emulator
    ) -> None:
        (hook,) = emulator.world.portal(ACME).webhooks.values()
        hook.scopes = frozenset({"user"})
        levels = [each.level for each in await crm.diagnose("")]
        assert levels == ["ok", "problem", "warning"]
        assert await crm.has_passed("bitrix24.plan")
        emulator.world.portal(ACME).webhooks.clear()
        (found,) = await crm.diagnose("")
        assert found.level == "problem"
        assert found.advice
