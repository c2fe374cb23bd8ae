"""Whatever is sent to the emulated HubSpot, it refuses or does; it never dies of it."""

import json
import re
from itertools import product
from typing import Any

import pytest

from channel_clients.emulators.stage import Request
from crm_clients.emulators.hubspot.call import Route
from crm_clients.emulators.hubspot.routes import ROUTES
from tests.emulators.hubspot_scene import Rig

NONSENSE: list[Any] = [
    *(None, "x", -1, [], {}, ["x"], {"inputs": "x"}, {"inputs": []}, {"inputs": ["x"]}),
    {"inputs": [{}]},
    {"inputs": [{"id": [], "idProperty": [], "properties": []}]},
    {"inputs": [{"id": "x", "idProperty": "email", "properties": {"email": {}}}]},
    {"inputs": [{"from": {}, "to": {}, "types": "x"}, {"from": "x", "to": [{}]}]},
    {"inputs": [{"properties": "x", "associations": "x", "objectWriteTraceId": []}]},
    {"properties": [], "associations": {}},
    {"properties": {"email": [], "hs_timestamp": {}, "amount": []}},
    {"properties": {"firstname": "x"}, "associations": [{"to": "x", "types": [{}]}]},
    {"properties": {"hs_timestamp": "99999999999999999999"}},
    {"properties": {"hs_timestamp": "1"}, "associations": ["x"]},
    {"filterGroups": "x", "sorts": "x", "limit": [], "after": {}, "query": []},
    {"filterGroups": ["x"]},
    {"filters": "x"},
    {"filters": [{"propertyName": [], "operator": {}}]},
    {"filters": [{"propertyName": "createdate", "operator": "BETWEEN", "value": []}]},
    {"filters": [{"propertyName": "associations.contact", "operator": "LT", "value": 1}]},
    {"sorts": [1], "properties": 5, "limit": -1, "after": "x"},
    {"primaryObjectId": [], "objectIdToMerge": None, "objectId": {}, "idProperty": []},
    {"name": [], "label": {}, "groupName": [], "type": {}, "fieldType": []},
    {"name": "x", "label": "x", "displayOrder": "x", "options": "x"},
    {"name": "x", "authorized": "x", "inboxId": [], "deliveryIdentifier": "x"},
    {"name": "x", "capabilities": [], "webhookUrl": 5},
    {"text": [], "senders": "x", "recipients": [[]], "attachments": "x", "timestamp": []},
    {"type": [], "text": 5, "status": {}, "statusType": [], "actorId": 5, "archived": "x"},
]
# Whoever removes themselves is a stranger afterwards.
TRIED = [route for route in ROUTES if not route.pattern.startswith("appinstalls")]
QUERY = (("limit", "x"), ("after", "x"), ("archived", "x"), ("idProperty", "x"))


KIND = "KIND"


def paths(pattern: str) -> list[str]:
    """Addresses of the core that a route takes: with things that are there, and with nonsense."""
    named = re.sub(r"\(\\d\+\)", "101", pattern)
    named = re.sub(r"\((?:\[\^/\]|\.)\+\)", "101", named)
    named = re.sub(r"\((?:[\w-]+\|)+[\w-]+\)", KIND, named)
    named = re.sub(r"\([^)]*\)", "101", named)
    named = named.replace("\\", "")
    known = [named.replace(KIND, kind) for kind in ("contacts", "deals", "notes")]
    there = [path for path in dict.fromkeys(known) if not path.startswith("pipelines/c")]
    return [*there, named.replace(KIND, "0-3").replace("101", "1" * 30)]


def dated(path: str) -> str:
    """The dated address of a path of the core."""
    area, _, rest = path.partition("/")
    prefix = {
        "custom-channels": "/conversations/custom-channels/2026-03",
        "conversations": "/conversations/conversations/2026-09",
        "files": "/files/2026-03",
        "account-info": "/account-info/2026-03",
        "webhooks": "/webhooks/2026-03",
        "appinstalls": "/appinstalls/2026-03",
    }.get(area, f"/crm/{area}/2026-03")
    return f"{prefix}/{rest}".rstrip("/")


@pytest.mark.parametrize("route", TRIED, ids=lambda each: f"{each.method} {each.pattern}")
async def test_nothing_that_is_sent_makes_it_die(route: Route) -> None:
    rig = Rig()
    rig.switch("rate_limited", value=False)
    rig.switch("engagement_properties", "unique")
    rig.emulator.add_contact("acme", "Anna", email="anna@example.com")
    key = (("hapikey", rig.app.developer_key), ("appId", str(rig.app.app_id)))
    credentials = key if route.auth == "developer" else ()
    for path, body in product(paths(route.pattern), NONSENSE):
        for query in (credentials, (*QUERY, *credentials)):
            request = Request(
                method=route.method,
                path=dated(path),
                query=query,
                headers={"authorization": f"Bearer {rig.token}"},
                body=json.dumps(body).encode(),
            )
            answer = await rig.call(request)
            assert answer.status < 500, (request, answer.body)
            assert answer.status not in {401, 403, 405} or b"<html>" in answer.body, (
                request,
                answer.body,
            )
