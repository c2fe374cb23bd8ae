"""By HubSpot's documents, of each family of calls what is right passes, what is spoiled does not.

A schema that cannot refuse proves nothing: so each is tried with what it must refuse.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.openapi.judge import FORM, JSON, Exchange, hubspot
from tests.openapi.watching import A_MESSAGE

API = "https://api.hubapi.com"
OBJECTS = "/crm/objects/2026-03"
CHANNELS = "/conversations/custom-channels/2026-03"
INBOX = "/conversations/conversations/2026-09"
AT = "2026-11-21T16:00:00.123Z"
RECORD: dict[str, Any] = {"id": "7", "properties": {"phone": None}, "archived": False}
RECORD |= {"createdAt": AT, "updatedAt": AT}
BATCH = {"status": "COMPLETE", "results": [RECORD], "startedAt": AT, "completedAt": AT}
OURS = {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": "tl:1"}
SAID = {
    "text": "Hi",
    "messageDirection": "INCOMING",
    "channelAccountId": "77001",
    "integrationThreadId": "tg-1",
    "timestamp": AT,
    "senders": [{"name": "Anna", "deliveryIdentifier": OURS}],
    "recipients": [{"deliveryIdentifier": OURS}],
    "attachments": [{"type": "FILE", "fileId": "1", "fileUsageType": "IMAGE"}],
}
MESSAGE = {
    "id": "b0b1",
    "type": "MESSAGE",
    "conversationsThreadId": "6065",
    "channelId": "1001",
    "channelAccountId": "77001",
    "createdAt": AT,
    "createdBy": "I-70001",
    "client": {"clientType": "INTEGRATION", "integrationAppId": 70001},
    "senders": [{"actorId": "V-1", "deliveryIdentifier": OURS}],
    "recipients": [{"deliveryIdentifier": OURS}],
    "text": "Hi",
    "attachments": [],
    "direction": "INCOMING",
    "truncationStatus": "NOT_TRUNCATED",
    "archived": False,
}
COMMENT = {"type": "COMMENT", "text": "psst", "attachments": []}
ACCOUNT = {"id": "7", "channelId": "1", "inboxId": "2", "name": "x", "active": True}
ACCOUNT |= {"authorized": True, "archived": False, "createdAt": AT}
FIELD = {"name": "key", "label": "Key", "groupName": "g", "type": "string", "fieldType": "text"}
GRANTED = {"access_token": "a", "refresh_token": "r", "expires_in": 1800, "token_type": "bearer"}
GRANTED |= {"token_use": "access_token", "hub_id": 7, "user_id": 8, "scopes": ["oauth"]}
WORLD = {"portalId": 7, "accountType": "STANDARD", "timeZone": "UTC", "utcOffset": "+00:00"}
WORLD |= {"utcOffsetMilliseconds": 0, "uiDomain": "app.hubspot.com", "companyCurrency": "EUR"}
WORLD |= {"dataHostingLocation": "eu1", "additionalCurrencies": []}
STAGE = {"id": "new", "label": "New", "displayOrder": 0, "metadata": {"isClosed": "false"}}
STAGE |= {"archived": False, "createdAt": AT, "updatedAt": AT, "writePermissions": "READ_ONLY"}
PIPELINE = {"id": "1", "label": "Sales", "displayOrder": 0, "stages": [STAGE], "archived": False}
PIPELINE |= {"createdAt": AT, "updatedAt": AT}
THREAD = {"id": "7", "status": "OPEN", "inboxId": "1", "associatedContactId": "7", "spam": False}
THREAD |= {"originalChannelId": "1", "originalChannelAccountId": "2", "archived": False}
THREAD["createdAt"] = AT
CHANNEL = {"name": "x", "webhookUrl": "https://x.example.com", "capabilities": {"richText": []}}
KEPT = {"id": "7", "archived": False, "createdAt": AT, "updatedAt": AT, "access": "PRIVATE"}
STAGED = {"accountToken": "t", "createdAt": AT, "genericChannelId": 1, "inboxId": 2, "userId": 3}
TIED = {"fromObjectTypeId": "0-1", "fromObjectId": 7, "toObjectTypeId": "0-3", "toObjectId": "8"}
TIED["labels"] = []
A_TIE = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 4}
UPLOAD = "multipart/form-data; boundary=x"


@dataclass(frozen=True, slots=True)
class Family:
    """A call that is right with its answer; `spoiled` are parts that are not, one by one."""

    method: str
    path: str
    status: int
    told: Any
    sent: Any = None
    spoiled: tuple[dict[str, Any], ...] = field(default=())
    form: str = FORM

    def exchange(self, **changes: Any) -> Exchange:
        part = {"path": self.path, "sent": self.sent, "told": self.told, **changes}
        is_form = isinstance(part["sent"], bytes)
        sent = part["sent"] if is_form else json.dumps(part["sent"]).encode()
        return Exchange(
            method=self.method,
            url=API + part["path"],
            sent=b"" if part["sent"] is None else sent,
            sent_as=self.form if is_form else JSON,
            status=part.get("status", self.status),
            told=b"" if part["told"] is None else json.dumps(part["told"]).encode(),
        )


def found(*records: Any) -> dict[str, Any]:
    return {"results": list(records)}


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def tied(kind: int) -> list[dict[str, Any]]:
    type_ = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}
    return [{"to": {"id": "7"}, "types": [type_]}]


def form_of(*names: str) -> bytes:
    parts = (f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n1\r\n' for name in names)
    return f"{''.join(parts)}--x--\r\n".encode()


def filtered(operator: str) -> dict[str, Any]:
    only = {"propertyName": "phone", "operator": operator, "value": "1"}
    return {"filterGroups": [{"filters": [only]}]}


FAMILIES = {
    "create": Family(
        *("POST", f"{OBJECTS}/notes", 201, RECORD),
        {"properties": {"hs_note_body": "x"}, "associations": tied(202)},
        (
            {"sent": {"property": {}}},
            {"sent": {"properties": {"hs_timestamp": 7}}},
            {"sent": {"properties": {}, "associations": [{"to": "7"}]}},
            {"status": 200},
            {"told": without(RECORD, "createdAt")},
        ),
    ),
    "get": Family(
        *("GET", f"{OBJECTS}/contacts/7?idProperty=email&properties=phone", 200, RECORD, None),
        ({"path": f"{OBJECTS}/contacts/7?idproperty=email"}, {"told": {**RECORD, "id": 7}}),
    ),
    "patch": Family(
        *("PATCH", f"{OBJECTS}/deals/7", 200, RECORD, {"properties": {"amount": "7"}}),
        ({"sent": {"properties": {"amount": 7}}}, {"sent": {"fields": {}}}),
    ),
    "search": Family(
        *("POST", f"{OBJECTS}/contacts/search", 200, {"total": 1, **found(RECORD)}),
        filtered("EQ"),
        ({"sent": filtered("EQUALS")}, {"told": found(RECORD)}),
    ),
    "upsert": Family(
        *("POST", f"{OBJECTS}/contacts/batch/upsert", 200),
        {**BATCH, **found({**RECORD, "new": True})},
        {"inputs": [{"id": "k", "idProperty": "threadline_key", "properties": {}}]},
        ({"sent": {"inputs": [{"idProperty": "k"}]}}, {"told": BATCH}, {"status": 201}),
    ),
    "batch read": Family(
        *("POST", f"{OBJECTS}/notes/batch/read", 200, BATCH),
        {"inputs": [{"id": "7"}], "properties": ["hs_timestamp"]},
        ({"sent": {"ids": ["7"]}}, {"told": without(BATCH, "status")}),
    ),
    "associations": Family(
        *("GET", f"{OBJECTS}/contacts/7/associations/notes?limit=500", 200),
        found(
            {"toObjectId": 7, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 1}]}
        ),
        None,
        (
            {"told": found({"toObjectId": 7})},
            {"path": f"{OBJECTS}/contacts/7/associations/notes?max=1"},
        ),
    ),
    "property": Family(
        *(
            "POST",
            "/crm/properties/2026-03/contacts",
            201,
            {**FIELD, "description": "", "options": []},
        ),
        {**FIELD, "hasUniqueValue": True},
        ({"sent": {**FIELD, "type": "text"}}, {"sent": without(FIELD, "groupName")}),
    ),
    "owners": Family(
        *("GET", "/crm/owners/2026-03?limit=100&archived=false", 200),
        found({"id": "1", "type": "PERSON", "archived": False, "createdAt": AT, "updatedAt": AT}),
        None,
        ({"told": found({"id": "1"})}, {"path": "/crm/owners/2026-03?mail=x"}),
    ),
    "publish": Family(
        *("POST", f"{CHANNELS}/1001/messages", 201, MESSAGE, SAID),
        (
            {"sent": without(SAID, "timestamp")},
            {"sent": {**SAID, "messageDirection": "IN"}},
            {"sent": {**SAID, "integrationThread": "tg-1"}},
            {"sent": {**SAID, "attachments": [{"type": "FILE"}]}},
            {"told": without(MESSAGE, "conversationsThreadId")},
        ),
    ),
    "status": Family(
        *("PATCH", f"{CHANNELS}/1001/messages/b0", 200, MESSAGE, {"statusType": "SENT"}),
        ({"sent": {"statusType": "DELIVERED"}}, {"sent": {"status": "SENT"}}),
    ),
    "channel account": Family(
        *("POST", f"{CHANNELS}/1001/channel-accounts", 201, ACCOUNT),
        {"inboxId": "1", "name": "x", "authorized": True, "deliveryIdentifier": OURS},
        ({"sent": {"inboxId": 1, "name": "x", "authorized": True}}, {"sent": {"name": "x"}}),
    ),
    "comment": Family(
        *("POST", f"{INBOX}/threads/7/messages", 201, MESSAGE, COMMENT),
        ({"sent": {**COMMENT, "type": "NOPE"}}, {"sent": {"type": "COMMENT"}}),
    ),
    "token": Family(
        *("POST", "/oauth/2026-03/token", 200, GRANTED, b"grant_type=refresh_token&client_id=1"),
        ({"sent": b"grant_type=password"}, {"told": without(GRANTED, "token_use")}),
    ),
    "pipelines": Family(
        *("GET", "/crm/pipelines/2026-03/deals", 200, found(PIPELINE), None),
        (
            {"told": found(without(PIPELINE, "stages"))},
            {"path": "/crm/pipelines/2026-03/deals?l=1"},
        ),
    ),
    "tie": Family(
        *("PUT", f"{OBJECTS}/contacts/7/associations/deals/8", 201, TIED, [A_TIE]),
        ({"sent": A_TIE}, {"told": without(TIED, "labels")}, {"sent": [{"associationTypeId": 4}]}),
    ),
    "register": Family(
        *("POST", f"{CHANNELS}?hapikey=k&appId=7", 201, {**CHANNEL, "id": "1", "createdAt": AT}),
        CHANNEL,
        ({"sent": without(CHANNEL, "capabilities")}, {"path": f"{CHANNELS}?apikey=k"}),
    ),
    "join": Family(
        *("PATCH", f"{CHANNELS}/1/channel-account-staging-tokens/t", 200, STAGED),
        {"accountName": "x", "deliveryIdentifier": OURS},
        ({"sent": {"name": "x"}}, {"told": without(STAGED, "inboxId")}),
    ),
    "threads": Family(
        *("GET", f"{INBOX}/threads?inboxId=1&limit=100&sort=id", 200, found(THREAD), None),
        ({"path": f"{INBOX}/threads?inbox=1"}, {"told": found({**THREAD, "status": "SPAM"})}),
    ),
    "upload": Family(
        *("POST", "/files/2026-03/files", 201, KEPT, form_of("file", "options", "folderPath")),
        ({"sent": form_of("file", "folder")}, {"told": {**KEPT, "access": "SECRET"}}),
        UPLOAD,
    ),
    "file": Family(
        *("GET", "/files/2026-03/files/7/signed-url?expirationSeconds=60", 200),
        {"url": "https://x.example.com", "expiresAt": AT, "extension": "png", "name": "x"}
        | {"size": 1, "type": "IMG"},
        None,
        ({"told": {"url": "https://x.example.com"}}, {"path": "/files/2026-03/files/7/signed?x=1"}),
    ),
    "account": Family(
        *("GET", "/account-info/2026-03/details", 200, WORLD, None),
        ({"told": {**WORLD, "portalId": "7"}}, {"told": {**WORLD, "accountType": "FREE"}}),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_right_passes(name: str) -> None:
    assert hubspot().faults(FAMILIES[name].exchange()) == ()


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name in FAMILIES for n in range(len(FAMILIES[name].spoiled))]
)
def test_what_is_spoiled_does_not(name: str, number: int) -> None:
    family = FAMILIES[name]
    assert hubspot().faults(family.exchange(**family.spoiled[number]))


def test_a_message_is_judged_wherever_it_is_told_of() -> None:
    judge = hubspot()
    assert judge.faults_of_part(MESSAGE, *A_MESSAGE) == ()
    for spoiled in ({**MESSAGE, "direction": "OUT"}, {**MESSAGE, "body": "Hi"}, {}):
        assert judge.faults_of_part(spoiled, *A_MESSAGE)
