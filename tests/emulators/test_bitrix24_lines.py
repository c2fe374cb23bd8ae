"""The emulated open lines against their documentation: connectors, messages, votes, history."""

import hashlib
from typing import Any

import pytest

from tests.emulators.bitrix24_scene import CONNECTOR, PHONE, SETTINGS, Rig, form_of

ADD, UPDATE, DELETE = (f"ONIMCONNECTORMESSAGE{what}" for what in ("ADD", "UPDATE", "DELETE"))
PLACE: dict[str, Any] = {"CONNECTOR": CONNECTOR, "LINE": 1}
PHOTO = "https://hub.example/f/photo.jpg"


@pytest.fixture
async def rig() -> Rig:
    rig = Rig()
    await rig.connects()
    await rig.listens(ADD, UPDATE, DELETE)
    return rig


async def confirm(rig: Rig, message_id: int, *ids: str) -> None:
    im = {"chat_id": 1, "message_id": message_id}
    item = {"im": im, "message": {"id": list(ids), "date": 1}, "chat": {"id": "tg:u1"}}
    answer = await rig.do("imconnector.send.status.delivery", **PLACE, MESSAGES=[item])
    assert answer == {"SUCCESS": True, "DATA": []}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ID": ""}, "CONNECTOR_ID_REQUIRED"),
        ({"ID": "mw.telegram"}, "APPLICATION_REGISTRATION_ERROR_POINT"),
        ({"NAME": ""}, "NAME_REQUIRED"),
        ({"ICON": {}}, "ICON_REQUIRED"),
        ({"PLACEMENT_HANDLER": ""}, "NO_PLACEMENT_HANDLER"),
        ({"CHAT_GROUP": "perhaps"}, "APPLICATION_REGISTRATION_ERROR"),
    ],
)
async def test_a_registration_fails_with_a_200(rig: Rig, changed: Any, code: str) -> None:
    good = {"ID": "x", "NAME": "X", "ICON": {"DATA_IMAGE": "d"}, "PLACEMENT_HANDLER": SETTINGS}
    answer = await rig.do("imconnector.register", **(good | changed))
    assert (answer["result"], answer["error"]) == (False, code)


async def test_any_word_activates_a_connector(rig: Rig) -> None:
    async def status() -> Any:
        return (await rig.do("imconnector.status", **PLACE))["STATUS"]

    assert await status() is True
    await rig.do("imconnector.activate", **PLACE, ACTIVE=0)
    assert await status() is False
    await rig.do("imconnector.activate", **PLACE, ACTIVE="N")
    assert await status() is True
    assert (await rig.refused("imconnector.activate", **PLACE))[1] == "ERROR_ARGUMENT"


async def test_the_settings_page_learns_the_line(rig: Rig) -> None:
    assert await rig.emulator.open_settings("acme", CONNECTOR, 1) == 200
    frame = form_of(rig.hub.pushes[-1])
    assert frame["PLACEMENT"] == "SETTING_CONNECTOR"
    assert '"LINE": "1"' in frame["PLACEMENT_OPTIONS"]


async def test_a_message_opens_a_session_and_is_in_the_history(rig: Rig) -> None:
    result = await rig.says("Здравствуйте")
    assert result["session"] == {"ID": "1", "CHAT_ID": "1"}
    assert result["message"]["date"] == {}
    assert result["extra"] == []
    (entry,) = await rig.history()
    assert entry["params"] == {"connectorMid": ["tg-1"]}
    assert entry["senderid"] == result["user"]
    assert entry["date"].startswith("2026-03-01T15:00:00+03:00")
    dialog = await rig.do("imopenlines.dialog.get", CHAT_ID=1)
    assert dialog["entity_id"] == f"{CONNECTOR}|1|tg:u1|{result['user']}"


async def test_the_same_message_twice_is_two_messages(rig: Rig) -> None:
    await rig.says("Раз")
    await rig.says("Раз")
    assert len(await rig.history()) == 2
    rig.emulator.switches.set("duplicate_message", "ignore")
    assert (await rig.says("Раз"))["session"]["ID"] == "1"
    assert len(await rig.history()) == 2


async def test_one_bad_message_of_a_call_fails_alone(rig: Rig) -> None:
    good = {"user": {"ID": "u1"}, "message": {"ID": "m", "Text": "Да"}, "chat": {"id": "tg:u1"}}
    bad = {"user": {"id": "u1"}, "message": {"id": "n"}, "chat": {"id": "tg:u1"}}
    answer = await rig.do("imconnector.send.messages", **PLACE, MESSAGES=[bad, good])
    assert answer["SUCCESS"] is True
    failed, done = answer["DATA"]["RESULT"]
    assert failed["SUCCESS"] is False
    assert failed["ERRORS"]
    assert done["session"]["ID"] == "1"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"LINE": 7}, "NOT_ACTIVE_LINE"),
        ({"CONNECTOR": "nobody"}, "IMCONNECTOR_NO_CORRECT_PROVIDER"),
        ({"MESSAGES": []}, "ERROR_ARGUMENT"),
        ({"MESSAGES": "hello"}, "ERROR_ARGUMENT"),
        ({"MESSAGES": ["hello"]}, "ERROR_ARGUMENT"),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(rig: Rig, changed: Any, code: str) -> None:
    sent = {**PLACE, "MESSAGES": [{"user": {"id": "u"}}], **changed}
    assert (await rig.refused("imconnector.send.messages", **sent))[:2] == (400, code)


async def test_files_are_fetched_and_lost_ones_are_lost_silently(rig: Rig) -> None:
    rig.hub.files[PHOTO] = b"photo"
    there, gone = {"url": PHOTO, "name": "photo.jpg"}, {"url": PHOTO + "x", "name": "gone.pdf"}
    result = await rig.says("Смотрите", message={"files": [there, gone]})
    assert result["SUCCESS"] is True
    (entry,) = await rig.history()
    assert entry["params"]["fileId"] == [1]
    message = rig.emulator.timeline("acme")[0].messages[0]
    assert message.sha256 == hashlib.sha256(b"photo").hexdigest()
    assert message.lost_files == ("gone.pdf",)


async def test_a_message_of_a_lost_file_alone_fails_or_becomes_a_sign(rig: Rig) -> None:
    file = {"files": [{"url": "https://hub.example/none", "name": "a.pdf"}]}
    assert (await rig.says(message=file))["SUCCESS"] is False
    rig.emulator.switches.set("media_lost", "placeholder")
    await rig.says(message=file)
    assert [each["text"] for each in await rig.history()] == ["[FILE]"]


async def test_a_picture_is_downloaded(rig: Rig) -> None:
    rig.hub.files[PHOTO] = b"face"
    await rig.says("Привет", user={"picture": {"url": PHOTO}})
    person = rig.emulator.timeline("acme")[0].person
    assert person["picture"] == hashlib.sha256(b"face").hexdigest()


async def test_what_is_too_long_is_cut(rig: Rig) -> None:
    await rig.says("я" * 20_001, message={"id": "m" * 101})
    (entry,) = await rig.history()
    assert entry["text"] == "я" * 20_000 + " (...)"
    assert entry["params"] == []


async def test_an_operator_answers_and_the_event_comes_once(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    file = rig.emulator.upload("acme", "price.pdf", b"pdf")
    (reply,) = rig.emulator.reply_with_files("acme", "tg:u1", [file], text="Добрый день", user_id=2)
    rig.hub.statuses = [500]
    await rig.settle()
    (event,) = rig.hub.events(ADD)
    first = "data[MESSAGES][0]"
    assert event["data[CONNECTOR]"] == CONNECTOR
    assert event[f"{first}[im][message_id]"] == str(reply.message.id)
    assert event[f"{first}[message][user_id]"] == "2"
    assert event[f"{first}[message][text]"] == "Добрый день"
    assert event[f"{first}[message][files][0][type]"] == "file"
    assert event[f"{first}[chat][id]"] == "tg:u1"
    assert event["auth[user_id]"] == "2"
    (kept,) = rig.emulator.replies
    assert (kept.hook_sent, kept.hook_status) == (True, 500)


async def test_an_event_has_the_documented_keys_and_no_others(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    rig.emulator.reply("acme", "tg:u1", "Да")
    await rig.settle()
    (event,) = rig.hub.events(ADD)
    first = "data[MESSAGES][0]"
    auth = (
        *("access_token", "expires", "expires_in", "scope", "domain", "server_endpoint"),
        *("status", "client_endpoint", "member_id", "user_id", "application_token"),
    )
    assert set(event) == {
        *("event", "event_handler_id", "data[CONNECTOR]", "data[LINE]", "ts"),
        *(f"{first}[im][{key}]" for key in ("chat_id", "message_id")),
        *(f"{first}[message][{key}]" for key in ("user_id", "text")),
        f"{first}[chat][id]",
        *(f"auth[{key}]" for key in auth),
    }


async def test_a_file_lies_behind_its_signed_link(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    file = rig.emulator.upload("acme", "price.pdf", b"pdf")
    rig.emulator.reply_with_files("acme", "tg:u1", [file])
    await rig.settle()
    link = rig.hub.events(ADD)[0]["data[MESSAGES][0][message][files][0][downloadLink]"]
    assert (await rig.get(link)).body == b"pdf"
    assert (await rig.get(link + "x")).status == 404


async def test_a_quote_is_text_between_rules(rig: Rig) -> None:
    await rig.says("Сколько стоит?")
    rig.emulator.reply("acme", "tg:u1", "Сто", reply_to=1)
    await rig.settle()
    text = rig.hub.events(ADD)[0]["data[MESSAGES][0][message][text]"].split("\n")
    rule = "-" * 54
    assert text[0] == text[3] == rule
    assert text[1].startswith("Пётр Клиент [2026-03-01")
    assert (text[2], text[4]) == ("Сколько стоит?", "Сто")


async def test_a_signature_is_put_before_the_text(rig: Rig) -> None:
    await rig.connects(NEED_SIGNATURE=True)
    await rig.says("Здравствуйте")
    rig.emulator.reply("acme", "tg:u1", "Да")
    await rig.settle()
    text = rig.hub.events(ADD)[0]["data[MESSAGES][0][message][text]"]
    assert text == "[b]Ольга Петрова:[/b] [br]Да"


async def test_edits_come_only_for_what_a_delivery_status_named_first(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    message = rig.emulator.reply("acme", "tg:u1", "Дбрый").message
    assert rig.emulator.edit("acme", message.id, "Добрый") is False
    await confirm(rig, message.id, "tg-9", "tg-10")
    await confirm(rig, message.id, "tg-other")
    assert rig.emulator.edit("acme", message.id, "Добрый день") is True
    assert rig.emulator.delete("acme", message.id) is True
    await rig.settle()
    (edited,) = rig.hub.events(UPDATE)
    assert edited["data[MESSAGES][0][message][id][0]"] == "tg-9"
    assert edited["data[MESSAGES][0][message][id][1]"] == "tg-10"
    assert edited["data[MESSAGES][0][message][text]"] == "Добрый день"
    deleted = [form["data[MESSAGES][0][message][id]"] for form in rig.hub.events(DELETE)]
    assert deleted == ["tg-9", "tg-10"]


async def test_a_delivery_status_without_an_array_stores_nothing(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    message = rig.emulator.reply("acme", "tg:u1", "Да").message
    im = {"chat_id": 1, "message_id": message.id}
    item = {"im": im, "message": {"id": "tg-9"}, "chat": {"id": "tg:u1"}}
    await rig.do("imconnector.send.status.delivery", **PLACE, MESSAGES=[item])
    assert rig.emulator.edit("acme", message.id, "Нет") is False
    assert any("no array" in each for each in rig.emulator.state()["warnings"])


async def test_the_channel_edits_and_deletes_what_it_brought(rig: Rig) -> None:
    await rig.says("Здравствуйт")
    item = {"user": {"id": "u1"}, "message": {"id": "tg-1", "text": "Здравствуйте"}}
    item["chat"] = {"id": "tg:u1"}
    await rig.do("imconnector.update.messages", **PLACE, MESSAGES=[item])
    assert [each["text"] for each in await rig.history()] == ["Здравствуйте"]
    await rig.do("imconnector.delete.messages", **PLACE, MESSAGES=[item])
    (entry,) = await rig.history()
    assert (entry["text"], entry["params"]["isDeleted"]) == ("", "Y")
    item["message"] = {"id": "unknown", "text": "?"}
    answer = await rig.do("imconnector.update.messages", **PLACE, MESSAGES=[item])
    assert answer["DATA"]["RESULT"][0]["SUCCESS"] is True


async def test_a_real_users_message_comes_back_and_nobodys_does_not(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    await rig.says("С телефона", number=2, message={"user_id": 2})
    await rig.says("От системы", number=3, message={"user_id": 0})
    await rig.settle()
    echoes = [form["data[MESSAGES][0][message][text]"] for form in rig.hub.events(ADD)]
    assert echoes == ["С телефона"]
    assert [each["senderid"] for each in await rig.history()][1:] == ["2", "0"]


async def test_a_lone_digit_after_a_vote_was_asked_for_is_no_message(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    rig.emulator.start_vote("acme", "tg:u1")
    result = await rig.says("1", number=2)
    assert result["SUCCESS"] is True
    assert "session" not in result
    (dialog,) = rig.emulator.timeline("acme")
    assert dialog.sessions[0]["vote"] == 1
    assert "tg-2" not in [message.client_id for message in dialog.messages]
    assert (await rig.says("1", number=3))["session"]["ID"] == "2"


async def test_a_whisper_stays_inside(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    rig.emulator.whisper("acme", "tg:u1", "Он опять")
    note = {"DIALOG_ID": "chat1", "MESSAGE": "Не дозвониться", "SYSTEM": "Y"}
    await rig.do("im.message.add", **note)
    await rig.settle()
    assert rig.hub.events(ADD) == []
    await rig.do("im.message.add", DIALOG_ID="chat1", MESSAGE="Перезвоню")
    await rig.settle()
    assert len(rig.hub.events(ADD)) == 1


async def test_a_greeting_goes_out_unless_the_connector_wants_none(rig: Rig) -> None:
    rig.emulator.set_line("acme", 1, WELCOME_MESSAGE="Y", WELCOME_MESSAGE_TEXT="Ждите")
    await rig.says("Здравствуйте")
    await rig.settle()
    (event,) = rig.hub.events(ADD)
    assert event["data[MESSAGES][0][message][user_id]"] == "0"
    await rig.connects(NEED_SYSTEM_MESSAGES=False)
    await rig.says("Здравствуйте", user={"id": "u2"}, chat={"id": "tg:u2"})
    await rig.settle()
    assert len(rig.hub.events(ADD)) == 1


async def test_a_session_begins_and_ends_with_events(rig: Rig) -> None:
    await rig.listens("OnImConnectorDialogStart", "OnImConnectorDialogFinish")
    await rig.says("Здравствуйте")
    rig.emulator.close_session("acme", "tg:u1")
    await rig.says("Ещё вопрос", number=2)
    await rig.settle()
    started = rig.hub.events("ONIMCONNECTORDIALOGSTART")
    assert [form["data[DATA][0][session][id]"] for form in started] == ["1", "2"]
    (ended,) = rig.hub.events("ONIMCONNECTORDIALOGFINISH")
    assert ended["data[DATA][0][connector][chat_id]"] == "tg:u1"
    assert ended["data[DATA][0][session][closed]"] == "Y"
    assert len(rig.emulator.timeline("acme")) == 1


async def test_a_line_and_a_connector_go_with_events_of_their_own_shape(rig: Rig) -> None:
    await rig.listens("OnImConnectorStatusDelete", "OnImConnectorLineDelete")
    await rig.do("imconnector.activate", **PLACE, ACTIVE=0)
    await rig.do("imconnector.activate", **PLACE, ACTIVE=1)
    rig.emulator.deactivate("acme", CONNECTOR, 1)
    await rig.do("imconnector.activate", **PLACE, ACTIVE=1)
    rig.emulator.delete_line("acme", 1)
    await rig.settle()
    (event,) = rig.hub.events("ONIMCONNECTORSTATUSDELETE")
    assert (event["data[connector]"], event["data[line]"]) == (CONNECTOR, "1")
    (event,) = rig.hub.events("ONIMCONNECTORLINEDELETE")
    assert event["data"] == "1"


async def test_history_hides_what_is_not_there_behind_access(rig: Rig) -> None:
    history = "imopenlines.session.history.get"
    assert (await rig.refused(history, SESSION_ID=99))[1] == "ACCESS_DENIED"
    assert (await rig.refused(history, CHAT_ID=99))[1] == "INVALID_SESSION_ID"
    assert (await rig.refused(history))[1] == "MISSING_REQUIRED_PARAM"
    await rig.says("Здравствуйте")
    rig.emulator.stage.arm("history_denied")
    assert (await rig.refused(history, SESSION_ID=1))[:2] == (403, "ACCESS_DENIED")
    rig.emulator.switches.set("history_delay_s", 2)
    await rig.says("Позже", number=2)
    assert len(await rig.history()) == 1
    rig.clock.ahead(seconds=2)
    assert len(await rig.history()) == 2


async def test_the_code_of_a_dialog_ends_with_the_internal_user(rig: Rig) -> None:
    user = (await rig.says("Здравствуйте"))["user"]
    inner, outer = (f"{CONNECTOR}|1|tg:u1|{part}" for part in (user, "u1"))
    opened = "imopenlines.session.open"
    assert await rig.do(opened, USER_CODE=inner) == {"chatId": "1"}
    assert (await rig.refused(opened, USER_CODE=outer))[1] == "ACCESS_DENIED"
    rig.emulator.switches.set("session_code", "external")
    assert await rig.do(opened, USER_CODE=outer) == {"chatId": "1"}


async def test_without_a_group_flag_each_person_has_a_dialog_of_their_own(rig: Rig) -> None:
    await rig.says("Я")
    await rig.says("И я", user={"id": "u2"})
    assert len(rig.emulator.timeline("acme")) == 2
    await rig.connects(CHAT_GROUP=True)
    await rig.says("Мы", chat={"id": "group"})
    await rig.says("И мы", user={"id": "u2"}, chat={"id": "group"})
    assert len(rig.emulator.timeline("acme")) == 3


@pytest.mark.parametrize("fault", ["item_failed", "no_session"])
async def test_a_message_may_come_to_nothing(rig: Rig, fault: str) -> None:
    rig.emulator.stage.arm(fault)
    result = await rig.says("Здравствуйте")
    assert result["SUCCESS"] is (fault == "no_session")
    assert "session" not in result
    assert not any(dialog.messages for dialog in rig.emulator.timeline("acme"))


async def test_an_unknown_person_becomes_a_lead_with_the_dialog_on_it(rig: Rig) -> None:
    await rig.says("Здравствуйте", user={"phone": PHONE})
    (lead,) = rig.emulator.leads("acme")
    assert (lead["name"], lead["phones"]) == ("Пётр Клиент", [PHONE])
    (dialog,) = rig.emulator.timeline("acme")
    values = [each["value"] for each in lead["multi"]]
    assert f"imol|{dialog.code}" in values
    (activity,) = rig.emulator.activities("acme")
    assert activity["fields"]["ORIGIN_ID"] == "IMOL_1"
    assert activity["fields"]["PROVIDER_PARAMS"] == {"USER_CODE": dialog.code}
    assert activity["fields"]["COMPLETED"] == "N"
    rig.emulator.close_session("acme", "tg:u1")
    assert rig.emulator.activities("acme")[0]["fields"]["COMPLETED"] == "Y"


@pytest.mark.parametrize(
    ("known", "is_same"),
    [
        ({"PHONE": [{"VALUE": "89120000001"}]}, True),
        ({"PHONE": [{"VALUE": "9120000001"}]}, False),
        ({"NAME": "Пётр", "LAST_NAME": "Клиент"}, True),
        ({"EMAIL": [{"VALUE": "A@example.com"}]}, True),
    ],
)
async def test_a_line_takes_a_person_for_a_card(rig: Rig, known: Any, is_same: bool) -> None:
    card = rig.emulator.add_card("acme", "contact", known)
    await rig.says("Здравствуйте", user={"phone": PHONE, "email": "a@EXAMPLE.com"})
    (dialog,) = rig.emulator.timeline("acme")
    assert dialog.cards == ({"CONTACT": card.id} if is_same else {"LEAD": 1})
    assert len(rig.emulator.leads("acme")) == (not is_same)


async def test_a_line_may_make_deals_or_nothing(rig: Rig) -> None:
    rig.emulator.set_line("acme", 1, CRM_CREATE="none")
    await rig.says("Здравствуйте")
    assert rig.emulator.leads("acme") == rig.emulator.activities("acme") == ()
    rig.emulator.set_line("acme", 1, CRM_CREATE="deal")
    await rig.says("Здравствуйте", user={"id": "u2"}, chat={"id": "tg:u2"})
    (contact,), (deal,) = rig.emulator.contacts("acme"), rig.emulator.deals("acme")
    assert deal["contact_ids"] == [contact["id"]]
    chats = await rig.do("imopenlines.crm.chat.get", CRM_ENTITY_TYPE="deal", CRM_ENTITY=deal["id"])
    assert [chat["CHAT_ID"] for chat in chats] == ["2"]


async def test_phones_said_later_are_put_on_the_card(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    await rig.says("Мой номер +7 912 000-00-01, почта a@example.com", number=2)
    (lead,) = rig.emulator.leads("acme")
    assert lead["phones"] == ["+7 912 000-00-01"]
    assert lead["emails"] == ["a@example.com"]


async def test_two_messages_may_come_in_one_event(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    rig.emulator.stage.arm("merged_events", times=2)
    for text in ("Раз", "Два", "Три"):
        rig.emulator.reply("acme", "tg:u1", text)
    await rig.settle()
    both, alone = rig.hub.events(ADD)
    texts = [both[f"data[MESSAGES][{n}][message][text]"] for n in (0, 1)]
    assert texts == ["Раз", "Два"]
    assert alone["data[MESSAGES][0][message][text]"] == "Три"
    assert [each.hook_status for each in rig.emulator.replies] == [200, 200, 200]


async def test_operators_delete_what_customers_said_and_cannot_change_it(rig: Rig) -> None:
    await rig.says("Здравствуйте")
    with pytest.raises(LookupError, match="no operator"):
        rig.emulator.edit("acme", 1, "Прощайте")
    assert rig.emulator.delete("acme", 1) is True
    await rig.settle()
    (event,) = rig.hub.events(DELETE)
    assert event["data[MESSAGES][0][message][id]"] == "tg-1"
    await rig.connects(DEL_EXTERNAL_MESSAGES=False)
    await rig.says("Здравствуйте", number=2)
    assert rig.emulator.delete("acme", 2) is False


async def test_an_address_that_is_none_is_left_out_of_the_card(rig: Rig) -> None:
    rig.emulator.set_line("acme", 1, CRM_CREATE="deal", CRM_CREATE_SECOND="99")
    result = await rig.says("Здравствуйте", user={"email": "no address"})
    assert result["SUCCESS"] is True
    (contact,), (deal,) = rig.emulator.contacts("acme"), rig.emulator.deals("acme")
    assert contact["emails"] == []
    assert deal["fields"]["CATEGORY_ID"] == "0"
