"""The emulated Bitrix24 against its documentation: who may call, tokens, installation, events."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from channel_clients.emulators.stage import ConnectionCut, Request
from crm_clients.emulators.bitrix24.methods import METHODS
from tests.emulators.bitrix24_scene import (
    CALLBACK,
    CONNECTOR,
    HANDLER,
    PAGE,
    Rig,
    form_of,
    said,
)

TOKEN_GIVEN = [
    ({"content-type": "application/json"}, '{{"auth": "{token}"}}', ()),
    ({"content-type": "application/x-www-form-urlencoded"}, "access_token={token}", ()),
    ({"authorization": "Bearer {token}"}, "", ()),
    ({}, "", (("auth", "{token}"),)),
]

NONSENSE = [
    *("", "x", -1, 10**9, [], ["x"], [["x", "y"]], {"0": "x"}, {"x": {"y": []}}),
    [{"user": "x", "message": {"id": 1}, "chat": {"id": "c"}}],
    [{"user": {"id": {}}, "message": {"text": [], "files": "x"}, "chat": {"id": []}}],
    {"PHONE": "x", "EMAIL": {"a": {}}, "IM": [1], "LIST": "x", "FILES": ["x"], "ID": [], "fm": 1},
    {"OWNER_ID": [], "OWNER_TYPE_ID": {}, "SUBJECT": [], "COMMUNICATIONS": "x", "TYPE_ID": {}},
]
NAMES = (
    *("fields", "filter", "order", "select", "start", "id", "entityTypeId", "ownerTypeId"),
    *("ownerId", "deadline", "layout", "type", "values", "event", "handler", "options", "cmd"),
    *("CONNECTOR", "LINE", "MESSAGES", "DATA", "ICON", "CHAT_ID", "SESSION_ID", "USER_CODE"),
    *("DIALOG_ID", "PARAMS", "OPTIONS", "CONFIG_ID", "CRM_ENTITY", "USER_ID", "MESSAGE"),
    *("CALL_ID", "PHONE_NUMBER", "DURATION", "CODE", "fileContent", "process_id", "limit"),
)


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize(("headers", "body", "query"), TOKEN_GIVEN)
async def test_a_token_may_come_in_any_of_the_documented_places(
    rig: Rig, headers: Any, body: str, query: Any
) -> None:
    request = Request(
        method="POST",
        path="/acme/rest/Profile.json",
        headers={key: value.format(token=rig.token) for key, value in headers.items()},
        query=tuple((key, value.format(token=rig.token)) for key, value in query),
        body=body.format(token=rig.token).encode(),
    )
    answer = said(await rig.call(request))
    assert answer["result"]["NAME"] == "Ольга"
    assert {"start", "finish", "operating", "operating_reset_at"} <= answer["time"].keys()


async def test_a_token_in_the_query_is_noticed_as_bad_manners(rig: Rig) -> None:
    query = (("auth", rig.token),)
    await rig.call(Request(method="GET", path="/acme/rest/profile", query=query))
    warnings = rig.emulator.state()["warnings"]
    assert any("token in its query" in each for each in warnings)
    assert not any(rig.token in each for each in warnings)


async def test_a_webhook_calls_in_its_owners_name_and_is_no_application(rig: Rig) -> None:
    assert said(await rig.by_hook("user.current"))["result"]["ID"] == "1"
    refusal = await rig.by_hook("event.get")
    assert (refusal.status, said(refusal)["error"]) == (403, "WRONG_AUTH_TYPE")
    rig.hook["secret"] = "another"
    assert said(await rig.by_hook("profile"))["error"] == "NO_AUTH_FOUND"


async def test_each_refusal_has_its_code(rig: Rig) -> None:
    assert await rig.refused("no.such.method") == (
        404,
        "ERROR_METHOD_NOT_FOUND",
        "Method not found!",
    )
    rig.token = "not-a-token"
    assert (await rig.refused("profile"))[:2] == (401, "invalid_token")
    rig.token = ""
    assert (await rig.refused("profile"))[:2] == (401, "NO_AUTH_FOUND")


async def test_scopes_are_checked_and_the_status_is_a_switch(rig: Rig) -> None:
    rig.app = rig.emulator.add_application(PAGE, scopes=("crm",))
    rig.token = rig.emulator.install("acme", rig.app.client_id, quietly=True)["access_token"]
    assert (await rig.refused("imconnector.list"))[:2] == (403, "insufficient_scope")
    rig.emulator.switches.set("denial_status", "401")
    assert (await rig.refused("imconnector.list"))[:2] == (401, "insufficient_scope")


async def test_a_dismissed_user_cannot_call(rig: Rig) -> None:
    rig.emulator.dismiss("acme", 1)
    assert (await rig.refused("profile"))[:2] == (401, "authorization_error")


async def test_a_token_lives_an_hour_and_a_refresh_token_is_used_once(rig: Rig) -> None:
    rig.clock.ahead(seconds=3600)
    assert (await rig.refused("profile"))[:2] == (401, "expired_token")
    asked = {"grant_type": "refresh_token", "refresh_token": rig.told["refresh_token"]}
    pair = said(await rig.oauth(**asked))
    assert pair["expires_in"] == 3600
    assert pair["client_endpoint"] == "https://b24.example/acme/rest/"
    assert pair["domain"] == "b24.example"
    assert pair["member_id"] == rig.portal.member_id
    rig.token = pair["access_token"]
    assert (await rig.do("profile"))["ID"] == "1"
    again = await rig.oauth(**asked)
    assert (again.status, said(again)["error"]) == (400, "invalid_grant")
    assert rig.emulator.state()["refreshes"] == 1
    rig.emulator.switches.set("refresh_once", value=False)
    assert (await rig.oauth(**asked)).status == 200


async def test_the_answer_to_a_refresh_can_be_lost_when_the_token_is_spent(rig: Rig) -> None:
    asked = {"grant_type": "refresh_token", "refresh_token": rig.told["refresh_token"]}
    rig.emulator.stage.arm("refresh_answer_lost")
    with pytest.raises(ConnectionCut):
        await rig.oauth(**asked)
    assert said(await rig.oauth(**asked))["error"] == "invalid_grant"


async def test_consent_gives_a_code_that_lives_half_a_minute(rig: Rig) -> None:
    query = (("client_id", rig.app.client_id), ("state", "s"))
    page = await rig.call(Request(method="GET", path="/acme/oauth/authorize/", query=query))
    address = urlsplit(page.headers["location"])
    back = {key: values[0] for key, values in parse_qs(address.query).items()}
    assert page.headers["location"].startswith(CALLBACK)
    assert (back["state"], back["domain"]) == ("s", "acme.bitrix24.ru")
    pair = said(await rig.oauth(grant_type="authorization_code", code=back["code"]))
    assert pair["access_token"]
    assert "user_id" not in pair
    stale = rig.emulator.consent("acme", rig.app.client_id)
    rig.clock.ahead(seconds=31)
    answer = said(await rig.oauth(grant_type="authorization_code", code=stale))
    assert answer["error"] == "bad_verification_code"


async def test_a_wrong_client_may_be_told_so_with_a_200(rig: Rig) -> None:
    answer = await rig.oauth(grant_type="refresh_token", client_secret="wrong")
    assert (answer.status, said(answer)["error"]) == (400, "invalid_client")
    rig.emulator.switches.set("wrong_client", "WRONG_CLIENT")
    answer = await rig.oauth(grant_type="refresh_token", client_secret="wrong")
    assert (answer.status, said(answer)["error"]) == (200, "WRONG_CLIENT")


async def test_the_oauth_server_tells_whose_a_token_is(rig: Rig) -> None:
    request = Request(method="GET", path="/rest/app.info", query=(("auth", rig.token),))
    told = said(await rig.call(request))["result"]
    assert told["client_id"] == rig.app.client_id
    assert told["install"]["member_id"] == rig.portal.member_id
    false = Request(method="GET", path="/rest/app.info", query=(("auth", "made up"),))
    assert (await rig.call(false)).status == 401


async def test_no_event_comes_before_the_installation_is_finished(rig: Rig) -> None:
    rig.hub.page = b"<p>Configure me first</p>"
    told = rig.emulator.install("acme", rig.app.client_id)
    await rig.settle()
    frame = form_of(rig.hub.pushes[-1])
    query = parse_qs(urlsplit(rig.hub.pushes[-1].url).query)
    assert query["DOMAIN"] == ["acme.bitrix24.ru"]
    assert frame["AUTH_ID"] == told["access_token"]
    assert frame["APPLICATION_TOKEN"] == told["application_token"]
    rig.token = told["access_token"]
    await rig.listens("OnCrmContactAdd", "ONAPPTEST")
    assert (await rig.do("app.info"))["INSTALLED"] is False
    await rig.do("event.test", a="1")
    await rig.settle()
    assert not rig.hub.events("ONAPPTEST")
    rig.emulator.finish_install("acme", rig.app.client_id)
    await rig.do("event.test", a="1")
    await rig.settle()
    (event,) = rig.hub.events("ONAPPTEST")
    assert event["data[QUERY][a]"] == "1"


async def test_a_page_that_calls_install_finish_finishes_the_installation(rig: Rig) -> None:
    rig.token = rig.emulator.install("acme", rig.app.client_id)["access_token"]
    await rig.settle()
    assert (await rig.do("app.info"))["INSTALLED"] is True


async def test_an_application_without_a_page_is_sent_an_event(rig: Rig) -> None:
    app = rig.emulator.add_application(HANDLER, has_ui=False)
    told = rig.emulator.install("acme", app.client_id)
    await rig.settle()
    (event,) = rig.hub.events("ONAPPINSTALL")
    assert event["auth[refresh_token]"] == told["refresh_token"]
    assert event["auth[application_token]"] == told["application_token"]
    assert "event_handler_id" not in event
    rig.token = event["auth[access_token]"]
    assert (await rig.do("app.info"))["INSTALLED"] is True


async def test_subscriptions_are_kept_listed_and_dropped(rig: Rig) -> None:
    await rig.listens("OnAppTest")
    again = await rig.refused("event.bind", event="ONAPPTEST", handler=HANDLER)
    assert again == (400, "ERROR_CORE", "Unable to set event handler: Handler already binded")
    assert await rig.do("event.get") == [
        {"event": "ONAPPTEST", "handler": HANDLER, "auth_type": "0", "offline": 0}
    ]
    for handler, code in [
        ("https://hub/x", "ERROR_WRONG_HANDLER_URL"),
        ("ftp://hub.example/x", "ERROR_UNSUPPORTED_PROTOCOL"),
    ]:
        assert (await rig.refused("event.bind", event="ONAPPTEST", handler=handler))[1] == code
    unknown = await rig.refused("event.bind", event="ONNOSUCH", handler=HANDLER)
    assert unknown[:2] == (400, "ERROR_EVENT_NOT_FOUND")
    assert await rig.do("event.unbind", event="OnAppTest", handler=HANDLER) == {"count": 1}
    assert await rig.do("event.get") == []


async def test_an_update_drops_subscriptions_and_a_removal_everything(rig: Rig) -> None:
    await rig.listens("ONAPPUPDATE")
    rig.emulator.update_application("acme", rig.app.client_id, new_token=True)
    await rig.settle()
    (event,) = rig.hub.events("ONAPPUPDATE")
    assert event["auth[application_token]"] != rig.told["application_token"]
    assert await rig.do("event.get") == []
    await rig.listens("ONAPPUNINSTALL")
    rig.emulator.uninstall("acme", rig.app.client_id)
    await rig.settle()
    (event,) = rig.hub.events("ONAPPUNINSTALL")
    assert "auth[access_token]" not in event
    assert "auth[scope]" not in event
    assert (await rig.refused("profile"))[:2] == (401, "invalid_token")
    asked = {"grant_type": "refresh_token", "refresh_token": rig.told["refresh_token"]}
    assert said(await rig.oauth(**asked))["error"] == "NOT_INSTALLED"


async def test_events_are_sent_once_whatever_they_are_answered(rig: Rig) -> None:
    await rig.listens("ONAPPTEST")
    rig.hub.statuses = [500]
    await rig.do("event.test")
    await rig.settle()
    assert len(rig.hub.events("ONAPPTEST")) == 1


@pytest.mark.parametrize(
    ("fault", "came"),
    [("lost_event", []), ("duplicate_event", ["1", "1"]), ("reordered_events", ["2", "1"])],
)
async def test_events_meet_their_faults(rig: Rig, fault: str, came: list[str]) -> None:
    await rig.listens("ONAPPTEST")
    rig.emulator.stage.arm(fault)
    await rig.do("event.test", n="1")
    if fault == "reordered_events":
        await rig.do("event.test", n="2")
    await rig.settle()
    assert [event["data[QUERY][n]"] for event in rig.hub.events("ONAPPTEST")] == came


async def test_a_forged_event_has_another_application_token(rig: Rig) -> None:
    await rig.listens("ONAPPTEST")
    rig.emulator.stage.arm("wrong_application_token")
    await rig.do("event.test")
    await rig.settle()
    (event,) = rig.hub.events("ONAPPTEST")
    assert event["auth[application_token]"] != rig.told["application_token"]


async def test_a_renamed_portal_sends_its_callers_on(rig: Rig) -> None:
    rig.emulator.rename("acme", "acme-new")
    response = await rig.raw("profile")
    assert response.status == 302
    assert response.headers["location"] == "https://b24.example/acme-new/rest/profile"
    assert response.body == b""


async def test_a_portal_that_is_no_more_says_so(rig: Rig) -> None:
    rig.emulator.remove("acme")
    assert (await rig.refused("profile"))[:2] == (403, "PORTAL_DELETED")
    rig.emulator.switches.set("portal_deleted_status", "410")
    assert (await rig.refused("profile"))[:2] == (410, "PORTAL_DELETED")


async def test_a_plan_without_rest_refuses_everything(rig: Rig) -> None:
    rig.emulator.set_plan("acme", has_rest=False)
    assert (await rig.refused("profile"))[:2] == (403, "ACCESS_DENIED")


async def test_a_body_that_is_no_json_is_an_empty_one(rig: Rig) -> None:
    request = Request(
        method="POST",
        path="/acme/rest/event.bind",
        headers={"content-type": "application/json", "authorization": f"Bearer {rig.token}"},
        body=b'{"event": ',
    )
    assert said(await rig.call(request))["argument"] == "event"
    as_get = Request(
        method="GET",
        path="/acme/rest/event.bind",
        headers={"content-type": "application/json", "authorization": f"Bearer {rig.token}"},
        body=json.dumps({"event": "ONAPPTEST", "handler": HANDLER}).encode(),
    )
    assert said(await rig.call(as_get))["argument"] == "event"


async def test_the_bucket_holds_fifty_calls_and_leaks_two_a_second(rig: Rig) -> None:
    rig.emulator.switches.set("rate_limited", value=True)
    for _ in range(50):
        await rig.do("profile")
    assert (await rig.refused("profile"))[:2] == (503, "QUERY_LIMIT_EXCEEDED")
    rig.clock.ahead(seconds=1)
    await rig.do("profile")
    await rig.do("batch", cmd=["profile"] * 10)
    assert (await rig.refused("profile"))[:2] == (503, "QUERY_LIMIT_EXCEEDED")
    rig.emulator.switches.set("bucket_size", 250)
    await rig.do("profile")


async def test_a_method_has_ten_minutes_of_its_time_and_others_go_on(rig: Rig) -> None:
    rig.emulator.switches.set("operating_limited", value=True)
    rig.emulator.switches.set("call_cost_s", 210)
    assert said(await rig.raw("profile"))["time"]["operating"] == 210
    assert said(await rig.raw("profile"))["time"]["operating"] == 420
    assert (await rig.refused("profile"))[:2] == (429, "OPERATION_TIME_LIMIT")
    told = await rig.do("batch", cmd={"a": "profile", "b": "user.current"})
    assert told["result_error"]["a"]["error"] == "OPERATION_TIME_LIMIT"
    assert list(told["result"]) == ["b"]
    rig.clock.ahead(minutes=11)
    await rig.do("profile")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("QUERY_LIMIT_EXCEEDED", 503, "QUERY_LIMIT_EXCEEDED"),
        ("OPERATION_TIME_LIMIT", 429, "OPERATION_TIME_LIMIT"),
        ("OVERLOAD_LIMIT", 503, "OVERLOAD_LIMIT"),
        ("ERROR_CORE", 400, "ERROR_CORE"),
        ("expired_token", 401, "expired_token"),
        ("access_denied_plan", 403, "ACCESS_DENIED"),
        ("portal_deleted", 403, "PORTAL_DELETED"),
        ("internal_error_before", 500, "INTERNAL_SERVER_ERROR"),
        ("internal_error_after", 500, "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_a_fault_by_name_answers_in_place_of_the_portal(
    rig: Rig, fault: str, status: int, code: str
) -> None:
    rig.emulator.stage.arm(fault, match="crm.contact.add")
    assert await rig.do("profile")
    assert (await rig.refused("crm.contact.add", fields={}))[:2] == (status, code)
    was_written = fault == "internal_error_after"
    assert len(rig.emulator.contacts("acme")) == was_written


@pytest.mark.parametrize(
    ("fault", "status", "start"),
    [
        ("html_500", 500, b"<html>"),
        ("html_502", 502, b"<html>"),
        ("access_denied_page", 403, b"<html>"),
        ("empty_200", 200, b""),
    ],
)
async def test_some_answers_are_no_json(rig: Rig, fault: str, status: int, start: bytes) -> None:
    rig.emulator.stage.arm(fault)
    response = await rig.raw("profile")
    assert (response.status, response.body[:6]) == (status, start)


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_no_method_falls_over_nonsense(rig: Rig, nonsense: Any) -> None:
    await rig.connects()
    await rig.says("Здравствуйте")
    await rig.do("crm.contact.add", fields={})
    for name in METHODS:
        for mix in ({}, {"id": 1}, {"entityTypeId": 3}, {"CONNECTOR": CONNECTOR, "LINE": 1}):
            params = {**dict.fromkeys(NAMES, nonsense), **mix}
            answer = said(await rig.raw(name, **params))
            assert ("error" in answer) != ("result" in answer), name
