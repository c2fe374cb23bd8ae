"""A portal `acme` in virtual time: an installed application, and a hub that takes its events."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from channel_clients.emulators.stage import Push, Request, Response, Stage
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from tests.emulators.clock import FastClock

HANDLER = "https://hub.example/b24/events"
PAGE = "https://hub.example/b24/install"
SETTINGS = "https://hub.example/b24/settings"
CALLBACK = "https://hub.example/b24/callback"
CONNECTOR = "mw_telegram"
PHONE = "+7 (912) 000-00-01"


class Hub:
    """Takes what Bitrix24 posts, serves files by their address, and has a page that finishes."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.statuses: list[int | None] = []
        self.fetches: list[Push] = []
        self.files: dict[str, bytes] = {}
        self.files_open = asyncio.Event()
        self.files_open.set()
        self.page = b"<script>BX24.installFinish()</script>"

    async def __call__(self, push: Push) -> Response | None:
        if push.method == "GET":
            self.fetches.append(push)
            await self.files_open.wait()
            body = self.files.get(push.url)
            return None if body is None else Response(status=200, body=body)
        self.pushes.append(push)
        status = self.statuses.pop(0) if self.statuses else 200
        is_page = urlsplit(push.url).path == urlsplit(PAGE).path
        return None if status is None else Response(status=status, body=self.page * is_page)

    def forms(self) -> list[dict[str, str]]:
        return [form_of(push) for push in self.pushes]

    def events(self, *names: str) -> list[dict[str, str]]:
        """What came of the events of these names, by their bracketed keys."""
        return [form for form in self.forms() if form.get("event") in names]


def form_of(push: Push) -> dict[str, str]:
    return dict(parse_qsl(push.body.decode(), keep_blank_values=True))


class Rig:
    """A portal with two employees, one open line, and a connector on it."""

    def __init__(self) -> None:
        self.clock, self.hub = FastClock(), Hub()
        stage = Stage(clock=self.clock, push=self.hub)
        self.emulator = Bitrix24Emulator(stage=stage, base="https://b24.example")
        self.portal = self.emulator.add_portal("acme", users=("Ольга Петрова", "Иван Сидоров"))
        self.app = self.emulator.add_application(PAGE, redirect_uri=CALLBACK)
        self.told = self.emulator.install("acme", self.app.client_id, quietly=True)
        self.hook = self.emulator.add_webhook("acme")
        self.token = self.told["access_token"]
        self.emulator.switches.set("rate_limited", value=False)

    async def call(self, request: Request) -> Response:
        return await self.emulator.stage.exchange(request, self.emulator.answer)

    async def raw(self, method: str, /, **params: Any) -> Response:
        """Call a method in the application's name."""
        request = Request(
            method="POST",
            path=f"/acme/rest/{method}",
            headers={"content-type": "application/json", "user-agent": "test"},
            body=json.dumps({"auth": self.token, **params}).encode(),
        )
        return await self.call(request)

    async def do(self, method: str, /, **params: Any) -> Any:
        """Return the result of a call that has to succeed."""
        answer = said(await self.raw(method, **params))
        assert "error" not in answer, answer
        return answer["result"]

    async def refused(self, method: str, /, **params: Any) -> tuple[int, str, str]:
        """Return how a call that has to fail failed."""
        response = await self.raw(method, **params)
        answer = said(response)
        return response.status, answer["error"], answer["error_description"]

    async def by_hook(self, method: str, /, **params: Any) -> Response:
        request = Request(
            method="POST",
            path=f"/acme/rest/{self.hook['user_id']}/{self.hook['secret']}/{method}",
            headers={"content-type": "application/json"},
            body=json.dumps(params).encode(),
        )
        return await self.call(request)

    async def listens(self, *events: str) -> None:
        for event in events:
            assert await self.do("event.bind", event=event, handler=HANDLER) is True

    async def connects(self, **flags: Any) -> None:
        """Register the connector and put it on the line."""
        registered = await self.do(
            "imconnector.register",
            ID=CONNECTOR,
            NAME="Telegram",
            ICON={"DATA_IMAGE": "data:image/svg+xml,"},
            PLACEMENT_HANDLER=SETTINGS,
            **{"NEED_SIGNATURE": False, **flags},
        )
        assert registered == {"result": True}
        assert await self.do("imconnector.activate", CONNECTOR=CONNECTOR, LINE=1, ACTIVE=1) is True

    async def says(self, text: str = "", number: int | str = 1, **parts: Any) -> Any:
        """The customer writes; returns the result of the one message."""
        message = {"id": f"tg-{number}", "date": 1773265993, "text": text}
        item = {
            "user": {"id": "u1", "name": "Пётр", "last_name": "Клиент", **parts.pop("user", {})},
            "message": {**message, **parts.pop("message", {})},
            "chat": {"id": "tg:u1", **parts.pop("chat", {})},
        }
        where = {"CONNECTOR": CONNECTOR, "LINE": 1}
        answer = await self.do("imconnector.send.messages", **where, MESSAGES=[item])
        assert answer["SUCCESS"] is True
        (result,) = answer["DATA"]["RESULT"]
        return result

    async def history(self) -> list[Any]:
        """What the history of the dialog shows, oldest first."""
        answer = await self.do("imopenlines.session.history.get", CHAT_ID=1)
        return list(answer["message"].values())

    async def oauth(self, **fields: str) -> Response:
        pairs = {"client_id": self.app.client_id, "client_secret": self.app.client_secret, **fields}
        return await self.call(
            Request(method="GET", path="/oauth/token/", query=tuple(pairs.items()))
        )

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """Open a link of the portal."""
        parts = urlsplit(url)
        query = tuple(parse_qsl(parts.query))
        request = Request(method="GET", path=parts.path, query=query, headers=headers or {})
        return await self.call(request)

    async def settle(self) -> None:
        """Let every event come to an end."""
        await self.emulator.drain()
        while self.emulator.state()["hooks_waiting"]:
            await asyncio.sleep(0)
            await self.emulator.drain()


def said(response: Response) -> Any:
    return json.loads(response.body)
