"""HubSpot for a benchmark: the least with which a client goes on, call by call."""

import itertools
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from channel_clients.emulators.stage import Response
from crm_clients.emulators.contract import WRITE, Bench

# Accounts are told apart by a step before the provider's own path.
PLACE = re.compile(r"(?:/acc(\d+))?/(conversations/|crm/)?([a-z-]+)/[0-9-]+/?(.*)")
SAID = re.compile(rb'"(integrationThreadId|channelAccountId|timestamp)": ?"([^"]+)"')
TIED = re.compile(rb'"associateWithContactId": ?(\d+)')
CHANNEL, INBOX, WHEN = "1001", "481939", "2026-11-21T15:00:00.000Z"
PAGE = 50
_numbers = itertools.count(1_000_000)


@dataclass(slots=True)
class HubSpotStub:
    """What a client may ask for again: deals of contacts, threads, and what is in them.

    Of each thread the newest page is kept; `threads` are their numbers by our names of them.
    """

    deals: dict[str, str] = field(default_factory=dict)
    threads: dict[tuple[str, str], str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    pages: dict[str, deque[Any]] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: bytes) -> tuple[str, Response] | None:
        found = PLACE.fullmatch(path)
        if found is None:
            return None
        account, part, rest = found[1] or "", found[3], found[4]
        match part:
            case "custom-channels":
                return self._channel(method, account, rest, body)
            case "conversations":
                return self._inbox(rest)
            case "account-info":
                return "crm account", _json({"portalId": int(account or 1), "timeZone": "UTC"})
            case _:
                return self._crm(method, f"{part}/{rest}", body)

    def _channel(self, method: str, account: str, rest: str, body: bytes) -> tuple[str, Response]:
        match method, rest.split("/")[1:]:
            case "POST", ["messages"]:
                return WRITE, _json(self._keep(account, body), 201)
            case "PATCH", ["messages", _]:
                return "crm report", _json({"id": rest.rpartition("/")[2]})
            case "POST", ["channel-accounts"]:
                return "crm account_add", _json(_account_of(json.loads(body)), 201)
            case "POST", []:
                return "crm channel_add", _json({**json.loads(body), "id": CHANNEL}, 201)
            case _:
                return "crm channels", _json({"total": 0, "results": []})

    def _keep(self, account: str, body: bytes) -> dict[str, Any]:
        """Keep a message; return what is told of it."""
        said = {name.decode(): value.decode() for name, value in SAID.findall(body)}
        name, tied = (account, said["integrationThreadId"]), TIED.search(body)
        thread = self.threads.setdefault(name, str(next(_numbers)))
        if tied is not None:
            self.owners[thread] = tied[1].decode()
        number = str(next(_numbers))
        self.pages.setdefault(thread, deque(maxlen=PAGE)).append((number, body))
        return _told(number, thread, {"createdAt": said["timestamp"], "text": ""})

    def _inbox(self, rest: str) -> tuple[str, Response]:
        match rest.split("/"):
            case ["inboxes"]:
                inbox = {"id": INBOX, "name": "Inbox", "type": "INBOX", "archived": False}
                return "crm inboxes", _json({"total": 1, "results": [inbox]})
            case ["threads", thread]:
                return "crm thread", _json(self._thread(thread))
            case ["threads", thread, "messages"]:
                kept = [
                    _told(number, thread, _read(body))
                    for number, body in self.pages.get(thread, ())
                ]
                return "crm history", _json({"results": kept})
            case _:
                return "crm threads", _json({"results": [*map(self._thread, self.owners)]})

    def _thread(self, thread: str) -> dict[str, Any]:
        owner = self.owners.get(thread, "")
        return {"id": thread, "associatedContactId": owner, "inboxId": INBOX, "status": "OPEN"}

    def _crm(self, method: str, rest: str, body: bytes) -> tuple[str, Response]:
        label = f"crm {method.lower()}_{rest.split('/')[1] if '/' in rest else rest}"
        match method, rest.split("/"):
            case "POST", ["objects", kind]:
                number = str(next(_numbers))
                self._tie(kind, number, body)
                return label, _json(_record(number), 201)
            case "GET", ["objects", "contacts", contact, "associations", _]:
                deal = self.deals.get(contact)
                ties = [{"toObjectId": int(deal), "associationTypes": []}] if deal else []
                return f"{label}_deals", _json({"results": ties})
            case "POST", ["objects", _, "batch", "read"]:
                asked = [str(each["id"]) for each in json.loads(body)["inputs"]]
                return f"{label}_read", _json({"results": [*map(_record, asked)]})
            case "GET", ["objects", _, number]:
                return label, _json(_record(number))
            case "GET", ["pipelines", _]:
                return label, _json({"results": [_pipeline()]})
            case _, ["properties", _, *_]:
                told = {"name": "threadline_key", "label": "Threadline", "hasUniqueValue": True}
                return label, _json({**told, "type": "string", "fieldType": "text"})
            case _:
                return label, _json({"results": []})

    def _tie(self, kind: str, number: str, body: bytes) -> None:
        if kind == "deals":
            for each in json.loads(body).get("associations", ()):
                self.deals[str(each["to"]["id"])] = number


def _read(body: bytes) -> dict[str, Any]:
    """What was said, as it was sent."""
    sent = json.loads(body)
    names = ("text", "senders", "recipients", "attachments", "channelAccountId")
    told = {name: sent[name] for name in names}
    return {**told, "createdAt": sent["timestamp"], "direction": sent["messageDirection"]}


def _told(number: str, thread: str, said: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": number, "type": "MESSAGE", "conversationsThreadId": thread, **said}


def _account_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    given = {"id": str(next(_numbers)), "channelId": CHANNEL, "createdAt": WHEN}
    return {**sent, **given, "active": True, "archived": False}


def _record(number: str) -> dict[str, Any]:
    properties = {"pipeline": "default", "dealstage": "new", "createdate": WHEN}
    dates = {"createdAt": WHEN, "updatedAt": WHEN, "archived": False}
    return {"id": number, "properties": properties, **dates}


def _pipeline() -> dict[str, Any]:
    stage = {"id": "new", "label": "New", "displayOrder": 0, "archived": False}
    metadata = {"isClosed": "false", "probability": "0.2"}
    stages = [{**stage, "metadata": metadata}]
    return {"id": "default", "label": "Sales", "displayOrder": 0, "stages": stages}


def _values(base: str) -> Mapping[str, Any]:
    return {
        "client_id": "bench",
        "client_secret": "bench",
        "app_id": "1",
        "developer_key": "bench",
        "redirect_uri": "http://127.0.0.1:1/oauth",
        "api_base": base,
        "app_base": base,
        "trusted_origins": [base],
    }


def _account(base: str, number: int) -> Mapping[str, Any]:
    return {
        "portal_id": str(number),
        "access_token": "bench",
        "refresh_token": "bench",
        "api_base": f"{base}/acc{number}",
    }


def _scope(path: str) -> str | None:
    found = PLACE.fullmatch(path)
    return found[1] if found is not None else None


def _json(value: Any, status: int = 200) -> Response:
    return Response(status=status, body=json.dumps(value).encode())


BENCH = Bench(
    stub=HubSpotStub,
    values=_values,
    account=_account,
    scope=_scope,
    limit_per_s=11,
    ours_per_s=10,
    free=frozenset(),
    window_s=10,
)
