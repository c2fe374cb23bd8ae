"""One bot of the emulated Telegram, seen from both of its sides."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from channel_clients.emulators.stage import Stage, serving
from channel_clients.emulators.telegram import TelegramEmulator
from channel_clients.telegram import Config, Telegram
from mappers.vocabulary import Arrival, Event, Message, MessageArrived, Reading
from tests.port import NOON, LoopbackHttp

TOKEN = "7:abcdefghij"
CUSTOMER = 3527065
OWNER = 555000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    emulator: TelegramEmulator
    channel: Telegram
    http: LoopbackHttp

    async def readings(self) -> list[Reading]:
        """What everything that the bot was told means, oldest first."""
        parcels = (await self.channel.poll("")).parcels
        arrivals = [Arrival(body=p.body, form=p.form, received_at=NOON) for p in parcels]
        return [self.channel.read(arrival) for arrival in arrivals]

    async def events(self) -> list[Event]:
        return [event for reading in await self.readings() for event in reading.events]

    async def heard(self) -> Message:
        """The last thing that was said to the bot."""
        said = [event for event in await self.events() if isinstance(event, MessageArrived)]
        return said[-1].message


@asynccontextmanager
async def opened() -> AsyncIterator[Scene]:
    emulator = TelegramEmulator(Stage(), limits=None)
    emulator.add_bot(TOKEN, "shop_bot")
    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        http = LoopbackHttp(client)
        config = Config(
            token=SecretStr(TOKEN), api_base=base, webhook_secret=SecretStr("hush-hush")
        )
        yield Scene(emulator=emulator, channel=Telegram(config, http), http=http)
    await emulator.aclose()
