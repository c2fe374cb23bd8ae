"""The pool of database connections, with an eye on how long work waits for one."""

import time
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection, QueuePool

Waited = Callable[[float], None]


def watched(told: Waited) -> type[AsyncAdaptedQueuePool]:
    """Make a kind of pool that tells of each wait, in seconds; opening a connection counts too."""

    class Watched(AsyncAdaptedQueuePool):
        def connect(self) -> PoolProxiedConnection:
            asked = time.perf_counter()
            try:
                return super().connect()
            finally:
                told(time.perf_counter() - asked)

    return Watched


def in_use(engine: AsyncEngine) -> int:
    """Count the connections that work holds now."""
    pool = engine.pool
    return pool.checkedout() if isinstance(pool, QueuePool) else 0
