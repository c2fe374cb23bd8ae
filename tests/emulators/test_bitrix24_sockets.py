"""One conversation with the emulated Bitrix24 over real sockets, from installation to reply."""

from typing import Any
from urllib.parse import parse_qsl

import httpx

from channel_clients.emulators.loopback import read_request, respond
from channel_clients.emulators.stage import (
    Receive,
    Response,
    Scope,
    Send,
    Stage,
    serving,
)
from crm_clients.emulators.bitrix24 import Bitrix24Emulator

CONNECTOR = {"CONNECTOR": "mw", "LINE": 1}


class Hub:
    """An application: its page finishes the installation, and it hands out one file."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        request = await read_request(scope, receive)
        if request.method == "GET":
            await respond(send, Response(body=b"photo", headers={"content-type": "image/png"}))
            return
        self.forms.append(dict(parse_qsl(request.body.decode())))
        await respond(send, Response(body=b"<script>BX24.installFinish()</script>"))


class Portal:
    """REST in the application's name, at the address that the installation told."""

    def __init__(self, client: httpx.AsyncClient, page: dict[str, str], endpoint: str) -> None:
        self._client, self._page, self._endpoint = client, page, endpoint

    async def do(self, method: str, /, **params: Any) -> Any:
        body = {"auth": self._page["AUTH_ID"], **params}
        answer = await self._client.post(f"{self._endpoint}{method}", json=body)
        return answer.raise_for_status().json()["result"]


async def test_a_conversation_over_sockets() -> None:
    hub, emulator = Hub(), Bitrix24Emulator(stage=Stage())
    emulator.add_portal("acme")
    async with (
        serving(emulator.app) as base,
        serving(hub) as ours,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        setup = {"application": {"install_url": f"{ours}/page"}}
        made = (await client.post(f"{base}/_stage/setup", json=setup)).json()
        install = {"portal": "acme", "client_id": made["application"]["client_id"]}
        told = await client.post(f"{base}/_stage/setup", json={"installation": install})
        endpoint = told.json()["installation"]["client_endpoint"]
        assert endpoint == f"{base}/acme/rest/"
        await emulator.drain()
        portal = Portal(client, hub.forms[-1], endpoint)
        assert (await portal.do("app.info"))["INSTALLED"] is True
        await talk(portal, ours)
        words = {"account": "acme", "to": "c1", "text": "Добрый день"}
        await client.post(f"{base}/_stage/reply", json=words)
        await emulator.drain()
        (chat,) = (await client.get(f"{base}/_stage/timeline")).json()["chats"]
    event = hub.forms[-1]
    assert event["event"] == "ONIMCONNECTORMESSAGEADD"
    assert event["data[MESSAGES][0][message][text]"] == "Добрый день"
    assert event["auth[client_endpoint]"] == endpoint
    assert [each["text"] for each in chat["messages"]] == ["Смотрите", "Добрый день"]
    assert chat["messages"][0]["files"][0]["mime"] == "image/png"
    await emulator.aclose()


async def talk(portal: Portal, ours: str) -> None:
    """Connect a channel, and let a customer send a photo through it."""
    await portal.do(
        "imconnector.register",
        ID="mw",
        NAME="MW",
        ICON={"DATA_IMAGE": "data:,"},
        PLACEMENT_HANDLER=ours,
        NEED_SIGNATURE=False,
    )
    await portal.do("imconnector.activate", **CONNECTOR, ACTIVE=1)
    handler = f"{ours}/events"
    await portal.do("event.bind", event="OnImConnectorMessageAdd", handler=handler)
    files = [{"url": f"{ours}/photo.png", "name": "photo.png"}]
    message = {"id": "1", "text": "Смотрите", "files": files}
    item = {"user": {"id": "u1", "name": "Пётр"}, "message": message, "chat": {"id": "c1"}}
    sent = await portal.do("imconnector.send.messages", **CONNECTOR, MESSAGES=[item])
    assert sent["DATA"]["RESULT"][0]["session"]
