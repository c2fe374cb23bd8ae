"""The emulated HubSpot against its documentation: addresses, who may call, tokens, limits."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest

from channel_clients.emulators.stage import ConnectionCut, Request
from crm_clients.emulators.hubspot.__main__ import with_demo_portal
from tests.emulators.hubspot_scene import CALLBACK, Rig, said

DETAILS = "/account-info/2026-03/details"
OWNERS = "/crm/owners/2026-03"


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize(
    "path",
    [
        "/account-info/v3/details",
        "/account-info/2025-09/details",
        "/account-info/2026-03/details",
        "/account-info/2026-09/details",
    ],
)
async def test_both_families_of_addresses_lead_to_one_core(rig: Rig, path: str) -> None:
    assert (await rig.do("GET", path))["portalId"] == rig.portal.hub_id


@pytest.mark.parametrize(
    "path",
    ["/account-info/v4/details", "/account-info/2024-09/details", "/nothing", "/crm/v3/nothing/1"],
)
async def test_an_unknown_version_is_no_address(rig: Rig, path: str) -> None:
    assert (await rig.raw("GET", path)).status == 404


async def test_an_address_that_takes_another_method_says_so(rig: Rig) -> None:
    assert (await rig.raw("POST", DETAILS)).status == 405


async def test_every_answer_tells_its_correlation_id(rig: Rig) -> None:
    answer = await rig.raw("GET", DETAILS)
    assert answer.headers["X-HubSpot-Correlation-Id"]
    rig.token = "not-a-token"
    answer = await rig.raw("GET", DETAILS)
    assert said(answer)["correlationId"] == answer.headers["X-HubSpot-Correlation-Id"]


async def test_each_wrong_credential_is_refused(rig: Rig) -> None:
    good = rig.token
    for bad in ("", "not-a-token"):
        rig.token = bad
        status, body = await rig.refused("GET", DETAILS)
        assert (status, body["category"]) == (401, "INVALID_AUTHENTICATION")
    rig.token = good
    rig.clock.ahead(seconds=1800 + 37)
    status, body = await rig.refused("GET", DETAILS)
    assert (status, body["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert "expired 37 second(s) ago" in body["message"]
    assert body["context"]["expire time"] == ["2026-03-01T12:30:00.000Z"]


async def test_a_scope_that_was_not_granted_is_named(rig: Rig) -> None:
    rig.token = rig.emulator.install("acme", rig.app.app_id, scopes=("oauth",))["access_token"]
    status, body = await rig.refused("GET", OWNERS)
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert body["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.owners.read"]}


async def test_owners_are_told_by_both_of_their_ids(rig: Rig) -> None:
    olga, ivan = (await rig.do("GET", OWNERS))["results"]
    assert (olga["id"], olga["userId"], olga["firstName"]) == ("7001", 2001, "Olga")
    assert await rig.do("GET", f"{OWNERS}/7002") == ivan
    assert await rig.do("GET", f"{OWNERS}/2002", idProperty="userId") == ivan
    assert (await rig.do("GET", OWNERS, email="USER2001@example.com"))["results"] == [olga]
    rig.emulator.dismiss("acme", 2002)
    assert (await rig.refused("GET", f"{OWNERS}/7002"))[0] == 404
    (gone,) = (await rig.do("GET", OWNERS, archived="true"))["results"]
    assert (gone["id"], "userId" in gone) == ("7002", False)


async def test_consent_gives_a_code_and_the_code_tokens_once(rig: Rig) -> None:
    verifier = "a" * 43
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "client_id": rig.app.client_id,
        "redirect_uri": CALLBACK,
        "scope": " ".join(rig.app.required),
        "optional_scope": "files tickets",
        "state": "s&1",
        "code_challenge": challenge,
    }
    page = Request(method="GET", path="/oauth/authorize", query=tuple(query.items()))
    sent_to = urlsplit((await rig.call(page)).headers["location"])
    told = {key: value[0] for key, value in parse_qs(sent_to.query).items()}
    assert (sent_to.path, told["state"]) == ("/oauth/hubspot/callback", "s&1")
    asked = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": CALLBACK}
    pair = said(await rig.oauth(**asked, code_verifier=verifier))
    assert (pair["hub_id"], pair["expires_in"]) == (rig.portal.hub_id, 1800)
    assert set(pair["scopes"]) == rig.app.required | {"files", "tickets"}
    again = await rig.oauth(**asked, code_verifier=verifier)
    assert (again.status, said(again)["status"]) == (400, "BAD_AUTH_CODE")


@pytest.mark.parametrize(
    ("asked", "tier"),
    [
        ({"redirect_uri": "https://elsewhere.example"}, "professional"),
        ({"scope": "oauth"}, "professional"),
        ({"optional_scope": "no.such.scope"}, "professional"),
        ({"scope": "+conversations.custom_channels.write"}, "starter"),
    ],
)
async def test_consent_shows_what_is_wrong_on_its_own_page(
    rig: Rig, asked: dict[str, str], tier: str
) -> None:
    rig.emulator.set_account("acme", tier=tier)
    scope = " ".join(rig.app.required)
    asked = {key: value.replace("+", f"{scope} ") for key, value in asked.items()}
    query = {"client_id": rig.app.client_id, "redirect_uri": CALLBACK, "scope": scope, **asked}
    page = Request(method="GET", path="/oauth/authorize", query=tuple(query.items()))
    answer = await rig.call(page)
    assert (answer.status, "location" in answer.headers) == (400, False)


async def test_a_small_tier_is_not_granted_optional_channels(rig: Rig) -> None:
    rig.emulator.set_account("acme", tier="starter")
    pair = rig.emulator.install("acme", rig.app.app_id)
    assert "conversations.read" in pair["scopes"]
    assert not any("custom_channels" in scope for scope in pair["scopes"])


async def test_tokens_are_renewed_and_the_way_is_a_switch(rig: Rig) -> None:
    first = rig.told["refresh_token"]
    asked = {"grant_type": "refresh_token", "refresh_token": first}
    pair = said(await rig.oauth(**asked))
    assert pair["refresh_token"] != first
    assert (await rig.oauth("/oauth/v3/token", **asked)).status == 200
    rig.switch("refresh_rotation", "kill_old")
    refusal = await rig.oauth(**asked)
    assert (refusal.status, said(refusal)["status"]) == (400, "BAD_REFRESH_TOKEN")
    assert said(refusal)["error"] == "invalid_grant"
    rig.switch("refresh_rotation", "none")
    asked["refresh_token"] = pair["refresh_token"]
    assert said(await rig.oauth(**asked))["refresh_token"] == pair["refresh_token"]
    assert rig.emulator.state()["refreshes"] == 3


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"client_id": "x"}, "BAD_CLIENT_ID"),
        ({"client_secret": "x"}, "BAD_CLIENT_SECRET"),
        ({"grant_type": "authorization_code", "code": "x"}, "BAD_AUTH_CODE"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "BAD_REFRESH_TOKEN"),
        ({"grant_type": "x"}, "BAD_GRANT_TYPE"),
    ],
)
async def test_the_token_endpoint_names_each_trouble(
    rig: Rig, fields: dict[str, str], status: str
) -> None:
    refusal = await rig.oauth(**fields)
    assert (refusal.status, said(refusal)["status"]) == (400, status)
    assert "category" not in said(refusal)


async def test_secrets_in_the_query_work_in_the_first_version_alone(rig: Rig) -> None:
    fields = {
        "grant_type": "refresh_token",
        "client_id": rig.app.client_id,
        "client_secret": rig.app.client_secret,
        "refresh_token": rig.told["refresh_token"],
    }
    for version, status in (("v1", 200), ("v3", 400)):
        path, query = f"/oauth/{version}/token", tuple(fields.items())
        answer = await rig.call(Request(method="POST", path=path, query=query))
        assert answer.status == status


async def test_a_removed_application_can_renew_nothing(rig: Rig) -> None:
    asked = {"grant_type": "refresh_token", "refresh_token": rig.told["refresh_token"]}
    rig.emulator.uninstall("acme", rig.app.app_id)
    assert said(await rig.oauth(**asked))["status"] == "BAD_REFRESH_TOKEN"
    assert (await rig.refused("GET", DETAILS))[0] == 401
    rig.emulator.install("acme", rig.app.app_id)
    pair = rig.emulator.tokens("acme", rig.app.app_id)
    rig.emulator.remove("acme")
    asked["refresh_token"] = pair["refresh_token"]
    assert said(await rig.oauth(**asked))["status"] == "BAD_HUB"


async def test_an_application_may_remove_itself(rig: Rig) -> None:
    path = "/appinstalls/2026-03/external-install"
    assert (await rig.raw("DELETE", path)).status == 204
    assert (await rig.refused("GET", DETAILS))[0] == 401
    rig.token = rig.emulator.static_token("acme")
    assert (await rig.refused("DELETE", path))[0] == 401


async def test_a_token_is_told_and_revoked(rig: Rig) -> None:
    path = "/oauth/2026-03/token/introspect"
    told = said(await rig.oauth(path, token=rig.token))
    assert (told["active"], told["hub_id"], told["expires_in"]) == (True, 4411, 1800)
    named = {"token_type_hint": "refresh_token", "refresh_token": rig.told["refresh_token"]}
    assert said(await rig.oauth(path, **named))["token_use"] == "refresh_token"
    await rig.oauth("/oauth/2026-03/token/revoke", token=rig.told["refresh_token"])
    assert said(await rig.oauth(path, **named)) == {"active": False}
    assert (await rig.raw("GET", DETAILS)).status == 200
    assert said(await rig.oauth(path, token="x")) == {"active": False}


async def test_faults_of_the_token_endpoint(rig: Rig) -> None:
    asked = {"grant_type": "refresh_token", "refresh_token": rig.told["refresh_token"]}
    rig.emulator.stage.arm("oauth_flood")
    assert (await rig.oauth(**asked)).status == 429
    rig.emulator.stage.arm("hub_unknown")
    assert said(await rig.oauth(**asked))["status"] == "BAD_HUB"
    rig.emulator.stage.arm("refresh_answer_lost")
    with pytest.raises(ConnectionCut):
        await rig.oauth(**asked)
    assert (await rig.oauth(**asked)).status == 200


async def test_an_application_may_call_110_times_in_ten_seconds(rig: Rig) -> None:
    for left in range(109, -1, -1):
        headers = (await rig.raw("GET", DETAILS)).headers
        assert headers["X-HubSpot-RateLimit-Remaining"] == str(left)
        assert headers["X-HubSpot-RateLimit-Max"] == "110"
        assert "X-HubSpot-RateLimit-Daily" not in headers
    answer = await rig.raw("GET", DETAILS)
    body = said(answer)
    assert (answer.status, body["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert ("category" in body, answer.headers["X-HubSpot-RateLimit-Remaining"]) == (False, "0")
    rig.clock.ahead(seconds=10)
    assert (await rig.raw("GET", DETAILS)).status == 200


async def test_a_static_token_is_counted_by_day_in_the_zone_of_the_account(rig: Rig) -> None:
    rig.token = rig.emulator.static_token("acme")
    answer = await rig.raw("GET", DETAILS)
    assert answer.headers["X-HubSpot-RateLimit-Max"] == "190"
    assert answer.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "624999"
    rig.switch("daily_limit", 2)
    await rig.do("GET", DETAILS)
    status, body = await rig.refused("GET", DETAILS)
    assert (status, body["policyName"]) == (429, "DAILY")
    rig.clock.ahead(hours=9)  # midnight in Moscow, 21:00 in UTC
    assert (await rig.raw("GET", DETAILS)).status == 200


async def test_a_flood_may_tell_when_to_come_back(rig: Rig) -> None:
    rig.emulator.stage.arm("ten_secondly_limit")
    assert "Retry-After" not in (await rig.raw("GET", DETAILS)).headers
    rig.switch("flood_tells_when", value=True)
    rig.emulator.stage.arm("ten_secondly_limit")
    assert (await rig.raw("GET", DETAILS)).headers["Retry-After"] == "10"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("ten_secondly_limit", 429),
        ("daily_limit", 429),
        ("secondly_limit", 429),
        ("expired_token", 401),
        ("invalid_token", 401),
        ("scopes_missing", 403),
        ("record_locked", 423),
        ("account_moving", 477),
        ("rule_of_the_admin", 400),
        ("internal_error_before", 500),
        ("internal_error_after", 500),
        ("gateway_timeout_before", 504),
        ("gateway_timeout_after", 504),
        ("no_answer_in_100_s_before", 524),
        ("no_answer_in_100_s_after", 524),
    ],
)
async def test_each_fault_of_a_call_strikes_once(rig: Rig, fault: str, status: int) -> None:
    rig.emulator.stage.arm(fault)
    assert (await rig.raw("GET", DETAILS)).status == status
    assert (await rig.raw("GET", DETAILS)).status == 200


async def test_categories_may_be_left_out(rig: Rig) -> None:
    rig.switch("refusal_has_category", value=False)
    assert "category" not in (await rig.refused("GET", f"{OWNERS}/1"))[1]


async def test_the_demo_portal_tells_how_to_connect_it() -> None:
    emulator, told = with_demo_portal("https://hub.example", "https://hubspot.example")
    rig = Rig()
    rig.emulator = emulator
    for name in ("access_token", "service_key"):
        rig.token = str(told[name])
        assert str((await rig.do("GET", DETAILS))["portalId"]) == told["portal_id"]


async def test_the_stage_does_over_http_what_the_emulator_does(rig: Rig) -> None:
    async def post(act: str, body: bytes) -> int:
        request = Request(method="POST", path=f"/_stage/{act}", body=body)
        return (await rig.emulator.control(request)).status

    assert await post("setup", b'{"portal": {"name": "beta", "tier": "free"}}') == 200
    assert rig.emulator.world.portal("beta").tier == "free"
    assert await post("switch", b'{"name": "lock_burst", "value": 0}') == 200
    assert await post("set_account", b'{"portal": "beta", "colour": "red"}') == 400
    assert await post("remove", b'{"portal": "gamma"}') == 404
    state = await rig.emulator.control(Request(method="GET", path="/_stage/state"))
    assert [each["name"] for each in said(state)["portals"]] == ["acme", "beta"]


async def test_codes_and_tokens_live_as_long_as_they_are_told_to(rig: Rig) -> None:
    rig.switch("token_life_s", 300)
    rig.switch("code_life_s", 5)
    asked = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    code = rig.emulator.consent("acme", rig.app.app_id)
    pair = said(await rig.oauth(**asked, code=code))
    stale = rig.emulator.consent("acme", rig.app.app_id)
    rig.clock.ahead(seconds=5)
    assert said(await rig.oauth(**asked, code=stale))["status"] == "BAD_AUTH_CODE"
    rig.token = pair["access_token"]
    await rig.do("GET", DETAILS)
    rig.clock.ahead(seconds=295)
    assert (pair["expires_in"], (await rig.refused("GET", DETAILS))[0]) == (300, 401)


async def test_search_may_be_slower_by_chance_and_counted_otherwise(rig: Rig) -> None:
    path = "/crm/objects/2026-03/contacts/search"
    rig.switch("search_lag_s", 0.0)
    rig.switch("search_jitter_s", 10.0)
    rig.switch("search_limit_per_s", 100)
    for number in range(10):
        rig.emulator.add_contact("acme", f"Anna {number}")
    rig.clock.ahead(seconds=5)
    assert 0 < (await rig.do("POST", path, {}))["total"] < 10
    rig.clock.ahead(seconds=5)
    assert (await rig.do("POST", path, {}))["total"] == 10
    rig.switch("search_limit_per_s", 1)
    assert (await rig.refused("POST", path, {}))[0] == 429
