"""The emulated HubSpot against its documentation: records, unique values, batches, merges."""

import json
from typing import Any

import pytest

from channel_clients.emulators.stage import ConnectionCut
from tests.emulators.hubspot_scene import Rig

CONTACTS = "/crm/objects/2026-03/contacts"
DEALS = "/crm/objects/2026-03/deals"
NOTES = "/crm/objects/2026-03/notes"
PROPERTIES = "/crm/properties/2026-03"
KEY = {
    "name": "mw_key",
    "label": "Key",
    "groupName": "contactinformation",
    "type": "string",
    "fieldType": "text",
    "hasUniqueValue": True,
}
ANNA = {"firstname": "Anna", "email": " Anna@Example.com", "phone": "+7 (916) 123-45-67"}


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def anna(rig: Rig, **more: Any) -> str:
    made = await rig.do("POST", CONTACTS, {"properties": {**ANNA, **more}})
    return str(made["id"])


async def wrong(rig: Rig, path: str, **properties: Any) -> tuple[str, str]:
    """Return the code and the name of the one property that a creation is refused for."""
    status, body = await rig.refused("POST", path, {"properties": properties})
    assert (status, body["category"]) == (400, "VALIDATION_ERROR")
    (told,) = json.loads(body["message"].removeprefix("Property values were not valid: "))
    (error,) = body["errors"]
    assert (told["isValid"], told["portalId"]) == (False, rig.portal.hub_id)
    assert (error["code"], error["context"]["propertyName"]) == (told["error"], [told["name"]])
    return told["error"], told["name"]


async def test_a_contact_is_told_in_strings_with_what_was_asked(rig: Rig) -> None:
    made = await rig.do("POST", CONTACTS, {"properties": {**ANNA, "hubspot_owner_id": 7001}})
    assert made["properties"]["email"] == "anna@example.com"
    assert made["properties"]["hubspot_owner_id"] == "7001"
    assert (made["createdAt"], made["archived"]) == ("2026-03-01T12:00:00.000Z", False)
    asked = f"{CONTACTS}/{made['id']}?properties=phone,city,nothing"
    told = (await rig.do("GET", asked))["properties"]
    assert told == {
        "phone": ANNA["phone"],
        "city": None,
        "createdate": "2026-03-01T12:00:00.000Z",
        "lastmodifieddate": "2026-03-01T12:00:00.000Z",
        "hs_object_id": made["id"],
    }
    plain = (await rig.do("GET", f"{CONTACTS}/{made['id']}"))["properties"]
    assert {"email", "firstname", "lastname"} <= plain.keys()


async def test_numbers_are_calculated_from_phones(rig: Rig) -> None:
    made = await rig.do("GET", f"{CONTACTS}/{await anna(rig)}?properties=" + ",".join(NUMBERS))
    assert [made["properties"][name] for name in NUMBERS] == [
        "+79161234567",
        "9161234567",
        "79161234567",
    ]
    made = await rig.do("PATCH", f"{CONTACTS}/{made['id']}", {"properties": {"phone": "123"}})
    told = (await rig.do("GET", f"{CONTACTS}/{made['id']}", properties=",".join(NUMBERS)))[
        "properties"
    ]
    assert [told[name] for name in NUMBERS] == [None, "123", None]


NUMBERS = (
    "hs_calculated_phone_number",
    "hs_searchable_calculated_phone_number",
    "hs_searchable_calculated_international_phone_number",
)


@pytest.mark.parametrize(
    ("path", "properties", "expected"),
    [
        (CONTACTS, {"email": "a@b.example", "nope": "1"}, ("PROPERTY_DOESNT_EXIST", "nope")),
        (CONTACTS, {"email": "a@b.example", "createdate": "1"}, ("READ_ONLY_VALUE", "createdate")),
        (CONTACTS, {"email": "a b"}, ("INVALID_EMAIL", "email")),
        (
            CONTACTS,
            {"email": "a@b.example", "lifecyclestage": "x"},
            ("INVALID_OPTION", "lifecyclestage"),
        ),
        (
            CONTACTS,
            {"email": "a@b.example", "hubspot_owner_id": "2001"},
            ("INVALID_OPTION", "hubspot_owner_id"),
        ),
        (DEALS, {"dealname": "x", "dealstage": "1"}, ("INVALID_OPTION", "dealstage")),
        (DEALS, {"dealname": "x"}, ("REQUIRED_FIELD", "dealstage")),
        (
            DEALS,
            {"dealname": "x", "dealstage": "closedwon", "amount": "x"},
            ("INVALID_INTEGER", "amount"),
        ),
        (NOTES, {"hs_note_body": "x"}, ("REQUIRED_FIELD", "hs_timestamp")),
        (NOTES, {"hs_timestamp": "soon"}, ("INVALID_DATE", "hs_timestamp")),
        (
            NOTES,
            {"hs_timestamp": "1", "hs_note_body": "x" * 65_537},
            ("INVALID_LENGTH", "hs_note_body"),
        ),
        (NOTES, {"hs_timestamp": "1", "hs_note_body": []}, ("INVALID_STRING", "hs_note_body")),
    ],
)
async def test_each_wrong_value_has_its_code(
    rig: Rig, path: str, properties: Any, expected: tuple[str, str]
) -> None:
    assert await wrong(rig, path, **properties) == expected


async def test_a_contact_needs_a_name_or_an_address_unless_switched(rig: Rig) -> None:
    sent = {"properties": {"phone": "+1"}}
    assert (await rig.refused("POST", CONTACTS, sent))[0] == 400
    rig.switch("contact_needs_name", value=False)
    await rig.do("POST", CONTACTS, sent)


async def test_values_are_cleared_appended_and_kept_from_going_back(rig: Rig) -> None:
    path = f"{CONTACTS}/{await anna(rig, lifecyclestage='customer', hs_buying_role='CHAMPION')}"
    await rig.do("PATCH", path, {"properties": {"hs_buying_role": ";END_USER", "phone": ""}})
    await rig.do("PATCH", path, {"properties": {"lifecyclestage": "lead"}})
    told = await rig.do("GET", path, properties="hs_buying_role,phone,lifecyclestage")
    assert told["properties"]["hs_buying_role"] == "CHAMPION;END_USER"
    assert told["properties"]["phone"] is None
    assert told["properties"]["lifecyclestage"] == "customer"
    await rig.do("PATCH", path, {"properties": {"lifecyclestage": ""}})
    made = await rig.do("PATCH", path, {"properties": {"lifecyclestage": "lead"}})
    assert made["properties"]["lifecyclestage"] == "lead"


async def test_a_body_that_is_no_json_says_where(rig: Rig) -> None:
    request_body = await rig.refused("POST", CONTACTS, ["x"])
    assert "Invalid input JSON on line 1" in request_body[1]["message"]
    assert "category" not in request_body[1]


async def test_a_known_address_is_a_conflict_that_names_the_record(rig: Rig) -> None:
    first = await anna(rig)
    sent = {"properties": {"email": "ANNA@example.com"}}
    status, body = await rig.refused("POST", CONTACTS, sent)
    assert (status, body["category"]) == (409, "CONFLICT")
    assert body["message"] == f"Contact already exists. Existing ID: {first}"
    rig.switch("email_conflict", "without_id")
    assert (await rig.refused("POST", CONTACTS, sent))[1]["message"] == "Contact already exists"
    other = await rig.do("POST", CONTACTS, {"properties": {"firstname": "B"}})
    assert (await rig.refused("PATCH", f"{CONTACTS}/{other['id']}", sent))[0] == 409
    rig.switch("patched_email_conflict", "400")
    assert (await rig.refused("PATCH", f"{CONTACTS}/{other['id']}", sent))[0] == 400


async def test_two_calls_may_race_for_one_address(rig: Rig) -> None:
    rig.emulator.stage.arm("email_race")
    sent = {"properties": {"email": "anna@example.com"}}
    status, body = await rig.refused("POST", CONTACTS, sent)
    assert (status, body["message"]) == (409, "Contact already exists")
    found = await rig.do("GET", f"{CONTACTS}/anna@example.com?idProperty=email")
    assert found["properties"]["email"] == "anna@example.com"


async def test_unique_values_find_records_and_refuse_others(rig: Rig) -> None:
    await rig.do("POST", f"{PROPERTIES}/contacts", KEY)
    first = await anna(rig, mw_key="k1")
    assert (await rig.do("GET", f"{CONTACTS}/k1?idProperty=mw_key"))["id"] == first
    assert await wrong(rig, CONTACTS, firstname="B", mw_key="k1") == (
        "CONFLICTING_UNIQUE_VALUE",
        "mw_key",
    )
    assert (await rig.refused("GET", f"{CONTACTS}/k2?idProperty=mw_key"))[0] == 404
    status, body = await rig.refused("GET", f"{CONTACTS}/Anna?idProperty=firstname")
    assert (status, "non-unique 0-1 property" in body["message"]) == (400, True)
    await rig.do("PATCH", f"{CONTACTS}/k1?idProperty=mw_key", {"properties": {"city": "Riga"}})


async def upsert(rig: Rig, *inputs: Any) -> Any:
    return await rig.do("POST", f"{CONTACTS}/batch/upsert", {"inputs": list(inputs)})


def keyed(key: str, **properties: Any) -> Any:
    return {"id": key, "idProperty": "mw_key", "properties": {"firstname": "Anna", **properties}}


async def test_an_upsert_makes_a_record_once(rig: Rig) -> None:
    await rig.do("POST", f"{PROPERTIES}/contacts", KEY)
    (made,) = (await upsert(rig, keyed("k1")))["results"]
    (again,) = (await upsert(rig, keyed("k1", city="Riga")))["results"]
    assert (made["new"], again["new"], made["id"]) == (True, False, again["id"])
    assert again["properties"]["city"] == "Riga"
    path = f"{CONTACTS}/batch/upsert"
    twins = {"inputs": [keyed("k2"), keyed("k2")]}
    assert (await rig.refused("POST", path, twins))[0] == 400
    rig.switch("twin_inputs", "one_record")
    assert len((await upsert(rig, *twins["inputs"]))["results"]) == 1
    by_id = {"inputs": [{"id": made["id"], "idProperty": "hs_object_id", "properties": {}}]}
    assert "non-unique" in (await rig.refused("POST", path, by_id))[1]["message"]


async def test_an_upsert_by_address_may_be_refused(rig: Rig) -> None:
    sent = {"id": "anna@example.com", "idProperty": "email", "properties": {"firstname": "A"}}
    assert (await upsert(rig, sent))["results"][0]["new"] is True
    rig.switch("email_upsert", value=False)
    status, body = await rig.refused("POST", f"{CONTACTS}/batch/upsert", {"inputs": [sent]})
    assert (status, "idProperty is set to email" in body["message"]) == (400, True)


async def test_an_upsert_meets_the_address_of_somebody_else(rig: Rig) -> None:
    await rig.do("POST", f"{PROPERTIES}/contacts", KEY)
    first = await anna(rig)
    sent = {"inputs": [keyed("k1", email="anna@example.com")]}
    status, body = await rig.refused("POST", f"{CONTACTS}/batch/upsert", sent)
    assert (status, body["message"]) == (409, f"Contact already exists. Existing ID: {first}")


async def test_a_batch_is_all_or_nothing_without_trace_ids(rig: Rig) -> None:
    inputs: list[Any] = [{"properties": {"firstname": "A"}}, {"properties": {"nope": "1"}}]
    assert (await rig.refused("POST", f"{CONTACTS}/batch/create", {"inputs": inputs}))[0] == 400
    assert rig.emulator.contacts("acme") == ()
    for number, each in enumerate(inputs):
        each["objectWriteTraceId"] = f"t{number}"
    answer = await rig.raw("POST", f"{CONTACTS}/batch/create", {"inputs": inputs})
    body = json.loads(answer.body)
    assert (answer.status, body["numErrors"], body["status"]) == (207, 1, "COMPLETE")
    assert body["results"][0]["objectWriteTraceId"] == "t0"
    assert body["errors"][0]["context"]["objectWriteTraceId"] == ["t1"]
    await rig.do("POST", f"{CONTACTS}/batch/create", {"inputs": inputs[:1]})
    assert len(rig.emulator.contacts("acme")) == 2  # a trace id is no key


async def test_a_batch_may_die_halfway(rig: Rig) -> None:
    await rig.do("POST", f"{PROPERTIES}/contacts", KEY)
    inputs = [keyed(f"k{number}") for number in range(4)]
    rig.emulator.stage.arm("batch_dies")
    with pytest.raises(ConnectionCut):
        await upsert(rig, *inputs)
    assert len(rig.emulator.contacts("acme")) == 2
    again = (await upsert(rig, *inputs))["results"]
    assert [each["new"] for each in again] == [True, True, False, False]


async def test_results_come_in_any_order_and_may_be_traced_by_nothing(rig: Rig) -> None:
    names = ("A", "B")
    inputs = [
        {"properties": {"firstname": name}, "objectWriteTraceId": f"t{name}"} for name in names
    ]
    rows = (await rig.do("POST", f"{CONTACTS}/batch/create", {"inputs": inputs}))["results"]
    assert [each["objectWriteTraceId"] for each in rows] == ["tB", "tA"]
    rig.switch("batch_order", "as_sent")
    rig.switch("results_traced", value=False)
    rows = (await rig.do("POST", f"{CONTACTS}/batch/create", {"inputs": inputs}))["results"]
    assert [each["properties"]["firstname"] for each in rows] == ["A", "B"]
    assert not any("objectWriteTraceId" in each for each in rows)


async def test_one_address_twice_in_a_batch_is_refused(rig: Rig) -> None:
    twins = [{"properties": {"email": "a@b.example"}}] * 2
    status, _ = await rig.refused("POST", f"{CONTACTS}/batch/create", {"inputs": twins})
    assert (status, rig.emulator.contacts("acme")) == (409, ())


async def test_batches_read_change_and_archive(rig: Rig) -> None:
    ids = [await anna(rig, email=f"{n}@example.com") for n in range(3)]
    asked = {"inputs": [{"id": number} for number in (*ids[:2], "999")], "properties": ["email"]}
    answer = await rig.raw("POST", f"{CONTACTS}/batch/read", asked)
    body = json.loads(answer.body)
    assert (answer.status, [each["id"] for each in body["results"]]) == (207, ids[1::-1])
    assert body["errors"][0]["context"] == {"ids": ["999"]}
    changed = {"inputs": [{"id": ids[0], "properties": {"city": "Riga"}}, {"id": "999"}]}
    answer = await rig.raw("POST", f"{CONTACTS}/batch/update", changed)
    assert (answer.status, json.loads(answer.body)["numErrors"]) == (207, 1)
    by_email = {"inputs": [{"id": "0@example.com", "idProperty": "email", "properties": {}}]}
    status, told = await rig.refused("POST", f"{CONTACTS}/batch/update", by_email)
    assert (status, "non-unique 0-1 property" in told["message"]) == (400, True)
    await rig.do("POST", f"{CONTACTS}/batch/archive", {"inputs": asked["inputs"]})
    assert [each["is_deleted"] for each in rig.emulator.contacts("acme")] == [True, True, False]
    many = {"inputs": [{"id": "1"}] * 101}
    assert (await rig.refused("POST", f"{CONTACTS}/batch/read", many))[0] == 400


async def test_the_bin_hides_and_still_answers(rig: Rig) -> None:
    number = await anna(rig)
    for _ in range(2):
        assert (await rig.raw("DELETE", f"{CONTACTS}/{number}")).status == 204
    assert (await rig.refused("GET", f"{CONTACTS}/{number}"))[0] == 404
    gone = await rig.do("GET", f"{CONTACTS}/{number}?archived=true")
    assert (gone["archived"], gone["archivedAt"]) == (True, "2026-03-01T12:00:00.000Z")
    again = await anna(rig)
    assert again != number
    rig.emulator.delete_record("acme", "contact", int(again))
    rig.emulator.restore_record("acme", "contact", int(number))
    assert (await rig.do("GET", f"{CONTACTS}/{number}"))["archived"] is False
    await rig.do("POST", f"{CONTACTS}/gdpr-delete", {"objectId": number})
    assert (await rig.refused("GET", f"{CONTACTS}/{number}?archived=true"))[0] == 404


async def test_lists_are_paged_by_the_last_id(rig: Rig) -> None:
    ids = [await anna(rig, email=f"{n}@example.com") for n in range(3)]
    first = await rig.do("GET", CONTACTS, limit=2)
    assert [each["id"] for each in first["results"]] == ids[:2]
    after = first["paging"]["next"]["after"]
    rest = await rig.do("GET", CONTACTS, limit=2, after=after)
    assert ([each["id"] for each in rest["results"]], "paging" in rest) == (ids[2:], False)
    assert (await rig.refused("GET", CONTACTS, limit=101))[0] == 400


async def merged(rig: Rig) -> tuple[str, str, Any]:
    first, other = await anna(rig), await anna(rig, email="other@example.com", city="Riga")
    sent = {"primaryObjectId": first, "objectIdToMerge": other}
    return first, other, await rig.do("POST", f"{CONTACTS}/merge", sent)


async def test_a_merge_leaves_one_record_with_both_addresses(rig: Rig) -> None:
    first, other, survivor = await merged(rig)
    assert survivor["id"] == first
    asked = "?properties=city,hs_additional_emails,hs_merged_object_ids"
    told = (await rig.do("GET", f"{CONTACTS}/{other}{asked}"))["properties"]
    assert told["hs_object_id"] == first
    assert (told["city"], told["hs_additional_emails"]) == ("Riga", "other@example.com")
    assert told["hs_merged_object_ids"] == other
    sent = {"properties": {"email": "other@example.com"}}
    assert (await rig.refused("POST", CONTACTS, sent))[0] == 409
    rig.switch("merged_id_answers", value=False)
    assert (await rig.refused("GET", f"{CONTACTS}/{other}"))[0] == 404
    (told,) = [each for each in rig.emulator.changes("acme") if each["event"] == "merge"]
    assert told["details"]["mergedObjectIds"] == [int(other)]


async def test_a_merge_may_make_a_third_record(rig: Rig) -> None:
    rig.switch("merge_makes_new", value=True)
    first, other, survivor = await merged(rig)
    assert survivor["id"] not in {first, other}
    for old in (first, other):
        assert (await rig.do("GET", f"{CONTACTS}/{old}"))["id"] == survivor["id"]


async def test_a_deal_knows_whether_it_is_closed(rig: Rig) -> None:
    sent = {"dealname": "X", "dealstage": "qualifiedtobuy", "amount": 1000}
    made = await rig.do("POST", DEALS, {"properties": sent})
    assert made["properties"]["hs_is_closed"] == "false"
    assert (made["properties"]["pipeline"], made["properties"]["amount"]) == ("default", "1000")
    path = f"{DEALS}/{made['id']}"
    await rig.do("PATCH", path, {"properties": {"dealstage": "closedwon"}})
    told = (await rig.do("GET", path, properties="hs_is_closed,hs_is_closed_won"))["properties"]
    assert (told["hs_is_closed"], told["hs_is_closed_won"]) == ("true", "true")


async def test_a_record_that_is_written_too_often_is_locked_for_two_seconds(rig: Rig) -> None:
    path, sent = f"{CONTACTS}/{await anna(rig)}", {"properties": {"city": "Riga"}}
    for _ in range(10):
        await rig.do("PATCH", path, sent)
    assert (await rig.refused("PATCH", path, sent))[0] == 423
    rig.clock.ahead(seconds=1.5)
    assert (await rig.refused("PATCH", path, sent))[0] == 423
    rig.clock.ahead(seconds=1)
    await rig.do("PATCH", path, sent)


async def test_whoever_wrote_is_told_on_records_and_changes(rig: Rig) -> None:
    number = await anna(rig)
    asked = "?properties=hs_object_source,hs_object_source_id"
    told = (await rig.do("GET", f"{CONTACTS}/{number}{asked}"))["properties"]
    assert told["hs_object_source"] == "INTEGRATION"
    assert told["hs_object_source_id"] == str(rig.app.app_id)
    rig.emulator.edit_record("acme", "contacts", int(number), {"city": "Riga"})
    first, *_, last = rig.emulator.changes("acme")
    assert (first["event"], first["source"]) == ("creation", "INTEGRATION")
    assert (last["event"], last["source"]) == ("propertyChange", "CRM_UI")
    assert last["details"] == {"propertyName": "city", "propertyValue": "Riga"}


async def test_reading_and_writing_take_their_own_scopes(rig: Rig) -> None:
    rig.token = rig.emulator.static_token("acme", scopes=("crm.objects.contacts.read",))
    await rig.do("GET", CONTACTS)
    status, body = await rig.refused("POST", CONTACTS, {"properties": ANNA})
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert (await rig.refused("GET", DEALS))[0] == 403
    await rig.do("GET", NOTES)


async def test_what_is_written_in_emails_has_a_scope_of_its_own(rig: Rig) -> None:
    path = "/crm/objects/2026-03/emails"
    sent = {"hs_timestamp": 1, "hs_email_direction": "EMAIL", "hs_email_subject": "Hi"}
    made = await rig.do("POST", path, {"properties": sent})
    assert made["properties"]["hs_email_subject"] == "Hi"
    granted = ("crm.objects.contacts.read", "crm.objects.contacts.write")
    rig.token = rig.emulator.static_token("acme", scopes=granted)
    asked = f"{path}/{made['id']}?properties=hs_email_subject,hs_timestamp"
    told = (await rig.do("GET", asked))["properties"]
    assert (told["hs_email_subject"], told["hs_timestamp"]) == (None, "1970-01-01T00:00:00.001Z")
    rig.switch("emails_have_a_scope", value=False)
    assert (await rig.do("GET", asked))["properties"]["hs_email_subject"] == "Hi"
