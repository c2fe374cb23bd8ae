"""A small town in one process: the hub on a real database, both emulators on real sockets.

`open_town` wires them as an integrator would, through the hub's own flows. What people say and see
is said and seen at the emulators; `settle` waits until nothing is under way anywhere.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from channel_clients.emulators.stage import Stage, serving
from channel_clients.emulators.telegram import Pace, TelegramEmulator
from crm_clients.amocrm.oauth import expiry_in
from crm_clients.emulators.amocrm import AmoCrmEmulator, ChatView, NoteView
from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware.app import make_app
from middleware.connections.flow import ConnectedNow, Wanted, connect, register_application
from middleware.db.engine import transaction
from middleware.hub import Hub, open_hub
from middleware.settings import Settings
from middleware.store.policy import Policy
from middleware.tracing.port import Tracer
from middleware.working import EVERY_PART, Part, working
from tests import executor

TOKEN = "700100:" + "A" * 35
ACCOUNT = "shop"
QUIET_FOR = 3
PATIENCE_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


UNDER_WAY = """
    WITH active AS (SELECT id FROM connections WHERE state = 'active')
    SELECT (SELECT count(*) FROM inbox
            WHERE state = 'new' AND connection_id IN (TABLE active))
         + (SELECT count(*) FROM lanes
            WHERE due_at IS NOT NULL AND target_id IN (TABLE active))
         + (SELECT count(*) FROM deliveries
            WHERE state IN ('calling', 'doubt') AND target_id IN (TABLE active))
"""


async def is_quiet(hub: Hub) -> bool:
    """Say whether nothing is under way in a hub."""
    async with transaction(hub.engine) as at:
        return not (await at.execute(text(UNDER_WAY))).scalar_one()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The providers, and where they are. They outlive any hub."""

    telegram: TelegramEmulator
    amocrm: AmoCrmEmulator
    telegram_base: str
    amocrm_base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    world: World
    hub: Hub
    bot: ConnectionId
    crm: ConnectionId
    workspace: WorkspaceId

    @property
    def telegram(self) -> TelegramEmulator:
        return self.world.telegram

    @property
    def amocrm(self) -> AmoCrmEmulator:
        return self.world.amocrm

    def timeline(self) -> tuple[ChatView, ...]:
        return self.amocrm.timeline(ACCOUNT)

    def entries(self) -> list[str]:
        """What the operators read, in every chat, in order."""
        return [message.text for chat in self.timeline() for message in chat.messages]

    def notes(self) -> list[NoteView]:
        """What we wrote onto cards, in the order of their feeds."""
        return [note for note in self.amocrm.notes(ACCOUNT) if note.title]

    def note(self, words: str, **where: Any) -> int:
        """An operator writes a note on the newest contact's card, or on another card."""
        card = where.pop("card", None) or self.amocrm.contacts(ACCOUNT)[-1]["id"]
        return int(self.amocrm.write_note(ACCOUNT, card, words, **where).id)

    def note_text(self, note: int) -> str:
        return next(each.text for each in self.amocrm.notes(ACCOUNT) if each.id == note)

    def seen_by(self, user: int) -> list[str]:
        """What the customer's phone shows of ours, in order."""
        chat = next(c for c in self.telegram.chats() if c["chat_id"] == user)
        return [m["text"] for m in chat["messages"] if m["from"] == "bot" and not m["deleted"]]

    def reply(self, to_user: int, words: str, **details: Any) -> Any:
        """An operator answers the customer from inside the CRM."""
        name = f"telegram:700100:{to_user}"
        chat = next(c for c in self.timeline() if c.client_id == name)
        return self.amocrm.reply(ACCOUNT, chat.chat_id, words, **details)

    def patience(self) -> asyncio.Timeout:
        return asyncio.timeout(PATIENCE_S)

    async def pause(self) -> None:
        await asyncio.sleep(0.03)

    async def settle(self) -> None:
        """Wait until everybody has told everything and nothing is due."""
        quiet = 0
        async with self.patience():
            while quiet < QUIET_FOR:
                await self.telegram.drain()
                await self.amocrm.drain()
                quiet = quiet + 1 if await self._is_quiet() else 0
                await self.pause()

    async def _is_quiet(self) -> bool:
        return await is_quiet(self.hub)

    async def count(self, query: str, **values: Any) -> int:
        async with transaction(self.hub.engine) as at:
            return int((await at.execute(text(query), values)).scalar_one())

    async def rows(self, query: str, **values: Any) -> list[Mapping[str, Any]]:
        async with transaction(self.hub.engine) as at:
            return [dict(row) for row in (await at.execute(text(query), values)).mappings()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a town is laid out. Everything has a usual value. `notes`: the CRM has no chats."""

    policy: Policy = field(default_factory=Policy)
    listens: bool = False
    notes: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """Serve both emulators, as patient as a test needs them."""
    async with AsyncExitStack() as stack:
        telegram = TelegramEmulator(Stage(), limits=None, pace=Pace(retry_scale=0.02))
        amocrm = AmoCrmEmulator(stage=Stage())
        amocrm.switches.set("rate_limited", value=False)
        amocrm.switches.set("retry_scale", value=0.001)
        telegram.add_bot(TOKEN, "shop_bot")
        amocrm.add_account(ACCOUNT)
        stack.push_async_callback(telegram.aclose)
        stack.push_async_callback(amocrm.aclose)
        yield World(
            telegram=telegram,
            amocrm=amocrm,
            telegram_base=await stack.enter_async_context(serving(telegram.app)),
            amocrm_base=await stack.enter_async_context(serving(amocrm.app)),
        )


def settings_for(postgres_url: str, data_dir: Path, port: int, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "database_url": SecretStr(postgres_url),
        "data_dir": data_dir,
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "first_retry": timedelta(milliseconds=50),
        "longest_retry": timedelta(milliseconds=400),
        "settling_pace": 0.01,
        **executor.settings(),
        **changes,
    }
    return Settings(**values)


@asynccontextmanager
async def running(
    settings: Settings, tracer: Tracer | None = None, parts: frozenset[Part] = EVERY_PART
) -> AsyncIterator[Hub]:
    """Run a hub on its port until the block ends."""
    async with (
        open_hub(settings, tracer=tracer) as hub,
        working(hub, parts),
        serving(make_app(hub), settings.port),
    ):
        yield hub


async def connect_account(
    world: World, hub: Hub, workspace: WorkspaceId, **values_too: Any
) -> ConnectedNow:
    """Register with the CRM as support would have us do, and connect its account."""
    amocrm = world.amocrm
    integration = amocrm.add_integration("https://hub.example/oauth")
    values = {
        "client_id": integration.client_id,
        "client_secret": integration.client_secret,
        "redirect_uri": integration.redirect_uri,
        "amojo_base": f"{world.amocrm_base}/amojo",
        "oauth_base": world.amocrm_base,
        "trusted_origins": [world.amocrm_base],
    }
    application, hooks = await register_application(hub, workspace, "amocrm", values)
    channel = amocrm.add_channel(integration, f"{hooks}/:scope_id", approved=[ACCOUNT])
    values |= {
        "channel_id": channel.id,
        "channel_secret": channel.secret,
        "channel_bot_id": channel.bot_id,
        "channel_code": channel.code,
    }
    application, _ = await register_application(hub, workspace, "amocrm", values)
    tokens = amocrm.tokens(integration.client_id, ACCOUNT)
    account = amocrm.world.account(ACCOUNT)
    return await connect(
        hub,
        workspace,
        Wanted(
            provider="amocrm",
            application=application,
            values={
                "base": f"{world.amocrm_base}/{ACCOUNT}",
                "account_id": str(account.id),
                "amojo_id": account.amojo_id,
                "access_token": tokens.access_token,
                "refresh_token": tokens.refresh_token,
                "expires_at": expiry_in(tokens.access_token),
                **values_too,
            },
        ),
    )


async def connect_without_chats(world: World, hub: Hub, workspace: WorkspaceId) -> ConnectedNow:
    """Connect the account by a token made in it, with no registration: messages are notes."""
    integration = world.amocrm.add_integration("https://hub.example/oauth")
    account = world.amocrm.world.account(ACCOUNT)
    token = world.amocrm.long_lived_token(integration.client_id, ACCOUNT)
    values = {
        "base": f"{world.amocrm_base}/{ACCOUNT}",
        "account_id": str(account.id),
        "amojo_id": account.amojo_id,
        "access_token": token.access_token,
        "timeline": "notes",
    }
    return await connect(hub, workspace, Wanted(provider="amocrm", values=values))


async def move_in(world: World, hub: Hub, plan: Plan, crm: ConnectedNow | None = None) -> Town:
    """Connect the bot and the account, unless it is, and route one to the other."""
    workspace = await hub.connections.workspace()
    connect_crm = connect_without_chats if plan.notes else connect_account
    crm = crm or await connect_crm(world, hub, workspace)
    bot = await connect(
        hub,
        workspace,
        Wanted(
            provider="telegram",
            values={
                "token": TOKEN,
                "api_base": world.telegram_base,
                "mode": "polling" if plan.listens else "webhook",
                "webhook_secret": "" if plan.listens else "hush-hush",
            },
            listen=plan.listens,
        ),
    )
    await hub.connections.set_route(workspace, bot.id, crm.id, plan.policy)
    return Town(world=world, hub=hub, bot=bot.id, crm=crm.id, workspace=workspace)


@asynccontextmanager
async def open_town(
    postgres_url: str, data_dir: Path, plan: Plan | None = None, tracer: Tracer | None = None
) -> AsyncIterator[Town]:
    plan = plan or Plan()
    port = free_port()
    async with open_world() as world:
        settings = settings_for(postgres_url, data_dir, port, **plan.settings)
        async with running(settings, tracer) as hub:
            yield await move_in(world, hub, plan)
