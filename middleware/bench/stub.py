"""Both providers in one fast process: `python -m middleware.bench.stub --port 9000 --crm NAME`.

It answers just enough for accounts to be connected and messages to be written, counts what
arrives, and judges nothing; the emulators judge. Hub and peers write to the same stub, so it slows
them alike, and its own CPU is never counted.

    GET  /_bench/reset                              forget what was counted
    GET  /_bench/evict                              forget where bots want their hooks
    GET  /_bench/pace?low=0.2&high=0.5&limit=7      seconds an answer takes; calls a second
    GET  /_bench/state                              what was counted
    GET  /_bench/arrived                            how many texts, as a bare number
"""

import argparse
import asyncio
import json
import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qsl

import httptools
import uvloop

from channel_clients.emulators.contract import ChannelStub
from channel_clients.emulators.registry import CHANNEL_PARTS
from channel_clients.emulators.stage import Response
from crm_clients.emulators.contract import WRITE, Bench, Stub
from crm_clients.emulators.registry import PARTS
from middleware.bench.marks import Mark, mark_in
from middleware.bench.rules import percentile
from middleware.trial.layout import USUAL_CHANNEL, USUAL_CRM
from middleware.trial.processes import TrialFailed

REASONS = {200: b"OK", 204: b"No Content", 429: b"Too Many Requests", 404: b"Not Found"}
TOO_MANY, UNKNOWN = Response(status=429), Response(status=404, body=b"{}")


@dataclass(slots=True)
class Ledger:
    """What arrived since the last reset. Latencies are in seconds, from when a text was due."""

    calls: Counter[str] = field(default_factory=Counter)
    written: set[tuple[int, int, int]] = field(default_factory=set)
    doubled: int = 0
    disordered: int = 0
    rejected: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    digest: int = 0
    newest: dict[tuple[int, int], int] = field(default_factory=dict)
    latencies: dict[int, list[float]] = field(default_factory=dict)

    def note(self, mark: Mark, now_ns: int) -> None:
        """Count one text. The digest does not depend on the order between conversations."""
        name, chat = (mark.bot, mark.chat, mark.number), (mark.bot, mark.chat)
        self.last_at = now_ns / 1e9
        self.first_at = self.first_at or self.last_at
        if name in self.written:
            self.doubled += 1
            return
        self.written.add(name)
        self.digest ^= hash(name)
        if mark.number < self.newest.get(chat, -1):
            self.disordered += 1
        self.newest[chat] = max(mark.number, self.newest.get(chat, -1))
        self.latencies.setdefault(mark.bot, []).append((now_ns - mark.due_ns) / 1e9)

    def as_json(self) -> dict[str, object]:
        every = [each for one in self.latencies.values() for each in one]
        return {
            "calls": dict(self.calls),
            "written": len(self.written),
            "doubled": self.doubled,
            "disordered": self.disordered,
            "rejected": self.rejected,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "digest": f"{self.digest & (2**64 - 1):016x}",
            "latency": {"all": _summary(every)}
            | {str(bot): _summary(one) for bot, one in self.latencies.items()},
        }


def _summary(values: list[float]) -> dict[str, float]:
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    return {"n": len(values)} | {name: percentile(values, at) for name, at in shares.items()}


@dataclass(slots=True)
class Pace:
    """How long an answer takes; how many REST calls a second an account stands (0: any)."""

    low: float = 0.0
    high: float = 0.0
    limit: int = 0


def bench_of(crm: str) -> Bench:
    """Raises: `TrialFailed` for a CRM that has no stub."""
    found = PARTS[crm].bench
    if found is None:
        raise TrialFailed(f"{PARTS[crm].title} has no stub to be measured with")
    return found


@dataclass(slots=True)
class Provider:
    """Everything the stub knows."""

    bench: Bench = field(default_factory=lambda: bench_of(USUAL_CRM))
    ledger: Ledger = field(default_factory=Ledger)
    pace: Pace = field(default_factory=Pace)
    channel: ChannelStub = field(default_factory=CHANNEL_PARTS[USUAL_CHANNEL].stub)
    recent: dict[str, deque[float]] = field(default_factory=dict)
    crm: Stub = field(init=False)

    def __post_init__(self) -> None:
        self.crm = self.bench.stub()

    def control(self, path: str, query: str) -> Response:
        match path:
            case "arrived":
                return Response(body=b"%d" % len(self.ledger.written))
            case "reset":
                self.ledger = Ledger()
            case "evict":
                self.channel.hooks.clear()
            case "pace":
                given = dict(parse_qsl(query))
                self.pace = Pace(
                    float(given.get("low", 0)),
                    float(given.get("high", 0)),
                    int(given.get("limit", 0)),
                )
            case _:
                pass
        state = {**self.ledger.as_json(), "hooks": self.channel.hooks}
        return Response(body=json.dumps(state).encode())

    def take(self, method: str, path: str, body: bytes) -> Response:
        """Answer a provider's call, and remember it."""
        scope = self.bench.scope(path) if self.pace.limit else None
        if scope is not None and not self._may(scope):
            self.ledger.rejected += 1
            return TOO_MANY
        label, given = (
            self.crm.answer(method, path, body)
            or self.channel.answer(path, body)
            or ("unknown", UNKNOWN)
        )
        self.ledger.calls[label] += 1
        if label == WRITE and (mark := mark_in(body)) is not None:
            self.ledger.note(mark, time.monotonic_ns())
        return given

    def _may(self, scope: str) -> bool:
        """A window that slides, as the strictest reading of a limit has it."""
        now, recent = time.monotonic(), self.recent.setdefault(scope, deque())
        while recent and recent[0] <= now - self.bench.window_s:
            recent.popleft()
        if len(recent) >= self.pace.limit * self.bench.window_s:
            return False
        recent.append(now)
        return True


class Call(asyncio.Protocol):
    """One socket. Calls on it come one after another, as HTTP clients without pipelining do."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport | None = None
        self.url, self.body = b"", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.url, self.body = b"", b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        path, _, query = self.url.decode().partition("?")
        method = self.parser.get_method().decode()
        if path.startswith("/_bench/"):
            self._send(self.provider.control(path.removeprefix("/_bench/"), query))
            return
        given, pace = self.provider.take(method, path, self.body), self.provider.pace
        if pace.high:
            wait = random.uniform(pace.low, pace.high)  # noqa: S311  # a pause, not a secret
            asyncio.get_running_loop().call_later(wait, self._send, given)
        else:
            self._send(given)

    def _send(self, given: Response) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (given.status, REASONS.get(given.status, b"-"), len(given.body), given.body)
        )


async def serve(port: int, crm: str) -> None:
    loop = asyncio.get_running_loop()
    provider = Provider(bench_of(crm))
    server = await loop.create_server(lambda: Call(provider), "127.0.0.1", port, backlog=2048)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--crm", choices=tuple(PARTS), default=USUAL_CRM)
    asked = parser.parse_args()
    uvloop.run(serve(asked.port, asked.crm))


if __name__ == "__main__":
    main()
