"""Wake-ups through a real broker: who hears them, and what a worker does that hears nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mappers.vocabulary import ConnectionId
from middleware.ids import uuid7
from middleware.serve.celery_executor import CeleryExecutor
from middleware.serve.ears import DEAF_AFTER_S, REPLACED_AT_MOST, Ears
from middleware.serve.executor import InProcessExecutor, Wakeups
from tests.rabbitmq import RabbitServer
from tests.redis import RedisServer

PATIENCE_S = 30


@dataclass
class FastClock:
    """A clock that a test may put forward."""

    ahead_s: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Worker:
    """One process's executor and ears; `served` is what it was woken for."""

    name: str
    executor: CeleryExecutor
    ears: Ears
    clock: FastClock
    served: list[ConnectionId] = field(default_factory=list)
    gave_up: int = 0


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110  # a broker has no event of ours
            await asyncio.sleep(0.01)


@asynccontextmanager
async def a_worker(name: str, url: str, hears_at: str = "") -> AsyncIterator[Worker]:
    served: list[ConnectionId] = []

    async def serve(connection: ConnectionId, _wakeups: Wakeups) -> None:
        served.append(connection)

    executor = CeleryExecutor(url, InProcessExecutor(serve, at_once=50))
    clock = FastClock()

    def deaf() -> None:
        worker.gave_up += 1

    ears = Ears(hears_at or url, name, executor, clock, deaf)
    worker = Worker(name, executor, ears, clock, served)
    try:
        yield worker
    finally:
        await ears.stop()
        await executor.stop()


async def hears(worker: Worker) -> None:
    """Wait until a sign has come back. A broker that has just started may lose the first ones."""
    async with asyncio.timeout(PATIENCE_S):
        while not worker.ears.can_hear:
            await worker.ears.listen()
            await asyncio.sleep(0.1)


def some(count: int) -> list[ConnectionId]:
    return [ConnectionId(uuid7()) for _ in range(count)]


async def test_every_wake_up_reaches_one_of_the_workers(own_redis: RedisServer) -> None:
    async with a_worker("h:1", own_redis.url) as one, a_worker("h:2", own_redis.url) as other:
        await hears(one)
        await hears(other)
        woken = some(100)
        one.executor.wake(woken)
        await until(lambda: len(one.served) + len(other.served) >= len(woken))
    assert sorted(one.served + other.served) == sorted(woken)
    assert one.executor.bells.published == len(woken)
    assert one.executor.bells.received + other.executor.bells.received == len(woken)


async def test_a_bell_is_passed_on_to_whoever_holds_the_lease(own_redis: RedisServer) -> None:
    async with a_worker("h:1", own_redis.url) as one, a_worker("h:2", own_redis.url) as other:
        await hears(one)
        await hears(other)
        woken = some(20)
        for connection in woken:
            one.executor.pass_on(connection, "h:2:c0ffee")
        await until(lambda: len(other.served) >= len(woken))
        assert one.served == []


async def test_without_a_broker_a_worker_serves_what_it_would_have_woken_others_for(
    own_redis: RedisServer,
) -> None:
    own_redis.stop()
    async with a_worker("h:1", own_redis.url) as worker:
        woken = some(20)
        worker.executor.wake(woken)
        await until(lambda: len(worker.served) >= len(woken))
        assert not worker.ears.can_hear
        assert worker.executor.bells.refused == len(woken)


async def test_without_a_broker_a_bell_for_another_worker_does_not_come_back(
    own_redis: RedisServer,
) -> None:
    """Else a connection that the other one serves would go round between us for ever."""
    own_redis.stop()
    async with a_worker("h:1", own_redis.url) as worker:
        (theirs,) = some(1)
        worker.executor.pass_on(theirs, "h:2:c0ffee")
        await until(lambda: worker.executor.bells.refused == 1)
        ours = some(1)
        worker.executor.wake(ours)
        await until(lambda: worker.served != [])
        assert worker.served == ours


async def test_fault_07_a_worker_hears_again_when_its_broker_is_back(
    own_redis: RedisServer,
) -> None:
    async with a_worker("h:1", own_redis.url) as worker:
        await hears(worker)
        for _ in range(3):
            own_redis.stop()
            own_redis.start()
            before = worker.executor.bells.received
            async with asyncio.timeout(PATIENCE_S):
                while worker.executor.bells.received == before:
                    await worker.ears.listen()
                    worker.executor.wake(some(1))
                    await asyncio.sleep(0.2)
        assert worker.gave_up == 0


async def test_fault_07_a_consumer_that_hears_nothing_is_replaced_and_at_last_given_up(
    own_redis: RedisServer,
) -> None:
    elsewhere = own_redis.url.removesuffix("/0") + "/1"
    async with a_worker("h:1", own_redis.url, hears_at=elsewhere) as worker:
        for _ in range(REPLACED_AT_MOST):
            worker.clock.ahead_s += DEAF_AFTER_S + 1
            await worker.ears.listen()
            assert worker.gave_up == 0
        worker.clock.ahead_s += DEAF_AFTER_S + 1
        await worker.ears.listen()
        assert worker.gave_up == 1
        assert worker.executor.bells.deaf == REPLACED_AT_MOST + 1


async def test_a_broker_that_is_away_makes_nobody_deaf(own_redis: RedisServer) -> None:
    async with a_worker("h:1", own_redis.url) as worker:
        await hears(worker)
        own_redis.stop()
        await worker.ears.listen()
        await until(lambda: not worker.executor.publisher.is_taken)
        worker.clock.ahead_s = DEAF_AFTER_S * 10
        await worker.ears.listen()
        assert worker.gave_up == 0


async def test_over_rabbitmq_wake_ups_arrive_are_passed_on_and_come_back_with_it(
    own_rabbitmq: RabbitServer,
) -> None:
    url = own_rabbitmq.url
    async with a_worker("h:1", url) as one, a_worker("h:2", url) as other:
        await hears(one)
        await hears(other)
        woken = some(40)
        one.executor.wake(woken)
        await until(lambda: len(one.served) + len(other.served) >= len(woken))
        passed = some(5)
        for connection in passed:
            one.executor.pass_on(connection, "h:2:c0ffee")
        await until(lambda: set(passed) <= set(other.served))

        own_rabbitmq.stop()
        (late,) = some(1)
        async with asyncio.timeout(PATIENCE_S):
            while late not in one.served:  # the first is lost with the socket it went into
                one.executor.wake([late])
                await asyncio.sleep(0.1)
        assert one.executor.bells.refused
        own_rabbitmq.start()
        before = other.executor.bells.received
        async with asyncio.timeout(PATIENCE_S * 3):
            while other.executor.bells.received == before:
                await other.ears.listen()
                one.executor.pass_on(some(1)[0], "h:2:c0ffee")
                await asyncio.sleep(0.2)
