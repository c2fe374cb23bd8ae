"""The network of the simulation: providers and the hub's doors in one process, without sockets.

A call takes its time both ways, drawn from the seed. Whoever called may give up before the answer
is there; the other side does not notice and goes on, so that what was given up still happens.
"""

import asyncio
import random
from collections.abc import Coroutine, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from channel_clients.emulators.stage import (
    App,
    ConnectionCut,
    Push,
    Request,
    Response,
    Stage,
)
from mappers.vocabulary import Ambiguous, HttpCall, HttpReply, ProviderError, Transient
from middleware.clock import Clock
from middleware.http import codes
from middleware.http.gateway import MayStart, without_lease
from middleware.http.wire import Origin, Spelt, origin, spell

T = TypeVar("T")

CRASHED = Response(
    status=500, body=b"Internal Server Error", headers={"content-type": "text/plain"}
)


class Provider(Protocol):
    """An emulator, as far as the network is concerned."""

    @property
    def stage(self) -> Stage: ...

    async def answer(self, request: Request) -> Response: ...


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a call is on its way, in each direction."""

    shortest_s: float = 0.005
    longest_s: float = 0.2


class Network:
    """Who can be reached at which address.

    `crashes` collects what emulators and doors died of. A simulation that ends with any of them
    has found a bug, whatever the hub made of the 500.
    """

    def __init__(self, clock: Clock, rng: random.Random, *, latency: Latency | None = None) -> None:
        self.clock = clock
        self.crashes: list[Exception] = []
        self._rng = rng
        self._latency = latency or Latency()
        self._providers: dict[Origin, Provider] = {}
        self._doors: dict[Origin, App] = {}
        self._refusing: set[Origin] = set()
        self._answers_to_lose = 0
        self._under_way: set[asyncio.Task[Any]] = set()

    def attach(self, base: str, provider: Provider) -> None:
        """Make a provider reachable. Of `base`, scheme, host and port count."""
        self._providers[origin(base)] = provider

    def open_door(self, base: str, door: App) -> None:
        """Let the hub be called: `door` is its ASGI application."""
        self._doors[origin(base)] = door

    def refuse(self, base: str) -> None:
        """Nobody listens at this address any more, provider or door: connections are refused."""
        self._refusing.add(origin(base))

    def accept(self, base: str) -> None:
        self._refusing.discard(origin(base))

    def lose_next_answers(self, times: int = 1) -> None:
        """The next pushes reach the hub, and its answers do not reach the provider."""
        self._answers_to_lose += times

    def port(self, may_start: MayStart = without_lease) -> "SimHttp":
        """Return one connection's way out; `may_start` is its lease's word."""
        return SimHttp(self, may_start)

    async def push(self, call: Push) -> Response | None:
        """Carry a provider's call to the hub. This is what a stage is given as its pusher."""
        at = origin(call.url)
        if at in self._refusing or at not in self._doors:
            await self._travel()
            return None
        visit = self._start(self._visit(self._doors[at], call))
        answer = await _within(visit, call.timeout_s)
        if answer is not None and self._answers_to_lose:
            self._answers_to_lose -= 1
            return None
        return answer

    def reach(self, spelt: Spelt) -> "asyncio.Task[Response] | None":
        """Set off with a call; None is "connection refused"."""
        at = origin(spelt.url)
        provider = self._providers.get(at)
        if provider is None or at in self._refusing:
            return None
        return self._start(self._exchange(provider, _request(spelt)))

    async def _exchange(self, provider: Provider, request: Request) -> Response:
        await self._travel()
        try:
            response = await provider.stage.exchange(request, provider.answer)
        except ConnectionCut:
            await self._travel()
            raise
        except Exception as crash:  # noqa: BLE001 - a server that dies of a request answers 500
            self.crashes.append(crash)
            response = CRASHED
        await self._travel()
        return response

    async def _visit(self, door: App, call: Push) -> Response:
        await self._travel()
        try:
            answer = await _ask(door, call)
        except Exception as crash:  # noqa: BLE001 - as above
            self.crashes.append(crash)
            answer = CRASHED
        await self._travel()
        return answer

    async def _travel(self) -> None:
        await self.clock.sleep(self._rng.uniform(self._latency.shortest_s, self._latency.longest_s))

    def _start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._landed)
        return task

    def _landed(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever gave up does not ask for it any more


class SimHttp:
    """`mappers.vocabulary.Http` for one connection. It repeats nothing and has no budget."""

    def __init__(self, network: Network, may_start: MayStart) -> None:
        self._network = network
        self._may_start = may_start

    def now(self) -> datetime:
        return self._network.clock.now()

    async def send(self, call: HttpCall) -> HttpReply:
        spelt = spell(call, "Threadline simulation")
        if not self._may_start(call.timeout):
            raise ProviderError(Transient(code=codes.LEASE_SHORT))
        answer = self._network.reach(spelt)
        if answer is None:
            raise ProviderError(Transient(code="net.ConnectError"))
        # From here on the provider may have read it, and what it did with it we cannot know.
        unsure = Transient if call.repeatable else Ambiguous
        try:
            response = await _within(answer, call.timeout.total_seconds())
        except ConnectionCut:
            raise ProviderError(unsure(code="net.RemoteProtocolError")) from None
        if response is None:
            raise ProviderError(unsure(code=codes.DEADLINE))
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HttpReply(status=response.status, headers=headers, body=response.body)


async def _within(task: "asyncio.Task[T]", seconds: float) -> T | None:
    """Wait for a task no longer than this; it goes on without us."""
    done, _ = await asyncio.wait({task}, timeout=seconds)
    return task.result() if done else None


def _request(spelt: Spelt) -> Request:
    query = parse_qsl(spelt.url.query.decode("ascii"), keep_blank_values=True)
    return Request(
        method=spelt.method,
        path=spelt.url.path,
        query=tuple(query),
        headers={**spelt.headers, "host": spelt.url.netloc.decode("ascii")},
        body=spelt.content,
    )


async def _ask(door: App, call: Push) -> Response:
    """Call an ASGI application as a server would."""
    parts = urlsplit(call.url)
    body = [{"type": "http.request", "body": call.body, "more_body": False}]
    said: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message)

    headers = {name.lower(): value for name, value in call.headers.items()}
    headers = {"host": parts.netloc, "content-length": str(len(call.body)), **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": parts.scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
        "client": ("192.0.2.1", 443),
        "server": (parts.hostname, parts.port),
    }
    await door(scope, receive, send)
    start = next(message for message in said if message["type"] == "http.response.start")
    return Response(
        status=start["status"],
        headers={k.decode("latin-1"): v.decode("latin-1") for k, v in start.get("headers", ())},
        body=b"".join(message.get("body", b"") for message in said if message is not start),
    )
