"""What a process of the hub does, by the parts it plays. One process may play them all.

api       takes hooks and shows pages
worker    serves connections
sweeper   finds work that nobody was woken for; makes partitions, forgets what is old
listener  asks for news where nobody tells them
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

import structlog
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from middleware.connections.recovery import Recovery
from middleware.db import partitions
from middleware.db.engine import end_frozen
from middleware.hub import Hub
from middleware.media.port import MediaAway
from middleware.media.store import forget_old
from middleware.serve.roster import Roster, worker_name
from middleware.serve.server import give_back_leftovers
from middleware.serve.store import end_leases_of
from middleware.serve.sweeper import SWEEP_LIMIT, Sweeper
from middleware.serve.upkeep import every
from middleware.store.errors import StoreConflict, StoreUnavailable

if TYPE_CHECKING:
    from middleware.serve.several import Ears

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 1.0
PULSE_EVERY_S = 3.0
FROZEN_EVERY_S = 4.0
WRITE_REFUSALS_EVERY_S = 10.0
# What the command line changes at known addresses, such as a secret, is learned only so.
RELOAD_EVERY_S = 10.0
PARTITIONS_EVERY_S = 3600.0
RECOVER_EVERY_S = 3.0
CHECK_EVERY_S = 60.0
SWEEPS_WITHIN_S = 30.0

NO_KEEPER = "The keeper of leases does not run: nothing can be served."
NO_SWEEP = "The sweeper has not gone round for a while: nothing is found that is due."
NO_BROKER = "Wake-ups are not heard: workers look for work themselves, once a second."
NO_REDIS = "Budgets are not shared: this process keeps to a small part of every limit."

Loop = tuple[float, Callable[[], Awaitable[None]]]


class Part(StrEnum):
    API = "api"
    WORKER = "worker"
    SWEEPER = "sweeper"
    LISTENER = "listener"


EVERY_PART = frozenset(Part)


@asynccontextmanager
async def working(hub: Hub, parts: Collection[Part] = EVERY_PART) -> AsyncIterator[None]:
    """Play these parts until the block ends; then finish the calls in flight and stop.

    Before the first hook is taken, what was missed while nobody was here is owed.
    """
    async with AsyncExitStack() as stack:
        roster = stack.enter_context(Roster(hub.settings.data_dir / "processes", hub.hands.owner))
        await _make_room(hub)
        if {Part.WORKER, Part.LISTENER} & set(parts):
            hub.keeper.start()
            stack.push_async_callback(hub.keeper.stop)
            hub.vitals.needed[NO_KEEPER] = lambda: hub.keeper.is_alive
        stack.push_async_callback(hub.executor.stop)
        loops = [*_of_sharing(hub), *await _of_parts(hub, parts, stack)]
        loops.append((SWEEP_EVERY_S, partial(_bury, hub, roster)))
        stack.push_async_callback(hub.listeners.stop)
        stack.push_async_callback(hub.flusher.drain)
        tasks = [asyncio.create_task(every(hub.clock, period, work)) for period, work in loops]
        stack.push_async_callback(_end, tasks)
        hub.vitals.is_working = True
        log.info("hub.working", owner=hub.hands.owner, parts=sorted(parts))
        try:
            yield
        finally:
            hub.vitals.is_working = False
    log.info("hub.stopped")


@retry(
    retry=retry_if_exception_type((StoreConflict, StoreUnavailable)),
    wait=wait_random_exponential(0.2, max=2),
    stop=stop_after_attempt(5),
    reraise=True,
)
async def _make_room(hub: Hub) -> None:
    """Make the partitions of these days. A connection cut meanwhile is no reason not to start."""
    await partitions.ensure(hub.engine, hub.clock.now().date())


async def _bury(hub: Hub, roster: Roster) -> None:
    """End the leases of processes that are surely dead, so that nobody waits for them."""
    if dead := roster.dead():
        ended = await end_leases_of(hub.engine, dead)
        roster.forget(dead)
        log.info("leases.of_the_dead", owners=dead, leases=ended)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _of_parts(hub: Hub, parts: Collection[Part], stack: AsyncExitStack) -> list[Loop]:
    loops: list[Loop] = []
    if Part.WORKER in parts:
        loops += _worker(hub, stack)
    else:
        await hub.own.stop()
    if Part.SWEEPER in parts:
        loops += _sweeper(hub, stack)
    if Part.LISTENER in parts:
        loops += _listener(hub)
    if Part.API in parts:
        loops += await _api(hub)
    return loops


def _of_sharing(hub: Hub) -> Iterator[Loop]:
    if (sharing := hub.sharing) is not None:
        hub.vitals.wanted[NO_REDIS] = lambda: not sharing.is_alone
        yield sharing.every_s, sharing.beat


async def _api(hub: Hub) -> list[Loop]:
    async def beat() -> None:
        await hub.flusher.make_up()
        await hub.pulse.beat()

    async def write_refusals() -> None:
        await hub.refusals.write(hub.engine)

    await hub.pulse.begin()
    await hub.addresses.reload()
    return [
        (PULSE_EVERY_S, beat),
        (RELOAD_EVERY_S, hub.addresses.reload),
        (WRITE_REFUSALS_EVERY_S, write_refusals),
    ]


def _worker(hub: Hub, stack: AsyncExitStack) -> list[Loop]:
    """Serve what we are woken for, and what we find where nobody can wake us."""
    ears = _ears(hub, stack)

    async def sweep() -> None:
        await give_back_leftovers(hub.hands)
        if ears is None or not ears.can_hear:
            hub.own.wake(await hub.store.due(SWEEP_LIMIT))
        hub.metrics.swept_at = hub.clock.monotonic()

    _expect_sweeps(hub)
    if ears is None:
        return [(SWEEP_EVERY_S, sweep)]
    hub.vitals.wanted[NO_BROKER] = lambda: ears.can_hear
    return [(SWEEP_EVERY_S, sweep), (ears.every_s, ears.listen)]


def _ears(hub: Hub, stack: AsyncExitStack) -> "Ears | None":
    if hub.celery is None:
        return None
    from middleware.serve.several import Ears  # noqa: PLC0415  # see there

    broker_url = hub.settings.broker_url.get_secret_value()
    ears = Ears(broker_url, worker_name(), hub.celery, hub.clock, hub.give_up.set)
    stack.push_async_callback(ears.stop)
    return ears


def _sweeper(hub: Hub, stack: AsyncExitStack) -> list[Loop]:
    async def end_the_frozen() -> None:
        if ended := await end_frozen(hub.engine):
            log.warning("database.frozen_clients_ended", sessions=ended)

    async def keep_partitions() -> None:
        today = hub.clock.now()
        await partitions.ensure(hub.engine, today.date())
        await partitions.drop_older(hub.engine, (today - hub.settings.retention).date())
        try:
            await forget_old(hub.files, hub.media, today - hub.settings.retention)
        except MediaAway as why:
            log.warning("files.store_away", why=str(why))

    recovery = Recovery(hub)
    loops: list[Loop] = [
        (FROZEN_EVERY_S, end_the_frozen),
        (PARTITIONS_EVERY_S, keep_partitions),
        (RECOVER_EVERY_S, recovery.look),
        (CHECK_EVERY_S, recovery.check),
    ]
    if hub.celery is None:
        return loops
    sweeper = Sweeper(hub.store, hub.clock, hub.hands.owner, hub.executor.wake)
    stack.push_async_callback(sweeper.stop)

    async def sweep() -> None:
        await sweeper.sweep()
        hub.metrics.swept_at = hub.clock.monotonic()

    _expect_sweeps(hub)
    return [(SWEEP_EVERY_S, sweep), *loops]


def _expect_sweeps(hub: Hub) -> None:
    metrics, clock = hub.metrics, hub.clock
    metrics.swept_at = clock.monotonic()
    hub.vitals.needed[NO_SWEEP] = lambda: clock.monotonic() - metrics.swept_at < SWEEPS_WITHIN_S


def _listener(hub: Hub) -> list[Loop]:
    async def listen() -> None:
        hub.listeners.listen(await hub.connections.listeners())

    return [(SWEEP_EVERY_S, listen)]
