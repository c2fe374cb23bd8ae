"""The composition root: settings in, everything wired out. The only place that knows all."""

import asyncio
import fcntl
import os
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from mappers.vocabulary import ConnectionId, MessageId
from middleware.clock import Clock, SystemClock
from middleware.connections.directory import Keys, StoredDirectory
from middleware.connections.store import ConnectionStore
from middleware.db import partitions, schema
from middleware.db.embedded import EmbeddedPostgres
from middleware.db.engine import end_frozen, make_engine
from middleware.fields.catalogues import Catalogues
from middleware.health.metrics import Metrics
from middleware.http.budget import MemoryBudgets
from middleware.http.gateway import Gateway
from middleware.http.guard import Guard
from middleware.http.ledger import Ledger
from middleware.http.pools import HttpSettings
from middleware.media.choice import media_store
from middleware.media.flow import Shelf
from middleware.media.port import MediaAway, MediaStore
from middleware.media.store import FileStore, forget_old
from middleware.outbox.flow import Tools
from middleware.outbox.perform import Means
from middleware.outbox.rules import RetryPolicy
from middleware.outbox.words import Words
from middleware.secrets import Vault, load_keys
from middleware.serve.executor import InProcessExecutor, Wakeups
from middleware.serve.keeper import ThreadKeeper
from middleware.serve.listener import Listeners
from middleware.serve.server import Hands, Limits, give_back_leftovers, serve
from middleware.serve.upkeep import SWEEP_LIMIT, Pulse, every
from middleware.settings import Settings
from middleware.store.port import Store
from middleware.store.postgres import PostgresStore
from middleware.store.postgres.writer import InboxWriter
from middleware.webhooks.addresses import Addresses
from middleware.webhooks.flush import Flusher
from middleware.webhooks.refusals import Refusals

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 1.0
PULSE_EVERY_S = 3.0
FROZEN_EVERY_S = 4.0
WRITE_REFUSALS_EVERY_S = 10.0
# What the command line changes at known addresses, such as a secret, is learned only so.
RELOAD_EVERY_S = 10.0
PARTITIONS_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A hub with its database open. It serves nothing until `work` runs."""

    settings: Settings
    clock: Clock
    engine: AsyncEngine
    store: PostgresStore
    connections: ConnectionStore
    vault: Vault
    gateway: Gateway
    keeper: ThreadKeeper
    directory: StoredDirectory
    addresses: Addresses
    refusals: Refusals
    hands: Hands
    executor: InProcessExecutor
    writer: InboxWriter
    flusher: Flusher
    listeners: Listeners
    pulse: Pulse
    metrics: Metrics
    media: MediaStore
    files: FileStore


def held_link(settings: Settings, vault: Vault, subject: str) -> str:
    """Sign the address where a person decides what became of a held delivery."""
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    return f"{base.rstrip('/')}/held/{subject}/{vault.sign(f'held/{subject}')}"


def media_link(settings: Settings, vault: Vault, message: MessageId, position: int) -> str:
    """Sign the address where a CRM fetches a file; empty when nobody could reach it."""
    subject = f"{message}.{position}"
    signed = f"{subject}.{vault.sign(f'media/{subject}')}"
    base = settings.public_url.rstrip("/")
    return f"{base}/media/{signed}" if base else ""


def own_name() -> str:
    """Name this process, as leases and traces call it."""
    return f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"


@asynccontextmanager
async def open_hub(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Hub]:
    """Open the database, bring its schema up to date, and wire the hub.

    Raises: `PostgresUnavailable`, and `schema.SchemaError` for a database newer than the code.
    """
    async with AsyncExitStack() as stack:
        url = await _database(stack, settings)
        engine = make_engine(
            url, pool_size=settings.pool_size, statement_timeout=settings.statement_timeout
        )
        stack.push_async_callback(engine.dispose)
        if not await schema.is_current(engine):
            await _upgrade(url)
        hub = _wire(settings, clock or SystemClock(), engine, url)
        stack.push_async_callback(hub.gateway.aclose)
        stack.push_async_callback(hub.writer.aclose)
        yield hub


async def _database(stack: AsyncExitStack, settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    embedded = EmbeddedPostgres(settings.data_dir / "postgres")
    await stack.enter_async_context(embedded)
    guard = asyncio.create_task(embedded.guard(), name="guard the database")
    stack.push_async_callback(_end, guard)
    return embedded.url


async def _upgrade(url: str) -> None:
    from middleware.db import migrate  # noqa: PLC0415  # Alembic: dear to import, seldom needed

    await migrate.upgrade(url)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _wire(settings: Settings, clock: Clock, engine: AsyncEngine, url: str) -> Hub:
    vault, metrics = Vault(load_keys(settings)), Metrics()
    store, connections = PostgresStore(engine), ConnectionStore(engine)
    writer = InboxWriter(engine)
    keeper = ThreadKeeper(settings.lease_ttl, lambda: _keeper_store(url))
    gateway = Gateway(
        clock,
        MemoryBudgets(clock),
        Guard(clock),
        Ledger(vault.ledger_key, metrics.exchanged),
        HttpSettings(user_agent=f"Threadline/{version('threadline')}"),
    )
    media = media_store(settings)
    owner = own_name()
    directory = StoredDirectory(
        Keys(connections, store, vault, owner, settings.lease_ttl), gateway, keeper, clock
    )

    async def serve_one(connection: ConnectionId, wakeups: Wakeups) -> None:
        await serve(hands, connection, wakeups)

    executor = InProcessExecutor(serve_one, at_once=settings.connections_at_once)
    hands = Hands(
        store=store,
        directory=directory,
        keeper=keeper,
        clock=clock,
        tools=Tools(
            clock=clock,
            means=Means(
                words=Words(partial(held_link, settings, vault)),
                shelf=Shelf(media, partial(media_link, settings, vault), settings.file_limit_bytes),
                catalogues=Catalogues(clock),
            ),
            roll=random.random,
            retry=RetryPolicy(first_wait=settings.first_retry, longest_wait=settings.longest_retry),
            renew=directory.renew,
            pace=settings.settling_pace,
        ),
        limits=Limits(lease_ttl=settings.lease_ttl, calls_at_once=settings.calls_at_once),
        owner=owner,
        wake=executor.wake,
        told=metrics.attempted,
    )

    async def told_once() -> tuple[ConnectionId, ...]:
        rows = await connections.all()
        return tuple(
            row.id for row in rows if row.kind == "crm" and directory.can(row).replies_told_once
        )

    pulse = Pulse(store, told_once, settings.gap_after)
    return Hub(
        settings=settings,
        clock=clock,
        engine=engine,
        store=store,
        connections=connections,
        vault=vault,
        gateway=gateway,
        keeper=keeper,
        directory=directory,
        addresses=Addresses(connections, vault, clock),
        refusals=Refusals(),
        hands=hands,
        executor=executor,
        writer=writer,
        flusher=Flusher(writer.append, executor.wake, pulse.catch_up, limit=settings.hook_queue),
        listeners=Listeners(hands),
        pulse=pulse,
        metrics=metrics,
        media=media,
        files=FileStore(engine),
    )


@asynccontextmanager
async def _keeper_store(url: str) -> AsyncIterator[Store]:
    engine = make_engine(url, pool_size=1, statement_timeout=timedelta(seconds=5))
    try:
        yield PostgresStore(engine)
    finally:
        await engine.dispose()


@contextmanager
def _alone(settings: Settings) -> Iterator[bool]:
    """Say whether no other hub works on this data directory, for as long as the block lasts."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.data_dir / "hub.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield settings.database_url is None


@asynccontextmanager
async def working(hub: Hub) -> AsyncIterator[None]:
    """Serve connections until the block ends; then finish the calls in flight and stop.

    Before the first hook is taken, what was missed while nobody was here is owed.
    """
    with _alone(hub.settings) as is_alone:
        if is_alone:
            await hub.connections.expire_leases()
        await partitions.ensure(hub.engine, hub.clock.now().date())
        await hub.pulse.begin()
        await hub.addresses.reload()
        hub.keeper.start()
        hub.metrics.swept_at = hub.clock.monotonic()
        loops = _start_loops(hub)
        log.info("hub.working", owner=hub.hands.owner)
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await hub.listeners.stop()
            await hub.executor.stop()
            await hub.flusher.drain()
            await hub.keeper.stop()
            log.info("hub.stopped")


def _start_loops(hub: Hub) -> list[asyncio.Task[None]]:
    async def sweep() -> None:
        await give_back_leftovers(hub.hands)
        hub.executor.wake(await hub.store.due(SWEEP_LIMIT))
        hub.listeners.listen(await hub.connections.listeners())
        hub.metrics.swept_at = hub.clock.monotonic()

    async def beat() -> None:
        await hub.flusher.make_up()
        await hub.pulse.beat()

    async def end_the_frozen() -> None:
        if ended := await end_frozen(hub.engine):
            log.warning("database.frozen_clients_ended", sessions=ended)

    async def write_refusals() -> None:
        await hub.refusals.write(hub.engine)

    async def keep_partitions() -> None:
        today = hub.clock.now()
        await partitions.ensure(hub.engine, today.date())
        await partitions.drop_older(hub.engine, (today - hub.settings.retention).date())
        try:
            await forget_old(hub.files, hub.media, today - hub.settings.retention)
        except MediaAway as why:
            log.warning("files.store_away", why=str(why))

    works = (
        (SWEEP_EVERY_S, sweep),
        (PULSE_EVERY_S, beat),
        (FROZEN_EVERY_S, end_the_frozen),
        (RELOAD_EVERY_S, hub.addresses.reload),
        (WRITE_REFUSALS_EVERY_S, write_refusals),
        (PARTITIONS_EVERY_S, keep_partitions),
    )
    return [asyncio.create_task(every(hub.clock, period, work)) for period, work in works]
