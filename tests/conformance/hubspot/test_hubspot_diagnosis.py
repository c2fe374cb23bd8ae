"""What the diagnosis of a HubSpot portal finds, and when what shut us out has passed."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot import HubSpot, HubSpotOnCards
from mappers.vocabulary import HttpCall, HttpReply, ProviderError
from mappers.vocabulary.adapters import Finding
from tests.conformance.crm_bench import refusal
from tests.conformance.hubspot_portal import ACME, HOOKS, a_portal, by_key, installed
from tests.port import LoopbackHttp


@pytest.fixture
async def portal() -> AsyncIterator[HubSpotEmulator]:
    async with a_portal() as emulator:
        yield emulator


def told(findings: Sequence[Finding], level: str) -> str:
    return "\n".join(each.what for each in findings if each.level == level)


async def set_up(crm: HubSpot) -> HubSpot:
    done = await crm.set_up(HOOKS, take_over=False)
    config = type(crm.config).model_validate({**crm.config.model_dump(), **done.changes})
    return replace(crm, config=config)


def with_config(crm: Any, **changes: Any) -> Any:
    return replace(crm, config=crm.config.model_copy(update=changes))


class TestPortals:
    @pytest.mark.parametrize(
        ("tier", "words"),
        [
            ("free", "limits of Free or Starter: 250000 calls a day"),
            ("professional", "limits of Professional: 625000 calls a day"),
            ("enterprise", "limits of Enterprise: 1000000 calls a day"),
        ],
    )
    async def test_a_service_key_tells_the_plan_first_of_all(
        self, portal: HubSpotEmulator, tier: str, words: str
    ) -> None:
        portal.set_account(ACME, tier=tier, account_type="DEVELOPER_TEST")
        async with by_key(portal) as (crm, _):
            first, *rest = await crm.diagnose("")
        assert first.what.startswith("The portal 4411 answers (developer test account")
        assert words in first.what
        assert told(rest, "problem") == told(rest, "warning") == ""
        assert "The token is a service key" in told(rest, "ok")

    @pytest.mark.parametrize(
        ("month", "level"), [("2027-08-01", "warning"), ("2027-10-01", "problem")]
    )
    async def test_the_end_of_our_version_comes_near(
        self, portal: HubSpotEmulator, month: str, level: str
    ) -> None:
        async with by_key(portal) as (crm, http):
            assert "2026-03, which is served until 2027-09" in told(await crm.diagnose(""), "ok")
            http.at = datetime.fromisoformat(month).replace(tzinfo=UTC)
            assert "is served until 2027-09" in told(await crm.diagnose(""), level)

    async def test_clocks_that_differ_shut_hooks_out(self, portal: HubSpotEmulator) -> None:
        async with by_key(portal) as (crm, http):
            http.at += timedelta(minutes=7)
            assert "Our clock and HubSpot's are 7 minutes apart" in told(
                await crm.diagnose(""), "problem"
            )

    async def test_who_is_not_let_in_looks_no_further(self, portal: HubSpotEmulator) -> None:
        async with installed(portal) as (crm, _):
            portal.uninstall(ACME, crm.application.client_id)
            *_, last = await crm.diagnose(HOOKS)
        assert last.level == "problem"
        assert last.what == "The portal does not let us in (hubspot.token_refused)"

    async def test_a_key_that_may_not_is_told_which_scope_it_lacks(
        self, portal: HubSpotEmulator
    ) -> None:
        granted = ("crm.objects.contacts.read", "crm.schemas.contacts.write")
        async with by_key(portal) as (crm, _):
            token = portal.static_token(ACME, scopes=granted)
            weak = with_config(crm, access_token=type(crm.config.access_token)(token))
            assert "crm.objects.deals.read" in told(await weak.diagnose(""), "problem")

    async def test_properties_of_ours_are_looked_for(self, portal: HubSpotEmulator) -> None:
        properties = portal.world.portal(ACME).crm.properties
        async with by_key(portal) as (crm, _):
            nothing = with_config(crm, record_marker="", deal_marker="")
            assert told(await nothing.diagnose(""), "warning").count("no unique property") == 2
            properties["0-1"]["threadline_key"].is_unique = False
            properties["0-3"]["threadline_key"].archived_at = 1.0
            found = told(await crm.diagnose(""), "problem")
        assert "threadline_key on contacts is not unique" in found
        assert "threadline_key on deals" in found


class TestScopes:
    async def test_what_a_plan_does_not_have_is_named_with_what_it_would_give(
        self, portal: HubSpotEmulator
    ) -> None:
        portal.set_account(ACME, tier="starter")
        async with installed(portal) as (crm, _):
            found = await crm.diagnose(HOOKS)
            assert "conversations.custom_channels.read" in told(found, "problem")
            cards = await HubSpotOnCards(
                crm.config.model_copy(update={"timeline": "cards"}), crm.application, crm.http
            ).diagnose(HOOKS)
        assert "conversations" not in told(cards, "problem")
        assert f"targetUrl must be {HOOKS}" in told(cards, "ok")

    async def test_without_files_nothing_else_is_missing(self, portal: HubSpotEmulator) -> None:
        async with installed(portal) as (crm, _):
            scopes = tuple(each for each in crm.config.scopes if each != "files")
            found = await with_config(crm, scopes=scopes).diagnose(HOOKS)
        assert "lacks the scope files: without it, no files of customers" in told(found, "warning")
        assert "has the scopes that it needs" in told(found, "ok")


@pytest.fixture
async def ready(portal: HubSpotEmulator) -> AsyncIterator[HubSpot]:
    """An application with its channel in the portal's inbox."""
    async with installed(portal) as (crm, _):
        yield await set_up(crm)


class TestChannels:
    async def test_all_is_well(self, ready: HubSpot) -> None:
        found = await ready.diagnose(HOOKS)
        assert told(found, "problem") == told(found, "warning") == ""
        said = told(found, "ok")
        for words in ("can call", "sends replies to us", "takes messages", "in the inbox"):
            assert words in said

    async def test_hubspot_calls_public_addresses_alone(self, ready: HubSpot) -> None:
        near = replace(ready, application=with_address(ready, "http://localhost:8080/hooks/x"))
        found = told(await near.diagnose(""), "problem")
        assert "it needs a public https address" in found
        assert "replies to another address than ours" in found

    async def test_nothing_was_set_up(self, portal: HubSpotEmulator) -> None:
        async with installed(portal) as (crm, _):
            found = told(await crm.diagnose(HOOKS), "problem")
        assert "There is no channel of ours yet" in found
        assert "has no account in our channel" in found

    async def test_a_channel_that_nobody_can_look_at_is_said_so(self, ready: HubSpot) -> None:
        keyless = ready.application.model_copy(
            update={"developer_key": type(ready.application.developer_key)("")}
        )
        found = told(await replace(ready, application=keyless).diagnose(HOOKS), "warning")
        assert "no developer API key" in found

    @pytest.mark.parametrize(
        ("target", "level"),
        [(HOOKS, "ok"), (f"{HOOKS}/", "ok"), ("https://old.example.com/hooks/x", "problem")],
    )
    async def test_an_older_app_tells_where_its_events_go(
        self, ready: HubSpot, target: str, level: str
    ) -> None:
        assert isinstance(ready.http, LoopbackHttp)
        told_so = Settings(ready.http.client, at=ready.http.at, target=target)
        found = told(await replace(ready, http=told_so).diagnose(HOOKS), level)
        assert "HubSpot sends the portal's events to" in found

    async def test_a_channel_that_is_gone(self, ready: HubSpot) -> None:
        gone = with_config(ready, channel_id="99")
        assert "The channel 99 is not there" in told(await gone.diagnose(HOOKS), "problem")

    async def test_an_account_that_somebody_switched_off_or_took_away(
        self, ready: HubSpot, portal: HubSpotEmulator
    ) -> None:
        account = int(ready.config.channel_account_id)
        portal.set_account_active(ACME, account, active=False)
        assert "switched our channel off" in told(await ready.diagnose(HOOKS), "problem")
        assert await ready.has_passed("hubspot.forbidden") is False
        portal.set_account_active(ACME, account, active=True)
        assert await ready.has_passed("hubspot.forbidden") is True
        portal.purge_account(ACME, account)
        assert "portal's account in our channel" in told(await ready.diagnose(HOOKS), "problem")

    async def test_an_inbox_may_be_a_help_desk_or_gone(
        self, ready: HubSpot, portal: HubSpotEmulator
    ) -> None:
        desk = portal.add_inbox(ACME, "Поддержка", kind="HELP_DESK")
        helped = with_config(ready, inbox_id=str(desk.id))
        assert "help desk: it makes a ticket" in told(await helped.diagnose(HOOKS), "ok")
        twice = with_config(helped, case="tickets")
        assert "help desk: it makes a ticket" in told(await twice.diagnose(HOOKS), "warning")
        gone = with_config(ready, inbox_id="999999")
        assert "The inbox 999999 is not there" in told(await gone.diagnose(HOOKS), "problem")


@dataclass(slots=True)
class Settings(LoopbackHttp):
    """Answers for the webhooks of an app that is not of the developer platform."""

    target: str = ""

    async def send(self, call: HttpCall) -> HttpReply:
        if call.label != "hubspot.hooks.settings":
            return await LoopbackHttp.send(self, call)
        return HttpReply(status=200, body=json.dumps({"targetUrl": self.target}).encode())


def with_address(crm: HubSpot, address: str) -> Any:
    return crm.application.model_copy(update={"hook_address": address})


class TestWhatHasPassed:
    async def test_a_portal_that_answers_lets_us_in(self, portal: HubSpotEmulator) -> None:
        async with installed(portal) as (crm, http):
            assert await crm.has_passed("hubspot.token_refused")
            portal.uninstall(ACME, crm.application.client_id)
            failure = (await refusal(crm.has_passed("hubspot.token_refused"))).failure
        assert failure.kind == "auth_expired"
        assert {call.method for call in http.calls} == {"GET"}

    async def test_a_scope_comes_with_new_tokens(self, portal: HubSpotEmulator) -> None:
        async with installed(portal) as (crm, _):
            assert await crm.has_passed("hubspot.missing_scope")
            weak = with_config(crm, scopes=("oauth", "crm.objects.contacts.read"))
            assert not await weak.has_passed("hubspot.missing_scope")

    async def test_a_key_is_completed_in_the_portal(self, portal: HubSpotEmulator) -> None:
        async with by_key(portal) as (crm, _):
            token = portal.static_token(ACME, scopes=("crm.objects.contacts.read",))
            weak = with_config(crm, access_token=type(crm.config.access_token)(token))
            with pytest.raises(ProviderError):
                await weak.has_passed("hubspot.missing_scope")
            assert await crm.has_passed("hubspot.missing_scope")
