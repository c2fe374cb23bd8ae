"""Each uncertain point of the emulated Bitrix24, switched the other way."""

import asyncio
import json
from typing import Any

import pytest

from channel_clients.emulators.stage import Request
from crm_clients.emulators.bitrix24.__main__ import with_demo_portal
from tests.emulators.bitrix24_scene import CONNECTOR, HANDLER, Rig, said

ADD = "ONIMCONNECTORMESSAGEADD"
FILE = "https://hub.example/f/a.pdf"


@pytest.fixture
async def rig() -> Rig:
    rig = Rig()
    await rig.connects()
    await rig.listens(ADD, "ONAPPTEST")
    return rig


def switch(rig: Rig, name: str, value: Any) -> None:
    rig.emulator.switches.set(name, value)


async def told_of_a_test(rig: Rig) -> list[dict[str, str]]:
    """Every event of a test that has come, after one more."""
    await rig.do("event.test")
    await rig.settle()
    return rig.hub.events("ONAPPTEST")


async def test_the_token_endpoint_may_take_no_forms(rig: Rig) -> None:
    body = "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}".format(
        rig.app.client_id, rig.app.client_secret, rig.told["refresh_token"]
    )
    request = Request(method="POST", path="/oauth/token/", body=body.encode())
    assert said(await rig.call(request))["access_token"]
    switch(rig, "token_post", value=False)
    assert (await rig.call(request)).status == 400


async def test_a_caller_without_a_name_may_be_refused(rig: Rig) -> None:
    request = Request(
        method="POST",
        path="/acme/rest/profile",
        headers={"content-type": "application/json"},
        body=json.dumps({"auth": rig.token}).encode(),
    )
    assert (await rig.call(request)).status == 200
    assert any("User-Agent" in each for each in rig.emulator.state()["warnings"])
    switch(rig, "user_agent_required", value=True)
    assert (await rig.call(request)).status == 403


async def test_a_comment_may_be_its_authors_alone(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields={"NAME": "Нина"})
    note = rig.emulator.write_note("acme", 1, "Привет", user_id=2)
    change = {"id": note.id, "fields": {"COMMENT": "Привет!"}}
    assert await rig.do("crm.timeline.comment.update", **change)
    switch(rig, "comment_changed_by", "author")
    assert (await rig.refused("crm.timeline.comment.update", **change))[1] == "ACCESS_DENIED"


async def test_ids_of_origin_are_cut(rig: Rig) -> None:
    switch(rig, "origin_limit", 5)
    await rig.do("crm.contact.add", fields={"ORIGIN_ID": "telegram:1"})
    assert (await rig.do("crm.contact.get", id=1))["ORIGIN_ID"] == "teleg"


async def test_an_unknown_kind_of_phone_may_be_refused(rig: Rig) -> None:
    fields = {"IM": [{"VALUE": "@ivan", "VALUE_TYPE": "SIGNAL"}]}
    assert await rig.do("crm.contact.add", fields=fields) == 1
    switch(rig, "unknown_value_type", "refuse")
    assert (await rig.refused("crm.contact.add", fields=fields))[1] == "ERROR_CORE"


async def test_cards_may_come_after_the_answer(rig: Rig) -> None:
    switch(rig, "crm_delay_s", 2)
    await rig.says("Здравствуйте")
    assert rig.emulator.leads("acme") == ()
    await rig.settle()
    assert len(rig.emulator.leads("acme")) == 1


async def test_digits_in_a_name_may_fail_a_message(rig: Rig) -> None:
    name = {"name": "Иван 2000"}
    assert (await rig.says("Да", user=name))["SUCCESS"] is True
    switch(rig, "name_letters_only", value=True)
    assert (await rig.says("Да", user=name))["SUCCESS"] is False


async def test_who_is_echoed_is_switched(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    switch(rig, "user_message_echoed", value=False)
    switch(rig, "system_message_echoed", value=True)
    await rig.says("Иван", number=2, message={"user_id": 2})
    await rig.says("Никто", number=3, message={"user_id": 0})
    await rig.settle()
    texts = [form["data[MESSAGES][0][message][text]"] for form in rig.hub.events(ADD)]
    assert texts == ["Никто"]


async def test_a_swallowed_vote_may_name_its_session(rig: Rig) -> None:
    switch(rig, "late_vote_session", value=True)
    await rig.says("Здравствуйте")
    rig.emulator.start_vote("acme", "tg:u1")
    assert (await rig.says("1 спасибо", number=2))["session"]["ID"] == "1"
    messages = rig.emulator.timeline("acme")[0].messages
    assert "tg-2" not in [message.client_id for message in messages]


async def test_a_message_without_a_session_may_be_there(rig: Rig) -> None:
    switch(rig, "no_session_stores", value=True)
    rig.emulator.stage.arm("no_session")
    assert "session" not in await rig.says("Здравствуйте")
    assert len(rig.emulator.timeline("acme")[0].messages) == 1


async def test_our_own_deactivation_may_be_told_back(rig: Rig) -> None:
    await rig.listens("ONIMCONNECTORSTATUSDELETE")
    switch(rig, "own_deactivation_event", value=True)
    await rig.do("imconnector.activate", CONNECTOR=CONNECTOR, LINE=1, ACTIVE=0)
    await rig.settle()
    assert len(rig.hub.events("ONIMCONNECTORSTATUSDELETE")) == 1


async def test_files_are_not_waited_for_longer_than_that(rig: Rig) -> None:
    switch(rig, "max_fetch_s", 7)
    rig.hub.files[FILE] = b"pdf"
    await rig.says("Вот", message={"files": [{"url": FILE}]})
    assert [fetch.timeout_s for fetch in rig.hub.fetches] == [7]


async def test_a_signature_may_come_without_a_blank(rig: Rig) -> None:
    switch(rig, "signature_space", value=False)
    await rig.connects(NEED_SIGNATURE=True)
    await rig.says("Здравствуйте")
    rig.emulator.reply("acme", "tg:u1", "Да")
    await rig.settle()
    text = rig.hub.events(ADD)[0]["data[MESSAGES][0][message][text]"]
    assert text == "[b]Ольга Петрова:[/b][br]Да"


async def test_events_may_be_lost_or_come_twice(rig: Rig) -> None:
    switch(rig, "events_lost", value=True)
    assert await told_of_a_test(rig) == []
    switch(rig, "events_lost", value=False)
    switch(rig, "event_twice", value=True)
    assert len(await told_of_a_test(rig)) == 2


async def test_the_id_of_a_subscription_has_two_names(rig: Rig) -> None:
    switch(rig, "handler_id_key", "eventId")
    (event,) = await told_of_a_test(rig)
    assert event["eventId"]
    assert "event_handler_id" not in event


async def test_events_come_late_and_out_of_order(rig: Rig) -> None:
    switch(rig, "event_delay_s", 3)
    await told_of_a_test(rig)
    assert rig.clock.slept == [3]
    switch(rig, "event_jitter_s", 1)
    await told_of_a_test(rig)
    assert 3 <= rig.clock.slept[-1] <= 4


async def test_two_calls_for_one_dialog_wait_for_each_other(rig: Rig) -> None:
    rig.hub.files[FILE] = b"pdf"
    rig.hub.files_open.clear()
    first = asyncio.create_task(rig.says("Раз", message={"files": [{"url": FILE}]}))
    await asyncio.sleep(0)
    second = await rig.says("Два", number=2)
    assert rig.clock.slept == [1, 2, 3]
    assert rig.emulator.state()["overlaps"] == 1
    rig.hub.files_open.set()
    assert (await first)["session"] == second["session"]
    assert [each["text"] for each in await rig.history()] == ["Два", "Раз"]


async def test_a_ping_tells_of_the_queue_and_no_oftener_than_asked(rig: Rig) -> None:
    options = {"minTimeout": 60}
    bound = {"event": "ONOFFLINEEVENT", "handler": HANDLER, "options": options}
    await rig.do("event.bind", **bound)
    await rig.do("event.bind", event="ONCRMCONTACTADD", event_type="offline")
    for _ in range(2):
        await rig.do("crm.contact.add", fields={})
    await rig.settle()
    (ping,) = rig.hub.events("ONOFFLINEEVENT")
    assert ping["auth[refresh_token]"]
    assert not any(key.startswith("data") for key in ping)
    rig.clock.ahead(seconds=61)
    await rig.do("crm.contact.add", fields={})
    await rig.settle()
    assert len(rig.hub.events("ONOFFLINEEVENT")) == 2


async def test_an_event_that_nobody_caused_has_no_tokens(rig: Rig) -> None:
    rig.emulator.stage.arm("event_without_tokens")
    (event,) = await told_of_a_test(rig)
    assert "auth[access_token]" not in event
    assert event["auth[application_token]"] == rig.told["application_token"]


async def test_the_demo_portal_is_ready_to_be_connected() -> None:
    emulator, credentials = with_demo_portal("https://hub.example", "https://b24.example")
    request = Request(
        method="GET",
        path="/demo/rest/app.info",
        query=(("auth", str(credentials["access_token"])),),
    )
    assert said(await emulator.answer(request))["result"]["INSTALLED"] is True
    assert credentials["client_endpoint"] == "https://b24.example/demo/rest/"


async def test_an_unknown_field_of_a_filter_lets_everything_through(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields={})
    wanted = {"UF_CRM_NO_SUCH": "x"}
    assert len(await rig.do("crm.contact.list", filter=wanted)) == 1
    switch(rig, "unknown_filter", "no_rows")
    assert await rig.do("crm.contact.list", filter=wanted) == []


async def test_links_to_files_may_die_and_may_want_a_browser(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    file = rig.emulator.upload("acme", "a.pdf", b"pdf")
    rig.emulator.reply_with_files("acme", "tg:u1", [file])
    await rig.settle()
    link = rig.hub.events(ADD)[0]["data[MESSAGES][0][message][files][0][downloadLink]"]
    switch(rig, "file_link_life_s", 60)
    assert (await rig.get(link)).status == 200
    rig.clock.ahead(seconds=61)
    assert (await rig.get(link)).status == 404
    switch(rig, "file_link_life_s", 0)
    switch(rig, "file_links_want_headers", value=True)
    assert (await rig.get(link)).status == 404
    names = ("user-agent", "accept", "accept-language", "referer")
    assert (await rig.get(link, dict.fromkeys(names, "x"))).status == 200


async def test_a_handler_on_the_same_machine_may_do_without_a_dot(rig: Rig) -> None:
    bound = {"event": "ONAPPUPDATE", "handler": "http://api:8080/events"}
    assert (await rig.refused("event.bind", **bound))[1] == "ERROR_WRONG_HANDLER_URL"
    switch(rig, "dotless_handlers", value=True)
    assert await rig.do("event.bind", **bound) is True


async def test_a_messengers_handle_is_no_open_line(rig: Rig) -> None:
    im = [{"VALUE": "@ivan", "VALUE_TYPE": "TELEGRAM"}]
    await rig.do("crm.contact.add", fields={"IM": im})
    assert (await rig.do("crm.contact.get", id=1))["HAS_IMOL"] == "N"
    await rig.says("Здравствуйте")
    assert (await rig.do("crm.lead.get", id=1))["HAS_IMOL"] == "Y"
