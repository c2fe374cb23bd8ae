"""Both providers in one fast process: `python -m middleware.bench.stub --port 9000`.

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

from middleware.bench.marks import Mark, mark_in
from middleware.bench.rules import percentile
from middleware.bench.stub_answers import Answer, Memory, answer, is_written

REASONS = {200: b"OK", 204: b"No Content", 429: b"Too Many Requests", 404: b"Not Found"}
TOO_MANY = Answer(429, b"")


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


@dataclass(slots=True)
class Provider:
    """Everything the stub knows."""

    ledger: Ledger = field(default_factory=Ledger)
    pace: Pace = field(default_factory=Pace)
    memory: Memory = field(default_factory=Memory)
    recent: dict[str, deque[float]] = field(default_factory=dict)

    def control(self, path: str, query: str) -> Answer:
        match path:
            case "arrived":
                return Answer(200, b"%d" % len(self.ledger.written))
            case "reset":
                self.ledger = Ledger()
            case "evict":
                self.memory.hooks.clear()
            case "pace":
                given = dict(parse_qsl(query))
                self.pace = Pace(
                    float(given.get("low", 0)),
                    float(given.get("high", 0)),
                    int(given.get("limit", 0)),
                )
            case _:
                pass
        state = {**self.ledger.as_json(), "hooks": self.memory.hooks}
        return Answer(200, json.dumps(state).encode())

    def take(self, method: str, path: str, body: bytes) -> Answer:
        """Answer a provider's call, and remember it."""
        account, is_counted, _ = path.partition("/api/")
        if self.pace.limit and is_counted and not self._may(account):
            self.ledger.rejected += 1
            return TOO_MANY
        label, given = answer(method, path, body, self.memory)
        self.ledger.calls[label] += 1
        if is_written(label) and (mark := mark_in(body)) is not None:
            self.ledger.note(mark, time.monotonic_ns())
        return given

    def _may(self, scope: str) -> bool:
        """A window of one second that slides, as the strictest reading of a limit has it."""
        now, recent = time.monotonic(), self.recent.setdefault(scope, deque())
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= self.pace.limit:
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

    def _send(self, given: Answer) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (given.status, REASONS.get(given.status, b"-"), len(given.body), given.body)
        )


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    provider = Provider()
    server = await loop.create_server(lambda: Call(provider), "127.0.0.1", port, backlog=2048)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
