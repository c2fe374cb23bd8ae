"""A portal `acme` in virtual time: an installed application, and a hub that takes its webhooks."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from channel_clients.emulators.stage import Push, Request, Response, Stage
from crm_clients.emulators.hubspot import HubSpotEmulator
from tests.emulators.clock import FastClock

CALLBACK = "https://hub.example/oauth/hubspot/callback"
HOOK = "https://hub.example/hooks/hubspot"
VERSION = "2026-03"


class Hub:
    """Takes what HubSpot posts; `statuses` are what it answers, then 200."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.statuses: list[int | None] = []

    async def __call__(self, push: Push) -> Response | None:
        self.pushes.append(push)
        status = self.statuses.pop(0) if self.statuses else 200
        return None if status is None else Response(status=status)


class Rig:
    """A portal with two employees, and an application that was granted all it asks for."""

    def __init__(self) -> None:
        self.clock, self.hub = FastClock(), Hub()
        stage = Stage(clock=self.clock, push=self.hub)
        self.emulator = HubSpotEmulator(stage=stage, base="https://hubspot.example")
        self.portal = self.emulator.add_portal("acme", users=("Olga Petrova", "Ivan Sidorov"))
        self.app = self.emulator.add_app(CALLBACK, hook_url=HOOK)
        self.told = self.emulator.install("acme", self.app.client_id)
        self.token = self.told["access_token"]

    def switch(self, name: str, value: Any) -> None:
        self.emulator.switches.set(name, value)

    async def call(self, request: Request) -> Response:
        return await self.emulator.stage.exchange(request, self.emulator.answer)

    async def raw(self, method: str, target: str, body: Any = None, **query: Any) -> Response:
        """Call an address, its query in it or beside it, in the application's name."""
        parts = urlsplit(target)
        asked = [*parse_qsl(parts.query), *((key, str(value)) for key, value in query.items())]
        request = Request(
            method=method,
            path=parts.path,
            query=tuple(asked),
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/json"},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        return await self.call(request)

    async def do(self, method: str, target: str, body: Any = None, **query: Any) -> Any:
        """Return what a call answered that has to succeed."""
        answer = await self.raw(method, target, body, **query)
        assert answer.status < 300, answer.body
        return said(answer) if answer.body else None

    async def refused(self, method: str, target: str, body: Any = None, **query: Any) -> Any:
        """Return the status and the body of a call that has to fail."""
        answer = await self.raw(method, target, body, **query)
        assert answer.status >= 400
        return answer.status, said(answer)

    async def oauth(self, path: str = "/oauth/2026-03/token", **fields: str) -> Response:
        pairs = {"client_id": self.app.client_id, "client_secret": self.app.client_secret, **fields}
        return await self.call(Request(method="POST", path=path, body=urlencode(pairs).encode()))


def said(response: Response) -> Any:
    return json.loads(response.body)
