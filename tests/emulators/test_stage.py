"""The stage that every emulator stands on: its switches, and serving on loopback."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from channel_clients.emulators.stage import Request, Response, Stage, asgi, common_control, serving


async def test_every_stage_has_the_same_switches() -> None:
    stage = Stage()

    async def switch(method: str, path: str, body: Any = None) -> Any:
        content = json.dumps(body).encode()
        request = Request(method=method, path=f"/_stage/{path}", body=content)
        response = await common_control(stage, request)
        assert response is not None
        return json.loads(response.body)

    async def answer(_: Request) -> Response:
        return Response.of({})

    armed = await switch("POST", "faults", {"name": "bad_gateway_before", "match": "/x"})
    assert [fault["name"] for fault in armed["armed"]] == ["bad_gateway_before"]
    for path in ("/y", "/x"):
        await stage.exchange(Request(method="GET", path=path), answer)
    log = (await switch("GET", "log"))["log"]
    assert [(line["path"], line["status"], line["fault"]) for line in log] == [
        ("/y", 200, None),
        ("/x", 502, "bad_gateway_before"),
    ]
    assert (await switch("GET", "faults"))["met"] == {"bad_gateway_before": 1}
    await switch("POST", "faults", {"name": "garbage", "times": -1})
    assert (await switch("DELETE", "faults"))["armed"] == []
    before = stage.clock.now()
    assert (await switch("POST", "clock", {"ahead_s": 3600}))["ahead_s"] == 3600
    assert stage.clock.now() - before >= timedelta(hours=1)
    assert await common_control(stage, Request(method="GET", path="/_stage/chats")) is None


async def test_the_log_blames_each_fault_on_the_call_that_met_it() -> None:
    stage = Stage()
    stage.known_faults |= {"flood"}
    waiting = asyncio.Event()

    async def answer(request: Request) -> Response:
        if request.path == "/poll":
            await waiting.wait()
        fault = stage.take(request, {"flood"})
        return Response(status=429 if fault else 200)

    poll = asyncio.create_task(stage.exchange(Request(method="GET", path="/poll"), answer))
    await asyncio.sleep(0)
    stage.arm("flood")
    await stage.exchange(Request(method="POST", path="/send"), answer)
    waiting.set()
    await poll
    assert [(line.path, line.status, line.fault) for line in stage.log] == [
        ("/send", 429, "flood"),
        ("/poll", 200, None),
    ]


async def test_serving_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()

    async def never(_: Request) -> Response:
        await asyncio.sleep(60)
        return Response()

    async with serving(asgi(Stage(), never, never)) as base_url, httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{base_url}/slow", timeout=0.1)
    assert asyncio.all_tasks() == before
