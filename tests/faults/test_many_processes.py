"""A hub of many processes whose broker, workers and wake-ups fail: nothing is lost or doubled."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from middleware.settings import Settings
from middleware.working import Part
from tests.faults.hub_process import HubProcess, hub_process
from tests.faults.scene import NINA, PETR, cards, show_repeats, until, words_of
from tests.journeys.town import Plan, Town, free_port, move_in, open_world, running, settings_for
from tests.redis import RedisServer

DOOR = frozenset({Part.API, Part.SWEEPER})
IN_FLIGHT = "SELECT count(*) FROM deliveries WHERE state IN ('calling', 'doubt')"
HELD = "SELECT count(*) FROM leases WHERE purpose = 'serve' AND until > clock_timestamp()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """A town whose hub is a door in the test's own process, and workers in theirs."""

    town: Town
    redis: RedisServer
    settings: Settings
    workers: list[HubProcess] = field(default_factory=list)

    async def settle_customer(self, user: int) -> None:
        self.town.telegram.say(user, "начало", name=f"Клиент {user}")
        await self.town.settle()

    def talk(self, users: range, number: int) -> None:
        for user in users:
            self.town.telegram.say(user, f"{number}", name=f"Клиент {user}")


@asynccontextmanager
async def at_work(
    postgres_url: str, folder: Path, redis: RedisServer, *options: str, **changes: Any
) -> AsyncIterator[Crew]:
    many = {"executor": "celery", "broker_url": SecretStr(redis.url), "processes_at_most": 3}
    settings = settings_for(postgres_url, folder, free_port(), **many, **changes)
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_world())
        hub = await stack.enter_async_context(running(settings, parts=DOOR))
        town = await move_in(world, hub, Plan())
        show_repeats(town)
        crew = Crew(town=town, redis=redis, settings=settings)
        for _ in range(2):
            theirs = settings.model_copy(update={"port": free_port()})
            crew.workers.append(
                await stack.enter_async_context(hub_process(theirs, *options, "worker"))
            )
        yield crew


@pytest.fixture
async def crew(postgres_url: str, tmp_path: Path, own_redis: RedisServer) -> AsyncIterator[Crew]:
    async with at_work(postgres_url, tmp_path, own_redis) as working:
        yield working


def is_all_there(town: Town, users: range, count: int) -> bool:
    expected = [f"{number}" for number in range(count)]
    return all(words_of(town, user) == expected for user in users)


async def test_a_message_goes_all_the_way_and_the_answer_comes_back(crew: Crew) -> None:
    town = crew.town
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.reply(NINA, "Добрый день")
    await town.settle()

    assert town.entries() == ["Здравствуйте", "Добрый день"]
    assert town.seen_by(NINA) == ["Добрый день"]
    assert town.hub.own.serving == 0


async def test_fault_05_a_broker_that_forgets_everything_delays_and_loses_nothing(
    crew: Crew,
) -> None:
    users = range(NINA, NINA + 3)
    for number in range(6):
        crew.talk(users, number)
        await crew.town.pause()
        crew.redis.flush()
    await crew.town.settle()

    assert is_all_there(crew.town, users, 6)
    assert len(cards(crew.town)) == len(users)


async def test_fault_06_with_the_broker_hung_doors_take_hooks_and_workers_find_their_work(
    crew: Crew,
) -> None:
    town = crew.town
    await crew.settle_customer(NINA)
    crew.redis.hang()
    try:
        for number in range(3):
            town.telegram.say(NINA, f"{number}", name="Нина")
        await until(town, lambda: len(town.entries()) == 4)
    finally:
        crew.redis.go_on()
    await town.settle()

    assert words_of(town, NINA) == ["начало", "0", "1", "2"]
    assert {pushed.status for pushed in town.telegram.pushed()} == {200}


async def test_fault_07_workers_hear_again_after_their_broker_died_and_came_back(
    crew: Crew,
) -> None:
    town = crew.town
    for number in range(3):
        crew.redis.stop()
        town.telegram.say(NINA, f"{number}", name="Нина")
        crew.redis.start()
        await until(town, lambda: len(town.entries()) > number)  # noqa: B023
    await town.settle()

    assert words_of(town, NINA) == ["0", "1", "2"]


async def test_fault_32_workers_replaced_one_after_another_finish_what_they_began(
    crew: Crew,
) -> None:
    town = crew.town
    users = range(NINA, NINA + 3)
    for number in range(6):
        crew.talk(users, number)
        worker = crew.workers[number % len(crew.workers)]
        worker.signal(signal.SIGTERM)
        assert await worker.end() == 0
        await worker.start()
    await town.settle()

    assert is_all_there(town, users, 6)
    assert len(cards(town)) == len(users)
    assert await town.count(IN_FLIGHT) == 0


async def test_fault_01_workers_killed_in_the_middle_leave_their_work_to_others(
    postgres_url: str, tmp_path: Path, own_redis: RedisServer, impatient: float
) -> None:
    hasty = ("--patience", str(impatient))
    async with at_work(postgres_url, tmp_path, own_redis, *hasty) as crew:
        town = crew.town
        users = range(NINA, NINA + 3)
        for number in range(4):
            crew.talk(users, number)
            await town.pause()
            worker = crew.workers[number % len(crew.workers)]
            await worker.kill()
            await worker.start()
        await town.settle()

        assert is_all_there(town, users, 4)
        assert len(cards(town)) == len(users)
        assert await town.count(HELD) == 0


async def test_work_of_one_connection_stays_with_whoever_serves_it(crew: Crew) -> None:
    """A bell that rings at the wrong worker is passed on: nobody waits for a sweep."""
    town = crew.town
    for user in (NINA, PETR):
        await crew.settle_customer(user)
    for number in range(10):
        for user in (NINA, PETR):
            town.telegram.say(user, f"{number}", name=f"Клиент {user}")
        await asyncio.sleep(0.05)
    await town.settle()

    for user in (NINA, PETR):
        assert words_of(town, user) == ["начало", *(f"{number}" for number in range(10))]
