"""What every emulator stands on: a clock, faults by name, a log of exchanges, a way to the hub.

An emulator answers plain requests (`Request` in, `Response` out) and knows nothing of sockets, so
the same object serves real HTTP under uvicorn and the simulation in virtual time. The stage puts
the faults of the network in between: an emulator never has to know that its answer was lost.

Faults of the network, for every provider (`times=-1` lasts until cleared):

    cut_before          the connection ends before the provider did anything
    cut_after           the provider did it, and the answer is lost
    hang_before/after   the same, but the caller waits `seconds` first
    slow                a good answer, `seconds` late
    error_500_before/after, bad_gateway_before/after, unavailable_before
    garbage             the provider did it, and half of its JSON arrives

Faults of a provider (a flood, a revoked token…) are taken by the emulator itself with `take`.

Every emulator has the same switches, answered by `common_control`:

    POST   /_stage/faults {name, times?, match?, seconds?}    arm a fault
    GET    /_stage/faults                                     known, armed, and met so far
    DELETE /_stage/faults                                     disarm all
    GET    /_stage/log                                        every exchange, oldest first
    POST   /_stage/clock {ahead_s}                            how far the wall clock runs ahead
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Protocol

from channel_clients.emulators.loopback import (
    App,
    Push,
    PushOverHttp,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    lifespan,
    read_request,
    respond,
    serving,
)

# An emulator needs this module alone.
__all__ = [
    "NETWORK_FAULTS",
    "Answer",
    "App",
    "Clock",
    "ConnectionCut",
    "Exchange",
    "Fault",
    "Push",
    "PushOverHttp",
    "Pusher",
    "Receive",
    "Request",
    "Response",
    "Scope",
    "Send",
    "Stage",
    "WallClock",
    "asgi",
    "common_control",
    "serving",
]

NETWORK_FAULTS = frozenset(
    {
        "cut_before",
        "cut_after",
        "hang_before",
        "hang_after",
        "slow",
        "error_500_before",
        "error_500_after",
        "bad_gateway_before",
        "bad_gateway_after",
        "unavailable_before",
        "garbage",
    }
)
HTML = {"content-type": "text/html"}


class Clock(Protocol):
    """Where an emulator gets its time from; the simulation hands in a virtual one."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class WallClock:
    """Real time, which a test may push ahead (`ahead_s`) to let a token expire."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.ahead_s, UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ConnectionCut(Exception):
    """The caller gets no answer. `applied` says whether the provider did what was asked."""

    def __init__(self, *, applied: bool) -> None:
        super().__init__("the connection was cut")
        self.applied = applied


@dataclass(slots=True)
class Fault:
    """Armed: the next `times` calls whose "METHOD /path" contains `match` meet it.

    A `match` with a `*` in it stands for the whole of that.
    """

    name: str
    times: int = 1
    match: str = ""
    seconds: float = 0.0

    def is_meant(self, line: str) -> bool:
        return fnmatchcase(line, self.match) if "*" in self.match else self.match in line


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A line of the external record: what was called, what was answered, what went wrong."""

    at: datetime
    method: str
    path: str
    status: int | None
    fault: str | None


Answer = Callable[[Request], Awaitable[Response]]
Pusher = Callable[[Push], Awaitable[int | Response | None]]


class Stage:
    """One emulator's surroundings. `faults_met` counts the faults that really hit a call."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        push: Pusher | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.clock: Clock = clock or WallClock()
        # Seeded, so that what a provider leaves to chance is the same in every run.
        self.rng = rng or random.Random(0)  # noqa: S311  # nothing secret is drawn from it
        self._pusher: Pusher = push or PushOverHttp()
        self.log: list[Exchange] = []
        self.faults: list[Fault] = []
        self.faults_met: dict[str, int] = {}
        self.known_faults: set[str] = set(NETWORK_FAULTS)
        # The first fault that each call now under way has met; calls overlap.
        self._met_by: dict[int, str | None] = {}

    async def push(self, call: Push) -> int | None:
        """Call the hub and return its status; None is "no answer"."""
        reply = await self.deliver(call)
        return reply.status if reply else None

    async def deliver(self, call: Push) -> Response | None:
        """Call the hub and return all of its answer, for providers that read it."""
        reply = await self._pusher(call)
        return Response(status=reply) if isinstance(reply, int) else reply

    def arm(self, name: str, *, times: int = 1, match: str = "", seconds: float = 0.0) -> None:
        if name not in self.known_faults:
            raise ValueError(f"no fault is called {name!r}; there are {sorted(self.known_faults)}")
        self.faults.append(Fault(name, times, match, seconds))

    def clear(self) -> None:
        self.faults.clear()

    def take(self, request: Request, names: frozenset[str] | set[str]) -> Fault | None:
        """Use up the first armed fault among `names` that matches this request."""
        line = f"{request.method} {request.path}"
        for fault in self.faults:
            if fault.name in names and fault.is_meant(line):
                if fault.times > 0:
                    fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
                self.faults_met[fault.name] = self.faults_met.get(fault.name, 0) + 1
                if self._met_by.get(id(request), "") is None:
                    self._met_by[id(request)] = fault.name
                return fault
        return None

    async def exchange(self, request: Request, answer: Answer) -> Response:
        """Let the provider answer, through a network that may misbehave.

        Raises: `ConnectionCut` when no answer reaches the caller.
        """
        status: int | None = None
        self._met_by[id(request)] = None
        try:
            fault = self.take(request, NETWORK_FAULTS)
            response = await self._through(fault, request, answer)
            status = response.status
        finally:
            self._note(request, status, self._met_by.pop(id(request), None))
        return response

    async def _through(self, fault: Fault | None, request: Request, answer: Answer) -> Response:
        if fault is None:
            return await answer(request)
        if fault.name.startswith("hang") or fault.name == "slow":
            await self.clock.sleep(fault.seconds)
        if fault.name.endswith("_before"):
            return _refuse(fault.name)
        response = await answer(request)
        match fault.name:
            case "cut_after" | "hang_after":
                raise ConnectionCut(applied=True)
            case "error_500_after":
                return _refuse("error_500_before")
            case "bad_gateway_after":
                return _refuse("bad_gateway_before")
            case "garbage":
                half = response.body[: len(response.body) // 2]
                return Response(status=response.status, body=half, headers=response.headers)
            case _:
                return response

    def _note(self, request: Request, status: int | None, fault: str | None) -> None:
        line = Exchange(
            at=self.clock.now(),
            method=request.method,
            path=request.path,
            status=status,
            fault=fault,
        )
        self.log.append(line)


def _refuse(name: str) -> Response:
    match name:
        case "error_500_before":
            return Response(status=500, body=b"<h1>500 Internal Server Error</h1>", headers=HTML)
        case "bad_gateway_before":
            return Response(status=502, body=b"<h1>502 Bad Gateway</h1>", headers=HTML)
        case "unavailable_before":
            return Response(status=503, body=b"<h1>503 Service Unavailable</h1>", headers=HTML)
        case _:
            raise ConnectionCut(applied=False)


async def common_control(stage: Stage, request: Request) -> Response | None:
    """Answer the switches that every emulator has; None means the route is somebody else's."""
    match request.method, request.path:
        case "POST", "/_stage/faults":
            return _arm(stage, request)
        case "GET", "/_stage/faults":
            return _faults(stage)
        case "DELETE", "/_stage/faults":
            stage.clear()
            return _faults(stage)
        case "GET", "/_stage/log":
            lines = [{**asdict(line), "at": line.at.isoformat()} for line in stage.log]
            return Response.of({"log": lines})
        case "POST", "/_stage/clock":
            return _set_clock(stage, request)
        case _:
            return None


def _arm(stage: Stage, request: Request) -> Response:
    try:
        order = request.json()
        stage.arm(
            str(order["name"]),
            times=int(order.get("times", 1)),
            match=str(order.get("match", "")),
            seconds=float(order.get("seconds", 0)),
        )
    except (ValueError, KeyError, TypeError) as reason:
        return Response.of({"error": str(reason)}, 400)
    return _faults(stage)


def _faults(stage: Stage) -> Response:
    armed = [asdict(fault) for fault in stage.faults]
    known = sorted(stage.known_faults)
    return Response.of({"known": known, "armed": armed, "met": stage.faults_met})


def _set_clock(stage: Stage, request: Request) -> Response:
    if not isinstance(stage.clock, WallClock):
        return Response.of({"error": "this stage runs on a clock of the simulation"}, 409)
    try:
        stage.clock.ahead_s = float(request.json()["ahead_s"])
    except (ValueError, KeyError, TypeError):
        return Response.of({"error": "ahead_s must be a number of seconds"}, 400)
    return Response.of({"now": stage.clock.now().isoformat(), "ahead_s": stage.clock.ahead_s})


def asgi(stage: Stage, answer: Answer, control: Answer) -> App:
    """Serve an emulator: `/_stage/…` goes to its control, everything else to the provider."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        request = await read_request(scope, receive)
        if request.path.startswith("/_stage/"):
            await respond(send, await control(request))
            return
        try:
            response = await stage.exchange(request, answer)
        except ConnectionCut:
            # Promising more bytes than are sent makes the server close the connection.
            start = {"type": "http.response.start", "status": 200}
            await send({**start, "headers": [(b"content-length", b"1000")]})
            return
        await respond(send, response)

    return app
