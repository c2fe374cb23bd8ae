"""Webhook delivery: one update a call, strictly in order inside a queue, queues in parallel.

Source: `telegram-bot-api/WebhookActor.cpp`: `on_update_error`, `send_update`, `handle`; 2026-11.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from http.client import responses
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from channel_clients.emulators.stage import Push, Request, Response, Stage
from channel_clients.emulators.telegram.updates import Backlog, Pending, QueueKey, within

SHORTEST_CAP_S, LONGEST_CAP_S = 60, 120
LONGEST_RETRY_AFTER_S = 3600
GONE_FOR = timedelta(hours=23)
# How long an overtaken update is held back when no other queue has anything to overtake it with.
HOLD_S = 5.0
_NOT_IN_AN_ANSWER = frozenset({"setwebhook", "deletewebhook", "close", "logout"})

Perform = Callable[[str, dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    url: str
    secret: str = ""
    max_connections: int = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient delivery is. `retry_scale` shrinks every wait between attempts, for tests."""

    timeout_s: float = 60.0
    retry_scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """One attempt at a delivery; `status` None is "no answer"."""

    at: datetime
    update_id: int
    queue: QueueKey
    status: int | None


@dataclass(slots=True)
class _Lane:
    """The delivery of one queue; failures and delay are those of the update at its head."""

    key: QueueKey
    task: asyncio.Task[None] | None = None
    asleep: bool = False
    update: Pending | None = None
    failures: int = 0
    delay_s: float = 1

    def turn_to(self, update: Pending) -> None:
        if update is not self.update:
            self.update, self.failures, self.delay_s = update, 0, 1


@dataclass(slots=True)
class Health:
    """What `getWebhookInfo` tells about the last failure."""

    last_error_at: datetime | None = None
    last_error: str = ""
    gone_since: datetime | None = None


class Courier:
    """Delivers one bot's backlog to its webhook in tasks on the running loop."""

    def __init__(self, stage: Stage, backlog: Backlog, pace: Pace, perform: Perform) -> None:
        self.webhook: Webhook | None = None
        self.health = Health()
        self.pushed: list[Pushed] = []
        self._stage = stage
        self._backlog = backlog
        self._pace = pace
        self._perform = perform
        self._lanes: dict[QueueKey, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(40)
        self._held: tuple[QueueKey, asyncio.Future[None]] | None = None

    def use(self, webhook: Webhook | None) -> None:
        """Deliver to another address, or none. Nobody waits out an old address's retry delay."""
        self.webhook = webhook
        self.health = Health()
        if webhook is not None:
            self._slots = asyncio.Semaphore(webhook.max_connections)
        for lane in [lane for lane in self._lanes.values() if lane.asleep]:
            del self._lanes[lane.key]
            if lane.task is not None:
                lane.task.cancel()
        for key in self._backlog.queues():
            self.wake(key)

    def wake(self, key: QueueKey) -> None:
        """See to it that a queue is being delivered, if there is anywhere to deliver it."""
        if self.webhook is None or key in self._lanes:
            return
        loop = asyncio.get_running_loop()
        lane = self._lanes[key] = _Lane(key)
        lane.task = loop.create_task(self._run(lane))
        self._tasks.add(lane.task)
        lane.task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until every queue is empty, however many attempts that takes.

        Raises: what the way to the hub raised, since that is no answer of any hub.
        """
        while self._tasks:
            done, _ = await asyncio.wait(set(self._tasks))
            for task in done:
                if not task.cancelled():
                    task.result()

    async def aclose(self) -> None:
        self.webhook = None
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, lane: _Lane) -> None:
        try:
            while self.webhook is not None and (update := self._backlog.head(lane.key)):
                lane.turn_to(update)
                await self._attempt(lane, update)
        finally:
            if self._lanes.get(lane.key) is lane:
                del self._lanes[lane.key]

    async def _attempt(self, lane: _Lane, update: Pending) -> None:
        if self._armed("reordered_updates"):
            await self._hold(lane.key)
        async with self._slots:
            webhook = self.webhook
            # Waiting took time: the address may be gone by now, or the update dropped.
            if webhook is None or self._backlog.head(lane.key) is not update:
                return
            reply = await self._push(webhook, update)
            if self._armed("duplicate_update"):
                await self._push(webhook, update)
        if reply is not None and 200 <= reply.status <= 299:
            await self._obey(reply)
            if not self._armed("lost_ack"):
                self._backlog.remove(update)
                return
            reply = None
        await self._fail(lane, update, reply)

    async def _push(self, webhook: Webhook, update: Pending) -> Response | None:
        begun = self._stage.clock.now()
        reply = await self._stage.deliver(_push_of(webhook, update, self._pace.timeout_s))
        now = self._stage.clock.now()
        status = reply.status if reply else None
        line = Pushed(at=now, update_id=update.update_id, queue=update.queue, status=status)
        self.pushed.append(line)
        self._judge(status, took_s=(now - begun).total_seconds(), now=now)
        if self._held and self._held[0] != update.queue and not self._held[1].done():
            self._held[1].set_result(None)
        return reply

    def _judge(self, status: int | None, *, took_s: float, now: datetime) -> None:
        """Keep the books of `getWebhookInfo`; a webhook gone for a day is closed."""
        health = self.health
        gone_since = (health.gone_since or now) if status == HTTPStatus.GONE else None
        health.gone_since = gone_since
        if status is not None and 200 <= status <= 299:
            return
        health.last_error_at = now
        if status is None:
            in_time = took_s < self._pace.timeout_s
            health.last_error = "Webhook connection closed" if in_time else "Read timeout expired"
            return
        health.last_error = f"Wrong response from the webhook: {status} {responses.get(status, '')}"
        if gone_since is not None and now - gone_since > GONE_FOR:
            self.webhook = None

    async def _fail(self, lane: _Lane, update: Pending, reply: Response | None) -> None:
        """Wait for the next attempt, or drop the update if that would be after its expiry."""
        wait_s = _retry_after(reply)
        if wait_s == 0 and lane.failures > 0:
            cap_s = self._stage.rng.uniform(SHORTEST_CAP_S, LONGEST_CAP_S)
            wait_s = lane.delay_s = min(cap_s, lane.delay_s * 2)
        wait_s *= self._pace.retry_scale
        lane.failures += 1
        if self._stage.clock.now() + timedelta(seconds=wait_s) > update.expires_at:
            self._backlog.remove(update)
            return
        lane.asleep = True
        await self._stage.clock.sleep(wait_s)
        lane.asleep = False

    async def _obey(self, reply: Response) -> None:
        """Execute the one call that an answer may carry; its result is told to nobody."""
        try:
            order = json.loads(reply.body or b"null")
        except ValueError:
            return
        method = order.get("method") if isinstance(order, dict) else None
        if not isinstance(method, str) or not method:
            return
        name = method.lower()
        if name not in _NOT_IN_AN_ANSWER and not name.startswith("get"):
            await self._perform(name, order)

    async def _hold(self, key: QueueKey) -> None:
        """Let an update of another queue go first."""
        overtaken = asyncio.get_running_loop().create_future()
        self._held = (key, overtaken)
        try:
            await within(self._stage.clock, overtaken, HOLD_S)
        finally:
            self._held = None

    def _armed(self, fault: str) -> bool:
        url = self.webhook.url if self.webhook else ""
        return self._stage.take(Request(method="POST", path=url), {fault}) is not None


def _push_of(webhook: Webhook, update: Pending, timeout_s: float) -> Push:
    parts = urlsplit(webhook.url)
    userinfo, _, host = parts.netloc.rpartition("@")
    headers = {
        "host": host,
        "content-type": "application/json",
        "connection": "keep-alive",
        "accept-encoding": "gzip, deflate",
    }
    if webhook.secret:
        headers["x-telegram-bot-api-secret-token"] = webhook.secret
    if userinfo:
        headers["authorization"] = f"Basic {b64encode(unquote(userinfo).encode()).decode()}"
    return Push(
        method="POST",
        url=urlunsplit(parts._replace(netloc=host)),
        headers=headers,
        body=update.body,
        timeout_s=timeout_s,
    )


def _retry_after(reply: Response | None) -> float:
    headers = reply.headers if reply else {}
    told = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(int(told), LONGEST_RETRY_AFTER_S) if told.isdecimal() else 0
