"""The simulation's network: what a caller learns, and what happens all the same."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from channel_clients.emulators.stage import Push, Request, Response, Stage
from mappers.vocabulary import Ambiguous, Failure, HttpCall, HttpReply, ProviderError, Transient
from middleware.http import codes
from middleware.simulation.loop import VirtualClock, run
from middleware.simulation.wire import Latency, Network

T = TypeVar("T")

PROVIDER, HUB = "https://api.provider.sim", "http://hub.sim:8080"


class Provider:
    """Remembers what it was asked, and says the number of it."""

    def __init__(self, network: Network) -> None:
        self.stage = Stage(clock=network.clock, push=network.push)
        self.asked: list[Request] = []

    async def answer(self, request: Request) -> Response:
        self.asked.append(request)
        if request.path == "/crash":
            raise KeyError("a bug of the emulator")
        return Response.of({"asked": len(self.asked)})


class Scene:
    def __init__(self, seed: int) -> None:
        self.clock = VirtualClock()
        self.network = Network(self.clock, random.Random(seed), latency=Latency(0.1, 0.2))
        self.provider = Provider(self.network)
        self.network.attach(PROVIDER, self.provider)

    async def send(self, path: str = "/send", **values: Any) -> HttpReply:
        call = HttpCall(method="POST", url=PROVIDER + path, label="test", **values)
        return await self.network.port().send(call)

    async def failure(self, **values: Any) -> Failure:
        with pytest.raises(ProviderError) as caught:
            await self.send(**values)
        return caught.value.failure


def play(story: Callable[[Scene], Awaitable[T]], seed: int = 0) -> T:
    async def main() -> T:
        return await story(Scene(seed))

    return run(main(), seed=seed)


def a_push(path: str = "/hooks/x?a=1") -> Push:
    headers = {"Content-Type": "application/json"}
    return Push(method="POST", url=HUB + path, headers=headers, body=b"{}", timeout_s=5)


async def door(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was asked; `/slow` takes a minute."""
    body = (await receive())["body"]
    if scope["path"] == "/slow":
        await asyncio.sleep(60)
    said = b" ".join(
        [scope["method"].encode(), scope["path"].encode(), scope["query_string"], body]
    )
    await send({"type": "http.response.start", "status": 202, "headers": [(b"x-a", b"b")]})
    await send({"type": "http.response.body", "body": said})


def test_a_call_arrives_as_it_would_over_a_socket() -> None:
    async def story(scene: Scene) -> None:
        reply = await scene.send("/a%20b?x=1", params={"y": "да"}, json={"текст": 1})
        assert reply.value() == {"asked": 1}
        (asked,) = scene.provider.asked
        assert asked.path == "/a b"
        assert asked.query == (("x", "1"), ("y", "да"))
        assert asked.json() == {"текст": 1}
        assert asked.headers["host"] == "api.provider.sim"
        assert asked.headers["content-type"] == "application/json"

    play(story)


def test_the_way_takes_its_time_and_the_seed_says_how_much() -> None:
    async def story(scene: Scene) -> float:
        await scene.send()
        return scene.clock.monotonic()

    took = [play(story, seed) for seed in range(20)]
    assert took == [play(story, seed) for seed in range(20)]
    assert all(0.2 <= seconds <= 0.4 for seconds in took)
    assert len(set(took)) == 20


def test_only_a_refused_connection_proves_that_nothing_happened() -> None:
    async def story(scene: Scene) -> None:
        scene.network.refuse(PROVIDER)
        assert await scene.failure() == Transient(code="net.ConnectError")
        scene.network.accept(PROVIDER)
        assert (await scene.send()).status == 200

    play(story)


@pytest.mark.parametrize("fault", ["cut_before", "cut_after"])
def test_a_cut_tells_nothing_about_what_was_done(fault: str) -> None:
    async def story(scene: Scene) -> None:
        scene.provider.stage.arm(fault, times=2)
        assert isinstance(await scene.failure(), Ambiguous)
        assert isinstance(await scene.failure(repeatable=True), Transient)
        assert len(scene.provider.asked) == (2 if fault == "cut_after" else 0)

    play(story)


def test_what_was_given_up_still_happens() -> None:
    async def story(scene: Scene) -> None:
        scene.provider.stage.arm("slow", seconds=60)
        assert await scene.failure(timeout=timedelta(seconds=10)) == Ambiguous(code=codes.DEADLINE)
        assert scene.clock.monotonic() == 10
        assert not scene.provider.asked
        await asyncio.sleep(60)
        assert len(scene.provider.asked) == 1

    play(story)


def test_a_lease_that_is_short_stops_a_call_before_it_begins() -> None:
    async def story(scene: Scene) -> None:
        port = scene.network.port(may_start=lambda span: span < timedelta(seconds=5))
        with pytest.raises(ProviderError) as caught:
            await port.send(HttpCall(method="GET", url=PROVIDER, label="test"))
        assert caught.value.failure == Transient(code=codes.LEASE_SHORT)
        assert scene.clock.monotonic() == 0

    play(story)


def test_an_emulator_that_dies_of_a_request_answers_500_and_is_remembered() -> None:
    async def story(scene: Scene) -> None:
        assert (await scene.send("/crash")).status == 500
        assert [type(crash) for crash in scene.network.crashes] == [KeyError]

    play(story)


def test_a_push_goes_through_the_hubs_own_door() -> None:
    async def story(scene: Scene) -> None:
        scene.network.open_door(HUB, door)
        answer = await scene.provider.stage.deliver(a_push())
        assert answer is not None
        assert (answer.status, answer.body) == (202, b"POST /hooks/x a=1 {}")
        assert answer.headers == {"x-a": "b"}

    play(story)


def test_a_push_may_find_nobody_wait_in_vain_or_lose_the_answer() -> None:
    async def story(scene: Scene) -> None:
        assert await scene.network.push(a_push()) is None
        scene.network.open_door(HUB, door)
        assert await scene.network.push(a_push("/slow")) is None
        scene.network.lose_next_answers()
        assert await scene.network.push(a_push()) is None
        assert await scene.network.push(a_push()) is not None
        scene.network.refuse(HUB)
        assert await scene.network.push(a_push()) is None

    play(story)
