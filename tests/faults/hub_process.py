"""A hub as a process of its own, which can be killed, frozen and told to stop like one.

`python -m tests.faults.hub_process` runs it with the settings of its environment. It may be
told to be impatient, or to die of a word that it reads.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from channel_clients.telegram import Telegram
from mappers.vocabulary import Arrival, HttpCall, Reading
from middleware.settings import Settings
from tests.journeys.town import PATIENCE_S, running

ROOT = Path(__file__).parents[2]
DIED = 9


def lose_patience(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Give calls up sooner, so that leases, which outlive them, may be shorter, too."""
    usual = HttpCall.__init__.__kwdefaults__
    assert usual is not None
    patch.setitem(usual, "timeout", timedelta(seconds=seconds))


class HubProcess:
    """Started by `hub_process`; whatever became of it, it is gone when that ends."""

    def __init__(self, settings: Settings, options: tuple[str, ...]) -> None:
        self._settings = settings
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    async def spawn(self) -> None:
        log = (self._settings.data_dir / "hub.log").open("ab")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.faults.hub_process", *self._options),
                env={**os.environ, **environment(self._settings)},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    async def start(self) -> None:
        """Spawn it and wait until it answers."""
        await self.spawn()
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(trust_env=False) as client:
            while not await self._answers(client):  # noqa: ASYNC110  # a process has no event
                await asyncio.sleep(0.05)

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        if self._process is None or self._process.returncode is not None:
            raise AssertionError(f"the hub has not started: {self._settings.data_dir}/hub.log")
        try:
            await client.get(f"http://127.0.0.1:{self._settings.port}")
        except httpx.TransportError:
            return False
        return True

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def end(self) -> int:
        """Wait until it has ended and return how it did."""
        assert self._process is not None
        async with asyncio.timeout(PATIENCE_S):
            return await self._process.wait()

    async def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def hub_process(settings: Settings, *options: str) -> AsyncIterator[HubProcess]:
    hub = HubProcess(settings, options)
    try:
        await hub.start()
        yield hub
    finally:
        await hub.kill()


def environment(settings: Settings) -> dict[str, str]:
    """Say the settings that a test has changed as the environment would."""
    found: dict[str, str] = {}
    for name in settings.model_fields_set:
        value: Any = getattr(settings, name)
        if isinstance(value, timedelta):
            value = value.total_seconds()
        elif hasattr(value, "get_secret_value"):
            value = value.get_secret_value()
        found[f"THREADLINE_{name.upper()}"] = str(value)
    return found


def die_reading(patch: pytest.MonkeyPatch, word: str) -> None:
    read = Telegram.read

    def deadly(self: Telegram, arrival: Arrival) -> Reading:
        if word.encode() in arrival.body:
            os._exit(DIED)
        return read(self, arrival)

    patch.setattr(Telegram, "read", deadly)


async def work() -> None:
    """Serve until told to stop."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with running(Settings()):
        await told.wait()


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--patience", type=float)
    asked.add_argument("--dies-reading")
    options = asked.parse_args()
    with pytest.MonkeyPatch.context() as patch:
        if options.patience:
            lose_patience(patch, options.patience)
        if options.dies_reading:
            die_reading(patch, options.dies_reading)
        asyncio.run(work())


if __name__ == "__main__":
    main()
