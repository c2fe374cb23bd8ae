"""What HubSpot's refusals mean, what its answers say of limits, and how tokens are come by."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from pydantic import SecretStr, ValidationError

from crm_clients.hubspot import oauth
from crm_clients.hubspot.contacts import Contacts
from crm_clients.hubspot.oauth import Application, Config, api_base, authorize_url
from crm_clients.hubspot.pace import CALLS, SEARCH, terms_of, until_midnight, wait_of
from crm_clients.hubspot.rest import Rest, failure_in, invalid
from crm_clients.hubspot.versions import INBOX, OBJECTS, path
from mappers.vocabulary import (
    AuthExpired,
    Blocked,
    HttpCall,
    HttpReply,
    ProviderError,
    RateLimited,
    RecordDraft,
    Terms,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAILY = {"message": "You have reached your daily limit.", "policyName": "DAILY"}
ROLLING = {
    "message": "You have reached your ten_secondly_rolling limit.",
    "policyName": "TEN_SECONDLY_ROLLING",
}
SECONDLY = {"message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}
PAIR = {
    "token_type": "bearer",
    "access_token": "new-access",
    "refresh_token": "new-refresh",
    "expires_in": 1800,
    "hub_id": 4411,
    "scopes": ["oauth", "crm.objects.contacts.read"],
}
OURS = Application(client_id="c", client_secret=SecretStr("hush"), redirect_uri="https://h/cb")


def reply(body: object, status: int = 200, **headers: str) -> HttpReply:
    spelt = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpReply(status=status, body=json.dumps(body).encode(), headers=spelt)


@dataclass
class Told:
    """A port that answers what it was told to, in order."""

    replies: list[HttpReply]
    calls: list[HttpCall] = field(default_factory=list)

    async def send(self, call: HttpCall) -> HttpReply:
        self.calls.append(call)
        return self.replies.pop(0)

    def now(self) -> datetime:
        return NOW


def a_config(**more: Any) -> Config:
    values = {"portal_id": 4411, "access_token": "old", "refresh_token": "old-refresh", **more}
    return Config.model_validate(values)


async def refusal(attempt: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await attempt
    return caught.value


def test_paths_are_spelt_in_one_place_and_hold_anything() -> None:
    assert path(OBJECTS, "contacts", "tg:1/2?x") == "/crm/objects/2026-03/contacts/tg%3A1%2F2%3Fx"
    assert path(INBOX, "threads") == "/conversations/conversations/2026-09/threads"


@pytest.mark.parametrize(
    ("body", "status", "zone", "wait_s"),
    [
        (ROLLING, 429, "UTC", 10),
        (SECONDLY, 429, "UTC", 1),
        ({}, 429, "UTC", 10),
        (DAILY, 429, "UTC", 12 * 3600),
        (DAILY, 429, "Europe/Moscow", 9 * 3600),
        (DAILY, 429, "no such zone", 12 * 3600),
        ({}, 423, "UTC", 2),
        ({}, 477, "UTC", 60),
    ],
)
def test_a_refusal_says_how_long_to_wait(
    body: dict[str, str], status: int, zone: str, wait_s: int
) -> None:
    wait = timedelta(seconds=wait_s)
    assert wait_of(reply(body, status), zone, NOW) == wait
    assert wait_of(reply(body, status, retry_after="7"), zone, NOW) == timedelta(seconds=7)
    found = failure_in(reply(body, status), repeatable=False, wait=wait)
    assert isinstance(found, RateLimited)
    assert found.retry_after == wait


def test_a_day_ends_at_the_accounts_midnight() -> None:
    assert until_midnight("Asia/Tokyo", NOW) == timedelta(hours=3)


def test_a_refusal_for_pace_is_told_to_what_the_call_drew_on_alone() -> None:
    of_search = terms_of("UTC", NOW)(reply(SECONDLY, 429), (SEARCH,))
    assert of_search == (Terms(budget=SEARCH, wait=timedelta(seconds=1), refused=True),)
    moving = terms_of("UTC", NOW)(reply({}, 477, retry_after="600"), (CALLS,))
    assert moving == (Terms(budget=CALLS, wait=timedelta(minutes=10)),)
    assert terms_of("UTC", NOW)(reply({}, 423), (CALLS,)) == ()


def test_what_is_left_of_ten_seconds_is_spread_once_it_is_little() -> None:
    read = terms_of("UTC", NOW)
    told: Any = {"x_hubspot_ratelimit_interval_milliseconds": "10000"}
    much = reply({}, x_hubspot_ratelimit_remaining="10", **told)
    little = reply({}, x_hubspot_ratelimit_remaining="4", **told)
    odd = reply({}, x_hubspot_ratelimit_remaining="many", **told)
    assert read(much, (CALLS,)) == ()
    assert read(little, (CALLS,)) == (Terms(budget=CALLS, wait=timedelta(seconds=2)),)
    assert read(little, (SEARCH,)) == ()
    assert read(odd, (CALLS,)) == ()


def test_missing_scopes_are_named_in_every_shape_of_the_refusal() -> None:
    named = {"errors": [{"context": {"requiredGranularScopes": ["tickets"]}}]}
    older = {"context": {"requiredScopes": ["tickets"]}}
    for body in (named, older):
        found = failure_in(reply(body, 403), repeatable=True)
        assert found == Blocked(code="hubspot.missing_scope", detail="tickets", by="provider")
        assert found.detail == "tickets"
    bare = failure_in(reply({"category": "MISSING_SCOPES"}, 403), repeatable=True)
    other = failure_in(reply({"category": "MISSING_PERMISSIONS"}, 403), repeatable=True)
    page = failure_in(HttpReply(status=403, body=b"<html>"), repeatable=True)
    codes = [each.code for each in (bare, other, page) if each is not None]
    assert codes == ["hubspot.missing_scope", "hubspot.forbidden", "hubspot.forbidden"]


@pytest.mark.parametrize(
    ("body", "code", "gone"),
    [
        ({"errors": [{"code": "PROPERTY_DOESNT_EXIST"}]}, "invalid.PROPERTY_DOESNT_EXIST", ""),
        ({"errors": [{"code": "<b>"}]}, "invalid", ""),
        ({"errors": "none", "context": []}, "invalid", ""),
        (
            {"errors": [{"context": {"propertyName": ["hubspot_owner_id"]}}]},
            "no_such_owner",
            "responsible",
        ),
        (
            {
                "message": "One or more associations are invalid",
                "context": {"INVALID_OBJECT_IDS": ["DEAL=5 is not valid"], "objectType": ["DEAL"]},
            },
            "invalid",
            "deal",
        ),
        ({"message": "One or more associations are not valid"}, "invalid", "record"),
    ],
)
def test_a_refusal_of_what_was_said_says_what_it_was_about(
    body: dict[str, Any], code: str, gone: str
) -> None:
    found = invalid(body, "record")
    assert (found.code, found.gone) == (f"hubspot.{code}", gone)


@pytest.mark.parametrize(
    ("status", "asking", "making"),
    [
        (500, "transient", "ambiguous"),
        (524, "transient", "ambiguous"),
        (401, "auth_expired", "auth_expired"),
        (404, "permanent", "permanent"),
        (409, "permanent", "permanent"),
        (414, "permanent", "permanent"),
    ],
)
def test_a_status_alone_is_enough(status: int, asking: str, making: str) -> None:
    for repeatable, kind in ((True, asking), (False, making)):
        found = failure_in(HttpReply(status=status), repeatable=repeatable, gone="deal")
        assert found is not None
        assert found.kind == kind
        assert getattr(found, "gone", "") == ("deal" if status == 404 else "")


async def test_a_success_that_cannot_be_read_is_doubt() -> None:
    port = Told([HttpReply(status=200, body=b"<html>"), HttpReply(status=201, body=b"<html>")])
    rest = Rest(a_config(), OURS, port)
    assert (await refusal(rest.get("/x", "x"))).failure.kind == "transient"
    assert (await refusal(rest.post("/x", "x", {}))).failure.kind == "ambiguous"


async def test_a_caller_may_read_a_refusal_itself() -> None:
    port = Told([reply({"message": "there"}, 409), reply({}, 404)])
    rest = Rest(a_config(), OURS, port)
    assert (await rest.keeping(409).post("/x", "x", {})).status == 409
    assert (await refusal(rest.get("/x", "x"))).failure.code == "hubspot.not_found"


async def test_an_address_of_a_contact_in_the_bin_makes_nobody_ours() -> None:
    refused = reply({"message": "Contact already exists. Existing ID: 901"}, 409)
    gone = [reply({}, 404) for _ in range(3)]
    config = a_config(record_marker="threadline_key")
    contacts = Contacts(Rest(config, OURS, Told([refused, *gone])))
    draft = RecordDraft(name="Anna", emails=("a@example.com",))
    error = await refusal(contacts.create_record(draft, key="record-1"))
    assert error.failure.code == "hubspot.conflict"


async def test_the_developer_key_goes_where_no_token_goes() -> None:
    port = Told([reply({"results": []})])
    ours = OURS.model_copy(update={"developer_key": SecretStr("dev"), "app_id": "70001"})
    await Rest(a_config(), ours, port).as_developer("GET", "/c", "channels")
    (call,) = port.calls
    assert dict(call.params) == {"hapikey": "dev", "appId": "70001"}
    assert "authorization" not in call.headers
    error = await refusal(Rest(a_config(), OURS, port).as_developer("GET", "/c", "channels"))
    assert error.failure.code == "hubspot.no_developer_key"


async def test_a_renewal_keeps_whichever_pair_comes_and_may_be_asked_twice() -> None:
    port = Told([reply(PAIR)])
    values = await oauth.renew(port, OURS, a_config())
    assert values["access_token"] == "new-access"
    assert values["refresh_token"] == "new-refresh"
    assert values["expires_at"] == NOW + timedelta(seconds=1800)
    assert values["scopes"] == ("oauth", "crm.objects.contacts.read")
    (call,) = port.calls
    assert call.repeatable
    assert call.params == {}
    form = parse_qs((call.content or b"").decode())
    assert form["refresh_token"] == ["old-refresh"]


@pytest.mark.parametrize(
    ("body", "status", "failure"),
    [
        ({"status": "BAD_REFRESH_TOKEN", "error": "invalid_grant"}, 400, AuthExpired),
        ({"status": "BAD_HUB", "error": "access_denied"}, 400, AuthExpired),
        ({"status": "BAD_CLIENT_SECRET", "error": "invalid_client"}, 400, Blocked),
        ({"status": "BAD_REDIRECT_URI"}, 400, Blocked),
        ({}, 429, RateLimited),
        ({**PAIR, "hub_id": 4412}, 200, AuthExpired),
    ],
)
async def test_a_refused_renewal_ends_the_connection_only_where_it_is_over(
    body: dict[str, Any], status: int, failure: type
) -> None:
    error = await refusal(oauth.renew(Told([reply(body, status)]), OURS, a_config()))
    assert isinstance(error.failure, failure)
    assert "old" not in error.failure.detail


async def test_nobody_renews_a_service_key() -> None:
    static = a_config(refresh_token=None, timeline="cards")
    assert not oauth.is_stale(static, NOW + timedelta(days=999))
    error = await refusal(oauth.renew(Told([]), None, static))
    assert error.failure == AuthExpired(code="hubspot.static_token")


async def test_consent_brings_the_account_and_how_the_registration_uses_it() -> None:
    details = {"portalId": 4411, "timeZone": "Europe/Moscow", "uiDomain": "app-eu1.hubspot.com"}
    port = Told([reply(PAIR), reply(details)])
    ours = OURS.model_copy(update={"timeline": "cards", "case": "tickets", "inbox": "Sales"})
    config = Config.model_validate(await oauth.exchange_code(port, ours, "", "the-code"))
    assert (config.portal_id, config.zone) == ("4411", "Europe/Moscow")
    assert (config.timeline, config.case, config.inbox) == ("cards", "tickets", "Sales")
    assert config.may("crm.objects.contacts.read")
    assert not config.may("tickets")
    assert not port.calls[0].repeatable


async def test_a_portal_that_grants_no_channel_is_told_the_way_out() -> None:
    with pytest.raises(ValueError, match="--cards"):
        await oauth.exchange_code(Told([reply(PAIR)]), OURS, "", "the-code")


async def test_a_service_key_has_cards_alone() -> None:
    port = Told([reply({"portalId": 4411})])
    config = Config.model_validate(await oauth.connect_with_token(port, None, "", "pat-na1-x"))
    assert config.on_cards
    assert config.is_static
    assert config.may("tickets")  # nobody tells
    with pytest.raises(ValidationError):
        Config.model_validate({**config.model_dump(), "timeline": "channel"})


def test_the_consent_page_asks_for_what_poorer_portals_lack_without_needing_it() -> None:
    url = urlsplit(authorize_url(OURS, "the state"))
    asked = dict(parse_qsl(url.query))
    assert "+" not in url.query
    assert url.netloc == "app.hubspot.com"
    assert "crm.objects.contacts.write" in asked["scope"].split()
    assert "conversations.custom_channels.write" in asked["optional_scope"].split()
    assert not set(asked["scope"].split()) & set(asked["optional_scope"].split())
    assert asked["redirect_uri"] == "https://h/cb"
    assert asked["state"] == "the state"


def test_an_address_is_called_only_when_somebody_vouches_for_it() -> None:
    emulator = "http://127.0.0.1:8095"
    trusting = OURS.model_copy(update={"trusted_origins": (emulator,)})
    assert api_base("", None) == api_base("", OURS) == "https://api.hubapi.com"
    assert api_base(f"{emulator}/", None) == emulator
    assert api_base(emulator, trusting) == emulator
    for given, application in (
        (emulator, OURS),
        ("https://api.hubapi.com.evil.example", None),
        ("https://user@127.0.0.1", None),
        ("https://api.hubapi.com/?x", OURS),
    ):
        with pytest.raises(ValueError, match="where HubSpot is called"):
            api_base(given, application)
