"""What the stub says, call by call: the least with which a client of the provider goes on."""

import itertools
import json
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

CHANNEL_ROOT = "/amojo/v2/origin/custom/"
WRITE = "crm write"
ENTITY = re.compile(r"/acc(\d+)/api/v4/([a-z_]+)(?:/([a-z_]+|\d+))?(?:/([a-z_]+))?")
BOT = re.compile(r"/bot(\d+):[^/]+/(\w+)")
SAID = re.compile(rb'"(msgid|conversation_id|msec_timestamp)": ?"?([^",}]+)')
PAGE = 50
_numbers = itertools.count(1_000_000)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


@dataclass(slots=True)
class Memory:
    """What a client may ask for again: where hooks go, which chats there are, what is in them.

    `chats` are our names by the provider's; of each, the newest page is kept.
    """

    hooks: dict[str, Any] = field(default_factory=dict)
    chats: dict[str, str] = field(default_factory=dict)
    pages: dict[str, deque[Any]] = field(default_factory=dict)

    def open(self, body: bytes) -> dict[str, Any]:
        made = {"id": _uuid(), "user": {"id": _uuid()}}
        self.chats[str(made["id"])] = json.loads(body)["conversation_id"]
        return made

    def keep(self, body: bytes) -> str:
        """Keep a message; return the provider's id of it."""
        number, said = f"m-{next(_numbers)}", dict(SAID.findall(body))
        page = self.pages.setdefault(said[b"conversation_id"].decode(), deque(maxlen=PAGE))
        page.appendleft((number, said[b"msgid"].decode(), int(said[b"msec_timestamp"])))
        return number

    def page(self, chat: str) -> Answer:
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


NOTHING, DONE = Answer(204, b""), Answer(200, b"{}")


def is_written(label: str) -> bool:
    return label == WRITE


def answer(method: str, path: str, body: bytes, memory: Memory) -> tuple[str, Answer]:
    """Answer one call; name what it was."""
    if path.startswith(CHANNEL_ROOT):
        return _chat(method, path, body, memory)
    if path.startswith("/bot"):
        return _bot(path, body, memory.hooks)
    found = ENTITY.match(path)
    if found is None:
        return "unknown", Answer(404, b"{}")
    return _card(method, found)


def _chat(method: str, path: str, body: bytes, memory: Memory) -> tuple[str, Answer]:
    tail = path.removeprefix(CHANNEL_ROOT).partition("/")[2]
    if method == "GET":
        return "crm history", memory.page(tail.split("/")[1])
    match tail:
        case "":
            return WRITE, _json({"new_message": {"msgid": memory.keep(body)}})
        case "chats":
            return "crm open", _json(memory.open(body))
        case _:
            return f"crm {tail.rpartition('/')[2]}", DONE


def _card(method: str, found: re.Match[str]) -> tuple[str, Answer]:
    account, entity, which = int(found[1]), found[2], found[3] or ""
    label = f"crm {method.lower()}_{entity}"
    match method, entity, which:
        case "GET", "account", _:
            body: dict[str, Any] = {
                "id": account,
                "name": f"acc{account}",
                "subdomain": f"acc{account}",
                "amojo_id": amojo_id(account),
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


def _bot(path: str, body: bytes, hooks: dict[str, Any]) -> tuple[str, Answer]:
    found = BOT.match(path)
    if found is None:
        return "unknown", Answer(404, b"{}")
    bot, method = found[1], found[2]
    match method:
        case "getMe":
            result: Any = {"id": int(bot), "is_bot": True, "first_name": bot, "username": f"b{bot}"}
        case "getWebhookInfo":
            result = {"url": hooks.get(bot, {}).get("url", "")}
        case "setWebhook":
            hooks[bot] = json.loads(body)
            result = True
        case _:
            result = True
    return f"channel {method}", _json({"ok": True, "result": result})


def amojo_id(account: int) -> str:
    return f"00000000-0000-4000-8000-{account:012d}"


def _uuid() -> str:
    return f"11111111-0000-4000-8000-{next(_numbers):012d}"


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode())
