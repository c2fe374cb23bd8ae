"""The emulated HubSpot against its documentation: search, associations, properties, files."""

import json
from typing import Any

import pytest

from channel_clients.emulators.stage import Request
from tests.emulators.hubspot_scene import Rig, said

CONTACTS = "/crm/objects/2026-03/contacts"
DEALS = "/crm/objects/2026-03/deals"
NOTES = "/crm/objects/2026-03/notes"
SEARCH = f"{CONTACTS}/search"
PROPERTIES = "/crm/properties/2026-03"
FILES = "/files/2026-03/files"


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.switch("rate_limited", value=False)
    return rig


def person(rig: Rig, name: str, **properties: Any) -> int:
    return rig.emulator.add_record("acme", "contact", {"firstname": name, **properties}).id


async def found(rig: Rig, *filters: Any, kind: str = "contacts", **more: Any) -> list[str]:
    """The first names that a search finds, by one group of filters."""
    asked = {"filterGroups": [{"filters": list(filters)}], **more}
    answer = await rig.do("POST", f"/crm/objects/2026-03/{kind}/search", asked)
    assert answer["total"] == len(answer["results"])
    return [each["properties"].get("firstname", each["id"]) for each in answer["results"]]


def where(name: str, operator: str, value: Any = None, **more: Any) -> Any:
    told = {} if value is None else {"value": value}
    return {"propertyName": name, "operator": operator, **told, **more}


async def test_search_knows_of_a_write_after_a_while_and_the_primary_store_at_once(
    rig: Rig,
) -> None:
    number = person(rig, "Anna", email="anna@example.com")
    by_email = where("email", "EQ", "anna@example.com")
    assert await found(rig, by_email) == []
    assert (await rig.do("GET", f"{CONTACTS}/anna@example.com?idProperty=email"))["id"]
    rig.clock.ahead(seconds=10)
    assert await found(rig, by_email) == ["Anna"]
    rig.emulator.edit_record("acme", "contact", number, {"firstname": "Anne"})
    assert await found(rig, by_email) == ["Anna"]
    rig.emulator.delete_record("acme", "contact", number)
    rig.clock.ahead(seconds=10)
    assert await found(rig, by_email) == []


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (where("firstname", "EQ", "ANNA"), ["Anna"]),
        (where("firstname", "NEQ", "anna"), ["Boris", "Clara"]),
        (where("firstname", "IN", values=["anna", "boris"]), ["Anna", "Boris"]),
        (where("firstname", "IN", values=["Anna"]), []),
        (where("firstname", "NOT_IN", values=["anna"]), ["Boris", "Clara"]),
        (where("phone", "HAS_PROPERTY"), ["Anna", "Clara"]),
        (where("phone", "NOT_HAS_PROPERTY"), ["Boris"]),
        (where("hs_searchable_calculated_phone_number", "EQ", "9161234567"), ["Anna"]),
        (where("hs_searchable_calculated_phone_number", "CONTAINS_TOKEN", "*1234567"), ["Anna"]),
        (where("phone", "EQ", "+79161234567"), ["Anna"]),
        (where("firstname", "CONTAINS_TOKEN", "an"), []),
        (where("firstname", "CONTAINS_TOKEN", "an*"), ["Anna"]),
        (where("firstname", "NOT_CONTAINS_TOKEN", "an*"), ["Boris", "Clara"]),
        (where("createdate", "GTE", "1772366400000"), ["Anna", "Boris", "Clara"]),
        (where("createdate", "LT", "2026-03-01T12:00:00Z"), []),
        (where("createdate", "BETWEEN", "0", highValue="1"), []),
        (where("lifecyclestage", "EQ", "lead"), ["Clara"]),
        (where("lifecyclestage", "EQ", "LEAD"), []),
        (where("hs_object_id", "GT", "101"), ["Boris", "Clara"]),
    ],
)
async def test_each_operator_means_what_is_documented(
    rig: Rig, asked: Any, names: list[str]
) -> None:
    person(rig, "Anna", phone="+79161234567")
    person(rig, "Boris", email="b@example.com")
    person(rig, "Clara", phone="123", lifecyclestage="lead")
    rig.clock.ahead(seconds=10)
    assert await found(rig, asked) == names


@pytest.mark.parametrize(
    "asked",
    [
        {"filterGroups": [{"filters": [where("firstname", "EQ", "x")]}] * 6},
        {"filterGroups": [{"filters": [where("firstname", "EQ", "x")] * 7}]},
        {"filterGroups": [{"filters": [where("firstname", "EQ", "x")] * 5}] * 4},
        {"filters": [where("firstname", "EQUALS", "x")]},
        {"filters": [where("nothing", "EQ", "x")]},
        {"filters": [where("firstname", "EQ", "x" * 3_000)]},
        {"filters": [where("createdate", "GT", "soon")]},
        {"filters": [where("firstname", "IN")]},
        {"limit": 201},
        {"limit": 100, "after": "9950"},
        {"sorts": [{"propertyName": "nothing"}]},
    ],
)
async def test_a_search_that_asks_too_much_is_refused(rig: Rig, asked: Any) -> None:
    person(rig, "Anna")
    rig.clock.ahead(seconds=10)
    status, body = await rig.refused("POST", SEARCH, asked)
    assert (status, body["category"]) == (400, "VALIDATION_ERROR")


async def test_groups_are_either_and_words_are_looked_for(rig: Rig) -> None:
    person(rig, "Anna", phone="+79161234567")
    person(rig, "Boris", company="Acme Ltd")
    rig.clock.ahead(seconds=10)
    groups = [{"filters": [where("firstname", "EQ", name)]} for name in ("Anna", "Boris")]
    answer = await rig.do("POST", SEARCH, {"filterGroups": groups, "limit": 1})
    assert (answer["total"], answer["paging"]["next"]["after"]) == (2, "1")
    answer = await rig.do("POST", SEARCH, {"filterGroups": groups, "limit": 1, "after": "1"})
    assert (
        [each["properties"]["firstname"] for each in answer["results"]],
        "paging" in answer,
    ) == (
        ["Boris"],
        False,
    )
    newest = {"sorts": [{"propertyName": "firstname", "direction": "DESCENDING"}]}
    answer = await rig.do("POST", SEARCH, {**newest, "properties": ["company", "nothing"]})
    first = answer["results"][0]["properties"]
    assert (first["company"], "firstname" in first, "nothing" in first) == (
        "Acme Ltd",
        False,
        False,
    )
    assert (await rig.do("POST", SEARCH, {"query": "acm"}))["total"] == 1


async def test_search_has_a_limit_of_its_own(rig: Rig) -> None:
    rig.switch("rate_limited", value=True)
    for _ in range(5):
        assert "X-HubSpot-RateLimit-Max" not in (await rig.raw("POST", SEARCH, {})).headers
    status, body = await rig.refused("POST", SEARCH, {})
    assert (status, body["category"], "policyName" in body) == (429, "RATE_LIMITS", False)
    await rig.do("GET", CONTACTS)
    rig.clock.ahead(seconds=1)
    await rig.do("POST", SEARCH, {})


async def test_messages_may_not_be_searchable(rig: Rig) -> None:
    assert await found(rig, kind="communications") == []
    rig.switch("communications_searchable", value=False)
    path = "/crm/objects/2026-03/communications/search"
    assert (await rig.refused("POST", path, {}))[0] == 400


def tied(number: int | str, type_id: int) -> Any:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
    return {"to": {"id": number}, "types": types}


async def note(rig: Rig, *ties: Any, body: str = "Hi") -> str:
    sent = {"hs_timestamp": "2026-03-01T11:59:58.077Z", "hs_note_body": body}
    made = await rig.do("POST", NOTES, {"properties": sent, "associations": list(ties)})
    assert made["properties"]["hs_timestamp"] == "2026-03-01T11:59:58.077Z"
    assert int(made["id"]) > 2**31
    return str(made["id"])


async def test_an_entry_is_made_with_its_ties_in_one_call(rig: Rig) -> None:
    anna = person(rig, "Anna")
    number = await note(rig, tied(anna, 202))
    path = f"{CONTACTS}/{anna}/associations/notes"
    (row,) = (await rig.do("GET", path))["results"]
    assert row == {
        "toObjectId": int(number),
        "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 201, "label": None}],
    }
    old = f"/crm/v4/objects/contacts/{anna}/associations/notes"
    rig.switch("association_ids", "strings")
    assert (await rig.do("GET", old))["results"][0]["toObjectId"] == number
    told = await rig.do("GET", f"{CONTACTS}/{anna}?associations=notes,deals")
    assert told["associations"] == {
        "notes": {"results": [{"id": number, "type": "contact_to_note"}]}
    }
    assert await found(rig, where("associations.contact", "EQ", anna), kind="notes") == []
    rig.clock.ahead(seconds=10)
    assert await found(rig, where("associations.contact", "EQ", anna), kind="notes") == [number]


@pytest.mark.parametrize(("there", "type_id"), [(101, 201), (101, 82), (999, 202), ("x", 202)])
async def test_a_tie_of_the_wrong_direction_or_to_nobody_is_refused(
    rig: Rig, there: Any, type_id: int
) -> None:
    person(rig, "Anna")
    sent = {"properties": {"hs_timestamp": 1}, "associations": [tied(there, type_id)]}
    assert (await rig.refused("POST", NOTES, sent))[0] == 400
    assert rig.emulator.entries("acme") == ()


async def test_ties_are_made_told_on_both_sides_and_cut(rig: Rig) -> None:
    anna = person(rig, "Anna")
    deal = rig.emulator.add_record("acme", "deals", {"dealname": "X", "dealstage": "closedwon"}).id
    path = f"{DEALS}/{deal}/associations"
    await rig.do("PUT", f"{path}/default/contacts/{anna}")
    made = await rig.do("PUT", f"{path}/default/contacts/{anna}")
    assert {each["associationSpec"]["associationTypeId"] for each in made["results"]} == {3, 4}
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]
    told = await rig.do("PUT", f"{path}/contacts/{anna}", types)
    assert (told["fromObjectId"], told["toObjectTypeId"], told["labels"]) == (deal, "0-1", [])
    wrong = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 4}]
    status, body = await rig.refused("PUT", f"{path}/contacts/{anna}", wrong)
    assert (status, body["subCategory"]) == (400, "crm.associations.INVALID_ASSOCIATION_TYPE")
    assert (await rig.raw("DELETE", f"{path}/contacts/{anna}")).status == 204
    assert (await rig.do("GET", f"{path}/contacts"))["results"] == []
    kinds = [
        (each["details"]["associationType"], each["details"]["associationRemoved"])
        for each in rig.emulator.changes("acme")
        if each["event"] == "associationChange"
    ]
    assert sorted(kinds) == [
        ("CONTACT_TO_DEAL", False),
        ("CONTACT_TO_DEAL", True),
        ("DEAL_TO_CONTACT", False),
        ("DEAL_TO_CONTACT", True),
    ]


async def test_ties_go_by_the_thousand(rig: Rig) -> None:
    anna, boris = person(rig, "Anna"), person(rig, "Boris")
    number = await note(rig)
    base = "/crm/associations/2026-03"
    pair = {"from": {"id": number}, "to": {"id": str(anna)}}
    typed = {"inputs": [{**tied(anna, 202), **pair}]}
    (row,) = (await rig.do("POST", f"{base}/notes/contacts/batch/create", typed))["results"]
    assert (row["fromObjectTypeId"], row["toObjectId"], row["labels"]) == ("0-46", anna, [])
    path = f"{base}/notes/contacts/batch/associate/default"
    assert len((await rig.do("POST", path, {"inputs": [pair]}))["results"]) == 2
    asked = {"inputs": [{"id": str(anna)}, {"id": str(boris)}]}
    answer = await rig.raw("POST", f"{base}/contacts/notes/batch/read", asked)
    body = said(answer)
    assert (answer.status, body["results"][0]["from"]) == (207, {"id": str(anna)})
    assert [each["toObjectId"] for each in body["results"][0]["to"]] == [int(number)]
    assert body["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    cut = {"inputs": [{"from": {"id": number}, "to": [{"id": str(anna)}]}]}
    await rig.do("POST", f"{base}/notes/contacts/batch/archive", cut)
    assert (await rig.raw("POST", f"{base}/contacts/notes/batch/read", asked)).status == 207
    labels = (await rig.do("GET", f"{base}/contacts/companies/labels"))["results"]
    assert [(each["typeId"], each["label"]) for each in labels] == [(1, "Primary"), (279, None)]


KEY = {
    "name": "mw_key",
    "label": "Key",
    "groupName": "contactinformation",
    "type": "string",
    "fieldType": "text",
    "hasUniqueValue": True,
}


async def test_properties_are_made_read_and_archived(rig: Rig) -> None:
    made = await rig.do("POST", f"{PROPERTIES}/contacts", KEY)
    assert (made["hasUniqueValue"], made["hubspotDefined"], made["archived"]) == (
        True,
        False,
        False,
    )
    status, body = await rig.refused("POST", f"{PROPERTIES}/0-1", KEY)
    assert (status, body["category"]) == (409, "OBJECT_ALREADY_EXISTS")
    path = f"{PROPERTIES}/contacts/mw_key"
    assert (await rig.do("GET", path))["label"] == "Key"
    assert (await rig.do("PATCH", path, {"label": "Our key"}))["label"] == "Our key"
    assert (await rig.refused("PATCH", path, {"hasUniqueValue": False}))[0] == 400
    assert (await rig.refused("DELETE", f"{PROPERTIES}/contacts/email"))[0] == 400
    assert (await rig.raw("DELETE", path)).status == 204
    assert (await rig.refused("GET", path))[0] == 404
    assert (await rig.do("GET", path, archived="true"))["archived"] is True
    assert (await rig.refused("POST", f"{PROPERTIES}/contacts", KEY))[0] == 409
    rig.switch("archived_name_free", value=True)
    await rig.do("POST", f"{PROPERTIES}/contacts", KEY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Upper"},
        {"label": ""},
        {"groupName": "nothing"},
        {"fieldType": "radio"},
        {"type": "bool", "fieldType": "booleancheckbox"},
    ],
)
async def test_a_definition_that_makes_no_sense_is_refused(rig: Rig, wrong: Any) -> None:
    status, body = await rig.refused("POST", f"{PROPERTIES}/contacts", {**KEY, **wrong})
    assert (status, body["category"]) == (400, "VALIDATION_ERROR")


async def test_there_are_ten_unique_properties_at_most(rig: Rig) -> None:
    names = [{**KEY, "name": f"key_{number}"} for number in range(11)]
    answer = await rig.raw("POST", f"{PROPERTIES}/contacts/batch/create", {"inputs": names})
    assert (answer.status, len(said(answer)["results"])) == (207, 10)


@pytest.mark.parametrize(
    ("position", "plain", "unique"),
    [("refused", 403, 403), ("plain", 201, 400), ("unique", 201, 201)],
)
async def test_whether_entries_take_properties_of_ours_is_a_switch(
    rig: Rig, position: str, plain: int, unique: int
) -> None:
    rig.switch("engagement_properties", position)
    asked = {**KEY, "groupName": "notesinformation"}
    answer = await rig.raw("POST", f"{PROPERTIES}/notes", {**asked, "hasUniqueValue": False})
    assert answer.status == plain
    answer = await rig.raw("POST", f"{PROPERTIES}/notes", {**asked, "name": "other"})
    assert answer.status == unique


async def test_schemas_may_be_closed_altogether(rig: Rig) -> None:
    rig.switch("schemas_writable", value=False)
    status, body = await rig.refused("POST", f"{PROPERTIES}/contacts", KEY)
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    await rig.do("GET", f"{PROPERTIES}/contacts")


async def test_lists_tell_owners_stages_and_choices(rig: Rig) -> None:
    told = {each["name"]: each for each in (await rig.do("GET", f"{PROPERTIES}/deals"))["results"]}
    assert [each["value"] for each in told["pipeline"]["options"]] == ["default"]
    assert "closedwon" in [each["value"] for each in told["dealstage"]["options"]]
    assert told["hubspot_owner_id"]["referencedObjectType"] == "OWNER"
    assert told["hs_object_id"]["modificationMetadata"]["readOnlyValue"] is True
    asked = {"inputs": [{"name": "amount"}, {"name": "nothing"}]}
    answer = await rig.raw("POST", f"{PROPERTIES}/deals/batch/read", asked)
    assert (answer.status, said(answer)["results"][0]["type"]) == (207, "number")


async def test_groups_are_made_once(rig: Rig) -> None:
    sent = {"name": "threadline", "label": "Threadline"}
    await rig.do("POST", f"{PROPERTIES}/contacts/groups", sent)
    assert (await rig.refused("POST", f"{PROPERTIES}/contacts/groups", sent))[0] == 409
    assert (await rig.do("GET", f"{PROPERTIES}/contacts/groups/threadline"))[
        "label"
    ] == "Threadline"
    assert len((await rig.do("GET", f"{PROPERTIES}/contacts/groups"))["results"]) == 2


@pytest.mark.parametrize("path", ["/crm/pipelines/2026-03/deals", "/crm/v3/pipelines/0-3"])
async def test_pipelines_tell_what_ends_a_deal(rig: Rig, path: str) -> None:
    rig.emulator.add_pipeline("acme", "deals", "renewals", [("new", "New", "0.1")])
    first, other = (await rig.do("GET", path))["results"]
    ends = [each["id"] for each in first["stages"] if each["metadata"]["isClosed"] == "true"]
    assert (ends, other["id"]) == (["closedwon", "closedlost"], "renewals")
    assert (await rig.do("GET", f"{path}/renewals/stages/new"))["metadata"]["probability"] == "0.1"
    assert len((await rig.do("GET", f"{path}/default/stages"))["results"]) == 7
    assert (await rig.refused("GET", f"{path}/nothing"))[0] == 404


async def test_tickets_tell_their_state(rig: Rig) -> None:
    (pipeline,) = (await rig.do("GET", "/crm/pipelines/2026-03/tickets"))["results"]
    states = [each["metadata"]["ticketState"] for each in pipeline["stages"]]
    assert (pipeline["id"], states) == ("0", ["OPEN", "OPEN", "OPEN", "CLOSED"])


LEFT = {"access": "PRIVATE", "duplicateValidationStrategy": "RETURN_EXISTING", "overwrite": False}


async def laid(rig: Rig, body: bytes = b"png", name: str = "кот.png", **parts: str) -> Any:
    """Lay a file down, and return the status and the answer."""
    fields = {"options": json.dumps(LEFT), "folderPath": "/threadline", **parts}
    form = b"".join(
        f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
        if value
    )
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    form += head.encode() + b"Content-Type: image/png\r\n\r\n" + body + b"\r\n--b--\r\n"
    kind = "multipart/form-data; boundary=b"
    headers = {"authorization": f"Bearer {rig.token}", "content-type": kind}
    request = Request(method="POST", path=FILES, headers=headers, body=form)
    answer = await rig.call(request)
    return answer.status, said(answer)


async def fetched(rig: Rig, url: str) -> tuple[int, bytes]:
    path, _, query = url.removeprefix("https://hubspot.example").partition("?")
    pairs = tuple((pair.split("=")[0], pair.split("=")[1]) for pair in query.split("&") if pair)
    answer = await rig.call(Request(method="GET", path=path, query=pairs))
    return answer.status, answer.body


async def test_a_private_file_is_seen_by_a_signed_address_alone(rig: Rig) -> None:
    status, made = await laid(rig, b"\x89PNG\r\n\r\nbytes")
    assert (status, made["name"], made["extension"], made["type"]) == (201, "кот", "png", "IMG")
    assert (made["path"], made["size"]) == ("/threadline/кот.png", 13)
    assert (await fetched(rig, made["url"]))[0] == 404
    rig.switch("signed_url_life_s", 60)
    signed = await rig.do("GET", f"{FILES}/{made['id']}/signed-url")
    assert await fetched(rig, signed["url"]) == (200, b"\x89PNG\r\n\r\nbytes")
    rig.clock.ahead(seconds=60)
    assert (await fetched(rig, signed["url"]))[0] == 404
    open_to_all = json.dumps({**LEFT, "access": "PUBLIC_NOT_INDEXABLE"})
    _, public = await laid(rig, name="b.png", options=open_to_all)
    assert await fetched(rig, public["url"]) == (200, b"png")


async def test_a_file_is_laid_down_once_by_its_name_or_its_content(rig: Rig) -> None:
    _, first = await laid(rig, b"one")
    assert (await laid(rig, b"two"))[1]["id"] == first["id"]
    assert (await laid(rig, b"one", "other.png"))[1]["id"] != first["id"]
    rig.switch("same_file", "content")
    assert (await laid(rig, b"one", "third.png"))[1]["id"] == first["id"]
    rejecting = json.dumps({**LEFT, "duplicateValidationStrategy": "REJECT"})
    assert (await laid(rig, b"one", options=rejecting))[0] == 409
    beside = json.dumps({**LEFT, "duplicateValidationStrategy": "NONE"})
    assert (await laid(rig, b"x", options=beside))[1]["name"] == "кот-1"
    over = json.dumps({"access": "PRIVATE", "overwrite": True})
    assert (await laid(rig, b"xyz", options=over))[1]["size"] == 3


@pytest.mark.parametrize(
    "parts",
    [{"options": ""}, {"options": "{"}, {"options": "{}"}, {"folderPath": ""}, {"folderId": "1"}],
)
async def test_a_form_that_lacks_something_is_refused(rig: Rig, parts: dict[str, str]) -> None:
    assert (await laid(rig, b"png", "a.png", **parts))[0] == 400


async def test_files_are_looked_up_and_deleted(rig: Rig) -> None:
    _, made = await laid(rig, name="a.pdf", fileName="invoice.pdf")
    assert (await rig.do("GET", f"{FILES}/stat/threadline/invoice.pdf"))["file"] == made
    assert (await rig.do("GET", f"{FILES}/stat/threadline"))["folder"]["path"] == "/threadline"
    assert (await rig.do("GET", f"{FILES}/search", name="invoice"))["results"] == [made]
    assert made["type"] == "DOCUMENT"
    number = await note(rig, body="see the file")
    sent = {"properties": {"hs_attachment_ids": f"{made['id']};1"}}
    await rig.do("PATCH", f"{NOTES}/{number}", sent)
    (entry,) = rig.emulator.entries("acme")
    assert [each["name"] for each in entry["files"]] == ["invoice.pdf", ""]
    assert (await rig.raw("DELETE", f"{FILES}/{made['id']}")).status == 204
    assert (await rig.refused("GET", f"{FILES}/{made['id']}"))[0] == 404
    assert (await fetched(rig, made["url"]))[0] == 404


async def test_messages_of_channels_may_have_no_type_of_their_own(rig: Rig) -> None:
    path = "/crm/objects/2026-03/communications"
    sent = {
        "hs_communication_channel_type": "CUSTOM_CHANNEL_CONVERSATION",
        "hs_communication_logged_from": "CRM",
        "hs_timestamp": 1,
    }
    await rig.do("POST", path, {"properties": sent})
    rig.switch("channel_conversation_type", value=False)
    assert (await rig.refused("POST", path, {"properties": sent}))[0] == 400


async def test_after_a_lost_answer_the_write_is_there_to_be_read_back(rig: Rig) -> None:
    anna = person(rig, "Anna")
    sent = {"properties": {"hs_timestamp": 1}, "associations": [tied(anna, 202)]}
    for fault, there in (("no_answer_in_100_s_before", 0), ("no_answer_in_100_s_after", 1)):
        rig.emulator.stage.arm(fault, match="POST")
        assert (await rig.raw("POST", NOTES, sent)).status == 524
        rows = (await rig.do("GET", f"{CONTACTS}/{anna}/associations/notes"))["results"]
        assert len(rows) == there
