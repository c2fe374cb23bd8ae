"""How a worker hears wake-ups, and how it notices that it does not.

A Celery worker runs in a thread beside the loop: a task hands its ids to the loop and is done. A
connection to a broker can die in ways that leave a consumer waiting for ever, so every worker sends
itself a sign through the broker. While none comes back it sweeps for itself. When the broker takes
signs and still none comes back, the consumer is deaf: another takes its place. When that does not
help either, the process gives itself up, for its supervisor to start it anew.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import structlog
from celery.exceptions import WorkerShutdown

from mappers.vocabulary import ConnectionId
from middleware.clock import Clock
from middleware.serve.broker import make_celery, receive, worker_of
from middleware.serve.celery_executor import CeleryExecutor

log = structlog.get_logger(__name__)

SIGN_EVERY_S = 1.0
HEARS_WITHIN_S = 5.0
DEAF_AFTER_S = 10.0
REPLACED_AT_MOST = 5
STOPS_WITHIN_S = 5.0

Serve = Callable[[Sequence[str]], None]


class Consumer:
    """One Celery worker in one thread. `heard` is called there, as `serve` is."""

    def __init__(self, broker_url: str, name: str, serve: Serve, heard: Callable[[], None]) -> None:
        self._app = make_celery(broker_url)
        receive(self._app, serve, heard)
        self._worker: Any = worker_of(self._app, name)
        self._thread = threading.Thread(target=self._run, name="hear wake-ups", daemon=True)
        self._thread.start()

    def tell_to_end(self) -> None:
        """Have it end at its next turn, which may never come while it waits for its broker."""
        hub = getattr(self._worker, "hub", None)
        if hub is not None:
            hub.call_soon(_shut_down)

    def wait(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        self._app.set_current()  # of this thread: that is where a task looks up what it is
        # It leaves by an exception of its own, which is no news.
        with contextlib.suppress(SystemExit):
            self._worker.start()


class Ears:
    """The consumers of one process, one at a time. `deaf` is called on the loop."""

    every_s = SIGN_EVERY_S

    def __init__(
        self,
        broker_url: str,
        name: str,
        executor: CeleryExecutor,
        clock: Clock,
        deaf: Callable[[], None],
    ) -> None:
        self._broker_url = broker_url
        self._name = name
        self._executor = executor
        self._clock = clock
        self._deaf = deaf
        self._loop = asyncio.get_running_loop()
        self._heard_at = float("-inf")
        self._patient_since = clock.monotonic()
        self._replaced = 0
        self._consumer = self._begin()

    @property
    def can_hear(self) -> bool:
        return self._clock.monotonic() - self._heard_at < HEARS_WITHIN_S

    async def listen(self) -> None:
        """Send ourselves a sign, and judge by those that came. Called every `SIGN_EVERY_S`."""
        now = self._clock.monotonic()
        if not self._executor.publisher.is_taken:
            self._patient_since = now
        elif now - max(self._heard_at, self._patient_since) > DEAF_AFTER_S:
            self._replace(now)
        self._executor.publisher.ask_to_hear(self._name)

    async def stop(self) -> None:
        """Take no more tasks. A consumer that waits for its broker is left behind."""
        self._consumer.tell_to_end()
        self._executor.publisher.ask_to_hear(self._name)  # it looks up when something comes
        await asyncio.to_thread(self._consumer.wait, STOPS_WITHIN_S)

    def _begin(self) -> Consumer:
        return Consumer(self._broker_url, self._name, self._serve, self._hear)

    def _replace(self, now: float) -> None:
        self._executor.bells.deaf += 1
        if self._replaced >= REPLACED_AT_MOST:
            log.error("worker.gives_up", why="no consumer of this process hears its broker")
            self._deaf()
            return
        log.warning("worker.deaf", consumers_replaced=self._replaced)
        self._replaced += 1
        self._patient_since = now
        self._consumer.tell_to_end()
        self._consumer = self._begin()

    def _serve(self, ids: Sequence[str]) -> None:
        self._executor.bells.received += len(ids)
        self._on_loop(self._executor.own.wake, [ConnectionId(UUID(each)) for each in ids])

    def _hear(self) -> None:
        self._on_loop(self._heard)

    def _heard(self) -> None:
        self._heard_at = self._clock.monotonic()
        self._replaced = 0

    def _on_loop(self, what: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and we are about to
            self._loop.call_soon_threadsafe(what, *arguments)


def _shut_down() -> None:
    raise WorkerShutdown(0)
