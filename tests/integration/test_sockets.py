"""Sockets to providers, on both kinds of loop: when one is used again, and when it must not be."""

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from pydantic import SecretStr

from middleware.http import sockets
from middleware.http.gateway import without_lease
from middleware.http.guard import Guard
from middleware.http.link import Link
from tests.integration.loopback import (
    CAP,
    OK,
    SOON,
    Answer,
    HastyClock,
    House,
    Seen,
    a_house,
    call,
    failure_of,
    hang,
    resolved_to,
    says,
    sends,
    serving,
)
from tests.integration.test_ways_out import Detour, certificate

Scene = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Callable[[Scene], None]:
    """Run a scene on a loop of its own kind."""

    def run(scene: Scene) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(scene())

    return run


async def statuses(house: House, server: Any, times: int, **changes: Any) -> list[int]:
    port = house.port(server)
    return [(await port.send(call(server.base, **changes))).status for _ in range(times)]


def test_what_comes_before_the_answer_is_passed_over(play: Callable[[Scene], None]) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

    async def scene() -> None:
        async with a_house() as house, serving(sends(early, OK)) as server:
            reply = await house.port(server).send(call(server.base))
        assert (reply.status, reply.body, "link" in reply.headers) == (200, b"ok", False)

    play(scene)


def test_a_body_may_end_with_the_socket(play: Callable[[Scene], None]) -> None:
    async def hang_up_after(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nto the end")
        writer.close()

    async def scene() -> None:
        async with a_house() as house, serving(hang_up_after) as server:
            bodies = [(await house.port(server).send(call(server.base))).body for _ in range(2)]
        assert (bodies, server.sockets) == ([b"to the end"] * 2, 2)

    play(scene)


def test_an_answer_to_head_has_no_body(play: Callable[[Scene], None]) -> None:
    head = sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

    async def scene() -> None:
        async with a_house() as house, serving(head) as server:
            assert await statuses(house, server, 2, method="HEAD") == [200, 200]
        assert {seen.headers.get("content-length") for seen in server.seen} == {None}

    play(scene)


@pytest.mark.parametrize(
    ("answer", "used"),
    [
        (sends(OK), 1),
        (says(204), 1),
        (sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), 1),
        (says(200, "Connection: close"), 3),
        (sends(OK + OK), 3),
        (sends(OK + b"stray"), 3),
    ],
    ids=["plain", "empty", "chunked", "closing", "twice", "more than asked"],
)
def test_a_socket_is_used_again_only_when_it_is_clean(
    play: Callable[[Scene], None], answer: Answer, used: int
) -> None:
    async def scene() -> None:
        async with a_house() as house, serving(answer) as server:
            assert set(await statuses(house, server, 3)) <= {200, 204}
        assert server.sockets == used

    play(scene)


def test_a_socket_that_was_hung_up_meanwhile_is_not_asked(play: Callable[[Scene], None]) -> None:
    """A call that is sent into a closed socket would be in doubt."""

    async def answer_and_leave(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        asyncio.get_running_loop().call_later(0.02, writer.close)

    async def scene() -> None:
        async with a_house() as house, serving(answer_and_leave) as server:
            for _ in range(4):
                assert await statuses(house, server, 1) == [200]
                await asyncio.sleep(0.05)
        assert server.sockets == 4
        assert {noted.failure for noted in house.noted} == {""}

    play(scene)


def test_a_socket_that_rested_too_long_is_closed(play: Callable[[Scene], None]) -> None:
    async def scene() -> None:
        async with a_house(idle_s=0.01) as house, serving(sends(OK)) as server:
            for _ in range(2):
                assert await statuses(house, server, 1) == [200]
                await asyncio.sleep(0.05)
        assert server.sockets == 2

    play(scene)


@pytest.mark.parametrize("head", [b"X-Long: " + b"x" * 9000, b"HTTP/1.1 103 Hints\r\nA: b\r\n\r\n"])
def test_headers_without_end_are_given_up(play: Callable[[Scene], None], head: bytes) -> None:
    async def pour(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" if head.startswith(b"X") else b"")
        while True:
            writer.write(head)
            await writer.drain()

    async def scene() -> None:
        async with a_house() as house, serving(pour) as server:
            failure = await failure_of(house.port(server).send(call(server.base)))
        assert failure == ("ambiguous", "net.RemoteProtocolError")

    play(scene)


def test_a_large_request_goes_out_whole(play: Callable[[Scene], None]) -> None:
    content = bytes(range(256)) * 20_000

    async def scene() -> None:
        async with a_house() as house, serving(sends(OK)) as server:
            assert await statuses(house, server, 2, content=content) == [200, 200]
        assert [seen.body == content for seen in server.seen] == [True, True]

    play(scene)


def test_a_large_answer_is_held_back_while_nobody_reads(play: Callable[[Scene], None]) -> None:
    sent = 0

    async def pour(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    async def scene() -> None:
        async with a_house() as house, serving(pour) as server:
            to = httpx.URL(server.base)
            request = httpx.Request("GET", to, extensions={"leaves": lambda: None})
            transport = house.gateway._pools.explicit  # nothing else stops half-way
            response = await transport.handle_async_request(request)
            was = -1
            async with asyncio.timeout(10):
                while sent != was:
                    was = sent
                    await asyncio.sleep(0.2)
            assert sent < 50_000_000
            chunks = response.stream
            assert isinstance(chunks, sockets.Answer)
            read = sum([len(await anext(chunks)) for _ in range(100)])
            assert read > sockets.HELD_BYTES
            await response.aclose()

    play(scene)


def test_when_every_socket_is_busy_a_call_waits_its_turn(play: Callable[[Scene], None]) -> None:
    async def scene() -> None:
        async with (
            a_house(sockets=2) as house,
            serving(sends(OK)) as server,
            serving(sends(OK)) as other,
        ):
            sending = [
                house.port(place).send(call(place.base))
                for _ in range(10)
                for place in (server, other)
            ]
            assert {reply.status for reply in await asyncio.gather(*sending)} == {200}

    play(scene)


def test_a_call_that_finds_no_socket_in_time_has_not_begun(play: Callable[[Scene], None]) -> None:
    async def scene() -> None:
        async with a_house(sockets=1, connect_timeout=SOON) as house, serving(hang) as server:
            first = asyncio.create_task(house.port(server).send(call(server.base)))
            await asyncio.sleep(0.05)
            failure = await failure_of(house.port(server).send(call(server.base)))
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            assert failure == ("transient", "net.PoolTimeout")

    play(scene)


def test_a_call_given_up_frees_its_place(play: Callable[[Scene], None]) -> None:
    async def scene() -> None:
        async with a_house(sockets=1) as house, serving(hang, hang, sends(OK)) as server:
            for _ in range(2):
                sending = house.port(server).send(call(server.base, timeout=SOON))
                assert (await failure_of(sending))[0] == "ambiguous"
            assert await statuses(house, server, 2) == [200, 200]

    play(scene)


def test_tls_is_spoken_with_the_name_whatever_the_address(
    play: Callable[[Scene], None], tmp_path: Path
) -> None:
    theirs, ours = certificate(tmp_path, "portal.example")

    async def scene() -> None:
        async with serving(sends(OK), tls=theirs) as server:
            guard = Guard(HastyClock(), resolved_to("8.8.8.8"), Detour(server.base))
            async with a_house(guard, tls=ours) as house:
                port = house.gateway.port(Link(connection="c-1"), may_start=without_lease)
                for _ in range(2):
                    assert (await port.send(call("https://portal.example"))).status == 200
                failure = await failure_of(port.send(call("https://other.example")))
        assert (server.sockets, failure) == (1, ("transient", "net.ConnectError"))

    play(scene)


@contextlib.asynccontextmanager
async def a_proxy(leads_to: int) -> AsyncIterator[tuple[str, list[str]]]:
    """An honest proxy that leads every tunnel to one port of loopback."""
    asked: list[str] = []

    tunnels: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        finally:
            writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", leads_to)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        ways = pump(reader, far_writer), pump(far_reader, writer)
        await asyncio.gather(*ways, return_exceptions=True)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnels.add(asyncio.create_task(tunnel(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*tunnels)


def test_a_tunnel_carries_calls_to_whom_its_certificate_names(
    play: Callable[[Scene], None], tmp_path: Path
) -> None:
    theirs, ours = certificate(tmp_path, "portal.example")

    async def scene() -> None:
        packed = says(200, "Content-Encoding: gzip", body=gzip.compress(b"x" * CAP))
        async with serving(packed, tls=theirs) as server:
            async with a_proxy(int(server.base.rpartition(":")[2])) as (proxy, asked):
                await through(proxy, ours)
            assert asked == [
                "CONNECT portal.example:443 HTTP/1.1",
                "CONNECT other.example:443 HTTP/1.1",
            ]
            assert [seen.headers["host"] for seen in server.seen] == ["portal.example"] * 3

    async def through(proxy: str, tls: ssl.SSLContext) -> None:
        async with a_house(tls=tls) as house:
            link = Link(connection="c-1", proxy=SecretStr(proxy))
            port = house.gateway.port(link, may_start=without_lease)
            for _ in range(3):
                reply = await port.send(call("https://portal.example", content=b"y" * 300_000))
                assert (reply.status, reply.body) == (200, b"x" * CAP)
            failure = await failure_of(port.send(call("https://other.example")))
            assert failure == ("transient", "net.ConnectError")

    play(scene)
