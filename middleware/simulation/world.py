"""The world of a simulation: a bot and a CRM account on the emulators, and the hub between them."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from channel_clients.emulators.contract import ChannelEmulator
from channel_clients.emulators.registry import CHANNEL_PARTS
from channel_clients.emulators.stage import Stage
from channel_clients.registry import CHANNELS
from crm_clients.emulators.contract import Desk, Emulator, Part
from crm_clients.emulators.doors import InnerDoor
from crm_clients.emulators.registry import PARTS
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
from middleware.trial.layout import USUAL_CHANNEL, USUAL_CRM
from middleware.trial.verdict import Verdict, judge

WORKSPACE = WorkspaceId(UUID(int=1))
BOT = ConnectionId(UUID(int=2))
CRM = ConnectionId(UUID(int=3))
HUB = "http://hub.sim"
SHARED = f"{HUB}/hooks/shared"
CHANNEL_BASE, CRM_BASE = "http://channel.sim", "http://crm.sim"
BOT_ID = "700100"
TOKEN = f"{BOT_ID}:" + "A" * 35
ACCOUNT = "shop"
OPERATORS = ("Ольга Менеджер",)
SECRET = "hush-hush"  # noqa: S105 - nothing real is behind it
QUIET_FOR = 3


@dataclass(slots=True)
class World:
    """Everything there is. `hub` is the one that lives now, or the last that did.

    `part` is what the CRM brings; its operators sit at the `desk`. `asks`: the hub asks the CRM for
    news, which may come late.
    """

    site: Site
    channel: ChannelEmulator
    crm: Emulator
    part: Part
    desk: Desk
    hub: SimHub
    hubs: int = 1
    crashes: int = 0
    asks: bool = False

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
            quiet = quiet + 1 if await self._is_quiet() else 0
            if quiet >= QUIET_FOR:
                return True
        return False

    async def _is_quiet(self) -> bool:
        tables = self.site.store.tables
        unread = any(row.state == "new" for row in tables.inbox.rows.values())
        busy = (DeliveryState.CALLING, DeliveryState.DOUBT, DeliveryState.READY)
        owed = any(row.state in busy for row in tables.deliveries.rows.values())
        if unread or owed:
            return False
        bots = (await self._customers.get("state"))["bots"]
        return not any(bot["pending"] for bot in bots)

    def unprovable_sends(self) -> int:
        """Deliveries that wait for a person because nobody could tell."""
        rows = self.site.store.tables.deliveries.rows.values()
        return sum(row.state is DeliveryState.HELD for row in rows)

    @property
    def _customers(self) -> InnerDoor:
        return InnerDoor(self.channel, CHANNEL_BASE)

    async def verdict(self) -> Verdict:
        return judge(threads_of(await self.records()), contacts_created=len(await self.contacts()))

    async def contacts(self) -> list[Any]:
        kept = await self.desk.contacts(ACCOUNT)
        return [contact for contact in kept if not contact["is_deleted"]]

    async def records(self) -> Records:
        """What the two emulators hold."""
        return Records(
            said=(await self._customers.get("said"))["said"],
            chats=(await self._customers.get("chats"))["chats"],
            timeline=await self.desk.timeline(ACCOUNT),
            replies=await self.desk.replies(ACCOUNT),
        )

    async def answerable(self) -> list[str]:
        """Name the chats in which an operator may answer."""
        chats = await self.desk.timeline(ACCOUNT)
        return [chat["chat_id"] for chat in chats if chat["chat_id"] and chat["messages"]]

    async def answer(self, chat: str, words: str) -> None:
        await self.desk.reply(ACCOUNT, chat, words)


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
    crm: str = USUAL_CRM,
    mode: str = "",
) -> World:
    """Build a world and start its first hub. It may be dead already when this returns.

    `mode` is a way of the CRM to keep its timeline, if it has several.
    """
    rng = random.Random(seed)  # noqa: S311 - chance with a seed is the point
    clock = VirtualClock()
    network, store = Network(clock, rng), TwinStore(clock)
    part = PARTS[crm]
    stages = [Stage(clock=clock, push=network.push, rng=rng) for _ in range(2)]
    customers = CHANNEL_PARTS[USUAL_CHANNEL].make(stages[0], (TOKEN,))
    emulator = part.make(stages[1], CRM_BASE)
    desk = part.modes.get(mode, part.desk)(InnerDoor(emulator, CRM_BASE))
    network.attach(CHANNEL_BASE, customers)
    network.attach(CRM_BASE, emulator)
    await desk.furnish(limited=False)
    accounts = {BOT: await _bot(network), CRM: await _crm(part, desk, network)}
    store.add_connection(BOT, WORKSPACE, "channel", (USUAL_CHANNEL, accounts[BOT].names[0]))
    store.add_connection(CRM, WORKSPACE, "crm", (crm, accounts[CRM].names[0]))
    route = RouteId(UUID(int=4))
    store.add_route(RouteRow(id=route, source=BOT, target=CRM, policy=policy or Policy()))
    fate = fate or Fate()
    life = Life(clock.sleep, point=fate.point, action=fate.action)
    site = _site((clock, network, store, rng), accounts)
    world = World(
        site=site,
        channel=customers,
        crm=emulator,
        part=part,
        desk=desk,
        hub=SimHub(site, 1, life),
        asks=accounts[CRM].listens,
    )
    await _begin(world)
    return world


def _site(
    around: tuple[VirtualClock, Network, TwinStore, random.Random],
    accounts: Mapping[ConnectionId, AccountAt],
) -> Site:
    clock, network, store, rng = around
    return Site(
        clock=clock,
        network=network,
        store=store,
        rng=rng,
        accounts=accounts,
        base=HUB,
        media=MemoryMedia(),
    )


async def _begin(world: World) -> None:
    try:
        await world.hub.start()
    except (Died, StoreUnavailable):
        world.kill()
    asyncio.get_running_loop().set_exception_handler(_ignore_deaths)


def _ignore_deaths(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), Died):
        loop.default_exception_handler(context)


async def _bot(network: Network) -> AccountAt:
    manifest = CHANNELS[USUAL_CHANNEL]
    values = CHANNEL_PARTS[USUAL_CHANNEL].values(TOKEN, CHANNEL_BASE, SECRET)
    config = await _set_up(manifest, values, None, network, f"{HUB}/hooks/bot")

    def connected(port: Any) -> ConnectedChannel:
        return ConnectedChannel(
            id=BOT,
            workspace=WORKSPACE,
            provider=manifest.name,
            account=BOT_ID,
            title="Shop",
            adapter=manifest.build(config, None, port),
            can=manifest.can_of(config),
        )

    return AccountAt(
        build=connected,
        addresses={"bot": manifest.door(config, None)},
        names=manifest.accounts(config),
    )


async def _crm(part: Part, desk: Desk, network: Network) -> AccountAt:
    manifest = CRMS[part.name]
    await desk.open_account(ACCOUNT, OPERATORS)
    ours = await desk.register(HUB)
    await desk.take_hooks(ours, SHARED, (ACCOUNT,))
    registered = {"hook_address": SHARED, **ours.values}
    application = manifest.application and manifest.application.model_validate(registered)
    values = await desk.admit(ACCOUNT, ours, lasting=True)
    config = await _set_up(manifest, values, application, network, f"{HUB}/hooks/crm")
    names = manifest.accounts(config)

    def connected(port: Any) -> ConnectedCrm:
        return ConnectedCrm(
            id=CRM,
            workspace=WORKSPACE,
            provider=part.name,
            account=names[0],
            title="Shop",
            adapter=manifest.build(config, application, port),
            can=manifest.can_of(config),
        )

    addresses = {"crm": manifest.door(config, application)}
    if manifest.application_door is not None:
        addresses["shared"] = manifest.application_door(application)
    return AccountAt(
        build=connected,
        addresses=addresses,
        names=names,
        told_once=manifest.can_of(config).replies_told_once,
        listens=manifest.can_of(config).polled,
    )


async def _set_up(
    manifest: Any, values: Mapping[str, Any], application: Any, network: Network, address: str
) -> Any:
    """Register our hooks as `connect` does, and keep what that changed."""
    adapter = manifest.build(manifest.config.model_validate(values), application, network.port())
    if isinstance(adapter, SetsUp):
        done = await adapter.set_up(address, take_over=False)
        values = {**values, **plain(done.changes)}
    return manifest.config.model_validate(values)
