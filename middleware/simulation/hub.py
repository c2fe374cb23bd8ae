"""A hub in the simulation: the product's own flows on the twin of the store, in virtual time."""

import asyncio
import random
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mappers.vocabulary import ConnectionId, Http, MessageId
from mappers.vocabulary.adapters import Door
from middleware.clock import Clock
from middleware.connections.model import Connected, UnknownConnection
from middleware.fields.catalogues import Catalogues
from middleware.http.gateway import MayStart
from middleware.media.flow import Shelf
from middleware.media.port import MediaStore
from middleware.outbox.flow import Tools
from middleware.outbox.perform import Means
from middleware.outbox.rules import RetryPolicy
from middleware.outbox.words import Words
from middleware.serve.executor import InProcessExecutor, Wakeups
from middleware.serve.keeper import Holdings, renew_once
from middleware.serve.listener import Listeners
from middleware.serve.server import Hands, Limits, give_back_leftovers, serve
from middleware.serve.sweeper import SWEEP_LIMIT
from middleware.serve.upkeep import Pulse, every
from middleware.simulation.life import Died, Life, MortalHttp, mortal_store
from middleware.simulation.twin import TwinStore
from middleware.simulation.wire import Network
from middleware.store.port import Store
from middleware.store.rows import Lease, Purpose
from middleware.webhooks.addresses import Place
from middleware.webhooks.door import HookDoor, Receive, Scope, Send
from middleware.webhooks.flush import Flusher
from middleware.webhooks.refusals import Refusals

TTL = timedelta(seconds=30)
GAP_AFTER = timedelta(seconds=15)
BODY_LIMIT = 1_000_000
QUEUE = 1000
FILE_LIMIT_BYTES = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What outlives any hub: the store, the network, and how accounts are built and called."""

    clock: Clock
    network: Network
    store: TwinStore
    rng: random.Random
    accounts: Mapping[ConnectionId, "AccountAt"]
    base: str
    media: MediaStore


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAt:
    """One account: how its adapter is built, and which of the hub's addresses is whose.

    `told_once`: its replies have to be read back; `listens`: they are asked for.
    """

    build: Any
    addresses: Mapping[str, Door]
    names: tuple[str, ...]
    told_once: bool = False
    listens: bool = False


class SimKeeper:
    """Renews leases as a task: the simulation has no threads."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._holdings = Holdings(TTL, clock.monotonic)
        self._clock = clock
        self._store = store

    def keep(self, lease: Lease, *, asked_at: float) -> None:
        self._holdings.keep(lease, asked_at=asked_at)

    def drop(self, lease: Lease) -> None:
        self._holdings.drop(lease)

    def may_start(self, connection: ConnectionId, purpose: Purpose, span: timedelta) -> bool:
        return self._holdings.may_start(connection, purpose, span)

    async def renew(self) -> None:
        await renew_once(self._holdings, self._store, TTL)


class SimDirectory:
    def __init__(self, site: Site, store: Store, keeper: SimKeeper, life: Life) -> None:
        self._site = site
        self._store = store
        self._keeper = keeper
        self._life = life

    async def get(self, connection: ConnectionId, purpose: Purpose = "serve") -> Connected:
        return self._built(connection, purpose)

    async def glance(self, connection: ConnectionId) -> Connected:
        return self._built(connection, "serve")

    async def active(self, connection: ConnectionId, purpose: Purpose) -> Connected:
        if self._site.store.tables.connections.rows[connection].state != "active":
            raise UnknownConnection(str(connection))
        return self._built(connection, purpose)

    def _built(self, connection: ConnectionId, purpose: Purpose) -> Connected:
        connected: Connected = self._site.accounts[connection].build(
            self._port(lambda span: self._keeper.may_start(connection, purpose, span))
        )
        return connected

    def _port(self, may_start: MayStart) -> Http:
        return MortalHttp(self._site.network.port(may_start), self._life)


class SimAddresses:
    """Knows every address from the start."""

    def __init__(self, site: Site) -> None:
        self._places: dict[str, Place] = {}
        for connection, account in site.accounts.items():
            for address, door in account.addresses.items():
                names = dict.fromkeys(account.names, connection)
                self._places[address] = Place(
                    provider="", door=door, own=connection, accounts=names
                )

    async def find(self, address: str, account: str = "") -> Place | None:
        del account
        return self._places.get(address)


class SimHub:
    """One process: it lives until it is killed or stopped."""

    def __init__(self, site: Site, number: int, life: Life) -> None:
        self.site = site
        self.life = life
        self.store = mortal_store(site.store, self.life)
        self.keeper = SimKeeper(site.clock, self.store)
        self.hands = self._hands(f"hub-{number}")
        self.executor = InProcessExecutor(self._serve, at_once=50)
        self.pulse = Pulse(self.store, self._told_once, GAP_AFTER)
        self.flusher = Flusher(
            self.store.append, self.executor.wake, self.pulse.catch_up, limit=QUEUE
        )
        self.door = HookDoor(
            _nothing_else,
            SimAddresses(site),
            self.flusher,
            Refusals(),
            body_limit=BODY_LIMIT,
            clock=site.clock,
        )
        self.listeners = Listeners(self.hands)
        self._tasks: list[asyncio.Task[None]] = []

    def _hands(self, owner: str) -> Hands:
        site = self.site
        return Hands(
            store=self.store,
            directory=SimDirectory(site, self.store, self.keeper, self.life),
            keeper=self.keeper,
            clock=site.clock,
            tools=Tools(
                clock=site.clock,
                means=Means(
                    words=Words(lambda subject: f"{site.base}/held/{subject}"),
                    shelf=Shelf(site.media, self._file_address, FILE_LIMIT_BYTES),
                    catalogues=Catalogues(site.clock),
                ),
                roll=site.rng.random,
                retry=RetryPolicy(),
                renew=_cannot_renew,
            ),
            limits=Limits(lease_ttl=TTL, slice=timedelta(seconds=20), linger=timedelta(seconds=1)),
            owner=owner,
            wake=self._wake,
        )

    def _file_address(self, message: MessageId, position: int) -> str:
        return f"{self.site.base}/media/{message}.{position}"

    def _wake(self, connections: Iterable[ConnectionId]) -> None:
        self.executor.wake(connections)

    async def _told_once(self) -> tuple[ConnectionId, ...]:
        return tuple(id_ for id_, at in self.site.accounts.items() if at.told_once)

    async def _serve(self, connection: ConnectionId, wakeups: Wakeups) -> None:
        await serve(self.hands, connection, wakeups)

    async def start(self) -> None:
        """Come up as a hub does: first what was missed, then the door, then the work.

        Raises: `Died`, and what the store raises.
        """
        await self.pulse.begin()
        self.site.network.open_door(self.site.base, self.door)
        self.site.network.accept(self.site.base)
        self.life.at_death = lambda: self.site.network.refuse(self.site.base)
        for period, work in ((2.0, self._sweep), (5.0, self._beat), (6.0, self.keeper.renew)):
            self._begin(every(self.site.clock, period, work))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def _sweep(self) -> None:
        await give_back_leftovers(self.hands)
        self.executor.wake(await self.store.due(SWEEP_LIMIT))
        self.listeners.listen(id_ for id_, at in self.site.accounts.items() if at.listens)

    async def _beat(self) -> None:
        await self.flusher.make_up()
        await self.pulse.beat()

    async def stop(self) -> None:
        """Stop as a deploy does: finish the calls in flight, give the leases back."""
        self.site.network.refuse(self.site.base)
        for task in self._tasks:
            task.cancel()
        await self.listeners.stop()
        await self.executor.stop()
        await self.flusher.drain()
        self.life.end()


async def _cannot_renew(connected: Connected) -> bool:
    del connected
    return False


async def _nothing_else(scope: Scope, receive: Receive, send: Send) -> None:
    raise Died(f"the simulation has no {scope} for {receive} and {send}")
