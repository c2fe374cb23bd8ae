"""How a worker hears wake-ups, and how it notices that it does not.

A Celery worker runs in a thread beside the loop: a task hands its ids to the loop and is done. A
connection to a broker can die in ways that leave the worker waiting for ever, so every worker
sends itself a sign through the broker. While none comes back it sweeps for itself. When the
broker takes signs and still none comes back for long, the worker is deaf: it is told so, and the
process ends for its supervisor to start it anew.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import structlog
from celery import Celery
from celery.exceptions import WorkerShutdown

from mappers.vocabulary import ConnectionId
from middleware.clock import Clock
from middleware.serve.broker import receive, worker_of
from middleware.serve.celery_executor import CeleryExecutor

log = structlog.get_logger(__name__)

SIGN_EVERY_S = 1.0
HEARS_WITHIN_S = 5.0
# Celery looks for a broker that was away at growing intervals, of half a minute at most.
DEAF_AFTER_S = 60.0
STOPS_WITHIN_S = 5.0

Deaf = Callable[[], None]


class Ears:
    """One consumer of one process. `deaf` is called on the loop, maybe more than once."""

    def __init__(
        self, app: Celery, name: str, executor: CeleryExecutor, clock: Clock, deaf: Deaf
    ) -> None:
        self._app = app
        self._name = name
        self._executor = executor
        self._publisher = executor.publisher
        self._clock = clock
        self._deaf = deaf
        self._loop = asyncio.get_running_loop()
        self._heard_at = float("-inf")
        self._taken_since = clock.monotonic()
        receive(app, self._serve, self._hear)
        self._worker: Any = worker_of(app, name)
        self._thread = threading.Thread(target=self._run, name="hear wake-ups", daemon=True)

    @property
    def can_hear(self) -> bool:
        return self._clock.monotonic() - self._heard_at < HEARS_WITHIN_S

    def start(self) -> None:
        self._thread.start()

    async def listen(self) -> None:
        """Send ourselves a sign, and judge by those that came. Called every `SIGN_EVERY_S`."""
        now = self._clock.monotonic()
        if not self._publisher.is_taken:
            self._taken_since = now
        elif now - max(self._heard_at, self._taken_since) > DEAF_AFTER_S or self._has_ended():
            log.error("worker.deaf")
            self._executor.bells.deaf += 1
            self._deaf()
        self._publisher.ask_to_hear(self._name)

    async def stop(self) -> None:
        """Take no more tasks. A consumer that is waiting for its broker is left behind."""
        hub = getattr(self._worker, "hub", None)
        if hub is not None:
            hub.call_soon(_shut_down)
            self._publisher.ask_to_hear(self._name)  # it looks up when something comes
        await asyncio.to_thread(self._thread.join, STOPS_WITHIN_S)

    def _has_ended(self) -> bool:
        return self._thread.ident is not None and not self._thread.is_alive()

    def _run(self) -> None:
        self._app.set_current()  # of this thread: that is where a task looks up what it is
        # It leaves by an exception of its own, which is no news.
        with contextlib.suppress(SystemExit):
            self._worker.start()

    def _serve(self, ids: Sequence[str]) -> None:
        self._executor.bells.received += len(ids)
        self._on_loop(self._executor.own.wake, [ConnectionId(UUID(each)) for each in ids])

    def _hear(self) -> None:
        self._on_loop(self._heard)

    def _heard(self) -> None:
        self._heard_at = self._clock.monotonic()

    def _on_loop(self, what: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and we are about to
            self._loop.call_soon_threadsafe(what, *arguments)


def _shut_down() -> None:
    raise WorkerShutdown(0)
