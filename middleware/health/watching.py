"""What stands around parts of the hub and watches them work; the parts do not know."""

import asyncio
import time
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

from mappers.vocabulary import Priority
from mappers.vocabulary.adapters import Budget
from middleware.health.metrics import Metrics
from middleware.http.budget import Budgets
from middleware.webhooks.door import PREFIX, App, Receive, Scope, Send

LOOK_EVERY_S = 0.5


class WatchedDoor:
    """Counts what is answered to hooks, and how fast."""

    def __init__(self, inner: App, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._inner(scope, receive, send)
            return
        began = time.perf_counter()

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._metrics.acked(message["status"], time.perf_counter() - began)
            await send(message)

        await self._inner(scope, receive, answer)


class WatchedBudgets:
    """Counts waits and rejections of the budgets inside."""

    def __init__(self, inner: Budgets, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics

    async def take(self, budget: Budget, bucket_key: str, priority: Priority) -> timedelta:
        wait = await self._inner.take(budget, bucket_key, priority)
        if wait:
            self._metrics.told_to_wait(priority, wait)
        return wait

    async def penalise(
        self, budget: Budget, bucket_key: str, retry_after: timedelta | None
    ) -> None:
        self._metrics.rejected()
        await self._inner.penalise(budget, bucket_key, retry_after)

    async def hold(self, budget: Budget, bucket_key: str, wait: timedelta) -> None:
        await self._inner.hold(budget, bucket_key, wait)


async def watch_loop(metrics: Metrics) -> None:
    """Measure for ever how late this event loop comes round."""
    while True:
        asked = time.perf_counter()
        await asyncio.sleep(LOOK_EVERY_S)
        metrics.lagged(max(0.0, time.perf_counter() - asked - LOOK_EVERY_S))
