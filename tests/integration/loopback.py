"""Servers on loopback that misbehave on demand, and a gateway to call them with."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mappers.vocabulary import HttpCall, HttpReply, ProviderError
from mappers.vocabulary.adapters import Budget
from middleware.http.budget import MemoryBudgets
from middleware.http.gateway import Gateway, Port, without_lease
from middleware.http.guard import Guard
from middleware.http.ledger import Exchange, Ledger
from middleware.http.link import Link
from middleware.http.pools import HttpSettings

SOON = timedelta(milliseconds=150)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TOKEN = "7:AAH-secret"
CAP = 100_000

Answer = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]


class HastyClock:
    """Sleeps are short and remembered; what was slept is added to the time it tells."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 5, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@dataclass
class Seen:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Reads requests and answers each with the next of `answers`; the last one serves for ever."""

    answers: list[Answer]
    seen: list[Seen] = field(default_factory=list)
    sockets: int = 0
    base: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sockets += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.seen.append(Seen(head[0], headers, body))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await answer(self.seen[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(list(answers))
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(server.serve(reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    server.base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def says(status: int, *headers: str, body: bytes = b"") -> Answer:
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers])
    return sends(f"{head}\r\n\r\n".encode() + body)


def sends(*chunks: bytes, then: Answer | None = None) -> Answer:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        if then:
            await then(seen, writer)

    return answer


async def hang(_: Seen, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_up(_: Seen, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(_: Seen, writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()


async def endless(_: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


async def drip(_: Seen, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@dataclass
class House:
    """A gateway with everything around it that a test may want to look at."""

    gateway: Gateway
    clock: HastyClock
    budgets: MemoryBudgets
    noted: list[Exchange]

    def port(self, server: Server, *budgets: Budget, **link: Any) -> Port:
        whole = Link(connection="c-1", bases=(server.base,), budgets=budgets, **link)
        return self.gateway.port(whole, may_start=without_lease)


@asynccontextmanager
async def a_house(guard: Guard | None = None, **settings: Any) -> AsyncIterator[House]:
    clock, noted = HastyClock(), list[Exchange]()
    budgets = MemoryBudgets(clock, spent_before=False)
    gateway = Gateway(
        clock,
        budgets,
        guard or Guard(clock),
        Ledger(b"key", noted.append),
        HttpSettings(user_agent="Threadline/test", most_bytes=CAP, **settings),
    )
    async with gateway:
        yield House(gateway, clock, budgets, noted)


def resolved_to(address: str) -> Callable[[str, int], Awaitable[Iterable[str]]]:
    async def resolve(host: str, port: int) -> Iterable[str]:
        return [address]

    return resolve


def call(base: str, **changes: Any) -> HttpCall:
    described = {"method": "POST", "url": f"{base}/bot{TOKEN}/send", "label": "send"} | changes
    return HttpCall(**described)


async def failure_of(sending: Awaitable[HttpReply]) -> tuple[str, str]:
    with pytest.raises(ProviderError) as caught:
        await sending
    assert TOKEN not in f"{caught.value!r} {caught.value.failure!r}"
    return caught.value.failure.kind, caught.value.failure.code
