"""The simulation's loop: time that jumps, order that is drawn, and no way out of either."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from middleware.simulation import loop as simulation
from middleware.simulation.loop import (
    START,
    NotInSimulation,
    Stuck,
    VirtualClock,
    VirtualLoop,
    run,
)


async def order_of(tasks: int, steps: int) -> list[int]:
    """Let tasks take turns and return in which order they got them."""
    order = []

    async def walk(number: int) -> None:
        for _ in range(steps):
            await asyncio.sleep(0)
            order.append(number)

    await asyncio.gather(*(walk(number) for number in range(tasks)))
    return order


def test_a_year_passes_in_no_time() -> None:
    began = time.monotonic()

    async def sleep() -> float:
        await asyncio.sleep(365 * 86400)
        return asyncio.get_running_loop().time()

    assert run(sleep()) == 365 * 86400
    assert time.monotonic() - began < 1


def test_sleepers_wake_in_the_order_of_their_dates() -> None:
    woken = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    async def main() -> None:
        await asyncio.gather(*(sleep(seconds) for seconds in (3, 1, 2.5, 0.1)))

    run(main(), seed=7)
    assert woken == [0.1, 1, 2.5, 3]


def test_timeouts_count_virtual_seconds() -> None:
    async def main() -> datetime:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.Event().wait()
        return VirtualClock().now()

    assert run(main()) == START + timedelta(seconds=90)


def test_cancelled_timers_do_not_move_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(5, print).cancel()
        loop.call_later(50, print).cancel()
        await asyncio.sleep(10)
        return loop.time()

    assert run(main()) == 10


def test_without_a_seed_it_is_first_come_first_served() -> None:
    assert run(order_of(tasks=3, steps=2)) == [0, 1, 2, 0, 1, 2]


def test_one_seed_is_one_order() -> None:
    orders = [tuple(run(order_of(tasks=4, steps=5), seed=seed)) for seed in range(50)]
    again = [tuple(run(order_of(tasks=4, steps=5), seed=seed)) for seed in range(50)]
    assert orders == again
    assert len(set(orders)) > 45


def test_a_task_may_overtake_another_by_several_steps() -> None:
    orders = [run(order_of(tasks=2, steps=3), seed=seed) for seed in range(200)]
    assert [0, 0, 0, 1, 1, 1] in orders
    assert [1, 1, 1, 0, 0, 0] in orders


def test_tasks_are_named_alike_in_every_run() -> None:
    async def names() -> list[str]:
        tasks = [asyncio.create_task(asyncio.sleep(1)) for _ in range(2)]
        named = asyncio.create_task(asyncio.sleep(1), name="server")
        return [task.get_name() for task in (*tasks, named)]

    assert run(names()) == run(names()) == ["task-2", "task-3", "server"]


def test_waiting_for_nothing_is_told_with_the_line_that_waits() -> None:
    async def nobody_sets(event: asyncio.Event) -> None:
        await event.wait()

    async def main() -> None:
        await asyncio.create_task(nobody_sets(asyncio.Event()), name="patient")

    with pytest.raises(Stuck, match=r"patient at test_virtual_loop\.py:\d+ in .*nobody_sets"):
        run(main())


def test_running_on_the_spot_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "MOST_STEPS_AT_ONCE", 500)

    async def spin() -> None:
        for _ in range(1000):
            await asyncio.sleep(0)

    with pytest.raises(Stuck, match=r"500 steps at 0\.0 s"):
        run(spin())


def test_threads_are_refused() -> None:
    with pytest.raises(NotInSimulation, match="thread"):
        run(asyncio.to_thread(print))


def test_sockets_are_refused() -> None:
    with pytest.raises(NotImplementedError):
        run(asyncio.open_connection("127.0.0.1", 9))


def test_what_is_left_running_is_cancelled_in_order_of_creation() -> None:
    ended = []

    async def linger(number: int) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(number)

    async def main() -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(linger(number)) for number in range(5)]
        await asyncio.sleep(1)
        return tasks

    run(main())
    assert ended == [0, 1, 2, 3, 4]


def test_an_error_of_the_main_task_comes_out() -> None:
    async def fail() -> None:
        await asyncio.sleep(1)
        raise KeyError("nothing")

    with pytest.raises(KeyError, match="nothing"):
        run(fail(), seed=1)


def test_the_clock_follows_the_loop() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop, start=datetime(2030, 1, 1, tzinfo=UTC))
    loop.run_until_complete(clock.sleep(0.25))
    assert clock.now() == datetime(2030, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    assert clock.monotonic() == 0.25
    loop.close()


def test_waiting_until_a_moment_arrives_at_it() -> None:
    async def main() -> None:
        clock = VirtualClock()
        for _ in range(1000):
            goal = clock.now() + timedelta(seconds=0.1, microseconds=1)
            await clock.sleep((goal - clock.now()).total_seconds())
            assert clock.now() == goal

    run(main())
