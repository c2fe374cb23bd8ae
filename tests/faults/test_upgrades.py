"""Hubs are restarted in turn under traffic, on a schema that a newer version has changed."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI, Request, Response

from channel_clients.emulators.stage import serving
from middleware.settings import Settings
from tests.faults.hub_process import HubProcess, hub_process
from tests.faults.scene import NINA, PETR, migrate, show_repeats, words_of
from tests.journeys.town import (
    Plan,
    Town,
    free_port,
    move_in,
    open_world,
    running,
    settings_for,
)

NEWER = (
    "ALTER TABLE inbox ADD COLUMN later text NOT NULL DEFAULT ''",
    "ALTER TABLE deliveries ADD COLUMN later uuid",
    "UPDATE alembic_version SET version_num = 'f00d'",
)


@asynccontextmanager
async def balanced(port: int, hubs: tuple[Settings, ...]) -> AsyncIterator[None]:
    """Serve one address by whichever hub takes the call: the simplest balancer there is."""
    app = FastAPI(openapi_url=None)

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def pass_on(request: Request) -> Response:
        body = await request.body()
        async with asyncio.timeout(60):
            while True:
                for hub in hubs:
                    try:
                        answer = await client.request(
                            request.method,
                            str(request.url.replace(port=hub.port)),
                            content=body,
                            headers=[*request.headers.items()],
                        )
                    except httpx.TransportError:
                        continue
                    return Response(answer.content, answer.status_code)
                await asyncio.sleep(0.02)

    async with httpx.AsyncClient(trust_env=False) as client, serving(app, port):
        yield


async def restart(hub: HubProcess) -> None:
    hub.signal(signal.SIGTERM)
    assert await hub.end() == 0
    await hub.start()


async def test_fault_32_hubs_restarted_in_turn_turn_nobody_away_and_lose_nothing(
    postgres_url: str, tmp_path: Path
) -> None:
    door = settings_for(postgres_url, tmp_path, free_port())
    one, two = (door.model_copy(update={"port": free_port()}) for _ in range(2))
    async with open_world() as world:
        async with running(door) as hub:
            town = await move_in(world, hub, Plan())
            show_repeats(town)
        async with balanced(door.port, (one, two)), hub_process(one) as a, hub_process(two) as b:
            talking = asyncio.create_task(talk(town, 40))
            for statement in NEWER:
                await migrate(town, statement)
            for each in (a, b, a):
                await restart(each)
            await talking
            town.reply(NINA, "ответ")
            await town.settle()
            async with httpx.AsyncClient(trust_env=False) as client:
                ready = await client.get(f"http://127.0.0.1:{one.port}/health/ready")
        await town.hub.engine.dispose()

    assert ready.json()["state"] == "ready"
    assert {pushed.status for pushed in world.telegram.pushed()} == {200}
    for user in (NINA, PETR):
        said = [f"{number}" for number in range(40)]
        assert [word for word in words_of(town, user) if word != "ответ"] == said
    assert town.seen_by(NINA) == ["ответ"]


async def talk(town: Town, times: int) -> None:
    for number in range(times):
        town.telegram.say(NINA, f"{number}", name="Нина")
        town.telegram.say(PETR, f"{number}", name="Пётр")
        await asyncio.sleep(0.25)
