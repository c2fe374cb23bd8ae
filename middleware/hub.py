"""The composition root: settings in, everything wired out. The only place that knows all."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncEngine

from mappers.vocabulary import ConnectionId, MessageId
from middleware.clock import Clock, SystemClock
from middleware.connections.directory import Keys, StoredDirectory
from middleware.connections.store import ConnectionStore
from middleware.db import schema
from middleware.db.embedded import EmbeddedPostgres
from middleware.db.engine import make_engine
from middleware.fields.catalogues import Catalogues
from middleware.health.metrics import Metrics
from middleware.health.vitals import Vitals
from middleware.health.watching import WatchedBudgets, watch_loop
from middleware.http.budget import MemoryBudgets
from middleware.http.gateway import Gateway
from middleware.http.guard import Guard
from middleware.http.ledger import Exchange, Ledger
from middleware.http.pools import HttpSettings
from middleware.media.choice import media_store
from middleware.media.flow import Shelf
from middleware.media.port import MediaStore
from middleware.media.store import FileStore
from middleware.outbox.flow import Tools
from middleware.outbox.perform import Means
from middleware.outbox.rules import RetryPolicy
from middleware.outbox.words import Words
from middleware.secrets import Vault, load_keys
from middleware.serve.executor import Executor, InProcessExecutor, Wakeups
from middleware.serve.keeper import ThreadKeeper
from middleware.serve.listener import Listeners
from middleware.serve.roster import own_name
from middleware.serve.server import Hands, Limits, serve
from middleware.serve.upkeep import Pulse
from middleware.settings import Settings
from middleware.store.port import Store
from middleware.store.postgres import PostgresStore
from middleware.store.postgres.writer import InboxWriter
from middleware.tracing.choice import tracer_of
from middleware.tracing.port import Tracer
from middleware.webhooks.addresses import Addresses
from middleware.webhooks.flush import Flusher
from middleware.webhooks.refusals import Refusals

if TYPE_CHECKING:
    from middleware.serve.several import CeleryExecutor, SharedBudgets


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A hub with its database open. It serves nothing until `middleware.working` runs.

    `own` serves connections in this process; `executor` decides in which process that is done,
    and is `celery` where there are others. `sharing` is there where budgets are shared with them.
    `give_up` is set when this process is good for nothing any more.
    """

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
    own: InProcessExecutor
    executor: Executor
    celery: "CeleryExecutor | None"
    sharing: "SharedBudgets | None"
    writer: InboxWriter
    flusher: Flusher
    listeners: Listeners
    pulse: Pulse
    metrics: Metrics
    vitals: Vitals
    give_up: asyncio.Event
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


@asynccontextmanager
async def open_hub(
    settings: Settings,
    clock: Clock | None = None,
    tracer: Tracer | None = None,
    *,
    spent_before: bool = True,
) -> AsyncIterator[Hub]:
    """Open the database, bring its schema up to date, and wire the hub.

    `spent_before`: some hub may just have called the same providers, as one before a restart did.

    Raises: `PostgresUnavailable`, and `schema.SchemaError` for a database newer than the code.
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_database(settings))
        metrics = Metrics()
        engine = make_engine(
            url,
            pool_size=settings.pool_size,
            statement_timeout=settings.statement_timeout,
            told=metrics.waited_for_database,
        )
        stack.push_async_callback(engine.dispose)
        if not await schema.fits(engine):
            await _upgrade(url)
        clock = clock or SystemClock()
        owner = own_name()
        around = _Around(
            owner=owner,
            metrics=metrics,
            tracer=tracer or tracer_of(settings, owner),
            sharing=await _sharing(stack, settings, clock),
            spent_before=spent_before,
        )
        stack.push_async_callback(around.tracer.aclose)
        stack.push_async_callback(_end, asyncio.create_task(watch_loop(metrics), name="loop lag"))
        hub = _wire(settings, clock, engine, url, around)
        stack.push_async_callback(hub.gateway.aclose)
        stack.push_async_callback(hub.executor.stop)
        stack.push_async_callback(hub.writer.aclose)
        yield hub


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """Find the database as it is, and keep the embedded one running until the block ends.

    Raises: `PostgresUnavailable`.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    async with EmbeddedPostgres(settings.data_dir / "postgres") as embedded:
        guard = asyncio.create_task(embedded.guard(), name="guard the database")
        try:
            yield embedded.url
        finally:
            await _end(guard)


async def _sharing(
    stack: AsyncExitStack, settings: Settings, clock: Clock
) -> "SharedBudgets | None":
    if not settings.budgets_url:
        return None
    from middleware.serve.several import shared_budgets  # noqa: PLC0415  # see there

    return await shared_budgets(stack, settings, clock)


async def _upgrade(url: str) -> None:
    from middleware.db import migrate  # noqa: PLC0415  # Alembic: dear to import, seldom needed

    await migrate.upgrade(url)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """Under which name the hub works, who watches it, and with whom it shares its budgets."""

    owner: str
    metrics: Metrics
    tracer: Tracer
    sharing: "SharedBudgets | None"
    spent_before: bool

    def exchanged(self, exchange: Exchange) -> None:
        self.metrics.exchanged(exchange)
        self.tracer.exchanged(exchange)


def _gateway(clock: Clock, vault: Vault, around: _Around) -> Gateway:
    alone = MemoryBudgets(clock, spent_before=around.spent_before)
    return Gateway(
        clock,
        WatchedBudgets(around.sharing or alone, around.metrics),
        Guard(clock),
        Ledger(vault.ledger_key, around.exchanged),
        HttpSettings(user_agent=f"Threadline/{version('threadline')}"),
    )


def _tools(
    settings: Settings, clock: Clock, vault: Vault, media: MediaStore, directory: StoredDirectory
) -> Tools:
    return Tools(
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
    )


def _wire(settings: Settings, clock: Clock, engine: AsyncEngine, url: str, around: _Around) -> Hub:
    owner, metrics = around.owner, around.metrics
    vault = Vault(load_keys(settings))
    store, connections = PostgresStore(engine), ConnectionStore(engine)
    writer = InboxWriter(engine)
    keeper = ThreadKeeper(settings.lease_ttl, lambda: _keeper_store(url), metrics.lost)
    gateway = _gateway(clock, vault, around)
    media = media_store(settings)
    directory = StoredDirectory(
        Keys(connections, store, vault, owner, settings.lease_ttl), gateway, keeper, clock
    )

    async def serve_one(connection: ConnectionId, wakeups: Wakeups) -> None:
        await serve(hands, connection, wakeups)

    own = InProcessExecutor(serve_one, at_once=settings.connections_at_once)
    celery = _celery(settings, own)
    executor = celery or own
    hands = Hands(
        store=store,
        directory=directory,
        keeper=keeper,
        clock=clock,
        tools=_tools(settings, clock, vault, media, directory),
        limits=Limits(lease_ttl=settings.lease_ttl, calls_at_once=settings.calls_at_once),
        owner=owner,
        wake=executor.wake,
        pass_on=executor.pass_on,
        told=metrics.attempted,
        opened=metrics.circuit_opened,
        tracer=around.tracer,
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
        own=own,
        executor=executor,
        celery=celery,
        sharing=around.sharing,
        writer=writer,
        flusher=Flusher(
            writer.append,
            executor.wake,
            pulse.catch_up,
            limit=settings.hook_queue,
            told=metrics.flushed,
        ),
        listeners=Listeners(hands),
        pulse=pulse,
        metrics=metrics,
        vitals=Vitals(),
        give_up=asyncio.Event(),
        media=media,
        files=FileStore(engine),
    )


def _celery(settings: Settings, own: InProcessExecutor) -> "CeleryExecutor | None":
    if settings.executor == "in-process":
        return None
    from middleware.serve.several import celery_executor  # noqa: PLC0415  # see there

    return celery_executor(settings, own)


@asynccontextmanager
async def _keeper_store(url: str) -> AsyncIterator[Store]:
    engine = make_engine(url, pool_size=1, statement_timeout=timedelta(seconds=5))
    try:
        yield PostgresStore(engine)
    finally:
        await engine.dispose()
