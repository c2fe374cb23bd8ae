"""amoCRM on the test bench: cards, signing in, setting up, the catalogue."""

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from crm_clients.amocrm import MANIFEST, AmoCrm, Config, oauth
from crm_clients.emulators.amocrm import AmoCrmEmulator
from mappers.vocabulary import (
    AuthExpired,
    Blocked,
    DealDraft,
    ProviderError,
    Source,
    Transient,
)
from tests.conformance.amocrm_scene import (
    ACME,
    ADDRESS,
    adapter_of,
    an_emulator,
    on_the_bench,
    parts_of,
)
from tests.conformance.crm_bench import (
    DRAFT,
    PERSON,
    Bench,
    refusal,
)


@pytest.fixture
async def emulator() -> AsyncIterator[AmoCrmEmulator]:
    async with an_emulator() as emulator:
        yield emulator


@pytest.fixture
async def bench(emulator: AmoCrmEmulator) -> AsyncIterator[Bench]:
    async with on_the_bench(emulator) as bench:
        yield bench


@pytest.fixture
def crm(bench: Bench) -> AmoCrm:
    return adapter_of(bench)


class TestRecords:
    async def test_the_search_may_lag_and_the_newest_page_does_not(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        emulator.switches.search_lag_s = 3600.0
        created = await crm.create_record(DRAFT, key="record-1")
        assert await crm.find_records(PERSON.identities[1]) == ()
        assert await crm.find_created_record("record-1", bench.recently()) == created

    async def test_a_number_typed_by_hand_is_found(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        phone = {"field_code": "PHONE", "values": [{"value": "8 (915) 111-22-33"}]}
        body = {"name": "Пётр", "custom_fields_values": [phone]}
        contact = emulator.add_contact(ACME, body)
        (found,) = await crm.find_records(PERSON.identities[1])
        assert (found.id, found.phones) == (str(contact.id), ("8 (915) 111-22-33",))
        await crm.add_to_record(found.id, DRAFT)
        after = await crm.get_record(found.id)
        assert after is not None
        assert after.phones == ("8 (915) 111-22-33",)
        assert after.emails == DRAFT.emails

    async def test_a_merge_is_followed_by_the_chats(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        entry = await bench.entry()
        survivor = emulator.add_contact(ACME, {"name": "Пётр"})
        emulator.merge_contacts(ACME, survivor.id, int(entry.record))
        assert await crm.get_record(entry.record) is None
        found = await crm.find_survivor(entry.record, [entry.conversation.id])
        assert found == str(survivor.id)
        assert await crm.find_survivor(entry.record, []) is None

    async def test_deals_close_won_and_lost(self, crm: AmoCrm, emulator: AmoCrmEmulator) -> None:
        record = await crm.create_record(DRAFT, key="record-1")
        contacts = {"contacts": [{"id": int(record)}]}
        won, lost = (emulator.add_lead(ACME, {"_embedded": contacts}).id for _ in range(2))
        emulator.close_lead(ACME, won)
        emulator.close_lead(ACME, lost, won=False)
        assert [deal.state for deal in await crm.find_deals(record)] == ["lost", "won"]
        assert await crm.get_deal("1") is None

    async def test_a_deal_for_a_record_that_is_gone_says_so(
        self, crm: AmoCrm, bench: Bench
    ) -> None:
        record = await crm.create_record(DRAFT, key="record-1")
        bench.delete_record(record)
        error = await refusal(crm.create_deal(DealDraft(record=record, title=""), key="deal-1"))
        assert getattr(error.failure, "gone", "") == "record"

    async def test_nothing_is_created_where_it_could_not_be_found_again(
        self, crm: AmoCrm, bench: Bench
    ) -> None:
        bare = replace(crm, config=crm.config.model_copy(update={"record_marker_field": None}))
        error = await refusal(bare.create_record(DRAFT, key="record-1"))
        assert error.failure == Blocked(code="amocrm.no_marker_field", by="provider")
        assert not bench.http.calls

    async def test_an_id_that_is_no_number_makes_no_call(self, crm: AmoCrm, bench: Bench) -> None:
        for record in ("", "../account", "１２", "9" * 30):
            error = await refusal(crm.get_record(record))
            assert getattr(error.failure, "gone", "") == "record"
        assert not bench.http.calls


class TestSigningIn:
    async def test_a_code_becomes_a_connection(
        self, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        application, base = parts_of(bench)
        code = emulator.consent(application.client_id, ACME)
        values = await oauth.exchange_code(bench.http, application, base, code)
        crm = MANIFEST.build(Config.model_validate(values), application, bench.http)
        assert (await crm.check()).id == values["account_id"]
        with pytest.raises(ProviderError) as caught:
            await oauth.exchange_code(bench.http, application, base, code)
        assert caught.value.failure == AuthExpired(code="amocrm.grant_refused")

    async def test_a_long_lived_token_connects_and_is_never_refreshed(
        self, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        application, base = parts_of(bench)
        token = emulator.long_lived_token(application.client_id, ACME).access_token
        values = await oauth.connect_with_token(bench.http, application, base, token)
        crm = MANIFEST.build(Config.model_validate(values), application, bench.http)
        assert isinstance(crm, AmoCrm)
        assert not crm.is_stale(bench.http.now() + timedelta(days=5000))
        assert (await refusal(crm.refresh())).failure.code == "amocrm.long_lived_token"

    async def test_a_lost_refresh_is_doubt_and_the_next_one_ends_the_grant(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        emulator.stage.arm("refresh_answer_lost")
        assert (await refusal(crm.refresh())).failure.kind == "ambiguous"
        assert (await refusal(crm.refresh())).failure.code == "amocrm.grant_refused"

    @pytest.mark.parametrize("fault", ["cut_before", "error_500_before"])
    async def test_a_refresh_that_found_nobody_home_ends_no_grant(
        self, crm: AmoCrm, emulator: AmoCrmEmulator, fault: str
    ) -> None:
        emulator.stage.arm(fault, match="/oauth2/")
        assert (await refusal(crm.refresh())).failure.kind == "ambiguous"
        assert await crm.refresh()

    def test_a_token_is_renewed_before_it_ends(self, crm: AmoCrm) -> None:
        ends = crm.config.expires_at
        assert ends is not None
        assert not crm.is_stale(ends - timedelta(minutes=6))
        assert crm.is_stale(ends - timedelta(minutes=5))


class TestSetUp:
    async def test_the_account_tells_us_of_changes_until_we_leave(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        done = await crm.set_up(ADDRESS, take_over=False)
        account = emulator.world.account(ACME)
        assert list(account.webhooks) == [f"{ADDRESS}/"]
        later = bench.with_changes(done.changes).crm
        assert isinstance(later, AmoCrm)
        await later.set_up(f"{ADDRESS}9", take_over=False)
        assert list(account.webhooks) == [f"{ADDRESS}9/"]
        await later.tear_down()
        assert not emulator.world.channels[crm.application.channel_id].connections

    async def test_a_plan_without_webhooks_is_a_note(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        emulator.stage.arm("payment_required", match="/webhooks")
        done = await crm.set_up(ADDRESS, take_over=False)
        assert "paid plan" in done.notes[0]
        assert done.changes["hook_address"] == ""

    async def test_a_refused_field_is_a_note(self, bench: Bench, emulator: AmoCrmEmulator) -> None:
        emulator.add_account("other")
        account = emulator.world.account("other")
        application, base = parts_of(bench)
        emulator.connect_channel(application.channel_id, "other")
        tokens = emulator.tokens(application.client_id, "other")
        config = Config(
            base=base.replace(ACME, "other"),
            account_id=str(account.id),
            amojo_id=account.amojo_id,
            access_token=tokens.access_token,
        )
        emulator.stage.arm("validation", times=2, match="POST /other/api/v4/")
        crm = MANIFEST.build(config, application, bench.http)
        assert isinstance(crm, AmoCrm)
        done = await crm.set_up("", take_over=False)
        fields = ("record_marker_field", "deal_marker_field")
        assert [done.changes[name] for name in fields] == [None, None]
        assert sum("administrator" in note for note in done.notes) == 2

    async def test_a_diagnosis_names_each_thing_that_is_missing(
        self, crm: AmoCrm, bench: Bench
    ) -> None:
        bare = crm.application.model_copy(update={"channel_id": "", "hook_address": f"{ADDRESS}9"})
        config = crm.config.model_copy(
            update={
                "refresh_token": None,
                "record_marker_field": None,
                "expires_at": bench.http.now() + timedelta(days=3),
            }
        )
        findings = await replace(crm, application=bare, config=config).diagnose(
            "http://localhost/x"
        )
        told = {finding.level: 0 for finding in findings}
        for finding in findings:
            told[finding.level] += 1
        assert told == {"problem": 3, "warning": 2, "ok": 2}
        assert f"{ADDRESS}9/:scope_id" in "".join(finding.advice for finding in findings)

    async def test_an_account_that_is_paid_again_lets_us_in(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        emulator.stage.arm("payment_required", match="/account")
        failure = (await refusal(crm.has_passed("amocrm.payment_required"))).failure
        assert failure.code == "amocrm.payment_required"
        assert await crm.has_passed("amocrm.payment_required")

    async def test_a_diagnosis_of_a_dead_account_is_a_finding(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        emulator.uninstall(crm.application.client_id, ACME)
        findings = await crm.diagnose(ADDRESS)
        problems = [finding.what for finding in findings if finding.level == "problem"]
        assert len(problems) == 2
        assert "amocrm.channel_refused" in problems[0]
        assert "http.401" in problems[1]


class TestCatalogue:
    async def test_it_names_what_a_mapping_may_name(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        emulator.add_field(ACME, "leads", {"name": "Город", "type": "text", "code": "CITY"})
        catalogue = await crm.catalogue()
        assert catalogue.zone == "Europe/Moscow"
        (pipeline,) = [each for each in catalogue.pipelines if each.is_main]
        names = [title for _, title in pipeline.stages]
        assert names[0] == "Первичный контакт"
        assert "Неразобранное" not in names
        assert {each.name for each in catalogue.operators} == {"Ольга Менеджер", "Иван Оператор"}
        users = emulator.world.account(ACME).users.values()
        assert {each.id for each in catalogue.operators} == {user.amojo_id for user in users}
        assert {each.user for each in catalogue.operators} == {str(user.id) for user in users}
        assert {"PHONE", "CITY"} <= {each.code for each in catalogue.fields}

    async def test_it_tells_what_each_field_can_hold(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        for kind in ("date_time", "multiselect", "file"):
            emulator.add_field(ACME, "leads", {"name": kind, "type": kind})
        fields = {each.type: each for each in (await crm.catalogue()).fields}
        assert (fields["multitext"].kind, fields["multitext"].multiple) == ("text", True)
        assert (fields["date_time"].kind, fields["date_time"].multiple) == ("moment", False)
        assert (fields["multiselect"].kind, fields["multiselect"].multiple) == ("choice", True)
        assert fields["file"].kind == "other"

    async def test_refusals_are_ours_not_the_packages(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        emulator.stage.arm("flood")
        assert (await refusal(crm.catalogue())).failure.kind == "rate_limited"
        emulator.stage.arm("garbage")
        garbled = await refusal(crm.catalogue())
        assert garbled.failure == Transient(code="amocrm.garbled_success")

    def test_the_package_hangs_no_handler_that_prints(self) -> None:
        """Asked of a process of its own: here somebody may have imported the package before us."""
        asked = (
            "import logging, crm_clients.amocrm.sdk as sdk; "
            "sdk._interaction_class(); "
            "print([type(h).__name__ for h in logging.getLogger('amocrm').handlers])"
        )
        told = subprocess.run(
            [sys.executable, "-c", asked], capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == "['NullHandler']"


class TestSources:
    def named(self, emulator: AmoCrmEmulator) -> list[tuple[str, str]]:
        sources = emulator.world.account(ACME).sources.values()
        return [(source.external_id, source.name) for source in sources]

    async def test_a_source_is_made_renamed_moved_and_dropped(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        other = emulator.add_pipeline(ACME, "Розница", ["Новые"])
        shop = Source(id="telegram:7", title="@shop_bot")
        for _ in range(2):
            assert await crm.keep_source(shop)
        assert self.named(emulator) == [("telegram:7", "@shop_bot")]
        for _ in range(2):
            await crm.keep_source(replace(shop, title="Магазин", pipeline=str(other.id)))
        (made,) = emulator.world.account(ACME).sources.values()
        assert (made.name, made.pipeline_id) == ("Магазин", other.id)
        assert made.origin_code == crm.application.channel_code
        for _ in range(2):
            assert await crm.drop_source("telegram:7")
        assert self.named(emulator) == []

    async def test_an_integration_without_sources_works_without(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        emulator.world.integrations[crm.application.client_id].has_archive = False
        assert not await crm.keep_source(Source(id="telegram:7", title="@shop_bot"))
        assert not await crm.drop_source("telegram:7")
        await crm.write(replace(await bench.entry(), source="telegram:7"))
        (warning,) = [one for one in await crm.diagnose(ADDRESS) if "no sources" in one.what]
        assert warning.level == "warning"
        assert warning.advice

    async def test_leaving_takes_our_sources_along_and_no_others(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        for name in ("telegram:7", "widget_code"):
            await crm.keep_source(Source(id=name, title=name))
        await crm.tear_down()
        assert self.named(emulator) == [("widget_code", "widget_code")]

    async def test_leaving_an_account_that_has_removed_us_is_no_error(
        self, crm: AmoCrm, emulator: AmoCrmEmulator
    ) -> None:
        await crm.keep_source(Source(id="telegram:7", title="@shop_bot"))
        emulator.uninstall(crm.application.client_id, ACME)
        for _ in range(2):
            await crm.tear_down()
