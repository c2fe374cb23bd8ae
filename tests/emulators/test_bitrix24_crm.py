"""The emulated CRM against its documentation: cards, duplicates, activities, comments, batches."""

import hashlib
from typing import Any

import pytest

from channel_clients.emulators.stage import ConnectionCut
from tests.emulators.bitrix24_scene import PHONE, Rig, said

CARD = {"NAME": "Иван", "LAST_NAME": "Петров", "ORIGINATOR_ID": "mw", "ORIGIN_ID": "u1"}
MARK = {"ORIGINATOR_ID": "mw", "ORIGIN_ID": "m1"}


@pytest.fixture
def rig() -> Rig:
    return Rig()


def phone(value: str, kind: str = "WORK") -> list[dict[str, str]]:
    return [{"VALUE": value, "VALUE_TYPE": kind}]


async def test_a_contact_is_written_read_found_changed_and_deleted(rig: Rig) -> None:
    await rig.listens(*(f"ONCRMCONTACT{what}" for what in ("ADD", "UPDATE", "DELETE")))
    sent = {**CARD, "PHONE": phone(PHONE), "NO_SUCH_FIELD": "1", "ID": 77}
    number = await rig.do("crm.contact.add", fields=sent)
    assert number == 1
    card = await rig.do("crm.contact.get", id=number)
    assert (card["ID"], card["NAME"], card["ASSIGNED_BY_ID"]) == ("1", "Иван", "1")
    assert (card["HAS_PHONE"], card["HAS_EMAIL"], card["BIRTHDATE"]) == ("Y", "N", None)
    assert card["PHONE"] == [{"ID": "1", "VALUE_TYPE": "WORK", "VALUE": PHONE, "TYPE_ID": "PHONE"}]
    wanted = {"=ORIGINATOR_ID": "mw", "=ORIGIN_ID": "u1"}
    found = said(await rig.raw("crm.contact.list", filter=wanted, select=["ID"], start=-1))
    assert (found["result"], found["total"]) == ([{"ID": "1"}], 0)
    assert await rig.do("crm.contact.update", id=1, fields={"NAME": "Пётр"}) is True
    assert await rig.do("crm.contact.delete", id=1) is True
    assert await rig.refused("crm.contact.get", id=1) == (400, "", "Not found")
    await rig.settle()
    told = [(form["event"], form["data[FIELDS][ID]"]) for form in rig.hub.forms()]
    assert told == [(f"ONCRMCONTACT{what}", "1") for what in ("ADD", "UPDATE", "DELETE")]


async def test_old_methods_refuse_with_an_empty_code(rig: Rig) -> None:
    assert (await rig.refused("crm.contact.get", id=0))[1:] == ("", "ID is not defined or invalid.")
    assert (await rig.refused("crm.contact.add"))[1] == ""
    sent = {"EMAIL": phone("no address")}
    assert (await rig.refused("crm.contact.add", fields=sent))[1] == "ERROR_CORE"
    assert rig.emulator.contacts("acme") == ()


async def test_what_is_sent_again_without_its_id_is_there_twice(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields={"PHONE": phone(PHONE)})
    await rig.do("crm.contact.update", id=1, fields={"PHONE": phone(PHONE)})
    assert rig.emulator.contacts("acme")[0]["phones"] == [PHONE, PHONE]
    changes = [{"ID": "1", "VALUE": "+7"}, {"ID": "2", "DELETE": "Y"}]
    await rig.do("crm.contact.update", id=1, fields={"PHONE": changes})
    assert rig.emulator.contacts("acme")[0]["phones"] == ["+7"]


async def test_a_phone_filter_is_an_exact_text(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields={"PHONE": phone(PHONE)})
    select = ["*", "PHONE"]
    (found,) = await rig.do("crm.contact.list", filter={"PHONE": PHONE}, select=select)
    assert found["PHONE"][0]["VALUE"] == PHONE
    assert await rig.do("crm.contact.list", filter={"PHONE": "+79120000001"}) == []


@pytest.mark.parametrize(
    ("kept", "asked", "is_same"),
    [
        ("+7 (912) 000-00-01", "89120000001", True),
        ("+7 (912) 000-00-01", "79120000001", True),
        ("+7 (912) 000-00-01", "9120000001", False),
        ("+81 90 1234 5678", "81 90 1234 5678", True),
        ("011 44 20 7946 0000", "+44 20 7946 0000", True),
        ("+7 912 000-00-01 доб. 12", "89120000001", True),
        ("12-34", "1234", True),
    ],
)
async def test_duplicates_are_found_however_a_phone_is_written(
    rig: Rig, kept: str, asked: str, is_same: bool
) -> None:
    await rig.do("crm.contact.add", fields={"PHONE": phone(kept)})
    found = await rig.do("crm.duplicate.findbycomm", type="PHONE", values=[asked])
    assert found == ({"CONTACT": [1]} if is_same else [])


async def test_twenty_leads_hide_a_contact(rig: Rig) -> None:
    for _ in range(20):
        await rig.do("crm.lead.add", fields={"PHONE": phone(PHONE)})
    await rig.do("crm.contact.add", fields={"PHONE": phone(PHONE)})
    asked = {"type": "PHONE", "values": [PHONE]}
    assert list(await rig.do("crm.duplicate.findbycomm", **asked)) == ["LEAD"]
    found = await rig.do("crm.duplicate.findbycomm", **asked, entity_type="CONTACT")
    assert found == {"CONTACT": [1]}


async def test_the_search_for_duplicates_refuses_in_words_alone(rig: Rig) -> None:
    method = "crm.duplicate.findbycomm"
    told = {
        "Communication type is not defined.": {},
        "Communication type 'IM' is not supported in current context.": {"type": "IM"},
        "Communication values is not defined.": {"type": "EMAIL"},
    }
    for text, params in told.items():
        assert await rig.refused(method, **params) == (400, "", text)


async def test_a_search_may_lag_behind(rig: Rig) -> None:
    rig.emulator.switches.set("search_lag_s", 3)
    await rig.do("crm.contact.add", fields=CARD)
    assert await rig.do("crm.contact.list") == []
    rig.clock.ahead(seconds=3)
    assert len(await rig.do("crm.contact.list")) == 1
    rig.emulator.stage.arm("search_lag", seconds=10)
    assert await rig.do("crm.contact.list") == []


async def test_whoever_lost_their_rights_sees_nothing(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields=CARD)
    rig.emulator.switches.set("rights_lost", value=True)
    assert await rig.do("crm.contact.list") == []
    assert (await rig.refused("crm.contact.get", id=1))[2] == "Not found"


async def test_new_methods_tell_the_same_card_in_their_own_way(rig: Rig) -> None:
    fm = [{"typeId": "PHONE", "valueType": "MOBILE", "value": PHONE}]
    fields = {"name": "Иван", "originatorId": "mw", "originId": "u1", "fm": fm}
    item = (await rig.do("crm.item.add", entityTypeId=3, fields=fields))["item"]
    assert (item["id"], item["name"], item["assignedById"]) == (1, "Иван", 1)
    assert item["fm"][0]["value"] == PHONE
    assert (await rig.do("crm.contact.get", id=1))["ORIGIN_ID"] == "u1"
    asked = {"entityTypeId": 3, "filter": {"=originId": "u1"}, "select": ["id"]}
    assert await rig.do("crm.item.list", **asked) == {"items": [{"id": 1}]}
    changed = {"fm": {"1": {"value": "+7"}, "n0": {**fm[0], "value": "+8"}}}
    item = (await rig.do("crm.item.update", entityTypeId=3, id=1, fields=changed))["item"]
    assert [each["value"] for each in item["fm"]] == ["+7", "+8"]
    bad = await rig.refused("crm.item.list", entityTypeId=3, filter={"ORIGIN_ID": "u1"})
    assert bad[1] == "INVALID_ARG_VALUE"
    assert await rig.do("crm.item.delete", entityTypeId=3, id=1) == []
    assert (await rig.refused("crm.item.get", entityTypeId=3, id=1))[1] == "NOT_FOUND"
    assert (await rig.refused("crm.item.get", entityTypeId=3))[1] == "100"


async def test_a_filter_may_ask_for_one_of_several(rig: Rig) -> None:
    for name in ("А", "Б", "В"):
        await rig.do("crm.contact.add", fields={"NAME": name})
    either = {"logic": "OR", "0": {"name": "А"}, "1": {"name": "В"}}
    found = await rig.do("crm.item.list", entityTypeId=3, filter={"0": either})
    assert [item["name"] for item in found["items"]] == ["А", "В"]
    for wanted, ids in [
        ({">ID": 1}, ["2", "3"]),
        ({"!NAME": "Б"}, ["1", "3"]),
        ({"@ID": [1, 3]}, ["1", "3"]),
        ({"%NAME": "б"}, ["2"]),
    ]:
        found = await rig.do("crm.contact.list", filter=wanted)
        assert [row["ID"] for row in found] == ids


async def test_lists_come_in_pages_of_fifty(rig: Rig) -> None:
    for number in range(120):
        rig.emulator.add_card("acme", "contact", {"NAME": str(number)})
    first = said(await rig.raw("crm.contact.list"))
    assert (len(first["result"]), first["next"], first["total"]) == (50, 50, 120)
    last = said(await rig.raw("crm.contact.list", start=100))
    assert (len(last["result"]), last["total"], "next" in last) == (20, 120, False)
    order = {"ID": "DESC"}
    (newest, *_) = await rig.do("crm.contact.list", order=order, select=["ID"])
    assert newest == {"ID": "120"}


async def test_deals_have_stages_of_their_category(rig: Rig) -> None:
    pipeline = rig.emulator.add_pipeline("acme", "Опт")
    fields = {"TITLE": "Заказ", "CATEGORY_ID": pipeline, "CONTACT_ID": 5}
    await rig.do("crm.deal.add", fields=fields)
    deal = await rig.do("crm.deal.get", id=1)
    assert (deal["STAGE_ID"], deal["STAGE_SEMANTIC_ID"], deal["CLOSED"]) == ("C1:NEW", "P", "N")
    await rig.do("crm.deal.update", id=1, fields={"STAGE_ID": "C1:WON", "CATEGORY_ID": 0})
    deal = await rig.do("crm.deal.get", id=1)
    assert (deal["CATEGORY_ID"], deal["CLOSED"]) == ("1", "Y")
    rows = await rig.do("crm.status.list", filter={"ENTITY_ID": "DEAL_STAGE_1"})
    assert [row["SEMANTICS"] for row in rows] == [None, None, None, "S", "F"]
    categories = (await rig.do("crm.category.list", entityTypeId=2))["categories"]
    assert [each["name"] for each in categories] == ["Общее", "Опт"]
    assert await rig.do("crm.settings.mode.get") == 1


async def test_a_lead_becomes_a_contact_and_a_deal(rig: Rig) -> None:
    await rig.do("crm.lead.add", fields={**CARD, "TITLE": "Заявка", "PHONE": phone(PHONE)})
    made = rig.emulator.convert_lead("acme", 1)
    lead = await rig.do("crm.lead.get", id=1)
    assert (lead["STATUS_ID"], lead["STATUS_SEMANTIC_ID"]) == ("CONVERTED", "S")
    contact = await rig.do("crm.contact.get", id=made["contact_id"])
    assert (contact["LEAD_ID"], contact["PHONE"][0]["VALUE"]) == ("1", PHONE)
    assert (await rig.do("crm.deal.get", id=made["deal_id"]))["CONTACT_ID"] == "1"


async def test_a_merge_is_told_as_a_deletion_and_an_update(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields={"NAME": "Иван"})
    await rig.do("crm.contact.add", fields={"LAST_NAME": "Петров", "PHONE": phone(PHONE)})
    await rig.do("crm.deal.add", fields={"CONTACT_ID": 2})
    activity = await rig.do("crm.activity.add", fields=record(2))
    await rig.listens("ONCRMCONTACTUPDATE", "ONCRMCONTACTDELETE")
    rig.emulator.merge_contacts("acme", 1, 2)
    await rig.settle()
    told = [(form["event"], form["data[FIELDS][ID]"]) for form in rig.hub.forms()]
    assert told == [("ONCRMCONTACTDELETE", "2"), ("ONCRMCONTACTUPDATE", "1")]
    survivor, gone = rig.emulator.contacts("acme")
    assert (survivor["name"], survivor["phones"]) == ("Иван Петров", [PHONE])
    assert gone["merged_into"] == 1
    assert rig.emulator.deals("acme")[0]["contact_ids"] == [1]
    bindings = await rig.do("crm.activity.binding.list", activityId=activity)
    assert bindings == [{"entityTypeId": 3, "entityId": 1}]


async def test_custom_fields_get_a_prefix_and_are_found_by_it(rig: Rig) -> None:
    field = {"USER_TYPE_ID": "enumeration", "FIELD_NAME": "CHANNEL", "LIST": [{"VALUE": "TG"}]}
    assert await rig.do("crm.contact.userfield.add", fields=field) == 1
    assert (await rig.refused("crm.contact.userfield.add", fields=field))[1] == "ERROR_CORE"
    (row,) = await rig.do("crm.contact.userfield.list", filter={"FIELD_NAME": "UF_CRM_CHANNEL"})
    (choice,) = row["LIST"]
    await rig.do("crm.contact.add", fields={"UF_CRM_CHANNEL": choice["ID"]})
    (plain,) = await rig.do("crm.contact.list")
    assert "UF_CRM_CHANNEL" not in plain
    (whole,) = await rig.do("crm.contact.list", select=["*", "UF_*"])
    assert whole["UF_CRM_CHANNEL"] == choice["ID"]
    item = (await rig.do("crm.item.get", entityTypeId=3, id=1))["item"]
    assert item["ufCrmChannel"] == int(choice["ID"])
    assert (await rig.do("crm.contact.fields"))["UF_CRM_CHANNEL"]["isDynamic"] is True


def record(contact: int, **changes: Any) -> dict[str, Any]:
    usual = {"OWNER_TYPE_ID": 3, "OWNER_ID": contact, "SUBJECT": "Telegram", "COMPLETED": "Y"}
    return {**usual, "PROVIDER_ID": "REST_APP", "PROVIDER_TYPE_ID": "MW", **MARK, **changes}


async def test_an_activity_is_found_by_its_origin_and_may_be_there_twice(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields=CARD)
    for _ in range(2):
        await rig.do("crm.activity.add", fields=record(1))
    asked = {"=ORIGINATOR_ID": "mw", "=ORIGIN_ID": "m1"}
    rows = await rig.do("crm.activity.list", filter=asked, select=["ID", "ORIGIN_ID", "OWNER_ID"])
    assert rows == [{"ID": str(n), "ORIGIN_ID": "m1", "OWNER_ID": "1"} for n in (1, 2)]
    bound = {"BINDINGS": [{"OWNER_TYPE_ID": 3, "OWNER_ID": 1}]}
    assert len(await rig.do("crm.activity.list", filter=bound)) == 2


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"SUBJECT": ""}, "The field SUBJECT is not defined or empty."),
        ({"OWNER_ID": 9}, "Could not find 'CONTACT' with ID: 9"),
        ({"TYPE_ID": 2}, "The field COMMUNICATIONS is not defined or invalid."),
        (
            {"PROVIDER_ID": "MINE"},
            "The custom activity without provider is not supported in current context.",
        ),
    ],
)
async def test_an_activity_is_refused_in_words(rig: Rig, changes: Any, text: str) -> None:
    await rig.do("crm.contact.add", fields=CARD)
    refused = await rig.refused("crm.activity.add", fields=record(1, **changes))
    assert refused == (400, "", text)


async def test_an_applications_activity_is_its_own(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields=CARD)
    by_hook = said(await rig.by_hook("crm.activity.add", fields=record(1)))
    assert by_hook["error_description"] == "Application context required."
    number = await rig.do("crm.activity.add", fields=record(1))
    stranger = said(await rig.by_hook("crm.activity.update", id=number, fields={"COMPLETED": "N"}))
    assert stranger["error"] == ""
    assert await rig.do("crm.activity.update", id=number, fields={"COMPLETED": "N"}) is True


async def test_an_activity_of_our_own_layout_and_a_thing_to_do(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields=CARD)
    owner = {"ownerTypeId": 3, "ownerId": 1}
    layout = {"icon": {"code": "IM"}, "header": {"title": "Telegram"}}
    made = await rig.do("crm.activity.configurable.add", **owner, layout=layout, fields={})
    number = made["activity"]["id"]
    assert "configurable" in (await rig.refused("crm.activity.get", id=number))[2]
    empty = await rig.refused("crm.activity.configurable.add", **owner, layout={})
    assert empty[1] == "ERROR_EMPTY_LAYOUT"
    todo = {"title": "Перезвонить", "deadline": "2026-03-02T12:00:00+03:00"}
    number = (await rig.do("crm.activity.todo.add", **owner, **todo))["id"]
    row = await rig.do("crm.activity.get", id=number)
    assert (row["PROVIDER_ID"], row["COMPLETED"]) == ("CRM_TODO", "N")
    assert (await rig.refused("crm.activity.todo.add", **owner))[1] == "100"


async def test_a_comment_has_its_callers_name_and_its_files(rig: Rig) -> None:
    await rig.listens("ONCRMTIMELINECOMMENTADD")
    await rig.do("crm.contact.add", fields=CARD)
    where = {"ENTITY_TYPE": "contact", "ENTITY_ID": 1}
    sent = {**where, "COMMENT": " Привет ", "AUTHOR_ID": 2, "FILES": [["1.gif", "Z2lm"]]}
    assert await rig.do("crm.timeline.comment.add", fields=sent) == 1
    (row,) = await rig.do("crm.timeline.comment.list", filter=where)
    assert (row["COMMENT"], row["AUTHOR_ID"]) == ("Привет", "1")
    (file,) = row["FILES"].values()
    body = (await rig.get(file["urlDownload"])).body
    assert hashlib.sha256(body).digest() == hashlib.sha256(b"gif").digest()
    (note,) = rig.emulator.notes("acme")
    assert (note.entity, note.entity_id, note.note_type) == ("contacts", 1, "comment")
    await rig.settle()
    assert len(rig.hub.events("ONCRMTIMELINECOMMENTADD")) == 1


async def test_a_comment_that_people_change_is_told_and_waits_in_the_queue(rig: Rig) -> None:
    events = ("ONCRMTIMELINECOMMENTADD", "ONCRMTIMELINECOMMENTUPDATE")
    await rig.do("crm.contact.add", fields=CARD)
    for event in events:
        await rig.do("event.bind", event=event, event_type="offline")
    note = rig.emulator.write_note("acme", 1, "Привет")
    rig.emulator.edit_note("acme", note.id, "Привет!")
    first, second = await rig.do("event.offline.list")
    assert (first["EVENT_NAME"], second["EVENT_NAME"]) == events
    await rig.do("event.offline.get", clear=1)
    rig.emulator.edit_note("acme", note.id, "Привет?")
    (third,) = await rig.do("event.offline.list", filter={">ID": second["ID"]})
    assert third["EVENT_DATA"] == {"FIELDS": {"ID": note.id}}


async def test_comments_refuse_with_codes_and_take_small_letters_only(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields=CARD)
    method, where = "crm.timeline.comment.add", {"ENTITY_TYPE": "contact", "ENTITY_ID": 1}
    assert (await rig.refused(method, fields={**where, "COMMENT": " "}))[1] == "INVALID_ARG_VALUE"
    assert (await rig.refused(method, fields={**where, "ENTITY_ID": 9}))[1] == "OWNER_NOT_FOUND"
    assert (await rig.refused(method, FIELDS={**where, "COMMENT": "Да"}))[1] == "100"
    assert await rig.refused("crm.timeline.comment.get", id=9) == (400, "", "Not found.")


async def test_a_line_of_the_log_is_no_comment(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields=CARD)
    fields = {"entityTypeId": 3, "entityId": 1, "title": "T", "text": "t", "iconCode": "info"}
    made = await rig.do("crm.timeline.logmessage.add", fields=fields)
    assert made["logMessage"]["text"] == "t"
    where = {"ENTITY_TYPE": "contact", "ENTITY_ID": 1}
    assert await rig.do("crm.timeline.comment.list", filter=where) == []
    told = await rig.do("crm.timeline.logmessage.list", entityTypeId=3, entityId=1)
    assert len(told["logMessages"]) == 1


async def test_a_batch_refers_to_itself_and_fails_in_part(rig: Rig) -> None:
    await rig.do("crm.contact.add", fields={**CARD, "PHONE": phone(PHONE)})
    cmd = {
        "dup": "crm.duplicate.findbycomm?type=PHONE&values[0]=%2B79120000001",
        "contact": "crm.contact.get?id=$result[dup][CONTACT][0]",
        "bad": "crm.contact.get?id=0",
        "nested": "batch?cmd[0]=profile",
        "rows": "crm.contact.list",
    }
    told = await rig.do("batch", cmd=cmd)
    assert told["result"]["contact"]["NAME"] == "Иван"
    assert told["result_error"]["bad"]["error"] == ""
    assert told["result_error"]["nested"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"
    assert told["result_total"] == {"rows": 1}
    assert told["result_next"] == []


async def test_a_batch_halts_on_anything_that_is_true_in_php(rig: Rig) -> None:
    cmd = {"bad": "crm.contact.get?id=0", "good": "profile"}
    assert (await rig.do("batch", cmd=cmd, halt="false"))["result"] == []
    assert "good" in (await rig.do("batch", cmd=cmd, halt=0))["result"]
    told = await rig.do("batch", cmd=["profile", {"method": "profile"}])
    assert len(told["result"]) == 1
    assert told["result_error"] == []


async def test_a_batch_does_fifty_commands_and_no_more(rig: Rig) -> None:
    told = await rig.do("batch", cmd=["profile"] * 51)
    assert len(told["result"]) == 50
    assert told["result_error"]["50"]["error"] == "ERROR_BATCH_LENGTH_EXCEEDED"


async def test_a_batch_may_die_in_the_middle(rig: Rig) -> None:
    add = "crm.contact.add?fields[NAME]=A"
    rig.emulator.stage.arm("batch_dies")
    with pytest.raises(ConnectionCut):
        await rig.do("batch", cmd=[add, add])
    assert len(rig.emulator.contacts("acme")) == 1
