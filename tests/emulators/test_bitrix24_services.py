"""The emulated Bitrix24 against its documentation: offline events, calls, texts, files, stage."""

import json
from typing import Any

import pytest

from channel_clients.emulators.stage import Request
from crm_clients.emulators.bitrix24 import Switches
from tests.emulators.bitrix24_scene import CONNECTOR, HANDLER, PHONE, Rig, said

QUEUED = "ONIMCONNECTORMESSAGEADD"
CALL = {"USER_ID": 1, "PHONE_NUMBER": PHONE, "TYPE": 2, "EXTERNAL_CALL_ID": "pbx-1"}


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def queued(rig: Rig, *texts: str) -> None:
    """Operators answer, and each answer waits in the offline queue."""
    await rig.connects()
    await rig.do("event.bind", event=QUEUED, event_type="offline")
    await rig.says("Здравствуйте")
    for text in texts:
        rig.emulator.reply("acme", "tg:u1", text)


def words(answer: Any) -> list[str]:
    messages = [each["EVENT_DATA"]["MESSAGES"][0] for each in answer["events"]]
    return [message["message"]["text"] for message in messages]


async def test_reserved_events_stay_until_they_are_cleared(rig: Rig) -> None:
    await queued(rig, "Раз", "Два")
    first = await rig.do("event.offline.get", clear=0, limit=1)
    second = await rig.do("event.offline.get", clear=0)
    assert (words(first), words(second)) == (["Раз"], ["Два"])
    again = await rig.do("event.offline.get", process_id=first["process_id"])
    assert words(again) == ["Раз"]
    await rig.do("event.offline.clear", process_id=first["process_id"])
    assert words({"events": await rig.do("event.offline.list")}) == ["Два"]


async def test_reading_for_good_forgets(rig: Rig) -> None:
    await queued(rig, "Раз")
    answer = await rig.do("event.offline.get")
    assert (answer["process_id"], words(answer)) == (None, ["Раз"])
    assert (await rig.do("event.offline.get"))["events"] == []
    rig.emulator.switches.set("offline_extended", value=False)
    assert (await rig.refused("event.offline.get", clear=0))[:2] == (403, "WRONG_LICENSE")
    assert await rig.do("feature.get", CODE="rest_offline_extended") == {"value": "N"}


async def test_changes_of_one_card_are_one_event(rig: Rig) -> None:
    await rig.do("event.bind", event="ONCRMCONTACTUPDATE", event_type="offline")
    await rig.do("crm.contact.add", fields={})
    for name in ("А", "Б"):
        await rig.do("crm.contact.update", id=1, fields={"NAME": name})
    (event,) = (await rig.do("event.offline.get"))["events"]
    assert event["EVENT_DATA"] == {"FIELDS": {"ID": 1}}


async def test_connector_events_may_never_be_queued(rig: Rig) -> None:
    rig.emulator.switches.set("connector_events_offline", value=False)
    await queued(rig, "Раз")
    assert (await rig.do("event.offline.get"))["events"] == []


async def test_a_call_is_registered_once_in_half_an_hour(rig: Rig) -> None:
    register = "telephony.externalCall.register"
    first = await rig.do(register, **CALL)
    assert await rig.do(register, **CALL) == first
    assert (await rig.do(register, **{**CALL, "EXTERNAL_CALL_ID": "pbx-2"})) != first
    rig.clock.ahead(minutes=31)
    assert await rig.do(register, **CALL) != first
    assert (await rig.refused(register, **{**CALL, "TYPE": 9}))[1:] == (
        "ERROR_CORE",
        "Unknown TYPE",
    )


async def test_a_call_ends_once_and_leaves_an_activity(rig: Rig) -> None:
    call = await rig.do("telephony.externalCall.register", **CALL, CRM_CREATE=1)
    assert call["CRM_CREATED_LEAD"] == 1
    ended = {"CALL_ID": call["CALL_ID"], "USER_ID": 1, "DURATION": 5}
    done = await rig.do("telephony.externalCall.finish", **ended)
    assert (done["CALL_STATUS"], done["CALL_FAILED_CODE"]) == (1, "200")
    activity = await rig.do("crm.activity.get", id=done["CRM_ACTIVITY_ID"])
    assert (activity["TYPE_ID"], activity["OWNER_ID"]) == ("2", "1")
    again = await rig.refused("telephony.externalCall.finish", **ended)
    assert again[1] == "ERROR_CORE"
    record = {"CALL_ID": call["CALL_ID"], "FILENAME": "a.mp3", "FILE_CONTENT": "bXAz"}
    attach = "telephony.externalCall.attachRecord"
    assert await rig.do(attach, **record) == await rig.do(attach, **record)
    (found,) = await rig.do("telephony.externalCall.searchCrmEntities", PHONE_NUMBER=PHONE)
    assert (found["CRM_ENTITY_TYPE"], found["CRM_ENTITY_ID"]) == ("LEAD", 1)


async def test_a_text_is_posted_to_its_sender_and_its_fate_told_back(rig: Rig) -> None:
    sender = {"CODE": "mw", "TYPE": "SMS", "HANDLER": HANDLER, "NAME": "MW"}
    assert await rig.do("messageservice.sender.add", **sender) is True
    twice = await rig.refused("messageservice.sender.add", **sender)
    assert twice[1] == "ERROR_SENDER_ALREADY_INSTALLED"
    await rig.do("crm.contact.add", fields={})
    text = rig.emulator.send_text("acme", "mw", PHONE, "Готово", card=("contact", 1))
    await rig.settle()
    (form,) = rig.hub.forms()
    assert "event" not in form
    assert form["message_id"] == text["message_id"]
    assert form["bindings[0][OWNER_TYPE_ID]"] == "3"
    assert form["auth[application_token]"] == rig.told["application_token"]
    status = {"CODE": "mw", "MESSAGE_ID": text["message_id"], "STATUS": "delivered"}
    assert await rig.do("messageservice.message.status.update", **status) is True
    assert rig.emulator.texts("acme")[0]["status"] == "delivered"
    lost = {**status, "MESSAGE_ID": "other"}
    refused = await rig.refused("messageservice.message.status.update", **lost)
    assert refused[1] == "ERROR_MESSAGE_NOT_FOUND"


async def test_a_file_is_uploaded_under_a_name_of_its_own(rig: Rig) -> None:
    sent = {"id": 7, "data": {"NAME": "a.pdf"}, "fileContent": ["a.pdf", "cGRm"]}
    file = await rig.do("disk.folder.uploadFile", **sent)
    assert (await rig.get(file["DOWNLOAD_URL"])).body == b"pdf"
    assert (await rig.refused("disk.folder.uploadFile", **sent))[0] == 400
    again = await rig.do("disk.folder.uploadFile", **sent, generateUniqueName=True)
    assert again["NAME"] == "a (1).pdf"
    asked = {"id": 7, "filter": {"NAME": "a.pdf"}}
    assert len(await rig.do("disk.folder.getChildren", **asked)) == 1


async def stage(rig: Rig, method: str, path: str, body: Any = None, **query: str) -> Any:
    request = Request(
        method=method,
        path=f"/_stage/{path}",
        query=tuple(query.items()),
        body=b"" if body is None else json.dumps(body).encode(),
    )
    return said(await rig.emulator.control(request))


async def test_the_stage_plays_people_and_shows_what_happened(rig: Rig) -> None:
    await rig.connects()
    await rig.says("Здравствуйте")
    file = await stage(rig, "POST", "upload", {"name": "a.txt", "content": "YQ==", "kind": "file"})
    asked = {"account": "acme", "to": "tg:u1", "files": [file["result"]], "text": "Да"}
    typed = await stage(rig, "POST", "reply_with_files", asked)
    (reply,) = typed["result"]
    assert reply["file_name"] == reply["files"][0]["name"] == "a.txt"
    assert reply["sha256"] == reply["files"][0]["sha256"]
    await rig.settle()
    (chat,) = (await stage(rig, "GET", "timeline", account="acme"))["chats"]
    assert (chat["client_id"], chat["channel_id"]) == ("tg:u1", CONNECTOR)
    assert [each["is_from_operator"] for each in chat["messages"]] == [False, True]
    (reply,) = (await stage(rig, "GET", "replies"))["replies"]
    assert (reply["client_conversation_id"], reply["hook_sent"]) == ("tg:u1", False)
    (lead,) = (await stage(rig, "GET", "leads"))["leads"]
    assert lead["name"] == "Пётр Клиент"
    for view in ("contacts", "deals", "notes", "activities", "texts"):
        assert view in await stage(rig, "GET", view)


async def test_the_stage_sets_things_up_and_refuses_nonsense(rig: Rig) -> None:
    made = await stage(rig, "POST", "setup", {"portal": {"slug": "other"}})
    assert made["portal"]["host"] == "other.bitrix24.ru"
    card = {"account": "other", "entity": "contact", "fields": {"NAME": "Иван"}}
    assert (await stage(rig, "POST", "setup", {"card": card}))["card"]["id"] == 1
    for path, body in [
        ("reply", {"account": "acme", "to": "nobody", "text": "?"}),
        ("no_such_act", {}),
        ("switch", {"name": "search_lag_s", "value": "long"}),
        ("setup", {"moon": {}}),
    ]:
        assert "error" in await stage(rig, "POST", path, body)
    opened = {"portal": "acme", "connector": CONNECTOR, "line": 1}
    await rig.connects()
    assert (await stage(rig, "POST", "open_settings", opened))["result"] == 200


async def test_every_switch_has_a_default_that_it_accepts() -> None:
    switches = Switches()
    for name in Switches.__slots__:
        switches.set(name, getattr(switches, name))
    with pytest.raises(ValueError, match="no switch"):
        switches.set("gravity", value=False)
