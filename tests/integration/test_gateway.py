"""The gateway against real sockets on loopback: servers that hang, cut, flood and lie."""

import asyncio
import gzip
import json
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from mappers.vocabulary import HttpReply, Priority, Terms
from mappers.vocabulary.adapters import Budget
from middleware.http import codes
from middleware.http.gateway import without_lease
from middleware.http.guard import Guard
from middleware.http.ledger import collecting
from middleware.http.link import Link
from middleware.http.urgency import urgent
from tests.integration.loopback import (
    CAP,
    OK,
    SOON,
    TOKEN,
    Answer,
    HastyClock,
    House,
    Seen,
    a_house,
    call,
    drip,
    endless,
    failure_of,
    hang,
    hang_up,
    reset,
    resolved_to,
    says,
    sends,
    serving,
)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with a_house() as built:
        yield built


async def test_a_call_goes_out_as_described(house: House) -> None:
    async with serving(says(200, "X-Thing: 1", body=b'{"ok":true}')) as server:
        described = call(
            server.base,
            json={"text": "Привет", "n": [1, None]},
            url=f"{server.base}/a?b=1",
            params={"q": "a&b", "list": ["x", "y"]},
            headers={"X-Key": "k"},
        )
        reply = await house.port(server).send(described)
    seen = server.seen[0]
    assert seen.line == "POST /a?b=1&q=a%26b&list=x&list=y HTTP/1.1"
    assert seen.body == '{"text":"Привет","n":[1,null]}'.encode()
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["user-agent"] == "threadline/test"
    assert seen.headers["x-key"] == "k"
    assert (reply.status, reply.headers["x-thing"], reply.at("ok")) == (200, "1", True)


async def test_content_goes_out_untouched(house: House) -> None:
    async with serving(sends(OK)) as server:
        await house.port(server).send(call(server.base, content=b"\x00\xff a=1"))
    assert server.seen[0].body == b"\x00\xff a=1"


async def test_half_a_surrogate_pair_does_not_stop_a_message(house: House) -> None:
    async with serving(sends(OK)) as server:
        await house.port(server).send(call(server.base, json={"text": "a\ud83db"}))
    assert json.loads(server.seen[0].body) == {"text": "a?b"}


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "post it"},
        {"url": "https://host:port/"},
        {"url": "https:///nowhere"},
        {"url": "ftp://127.0.0.1/a"},
        {"url": "https://user:pass@example.com/"},
        {"headers": {"X-Key": "a\r\nHost: evil"}},
        {"headers": {"X-Key": "ключ"}},
        {"headers": {"X Key": "a"}},
        {"headers": {"Content-Length": "5"}},
        {"json": {1, 2}},
        {"json": float("nan")},
        {"json": {}, "content": b""},
        {"budgets": ("unknown",)},
    ],
)
async def test_a_call_that_cannot_be_spelt_is_never_sent(
    house: House, changes: dict[str, Any]
) -> None:
    async with serving(sends(OK)) as server:
        failure = await failure_of(house.port(server).send(call(server.base, **changes)))
    assert failure == ("permanent", codes.CALL_MALFORMED)
    assert not server.sockets


async def test_sockets_are_kept_and_cookies_are_not(house: House) -> None:
    async with serving(says(200, "Set-Cookie: who=a; Path=/")) as server:
        for _ in range(3):
            await house.port(server).send(call(server.base))
    assert server.sockets == 1
    assert not [seen for seen in server.seen if "cookie" in seen.headers]


async def test_a_redirect_is_an_answer(house: House) -> None:
    async with serving(says(302, "Location: /elsewhere")) as server:
        reply = await house.port(server).send(call(server.base, method="GET", repeatable=True))
    assert (reply.status, len(server.seen)) == (302, 1)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (hang, codes.DEADLINE),
        (sends(b"HTTP/1.1 200 OK\r\nX-Slow: ", then=drip), codes.DEADLINE),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", then=drip), codes.DEADLINE),
        (endless, codes.RESPONSE_TOO_LARGE),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", then=reset), "net.ReadError"),
        (
            sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", then=hang_up),
            "net.RemoteProtocolError",
        ),
        (hang_up, "net.RemoteProtocolError"),
        (sends(b"SSH-2.0-OpenSSH_9\r\n", then=hang_up), "net.RemoteProtocolError"),
        (says(200, "Content-Encoding: br", body=b"x"), "net.DecodingError"),
        (says(200, "Content-Encoding: gzip, gzip", body=b"x"), "net.DecodingError"),
        (says(200, "Content-Encoding: gzip", body=b"not gzip"), "net.DecodingError"),
        (
            says(200, "Content-Encoding: gzip", body=gzip.compress(b"whole")[:-4]),
            "net.DecodingError",
        ),
    ],
)
async def test_an_answer_lost_after_the_request_left_is_doubt(
    house: House, answer: Answer, code: str
) -> None:
    async with serving(answer) as server:
        sending = house.port(server).send(call(server.base, timeout=SOON))
        assert await failure_of(sending) == ("ambiguous", code)
    assert len(server.seen) == 1
    assert [(noted.failure, noted.begun) for noted in house.noted] == [(code, True)]


async def test_nothing_is_in_doubt_when_a_repeatable_call_gets_no_answer(house: House) -> None:
    async with serving(hang) as server:
        sending = house.port(server).send(call(server.base, timeout=SOON, repeatable=True))
        assert await failure_of(sending) == ("transient", codes.DEADLINE)


async def test_a_refused_connection_means_that_nothing_happened(house: House) -> None:
    async with serving(sends(OK)) as server:
        pass
    failure = await failure_of(house.port(server).send(call(server.base)))
    assert failure == ("transient", "net.ConnectError")
    assert [noted.begun for noted in house.noted] == [False]


@pytest.mark.parametrize(
    ("connect_timeout", "code"), [(SOON * 9, codes.DEADLINE), (SOON / 9, "net.ConnectTimeout")]
)
async def test_time_that_runs_out_before_the_first_byte_leaves_no_doubt(
    connect_timeout: timedelta, code: str
) -> None:
    async def nowhere(address: str, port: int) -> socket.socket:
        await asyncio.Event().wait()
        raise AssertionError

    guard = Guard(HastyClock(), resolved_to("8.8.8.8"), nowhere)
    async with a_house(guard, connect_timeout=connect_timeout) as house:
        port = house.gateway.port(Link(connection="c-1"), may_start=without_lease)
        sending = port.send(call("https://slow.example", timeout=SOON))
        assert await failure_of(sending) == ("transient", code)


async def test_a_bomb_is_not_unpacked(house: House) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < CAP
    async with serving(says(200, "Content-Encoding: gzip", body=bomb)) as server:
        sending = house.port(server).send(call(server.base))
        assert await failure_of(sending) == ("ambiguous", codes.RESPONSE_TOO_LARGE)
        sending = house.port(server).send(call(server.base, repeatable=True))
        assert await failure_of(sending) == ("permanent", codes.RESPONSE_TOO_LARGE)


@pytest.mark.parametrize("size", [0, CAP])
async def test_what_just_fits_is_read(house: House, size: int) -> None:
    plain = says(200, body=b"x" * size)
    packed = says(200, "Content-Encoding: gzip", body=gzip.compress(b"x" * size))
    async with serving(plain, packed) as server:
        bodies = [(await house.port(server).send(call(server.base))).body for _ in range(2)]
    assert bodies == [b"x" * size] * 2


async def test_a_repeatable_call_is_repeated_through_a_passing_failure(house: House) -> None:
    async with serving(says(503), hang_up, sends(OK)) as server:
        reply = await house.port(server).send(call(server.base, repeatable=True))
    assert (reply.status, len(server.seen), len(house.clock.slept)) == (200, 3, 2)
    assert [noted.number for noted in house.noted] == [1, 2, 3]


async def test_the_last_try_has_the_last_word(house: House) -> None:
    async with serving(says(503)) as server:
        reply = await house.port(server).send(call(server.base, repeatable=True))
    assert (reply.status, len(server.seen)) == (503, 3)


async def test_a_repeat_that_would_not_end_in_time_is_not_begun(house: House) -> None:
    async with serving(says(503, "Retry-After: 60")) as server:
        reply = await house.port(server).send(call(server.base, repeatable=True))
    assert (reply.status, len(server.seen), house.clock.slept) == (503, 1, [])


@pytest.mark.parametrize("status", [400, 401, 409, 429, 500, 501])
async def test_other_answers_are_not_repeated(house: House, status: int) -> None:
    async with serving(says(status)) as server:
        reply = await house.port(server).send(call(server.base, repeatable=True))
    assert (reply.status, len(server.seen)) == (status, 1)


async def test_what_is_not_repeatable_is_sent_once(house: House) -> None:
    async with serving(says(503), sends(OK)) as server:
        reply = await house.port(server).send(call(server.base))
    assert (reply.status, len(server.seen), house.clock.slept) == (503, 1, [])


PORTAL = Budget(name="portal", key="portal:1", rate_per_s=1, burst=1)
CHAT = Budget(name="chat", key="chat", rate_per_s=0.1, burst=1)


async def test_a_short_wait_is_slept_through(house: House) -> None:
    async with serving(sends(OK)) as server:
        port = house.port(server, PORTAL)
        with urgent(Priority.REPLY):
            for _ in range(2):
                await port.send(call(server.base, budgets=("portal",)))
    assert house.clock.slept == [pytest.approx(1, abs=0.2)]


async def test_a_long_wait_is_told_before_anything_is_sent(house: House) -> None:
    async with serving(sends(OK)) as server:
        port = house.port(server, CHAT, PORTAL)
        with urgent(Priority.REPLY):
            await port.send(call(server.base, budgets=("portal", "chat:501")))
            sending = port.send(call(server.base, budgets=("portal", "chat:501")))
            assert await failure_of(sending) == ("rate_limited", codes.BUDGET)
            await port.send(call(server.base, budgets=("chat:502",)))
    assert len(server.seen) == 2


async def test_a_rejection_slows_all_who_share_the_key(house: House) -> None:
    async with serving(says(429, "Retry-After: 30"), sends(OK)) as server:
        first = house.port(server, PORTAL)
        reply = await first.send(call(server.base, budgets=("portal",)))
        assert reply.status == 429
        second = house.port(server, PORTAL)
        with urgent(Priority.REPLY):
            sending = second.send(call(server.base, budgets=("portal",)))
            assert await failure_of(sending) == ("rate_limited", codes.BUDGET)
    assert len(server.seen) == 1


async def test_a_call_may_read_by_itself_what_an_answer_says_of_its_budgets(house: House) -> None:
    def terms(reply: HttpReply, budgets: Sequence[str]) -> tuple[Terms, ...]:
        assert (reply.status, budgets) == (429, ("portal", "chat:501"))
        return (Terms(budget="chat:501", wait=timedelta(seconds=30)),)

    async with serving(says(429, "Retry-After: 30"), sends(OK)) as server:
        port = house.port(server, PORTAL, CHAT)
        budgets = ("portal", "chat:501")
        with urgent(Priority.REPLY):
            await port.send(call(server.base, budgets=budgets, terms=terms))
            await port.send(call(server.base, budgets=("portal",)))
            sending = port.send(call(server.base, budgets=budgets))
            assert await failure_of(sending) == ("rate_limited", codes.BUDGET)
    assert len(server.seen) == 2


async def test_no_call_starts_that_the_lease_may_not_outlive(house: House) -> None:
    asked = []

    def lease(needed: timedelta) -> bool:
        asked.append(needed)
        return False

    async with serving(sends(OK)) as server:
        port = house.gateway.port(Link(connection="c-1", bases=(server.base,)), may_start=lease)
        failure = await failure_of(port.send(call(server.base, timeout=SOON)))
    assert failure == ("transient", codes.LEASE_SHORT)
    assert (asked, server.sockets) == ([SOON], 0)


async def test_an_address_is_allowed_to_those_connections_that_name_it(house: House) -> None:
    async with serving(sends(OK)) as server:
        await house.port(server).send(call(server.base))
        stranger = house.gateway.port(Link(connection="c-2"), may_start=without_lease)
        for url in (server.base, server.base.replace("http:", "https:")):
            failure = await failure_of(stranger.send(call(url)))
            assert failure == ("permanent", codes.ADDRESS_REFUSED)
    assert (server.sockets, len(server.seen)) == (1, 1)


async def test_the_ledger_of_an_attempt_holds_its_exchanges_and_no_token(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(says(400, body=b'{"error":"NO_SUCH_CHAT"}')) as server:
        port = house.port(server)
        await port.send(call(server.base))
        with collecting() as exchanges:
            await port.send(call(server.base, json={"text": "hush"}))
    (exchange,) = exchanges
    assert (exchange.status, exchange.host, exchange.label) == (400, "127.0.0.1", "send")
    assert exchange.answer is not None
    assert exchange.answer.errors == (("error", "NO_SUCH_CHAT"),)
    assert len(house.noted) == 2
    assert TOKEN not in f"{exchange.row()} {caplog.text}"


async def test_a_call_given_up_from_inside_is_noted(house: House) -> None:
    arrived = asyncio.Event()

    async def hang_on(seen: Seen, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await hang(seen, writer)

    async with serving(hang_on) as server:
        sending = asyncio.create_task(house.port(server).send(call(server.base)))
        await arrived.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert [noted.failure for noted in house.noted] == [codes.CANCELLED]
