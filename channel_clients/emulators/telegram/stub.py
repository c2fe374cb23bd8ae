"""Telegram for a benchmark: the least with which a bot is connected and answers."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from channel_clients.emulators.stage import Response

BOT = re.compile(r"/bot(\d+):[^/]+/(\w+)")


@dataclass(slots=True)
class TelegramStub:
    hooks: dict[str, Any] = field(default_factory=dict)

    def answer(self, path: str, body: bytes) -> tuple[str, Response] | None:
        found = BOT.match(path)
        if found is None:
            return None
        bot, method = found[1], found[2]
        match method:
            case "getMe":
                result: Any = {"id": int(bot), "is_bot": True, "first_name": bot}
                result["username"] = f"b{bot}"
            case "getWebhookInfo":
                result = {"url": self.hooks.get(bot, {}).get("url", "")}
            case "setWebhook":
                self.hooks[bot] = json.loads(body)
                result = True
            case _:
                result = True
        said = json.dumps({"ok": True, "result": result}).encode()
        return f"channel {method}", Response(body=said)
