"""Listeners: long-lived sources that are asked for news instead of telling it.

A listener only appends to the inbox, and moves its cursor in the same transaction: what it was
told twice is kept once, and what it was told and could not keep is told again.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from mappers.vocabulary import (
    AuthExpired,
    Blocked,
    ConnectionId,
    Failure,
    Permanent,
    ProviderError,
    RateLimited,
)
from mappers.vocabulary.adapters import Polls, RefreshesCredentials
from middleware.connections.model import Connected, UnknownConnection
from middleware.outbox.flow import RENEWED
from middleware.outbox.rules import RetryPolicy, backoff
from middleware.serve.server import Hands, give_back
from middleware.store.errors import LeaseLost, StoreConflict, StoreUnavailable
from middleware.store.retry import in_unit
from middleware.store.rows import Lease, Parcelled
from middleware.webhooks.keys import digest_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on listening after a while; None means that a person is needed."""

    span: timedelta | None
    state: str = ""


def after(failure: Failure, failures: int, jitter: float, policy: RetryPolicy) -> Wait:
    """Decide how a listener goes on after the provider failed it."""
    match failure:
        case AuthExpired():
            return Wait(None, "needs_sign_in")
        case Blocked() | Permanent():
            return Wait(None, "broken")
        case RateLimited(retry_after=span) if span is not None:
            return Wait(min(span, policy.longest_pause))
        case _:
            return Wait(backoff(failures, jitter, policy))


class Listeners:
    """Keeps one listener going for every connection that wants one."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._tasks: dict[ConnectionId, asyncio.Task[None]] = {}

    def listen(self, connections: Iterable[ConnectionId]) -> None:
        """Start listening to these, where nobody does."""
        for connection in connections:
            if connection not in self._tasks:
                task = asyncio.get_running_loop().create_task(
                    self._listen(connection), name=f"listen {connection}"
                )
                self._tasks[connection] = task
                task.add_done_callback(partial(self._forget, connection))

    def _forget(self, connection: ConnectionId, _: asyncio.Task[None]) -> None:
        self._tasks.pop(connection, None)

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _listen(self, connection: ConnectionId) -> None:
        hands = self._hands
        asked_at = hands.clock.monotonic()
        lease = None
        try:
            ttl = hands.limits.lease_ttl
            lease = await hands.store.acquire(connection, "listen", hands.owner, ttl)
            if lease is None:
                return
            hands.keeper.keep(lease, asked_at=asked_at)
            await self._poll_for_ever(lease)
        except (StoreUnavailable, StoreConflict, LeaseLost, UnknownConnection) as why:
            log.info("listen.ended", connection_id=str(connection), why=type(why).__name__)
        except Exception:
            log.exception("listen.crashed", connection_id=str(connection))
        finally:
            if lease is not None:
                hands.keeper.drop(lease)
                await give_back(hands, lease)

    async def _poll_for_ever(self, lease: Lease) -> None:
        hands, failures = self._hands, 0
        cursor = await hands.store.cursor(lease.connection)
        while True:
            connected = await hands.directory.active(lease.connection, "listen")
            if not isinstance(connected.adapter, Polls):
                return
            try:
                polled = await connected.adapter.poll(cursor)
            except ProviderError as error:
                failures += 1
                failure = await self._after_renewal(connected, error.failure)
                if not await self._wait_out(lease, failure, failures):
                    return
                continue
            if failures:
                log.info("listen.back", connection_id=str(lease.connection))
            failures = 0
            if polled.parcels or polled.cursor != cursor:
                parcels = [
                    Parcelled(
                        connection=lease.connection,
                        digest=digest_of(parcel.key),
                        form=parcel.form,
                        body=parcel.body,
                        said_at=parcel.said_at,
                    )
                    for parcel in polled.parcels
                ]
                with hands.tracer.keeping(parcels):
                    await hands.store.append_polled(lease, parcels, polled.cursor)
                cursor = polled.cursor
                hands.wake([lease.connection])
            pause = polled.again_after * hands.tools.pace
            await hands.clock.sleep(pause.total_seconds())

    async def _after_renewal(self, connected: Connected, failure: Failure) -> Failure:
        """Try once to renew credentials that were refused; say what is left of the failure."""
        renews = isinstance(connected.adapter, RefreshesCredentials)
        if not renews or not isinstance(failure, AuthExpired):
            return failure
        tools = self._hands.tools
        try:
            # Renewing begins from what is served, whoever was refused.
            renewed = await tools.renew(await self._hands.directory.get(connected.id))
        except ProviderError as error:
            return error.failure
        return RENEWED if renewed else failure

    async def _wait_out(self, lease: Lease, failure: Failure, failures: int) -> bool:
        """Wait as long as the failure asks; False when the connection needs a person."""
        hands, about = self._hands, {"connection_id": str(lease.connection), "code": failure.code}
        wait = after(failure, failures, hands.tools.roll(), hands.tools.retry)
        if wait.span is None:
            log.warning("listen.needs_a_person", **about)
            await in_unit(
                hands.store,
                lambda unit: unit.set_connection(lease.connection, wait.state, failure.code),
                lease,
            )
            return False
        if failures == 1:
            log.warning("listen.failing", **about)
        await hands.clock.sleep(wait.span.total_seconds())
        return True
