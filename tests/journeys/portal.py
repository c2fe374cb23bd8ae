"""A town whose CRM is a portal that installs us: the hub, and both emulators on real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from channel_clients.emulators.stage import Stage, serving
from channel_clients.emulators.telegram import Pace, TelegramEmulator
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware.connections.flow import Wanted, connect, register_application
from middleware.db.engine import transaction
from middleware.hub import Hub
from middleware.operations.accounts.flow import install_address
from middleware.store.policy import Policy
from tests.conformance.bitrix24_cards_scene import activities, remarks
from tests.journeys.town import (
    PATIENCE_S,
    QUIET_FOR,
    TOKEN,
    free_port,
    is_quiet,
    running,
    settings_for,
)

ACME = "acme"
NOBODY = ConnectionId(UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalTown:
    telegram: TelegramEmulator
    bitrix24: Bitrix24Emulator
    hub: Hub
    workspace: WorkspaceId
    client_id: str
    crm: ConnectionId = NOBODY
    bot: ConnectionId = NOBODY

    def dialogs(self) -> tuple[Any, ...]:
        return self.bitrix24.timeline(ACME)

    def entries(self) -> list[str]:
        """What the operators read, in every dialog, in order."""
        return [message.text for dialog in self.dialogs() for message in dialog.messages]

    def seen_by(self, user: int) -> list[str]:
        """What the customer's phone shows of ours, in order."""
        chat = next(c for c in self.telegram.chats() if c["chat_id"] == user)
        return [m["text"] for m in chat["messages"] if m["from"] == "bot" and not m["deleted"]]

    def reply(self, to_user: int, words: str, **details: Any) -> Any:
        """An operator answers the customer in the portal."""
        return self.bitrix24.reply(ACME, f"telegram:700100:{to_user}", words, **details)

    def messages(self) -> list[str]:
        """What customers said, as it reads on cards: activities, or comments of ours."""
        return activities(self.bitrix24) or remarks(self.bitrix24)

    def comment(self, words: str, **where: Any) -> int:
        """An operator comments on the newest contact's card, or on another one."""
        card = where.pop("card", None) or self.bitrix24.contacts(ACME)[-1]["id"]
        return int(self.bitrix24.write_note(ACME, card, words, **where).id)

    async def fate_of(self, comment: int, mark: str) -> str:
        """What a comment says, once it carries a mark of ours."""
        async with asyncio.timeout(PATIENCE_S):
            while mark not in self._text_of(comment):
                await self.pause()
        return self._text_of(comment)

    async def pause(self) -> None:
        await asyncio.sleep(0.03)

    def _text_of(self, comment: int) -> str:
        return next(each.text for each in self.bitrix24.notes(ACME) if each.id == comment)

    async def seen(self, user: int, count: int) -> list[str]:
        """What the customer reads, once there is so much of it, and nothing is under way."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.seen_by(user)) < count:
                await self.pause()
        await self.settle()
        return self.seen_by(user)

    async def settle(self) -> None:
        """Wait until everybody has told everything and nothing is due."""
        quiet = 0
        async with asyncio.timeout(PATIENCE_S):
            while quiet < QUIET_FOR:
                await self.telegram.drain()
                await self.bitrix24.drain()
                quiet = quiet + 1 if await is_quiet(self.hub) else 0
                await asyncio.sleep(0.03)

    async def install(self) -> ConnectionId:
        """Install our application in the portal, and wait until its page was shown."""
        self.bitrix24.install(ACME, self.client_id)
        async with asyncio.timeout(PATIENCE_S):
            await self.bitrix24.drain()
        async with transaction(self.hub.engine) as at:
            found = await at.execute(text("SELECT id FROM connections WHERE kind = 'crm'"))
            return ConnectionId(found.scalar_one())


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """Both emulators, and where they are. They outlive any hub."""

    telegram: TelegramEmulator
    bitrix24: Bitrix24Emulator
    telegram_base: str
    bitrix24_base: str


@asynccontextmanager
async def open_providers() -> AsyncIterator[Providers]:
    async with AsyncExitStack() as stack:
        telegram = TelegramEmulator(Stage(), limits=None, pace=Pace(retry_scale=0.02))
        bitrix24 = Bitrix24Emulator(stage=Stage())
        bitrix24.switches.rate_limited = False
        telegram.add_bot(TOKEN, "shop_bot")
        bitrix24.add_portal(ACME, users=("Ольга Менеджер", "Иван Оператор"))
        stack.push_async_callback(telegram.aclose)
        stack.push_async_callback(bitrix24.aclose)
        yield Providers(
            telegram=telegram,
            bitrix24=bitrix24,
            telegram_base=await stack.enter_async_context(serving(telegram.app)),
            bitrix24_base=await stack.enter_async_context(serving(bitrix24.app)),
        )


async def move_in(
    there: Providers, hub: Hub, policy: Policy | None = None, **details: Any
) -> PortalTown:
    """Register as an integrator does, let the portal install us, and route a bot to it.

    `details` are further values of the registration.
    """
    workspace = await hub.connections.workspace()
    ours = there.bitrix24.add_application("https://example.com")
    values = {
        "client_id": ours.client_id,
        "client_secret": ours.client_secret,
        "oauth_base": there.bitrix24_base,
        "trusted_origins": [there.bitrix24_base],
        **details,
    }
    application, _ = await register_application(hub, workspace, "bitrix24", values)
    ours.install_url = install_address(hub, "bitrix24", application)
    town = PortalTown(
        telegram=there.telegram,
        bitrix24=there.bitrix24,
        hub=hub,
        workspace=workspace,
        client_id=ours.client_id,
    )
    return await open_shop(there, replace(town, crm=await town.install()), policy)


async def move_in_by_webhook(there: Providers, hub: Hub) -> PortalTown:
    """Connect the portal by a webhook that somebody made in it, and route a bot to it."""
    made = there.bitrix24.add_webhook(ACME, scopes=("crm",))
    address = f"{there.bitrix24_base}/{ACME}/rest/{made['user_id']}/{made['secret']}/"
    workspace = await hub.connections.workspace()
    wanted = Wanted(provider="bitrix24", values={"webhook": address})
    crm = await connect(hub, workspace, wanted)
    town = PortalTown(
        telegram=there.telegram,
        bitrix24=there.bitrix24,
        hub=hub,
        workspace=workspace,
        client_id="",
        crm=crm.id,
    )
    return await open_shop(there, town, None)


async def open_shop(there: Providers, town: PortalTown, policy: Policy | None) -> PortalTown:
    """Connect a bot, and route it to the portal."""
    hub, workspace, crm = town.hub, town.workspace, town.crm
    bot_values = {"token": TOKEN, "api_base": there.telegram_base, "mode": "webhook"}
    wanted = Wanted(provider="telegram", values={**bot_values, "webhook_secret": "hush-hush"})
    bot = await connect(hub, workspace, wanted)
    await hub.connections.set_route(workspace, bot.id, crm, policy or Policy())
    return replace(town, bot=bot.id)


@asynccontextmanager
async def open_portal(postgres_url: str, data_dir: Path) -> AsyncIterator[PortalTown]:
    settings = settings_for(postgres_url, data_dir, free_port())
    async with open_providers() as there, running(settings) as hub:
        yield await move_in(there, hub)
