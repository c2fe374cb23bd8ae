"""The world of a simulation: a bot and a CRM account on the emulators, and the hub between them."""

import asyncio
import random
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from channel_clients.emulators.stage import Stage
from channel_clients.emulators.telegram import TelegramEmulator
from channel_clients.registry import CHANNELS
from crm_clients.emulators.amocrm import AmoCrmEmulator
from crm_clients.emulators.notes import as_replies, as_timeline
from crm_clients.registry import CRMS
from mappers.vocabulary import ConnectionId, DeliveryState, RouteId, WorkspaceId
from mappers.vocabulary.adapters import SetsUp
from middleware.connections.model import ConnectedChannel, ConnectedCrm
from middleware.secrets import plain
from middleware.simulation.hub import AccountAt, SimHub, Site
from middleware.simulation.life import Action, Died, Life
from middleware.simulation.loop import VirtualClock
from middleware.simulation.media import MemoryMedia
from middleware.simulation.twin import TwinStore
from middleware.simulation.wire import Network
from middleware.store.errors import StoreConflict, StoreUnavailable
from middleware.store.policy import Policy
from middleware.store.rows import RouteRow
from middleware.trial.evidence import Records, threads_of
from middleware.trial.verdict import Verdict, judge

WORKSPACE = WorkspaceId(UUID(int=1))
BOT = ConnectionId(UUID(int=2))
CRM = ConnectionId(UUID(int=3))
HUB = "http://hub.sim"
CHANNEL_BASE, CRM_BASE = "http://channel.sim", "http://crm.sim"
TOKEN = "700100:" + "A" * 35
ACCOUNT = "shop"
SECRET = "hush-hush"  # noqa: S105 - nothing real is behind it
QUIET_FOR = 3


@dataclass(slots=True)
class World:
    """Everything there is. `hub` is the one that lives now, or the last that did.

    With `notes` the CRM has no chats: messages and replies are notes on cards.
    """

    site: Site
    channel: TelegramEmulator
    crm: AmoCrmEmulator
    hub: SimHub
    hubs: int = 1
    crashes: int = 0
    notes: bool = False

    async def restart(self) -> None:
        """Bring up a new hub, again and again until it gets through its start."""
        while True:
            self.hubs += 1
            self.hub = SimHub(self.site, self.hubs, Life(self.site.clock.sleep))
            try:
                await self.hub.start()
            except (StoreUnavailable, StoreConflict):
                await self.site.clock.sleep(1)
            else:
                return

    def kill(self) -> None:
        self.hub.life.end()
        self.crashes += 1

    @property
    def is_alive(self) -> bool:
        return not self.hub.life.is_over

    async def settle(self, *, patience: timedelta = timedelta(hours=6)) -> bool:
        """Let time pass until nothing is under way; False when that never comes.

        A dead hub settles nothing, and is not waited for.
        """
        clock, quiet = self.site.clock, 0
        deadline = clock.monotonic() + patience.total_seconds()
        while clock.monotonic() < deadline and self.is_alive:
            await clock.sleep(5)
            quiet = quiet + 1 if self._is_quiet() else 0
            if quiet >= QUIET_FOR:
                return True
        return False

    def _is_quiet(self) -> bool:
        tables = self.site.store.tables
        unread = any(row.state == "new" for row in tables.inbox.rows.values())
        busy = (DeliveryState.CALLING, DeliveryState.DOUBT, DeliveryState.READY)
        owed = any(row.state in busy for row in tables.deliveries.rows.values())
        pending = any(len(bot.backlog) for bot in self.channel.bots)
        return not (unread or owed or pending)

    def unprovable_sends(self) -> int:
        """Deliveries that wait for a person because nobody could tell."""
        rows = self.site.store.tables.deliveries.rows.values()
        return sum(row.state is DeliveryState.HELD for row in rows)

    def verdict(self) -> Verdict:
        return judge(threads_of(self.records()), contacts_created=self._contacts())

    def _contacts(self) -> int:
        return sum(not contact["is_deleted"] for contact in self.crm.contacts(ACCOUNT))

    def records(self) -> Records:
        """What the two emulators hold, in the words of their stages."""
        cards = self.crm.contacts(ACCOUNT), self.crm.leads(ACCOUNT)
        kept = _plain(self.crm.notes(ACCOUNT))
        return Records(
            said=_plain(self.channel.said),
            chats=self.channel.chats(),
            timeline=as_timeline(kept, *cards) if self.notes else self._chats(),
            replies=as_replies(kept, *cards) if self.notes else _plain(self.crm.replies),
        )

    def _chats(self) -> list[Any]:
        return _plain(self.crm.timeline(ACCOUNT))

    def answerable(self) -> list[Any]:
        """What an operator may answer to: chats or, without them, cards."""
        if self.notes:
            shown = {note.entity_id for note in self.crm.notes(ACCOUNT) if note.title}
            leads = [lead["id"] for lead in self.crm.leads(ACCOUNT)]
            return [card for card in leads if card in shown]
        return [chat.chat_id for chat in self.crm.timeline(ACCOUNT) if chat.messages]

    def answer(self, where: Any, words: str) -> None:
        if self.notes:
            self.crm.write_note(ACCOUNT, where, f"// {words}", entity="leads")
        else:
            self.crm.reply(ACCOUNT, where, words)


def _plain(views: Any) -> list[Any]:
    return [asdict(view) for view in views]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What happens to the first hub, at its touch number `point`."""

    point: int | None = None
    action: Action = "crash"


async def build(
    seed: int,
    fate: Fate | None = None,
    policy: Policy | None = None,
    *,
    notes: bool = False,
) -> World:
    """Build a world and start its first hub. It may be dead already when this returns."""
    rng = random.Random(seed)  # noqa: S311 - chance with a seed is the point
    clock = VirtualClock()
    network, store = Network(clock, rng), TwinStore(clock)
    channel = TelegramEmulator(Stage(clock=clock, push=network.push, rng=rng), limits=None)
    crm = AmoCrmEmulator(stage=Stage(clock=clock, push=network.push, rng=rng))
    network.attach(CHANNEL_BASE, channel)
    network.attach(CRM_BASE, crm)
    crm.switches.set("rate_limited", value=False)
    accounts = {
        BOT: await _bot(channel, network),
        CRM: await _crm(crm, network, notes=notes),
    }
    store.add_connection(BOT, WORKSPACE, "channel", ("telegram", "700100"))
    store.add_connection(CRM, WORKSPACE, "crm", ("amocrm", accounts[CRM].names[0]))
    route = RouteId(UUID(int=4))
    store.add_route(RouteRow(id=route, source=BOT, target=CRM, policy=policy or Policy()))
    site = Site(
        clock=clock,
        network=network,
        store=store,
        rng=rng,
        accounts=accounts,
        base=HUB,
        media=MemoryMedia(),
    )
    fate = fate or Fate()
    life = Life(clock.sleep, point=fate.point, action=fate.action)
    world = World(site=site, channel=channel, crm=crm, hub=SimHub(site, 1, life), notes=notes)
    try:
        await world.hub.start()
    except (Died, StoreUnavailable):
        world.kill()
    asyncio.get_running_loop().set_exception_handler(_ignore_deaths)
    return world


def _ignore_deaths(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), Died):
        loop.default_exception_handler(context)


async def _bot(emulator: TelegramEmulator, network: Network) -> AccountAt:
    emulator.add_bot(TOKEN, "shop_bot")
    manifest = CHANNELS["telegram"]
    values = {"token": TOKEN, "api_base": CHANNEL_BASE, "mode": "webhook", "webhook_secret": SECRET}
    config = await _set_up(manifest, values, None, network, f"{HUB}/hooks/bot")

    def connected(port: Any) -> ConnectedChannel:
        return ConnectedChannel(
            id=BOT,
            workspace=WORKSPACE,
            provider="telegram",
            account="700100",
            title="Shop",
            adapter=manifest.build(config, None, port),
            can=manifest.can_of(config),
        )

    return AccountAt(
        build=connected,
        addresses={"bot": manifest.door(config, None)},
        names=manifest.accounts(config),
    )


async def _crm(emulator: AmoCrmEmulator, network: Network, *, notes: bool) -> AccountAt:
    manifest = CRMS["amocrm"]
    account = emulator.add_account(ACCOUNT)
    integration = emulator.add_integration("https://hub.sim/oauth")
    channel = emulator.add_channel(integration, f"{HUB}/hooks/shared/:scope_id", approved=[ACCOUNT])
    token = emulator.long_lived_token(integration.client_id, ACCOUNT)
    assert manifest.application is not None
    application = manifest.application.model_validate(
        {
            "client_id": integration.client_id,
            "client_secret": integration.client_secret,
            "channel_id": channel.id,
            "channel_secret": channel.secret,
            "channel_bot_id": channel.bot_id,
            "amojo_base": f"{CRM_BASE}/amojo",
            "trusted_origins": [CRM_BASE],
        }
    )
    values = {
        "base": f"{CRM_BASE}/{ACCOUNT}",
        "account_id": str(account.id),
        "amojo_id": account.amojo_id,
        "access_token": token.access_token,
        "timeline": "notes" if notes else "chats",
    }
    config = await _set_up(manifest, values, application, network, f"{HUB}/hooks/crm")

    def connected(port: Any) -> ConnectedCrm:
        return ConnectedCrm(
            id=CRM,
            workspace=WORKSPACE,
            provider="amocrm",
            account=str(account.id),
            title="Shop",
            adapter=manifest.build(config, application, port),
            can=manifest.can_of(config),
        )

    assert manifest.application_door is not None
    return AccountAt(
        build=connected,
        addresses={
            "shared": manifest.application_door(application),
            "crm": manifest.door(config, application),
        },
        names=manifest.accounts(config),
        told_once=manifest.can_of(config).replies_told_once,
        listens=manifest.can_of(config).polled,
    )


async def _set_up(
    manifest: Any, values: dict[str, Any], application: Any, network: Network, address: str
) -> Any:
    """Register our hooks as `connect` does, and keep what that changed."""
    adapter = manifest.build(manifest.config.model_validate(values), application, network.port())
    if isinstance(adapter, SetsUp):
        done = await adapter.set_up(address, take_over=False)
        values = {**values, **plain(done.changes)}
    return manifest.config.model_validate(values)
