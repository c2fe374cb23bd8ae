"""Serving one connection: reading what it told us and settling what we owe it, side by side.

Everything happens under one lease. A slice ends when there is nothing left to do, when it has
lasted its time, or when the lease is lost; whoever loses the lease stops touching anything at
once, and the next owner finds what was in flight and treats it as doubt.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from crm_clients.contract import WritesInBulk
from mappers.vocabulary import Arrival, ConnectionId, ProviderError, Reading
from mappers.vocabulary.adapters import RefreshesCredentials
from middleware.clock import Clock
from middleware.connections.model import Connected, ConnectedCrm, Directory, UnknownConnection
from middleware.outbox.bulk import Bulk, Size
from middleware.outbox.circuit import Circuit
from middleware.outbox.flow import Settler, Tools
from middleware.outbox.rules import Renewed, Verdict
from middleware.pipeline.recording import Read, Recording
from middleware.pipeline.rules import read_form
from middleware.serve.desk import Desk, Record, Work
from middleware.serve.executor import Wakeups
from middleware.serve.keeper import Keeper
from middleware.store.codec import scrub
from middleware.store.duties import Job
from middleware.store.errors import LeaseLost, StoreConflict, StoreUnavailable
from middleware.store.port import Store
from middleware.store.rows import Arrived, InboxClaim, InboxRow, JobsClaim, Lease
from middleware.tracing.port import UNTRACED, Tracer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How a server goes about its work. Durations are by the hub's clock.

    `linger`: an idle server waits so long for more before it gives its lease back.
    `overtaking`: hooks that know when they were said wait so long for others to overtake them; it
    is shorter than `linger`, which ends with one more look.
    `calls_at_once` are more where a call carries several entries, by twice what fits into one.
    `reads_before_set_aside`: a parcel that was tried so often without an end kills its readers.
    """

    lease_ttl: timedelta = timedelta(seconds=30)
    slice: timedelta = timedelta(seconds=20)
    linger: timedelta = timedelta(milliseconds=200)
    overtaking: timedelta = timedelta(milliseconds=150)
    inbox_batch: int = 50
    calls_at_once: int = 20
    reads_before_set_aside: int = 3


Told = Callable[[str, Job, Verdict | None, datetime], None]


def _served_elsewhere(_connection: ConnectionId, _owner: str) -> None:
    """Nobody to ring for."""


def _untold(_provider: str, _job: Job, _verdict: Verdict | None, _now: datetime) -> None:
    """Nobody counts."""


def _unopened(_provider: str) -> None:
    """Nobody counts these either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What every server of a process shares. `wake` rings for connections that got work.

    `pass_on` rings at the owner of a lease that we wanted.
    `told` hears of every attempt's end: provider, delivery, what was decided, and when; `opened`
    of every circuit that opens, by its provider.
    `sizes` are those of the next calls that carry several entries.
    `leftovers` are leases that could not be given back while the store was away.
    """

    store: Store
    directory: Directory
    keeper: Keeper
    clock: Clock
    tools: Tools
    limits: Limits
    owner: str
    wake: Callable[[Iterable[ConnectionId]], None]
    pass_on: Callable[[ConnectionId, str], None] = _served_elsewhere
    told: Told = _untold
    opened: Callable[[str], None] = _unopened
    tracer: Tracer = UNTRACED
    leftovers: set[Lease] = field(default_factory=set)
    sizes: dict[ConnectionId, Size] = field(default_factory=dict)
    desk: Desk = field(init=False)
    crowded_desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        for name in ("desk", "crowded_desk"):
            object.__setattr__(self, name, Desk(self.store, self.keeper, self.clock, self.wake))

    def bulk_of(self, to: Connected) -> Bulk | None:
        """Return by what entries for a CRM go; None where each is a call of its own."""
        if isinstance(to, ConnectedCrm) and isinstance(to.adapter, WritesInBulk):
            return Bulk(to.adapter, to.can.bulk, self.sizes.setdefault(to.id, Size()))
        return None


async def serve(hands: Hands, connection: ConnectionId, wakeups: Wakeups) -> None:
    """Serve one connection for a slice, if nobody else does."""
    asked_at = hands.clock.monotonic()
    try:
        lease = await hands.store.acquire(connection, "serve", hands.owner, hands.limits.lease_ttl)
        if lease is None:
            if owner := await hands.store.owner(connection, "serve"):
                hands.pass_on(connection, owner)
            return
    except (StoreUnavailable, StoreConflict):
        return
    hands.keeper.keep(lease, asked_at=asked_at)
    try:
        connected = await hands.directory.active(connection, "serve")
        await Server(hands, connected, lease, wakeups).run()
    except (StoreUnavailable, StoreConflict, LeaseLost, UnknownConnection) as why:
        log.info("serve.ended", connection_id=str(connection), why=type(why).__name__)
    finally:
        hands.keeper.drop(lease)
        await give_back(hands, lease)


async def give_back(hands: Hands, lease: Lease) -> None:
    """End a lease that nothing of ours works under any more; later, if the store is away."""
    try:
        await hands.store.release(lease)
    except (StoreUnavailable, StoreConflict):
        hands.leftovers.add(lease)


async def give_back_leftovers(hands: Hands) -> None:
    """Raises: `StoreUnavailable`, `StoreConflict`; then they stay for the next time."""
    for lease in tuple(hands.leftovers):
        await hands.store.release(lease)
        hands.leftovers.discard(lease)


class Server:
    """One slice of serving one connection."""

    def __init__(self, hands: Hands, connected: Connected, lease: Lease, wakeups: Wakeups) -> None:
        self.hands = hands
        self.connected = connected
        self.lease = lease
        self.wakeups = wakeups
        pause = hands.tools.retry.first_wait * 5
        self.circuit = Circuit(hands.clock, pause, partial(hands.opened, connected.provider))
        bulk = hands.bulk_of(connected)
        self.at_once = hands.limits.calls_at_once + (2 * bulk.most if bulk else 0)
        self.settler = Settler(
            self.commit, hands.tools, hands.directory, connected, self.circuit, bulk
        )
        self.calls: set[asyncio.Task[None]] = set()
        self.stopped: BaseException | None = None
        self.ends_at = hands.clock.monotonic() + hands.limits.slice.total_seconds()
        self.looks_at = 0.0
        self.is_heard_in_full = self.is_up_to_date = True

    async def run(self) -> None:
        if not await self._has_fresh_credentials():
            return
        doubts = await self.hands.store.recover(self.lease)
        if doubts:
            log.warning("serve.recovered", connection_id=str(self.connected.id), doubts=doubts)
        try:
            is_quiet = False
            while not self._is_over():
                read = await self._read_some()
                begun = await self._begin_some()
                if read or begun:
                    is_quiet = False
                elif is_quiet:
                    break
                else:
                    is_quiet = not await self._anything_else()
        finally:
            if self.calls:
                await asyncio.wait(self.calls)
        if self.stopped is not None:
            raise self.stopped

    async def _has_fresh_credentials(self) -> bool:
        """Renew what is about to run out; the next slice gets the adapter with the new ones."""
        adapter = self.connected.adapter
        if not isinstance(adapter, RefreshesCredentials):
            return True
        if not adapter.is_stale(self.hands.clock.now()):
            return True
        try:
            renewed = await self.hands.tools.renew(self.connected)
        except ProviderError as error:
            log.warning("credentials.not_renewed", code=error.failure.code)
            return True
        if renewed:
            self.hands.wake([self.connected.id])
        return not renewed

    def _is_over(self) -> bool:
        is_told_to_end = self.stopped is not None or self.wakeups.is_ended
        return is_told_to_end or self.hands.clock.monotonic() >= self.ends_at

    async def _anything_else(self) -> bool:
        """Wait for a call to end or a bell to ring; False when neither happens for a while."""
        rang = asyncio.ensure_future(self.wakeups.wait(self.hands.limits.linger.total_seconds()))
        await asyncio.wait({rang, *self.calls}, return_when=asyncio.FIRST_COMPLETED)
        if not rang.done():
            rang.cancel()
            await asyncio.gather(rang, return_exceptions=True)
            return True
        return rang.result() or bool(self.calls)

    async def commit(self, work: Work, arrived: Sequence[Arrived] = ()) -> None:
        """Do work in a unit under our lease; see `Desk.commit`."""
        await self.desk.commit(Record(self.lease, work, arrived))
        self.wakeups.stir()

    @property
    def desk(self) -> Desk:
        """Those who have more to do than they can at once do not stand before the others."""
        has_more = not (self.is_heard_in_full and self.is_up_to_date)
        return self.hands.crowded_desk if has_more else self.hands.desk

    # Intake.

    async def _read_some(self) -> bool:
        """Look into the inbox: when somebody rang, and now and then for who was held back there."""
        limits, now = self.hands.limits, self.hands.clock.monotonic()
        if not self.wakeups.is_news and now < self.looks_at:
            return False
        self.wakeups.is_news = False
        self.looks_at = now + limits.linger.total_seconds()
        rows = await self.desk.claim_inbox(
            InboxClaim(lease=self.lease, limit=limits.inbox_batch, hold=limits.overtaking)
        )
        self.is_heard_in_full = len(rows) < limits.inbox_batch
        self.wakeups.is_news |= bool(rows)
        read = [(row, reading) for row in rows if (reading := await self._read(row)) is not None]
        if read:
            await self._record(read)
        return bool(rows)

    async def _read(self, row: InboxRow) -> Reading | None:
        """Read a parcel; None when it is set aside."""
        about = {"connection_id": str(self.connected.id), "arrival": row.arrival}
        if row.tries > self.hands.limits.reads_before_set_aside:
            log.warning("inbox.set_aside", **about, why="its reader died")
            await self._set_aside(row, "its reader died several times")
            return None
        try:
            return self._understood(row)
        except Exception as error:  # noqa: BLE001 - whatever nonsense raises, it stays in the inbox
            log.warning("inbox.unreadable", **about, why=type(error).__name__)
            await self._set_aside(row, f"unreadable: {type(error).__name__}")
            return None

    def _understood(self, row: InboxRow) -> Reading:
        form, _ = read_form(row.form)
        arrival = Arrival(body=row.body, form=form, received_at=row.received_at)
        return scrub(self.connected.adapter.read(arrival))

    async def _set_aside(self, row: InboxRow, note: str) -> None:
        await self.commit(lambda unit: unit.close_row(row, "set_aside", note=note))

    async def _record(self, read: Sequence[Read]) -> None:
        """Record parcels in one unit; where that fails, one by one: one spoils it for no other."""
        now, tracer = self.hands.clock.now(), self.hands.tracer
        recording = Recording(self.connected, self.hands.directory, now, tracer)
        try:
            await self.commit(partial(recording.record, read), recording.arrived(read))
        except (StoreUnavailable, LeaseLost):
            raise
        except Exception as error:
            if len(read) == 1:
                raise
            about = {"connection_id": str(self.connected.id), "why": type(error).__name__}
            log.warning("inbox.recorded_one_by_one", **about)
            for each in read:
                await self._record([each])
            return
        if recording.awaited:
            # What is waited for may have been recorded while we recorded that it is waited for.
            await asyncio.gather(self.hands.desk.rest(), self.hands.crowded_desk.rest())
            await self.commit(recording.look_once_more)

    # Settling.

    async def _begin_some(self) -> bool:
        """Take as many deliveries as there is room for."""
        room = self.at_once - len(self.calls)
        if room <= 0:
            return False
        jobs = await self.desk.claim_jobs(
            JobsClaim(lease=self.lease, limit=room, probe_only=self.circuit.is_open)
        )
        self.is_up_to_date = len(jobs) < room
        for job in jobs:
            task = asyncio.get_running_loop().create_task(self._attempt(job))
            self.calls.add(task)
            task.add_done_callback(self.calls.discard)
        return bool(jobs)

    async def _attempt(self, job: Job) -> None:
        about = {"delivery_id": str(job.id), "kind": job.kind.value, "attempt": job.attempts}
        try:
            with self.hands.tracer.attempting(self.connected.provider, job) as ended:
                verdict = await self.settler.attempt(job)
                ended(verdict)
        except (StoreUnavailable, StoreConflict, LeaseLost) as why:
            log.warning("delivery.left_in_flight", **about, why=type(why).__name__)
            self.stopped = self.stopped or why
        except Exception as error:
            # A bug: the delivery stays in flight and comes back as doubt, never as a fresh start.
            log.exception("delivery.crashed", **about)
            self.stopped = self.stopped or LeaseLost(type(error).__name__)
        else:
            log.debug("delivery.attempted", **about, verdict=type(verdict).__name__)
            self.hands.told(self.connected.provider, job, verdict, self.hands.clock.now())
            if isinstance(verdict, Renewed):
                self.ends_at = self.hands.clock.monotonic()
                self.hands.wake([self.connected.id])
        finally:
            self.wakeups.stir()
