"""A small town in one process: the hub on a real database, both emulators on real sockets.

`open_town` wires them as an integrator would, through the hub's own flows; the plan says which CRM
it is. What people say and see is said and seen at the emulators; `settle` waits until nothing is
under way anywhere.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from channel_clients.emulators.stage import Stage, serving
from channel_clients.emulators.telegram import Pace, TelegramEmulator
from channel_clients.registry import CHANNELS
from crm_clients.contract import Can
from crm_clients.emulators.amocrm import AmoCrmEmulator, ChatView, NoteView
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from crm_clients.emulators.contract import Desk, Emulator
from crm_clients.emulators.doors import InnerDoor
from crm_clients.emulators.registry import PARTS
from crm_clients.registry import CRMS
from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware.app import make_app
from middleware.connections.flow import Wanted, connect
from middleware.db.engine import transaction
from middleware.hub import Hub, open_hub
from middleware.settings import Settings
from middleware.store.policy import Policy
from middleware.tracing.port import Tracer
from middleware.working import EVERY_PART, Part, working
from tests import executor
from tests.journeys.sides import SHOP, SIDES, Side, connect_without_chats, unhurried

TOKEN = "700100:" + "A" * 35
ACCOUNT, USUAL = SHOP, "amocrm"
GAP = "\N{ZERO WIDTH SPACE}"
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
    crm: Emulator
    crm_name: str
    telegram_base: str
    crm_base: str

    @property
    def side(self) -> Side:
        return SIDES[self.crm_name]

    @property
    def amocrm(self) -> AmoCrmEmulator:
        assert isinstance(self.crm, AmoCrmEmulator)
        return self.crm

    @property
    def amocrm_base(self) -> str:
        return self.crm_base

    @property
    def bitrix24(self) -> Bitrix24Emulator:
        assert isinstance(self.crm, Bitrix24Emulator)
        return self.crm


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

    @property
    def bitrix24(self) -> Bitrix24Emulator:
        return self.world.bitrix24

    @property
    def can(self) -> Can:
        """What the CRM is able to, by its manifest: a test expects no more, and no less."""
        return CRMS[self.world.crm_name].can

    def timeline(self) -> tuple[ChatView, ...]:
        return self.amocrm.timeline(ACCOUNT)

    def chats(self) -> tuple[Any, ...]:
        """What any CRM shows of its chats."""
        crm: Any = self.world.crm
        chats: tuple[Any, ...] = crm.timeline(ACCOUNT)
        return chats

    def entries(self) -> list[str]:
        """What the operators read, in every chat, in order; not what the system says."""
        said = [message for chat in self.chats() for message in chat.messages]
        people = [each for each in said if not getattr(each, "is_system", False)]
        return [message.text.replace(GAP, "") for message in people]

    def contacts(self) -> list[dict[str, Any]]:
        crm: Any = self.world.crm
        return [dict(each) for each in crm.contacts(ACCOUNT) if not each["is_deleted"]]

    def deals(self) -> list[dict[str, Any]]:
        return self.world.side.deals(self.world.crm)

    @property
    def desk(self) -> Desk:
        return PARTS[self.world.crm_name].desk(InnerDoor(self.world.crm, self.world.crm_base))

    async def told(self) -> list[list[tuple[int, str]]]:
        """What operators heard of each reply: codes, and words where there are any."""
        replies = await self.desk.replies(ACCOUNT)
        return [[(s["code"], str(s["error"] or "")) for s in each["statuses"]] for each in replies]

    def arm(self, fault: str, calls: str, *, times: int = 1, seconds: float = 0.0) -> None:
        """Arm a fault of the CRM's network for calls of a kind: writes, contacts or deals."""
        match = self.world.side.paths[calls]
        self.world.crm.stage.arm(fault, match=match, times=times, seconds=seconds)

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
        chat = next(c for c in self.chats() if c.client_id == name)
        crm: Any = self.world.crm
        return crm.reply(ACCOUNT, chat.chat_id, words, **details)

    def patience(self) -> asyncio.Timeout:
        return asyncio.timeout(PATIENCE_S)

    async def pause(self) -> None:
        await asyncio.sleep(0.03)

    async def heard(self, user: int, count: int) -> list[str]:
        """What the customer reads, once there is so much of it, and nothing is under way."""
        async with self.patience():
            while len(self.seen_by(user)) < count:
                await self.pause()
        await self.settle()
        return self.seen_by(user)

    async def marked(self, text: Callable[[], str], mark: str) -> str:
        """What an operator's own words say, once they carry a mark of ours."""
        async with self.patience():
            while mark not in (said := text()):
                await self.pause()
        return said

    async def settle(self) -> None:
        """Wait until everybody has told everything and nothing is due."""
        quiet = 0
        async with self.patience():
            while quiet < QUIET_FOR:
                await self.telegram.drain()
                await self.world.crm.drain()
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

    crm: str = USUAL
    policy: Policy = field(default_factory=Policy)
    listens: bool = False
    notes: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def open_world(crm: str = USUAL, *, paced: bool = False) -> AsyncIterator[World]:
    """Serve both emulators, as patient as a test needs them; `paced`: the CRM is called as live."""
    async with AsyncExitStack() as stack:
        telegram = TelegramEmulator(Stage(), limits=None, pace=Pace(retry_scale=0.02))
        telegram.add_bot(TOKEN, "shop_bot")
        emulator = PARTS[crm].make(Stage(), "")
        SIDES[crm].open(emulator)
        if not paced:
            stack.enter_context(unhurried(CRMS, crm))
        stack.enter_context(unhurried(CHANNELS, "telegram"))
        stack.push_async_callback(telegram.aclose)
        stack.push_async_callback(emulator.aclose)
        yield World(
            telegram=telegram,
            crm=emulator,
            crm_name=crm,
            telegram_base=await stack.enter_async_context(serving(telegram.app)),
            crm_base=await stack.enter_async_context(serving(emulator.app)),
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


async def move_in(world: World, hub: Hub, plan: Plan, crm: ConnectionId | None = None) -> Town:
    """Connect the bot and the account, unless it is, and route one to the other."""
    workspace = await hub.connections.workspace()
    if crm is not None:
        target = crm
    elif plan.notes:
        target = (await connect_without_chats(world, hub, workspace)).id
    else:
        target = await world.side.connect(world, hub, workspace)
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
    await hub.connections.set_route(workspace, bot.id, target, plan.policy)
    return Town(world=world, hub=hub, bot=bot.id, crm=target, workspace=workspace)


@asynccontextmanager
async def open_town(
    postgres_url: str, data_dir: Path, plan: Plan | None = None, tracer: Tracer | None = None
) -> AsyncIterator[Town]:
    plan = plan or Plan()
    port = free_port()
    # Asking takes turns with hooks at the pace of the account.
    async with open_world(plan.crm, paced=plan.notes) as world:
        settings = settings_for(postgres_url, data_dir, port, **plan.settings)
        async with running(settings, tracer) as hub:
            yield await move_in(world, hub, plan)
