"""amoCRM for a benchmark: the least with which a client goes on, call by call."""

import itertools
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from channel_clients.emulators.stage import Response
from crm_clients.emulators.contract import WRITE, Bench

CHANNEL_ROOT = "/amojo/v2/origin/custom/"
ENTITY = re.compile(r"/acc(\d+)/api/v4/([a-z_]+)(?:/([a-z_]+|\d+))?(?:/([a-z_]+))?")
SAID = re.compile(rb'"(msgid|conversation_id|msec_timestamp)": ?"?([^",}]+)')
PAGE = 50
NOTHING, DONE = Response(status=204), Response(body=b"{}")
_numbers = itertools.count(1_000_000)


@dataclass(slots=True)
class AmoCrmStub:
    """What a client may ask for again: which chats there are, and what is in them.

    `chats` are our names by the provider's; of each, the newest page is kept.
    """

    chats: dict[str, str] = field(default_factory=dict)
    pages: dict[str, deque[Any]] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: bytes) -> tuple[str, Response] | None:
        if path.startswith(CHANNEL_ROOT):
            return self._chat(method, path, body)
        found = ENTITY.match(path)
        return None if found is None else _card(method, found)

    def _chat(self, method: str, path: str, body: bytes) -> tuple[str, Response]:
        tail = path.removeprefix(CHANNEL_ROOT).partition("/")[2]
        if method == "GET":
            return "crm history", self._page(tail.split("/")[1])
        match tail:
            case "":
                return WRITE, _json({"new_message": {"msgid": self._keep(body)}})
            case "chats":
                return "crm open", _json(self._open(body))
            case _:
                return f"crm {tail.rpartition('/')[2]}", DONE

    def _open(self, body: bytes) -> dict[str, Any]:
        made = {"id": _uuid(), "user": {"id": _uuid()}}
        self.chats[str(made["id"])] = json.loads(body)["conversation_id"]
        return made

    def _keep(self, body: bytes) -> str:
        """Keep a message; return the provider's id of it."""
        number, said = f"m-{next(_numbers)}", dict(SAID.findall(body))
        page = self.pages.setdefault(said[b"conversation_id"].decode(), deque(maxlen=PAGE))
        page.appendleft((number, said[b"msgid"].decode(), int(said[b"msec_timestamp"])))
        return number

    def _page(self, chat: str) -> Response:
        """Answer with the newest page of a chat, newest first."""
        found = [
            {
                "timestamp": at_ms // 1000,
                "msec_timestamp": at_ms,
                "sender": {},
                "message": {"id": number, "client_id": key, "type": "text", "text": ""},
            }
            for number, key, at_ms in self.pages.get(self.chats.get(chat, ""), ())
        ]
        return _json({"messages": found}) if found else NOTHING


def _card(method: str, found: re.Match[str]) -> tuple[str, Response]:
    account, entity, which = int(found[1]), found[2], found[3] or ""
    label = f"crm {method.lower()}_{entity}"
    match method, entity, which:
        case "GET", "account", _:
            body: dict[str, Any] = {
                "id": account,
                "name": f"acc{account}",
                "subdomain": f"acc{account}",
                "amojo_id": _amojo_id(account),
            }
            return label, _json(body)
        case "GET", "contacts" | "leads", "custom_fields":
            return label, _json(
                {"_embedded": {"custom_fields": [{"id": 1, "code": "THREADLINE_KEY"}]}}
            )
        case "GET", "contacts" | "leads", number if number.isdecimal():
            return label, _json({"id": int(number), "status_id": 1, "pipeline_id": 1})
        case "GET", _, _:
            return label, NOTHING
        case "POST", "contacts" | "leads", "":
            return label, _json({"_embedded": {entity: [{"id": next(_numbers)}]}})
        case _:
            return f"{label}_{which}" if which else label, DONE


def _values(base: str) -> Mapping[str, Any]:
    return {
        "client_id": "bench",
        "client_secret": "bench",
        "redirect_uri": "http://127.0.0.1:1/oauth",
        "channel_id": "11111111-1111-4111-8111-111111111111",
        "channel_secret": "bench",
        "amojo_base": f"{base}/amojo",
        "trusted_origins": [base],
    }


def _account(base: str, number: int) -> Mapping[str, Any]:
    return {
        "base": f"{base}/acc{number}",
        "account_id": str(number),
        "amojo_id": _amojo_id(number),
        "access_token": "bench",
    }


def _scope(path: str) -> str | None:
    account, is_counted, _ = path.partition("/api/")
    return account if is_counted else None


def _amojo_id(account: int) -> str:
    return f"00000000-0000-4000-8000-{account:012d}"


def _uuid() -> str:
    return f"11111111-0000-4000-8000-{next(_numbers):012d}"


def _json(value: Any) -> Response:
    return Response(body=json.dumps(value).encode())


BENCH = Bench(
    stub=AmoCrmStub,
    values=_values,
    account=_account,
    scope=_scope,
    limit_per_s=7,
    ours_per_s=5,
    free=frozenset({WRITE, "crm open", "crm history"}),
)
