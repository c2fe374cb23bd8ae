"""What a hub of several processes needs beside one of a single process: a broker, shared budgets.

Only such a hub imports this module: the libraries behind it take long to import, and whoever was
killed is back the later.
"""

from contextlib import AsyncExitStack

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from middleware.clock import Clock
from middleware.http.shared_budget import ANSWERS_WITHIN_S, RedisScripts, SharedBudgets
from middleware.serve.celery_executor import CeleryExecutor
from middleware.serve.ears import Ears
from middleware.serve.executor import InProcessExecutor
from middleware.serve.roster import worker_name
from middleware.settings import Settings

__all__ = ["CeleryExecutor", "Ears", "SharedBudgets", "celery_executor", "shared_budgets"]


def celery_executor(settings: Settings, own: InProcessExecutor) -> CeleryExecutor:
    return CeleryExecutor(settings.broker_url.get_secret_value(), own)


async def shared_budgets(stack: AsyncExitStack, settings: Settings, clock: Clock) -> SharedBudgets:
    """Join the processes that share their budgets in Redis, until `stack` ends."""
    client = Redis.from_url(
        settings.budgets_url,
        socket_timeout=ANSWERS_WITHIN_S,
        socket_connect_timeout=ANSWERS_WITHIN_S,
        retry=Retry(NoBackoff(), 0),  # what was lost is asked anew by whoever still wants it
    )
    stack.push_async_callback(client.aclose)
    sharing = SharedBudgets(RedisScripts(client), clock, worker_name(), settings.processes_at_most)
    stack.push_async_callback(sharing.leave)
    await sharing.beat()
    return sharing
