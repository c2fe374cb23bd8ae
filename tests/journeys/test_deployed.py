"""The hub as compose starts it: every part a process, all at once, on a database just made."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from channel_clients.emulators.loopback import Receive, Scope, Send, read_request, respond
from channel_clients.emulators.stage import Response, serving
from middleware.hub import open_hub
from tests.docs.compose import HUB
from tests.journeys.town import Plan, Town, free_port, move_in, open_world, settings_for
from tests.postgres import execute
from tests.redis import RedisServer

NINA = 1001
WORDS, ANSWER = "Здравствуйте", "Добрый день"
STARTS_WITHIN_S = 150
SLOW = pytest.mark.timeout(400)


class Receiver:
    """A collector of traces: which process told which spans of which trace."""

    def __init__(self) -> None:
        self.told: set[tuple[bytes, str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = ExportTraceServiceRequest.FromString((await read_request(scope, receive)).body)
        for process in request.resource_spans:
            named = {each.key: each.value.string_value for each in process.resource.attributes}
            for scoped in process.scope_spans:
                self.told |= {
                    (span.trace_id, span.name, named["service.instance.id"])
                    for span in scoped.spans
                }
        await respond(send, Response())

    def road(self, trace: bytes, deployed: "Deployed") -> Mapping[str, str]:
        """Which part told which span of one trace."""
        return {name: deployed.part(who) for each, name, who in self.told if each == trace}


@dataclass(frozen=True, slots=True)
class Deployed:
    ports: Mapping[str, int]
    processes: Mapping[str, asyncio.subprocess.Process]

    def part(self, process: str) -> str:
        """Which part a process is, by the name that it has in traces."""
        number = int(process.split(":")[1])
        return next(name for name, each in self.processes.items() if each.pid == number)

    async def is_well(self) -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            for name, port in self.ports.items():
                assert self.processes[name].returncode is None, f"{name} has ended"
                try:
                    ready = await client.get(f"http://127.0.0.1:{port}/health/ready", timeout=5)
                except httpx.HTTPError:
                    return False
                if ready.json()["state"] != "ready":
                    return False
        return True

    async def start(self) -> None:
        async with asyncio.timeout(STARTS_WITHIN_S):
            while not await self.is_well():  # noqa: ASYNC110  # processes have no event
                await asyncio.sleep(0.2)

    async def stop(self) -> list[int]:
        """Tell all of them to stop; return how they did."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        return [await process.wait() for process in self.processes.values()]


@asynccontextmanager
async def deployed(folder: Path, changes: Mapping[str, str]) -> AsyncIterator[Deployed]:
    """Start what compose starts, with its commands and settings, all at once."""
    ports = {name: free_port() for name in HUB}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("THREADLINE_")}
    processes = {}
    for name, service in HUB.items():
        there = {**service["environment"], "THREADLINE_HOST": "127.0.0.1", **changes}
        with (folder / f"{name}.log").open("wb") as log:
            processes[name] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "middleware.cli.main", *service["command"][1:]),
                env={**inherited, **there, "THREADLINE_PORT": str(ports[name])},
                cwd=folder,
                stdout=log,
                stderr=log,
            )
    try:
        yield Deployed(ports, processes)
    finally:
        for process in processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()


async def until(town: Town, happened: Callable[[], bool]) -> None:
    async with town.patience():
        while not happened():
            await town.pause()
    await town.settle()


async def talk(town: Town) -> None:
    town.telegram.say(NINA, WORDS, name="Нина")
    await until(town, lambda: town.entries() == [WORDS])
    town.reply(NINA, ANSWER)
    await until(town, lambda: town.seen_by(NINA) == [ANSWER])


@SLOW
async def test_all_parts_start_at_once_and_carry_a_conversation_in_one_trace(
    postgres_url: str, own_redis: RedisServer, tmp_path: Path
) -> None:
    await asyncio.to_thread(execute, postgres_url, "DROP SCHEMA public CASCADE")
    await asyncio.to_thread(execute, postgres_url, "CREATE SCHEMA public")
    data, receiver = tmp_path / "data", Receiver()
    async with serving(receiver) as collector, open_world() as world:
        changes = {
            "THREADLINE_DATABASE_URL": postgres_url,
            "THREADLINE_BROKER_URL": own_redis.url,
            "THREADLINE_DATA_DIR": str(data),
            "THREADLINE_SETTLING_PACE": "0.01",
            "THREADLINE_TRACES": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        async with deployed(tmp_path, changes) as parts:
            await parts.start()
            assert len((data / "keys").read_text().split()) == 1
            settings = settings_for(postgres_url, data, parts.ports["api"], executor="in-process")
            async with open_hub(settings) as hub:
                await hub.executor.stop()
                await talk(await move_in(world, hub, Plan(listens=True)))
            assert await parts.stop() == [0] * len(HUB)

    roads = [receiver.road(trace, parts) for trace in {trace for trace, _, _ in receiver.told}]
    for door in ("listener", "api"):
        assert {"hook": door, "read": "worker", "attempt": "worker", "call": "worker"} in roads
