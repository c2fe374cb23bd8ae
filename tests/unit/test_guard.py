"""The guard connects to public addresses only, and to exactly those it has checked."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.vocabulary import Permanent, ProviderError
from middleware.http import codes
from middleware.http.guard import REMEMBERED_S, Guard, is_public, literal
from tests.manual_clock import ManualClock

PUBLIC = "93.184.216.34"
PUBLIC_TOO = "2606:2800:220:1:248:1893:25c8:1946"


class Names:
    """A resolver that answers what it is told, and counts."""

    def __init__(self, *answers: Iterable[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Iterable[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Wire:
    """A network that remembers where it was sent, and refuses some of it."""

    def __init__(self, *dead: str) -> None:
        self.dialled: list[str] = []
        self.dead = dead

    async def __call__(self, address: str, port: int) -> socket.socket:
        self.dialled.append(address)
        if address in self.dead:
            raise ConnectionRefusedError
        opened = socket.socket()
        opened.close()
        return opened


def guard(names: Names, wire: Wire, clock: ManualClock | None = None) -> Guard:
    return Guard(clock or ManualClock(), names, wire)


@pytest.fixture
async def trap() -> AsyncIterator[tuple[int, list[str]]]:
    """A listener on loopback that must never be hit."""
    hits: list[str] = []

    def hit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits.append("hit")
        writer.close()

    server = await asyncio.start_server(hit, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], hits


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.254",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "100::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_what_is_not_the_public_internet(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", [PUBLIC, PUBLIC_TOO, "8.8.8.8", "100.63.255.255", "64:ff9b::808:808"]
)
def test_what_is_the_public_internet(address: str) -> None:
    assert is_public(ip_address(address))


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_wrapping_an_address_never_makes_it_public(address: IPv4Address) -> None:
    wrapped = [
        IPv6Address(int(address)),
        IPv6Address(f"::ffff:{address}"),
        IPv6Address(f"64:ff9b::{address}"),
        IPv6Address((0x2002 << 112) | (int(address) << 80) | 1),
        IPv6Address((0x20010000 << 96) | (int(address) ^ 0xFFFF_FFFF)),
    ]
    assert is_public(address) or not any(is_public(form) for form in wrapped)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "127.0.0.0x1",
        "1.2.3.4.5",
        "example.0x7f",
        "127.0.0.1%00",
        ":::1",
    ],
)
def test_an_address_in_disguise_is_refused_unread(host: str) -> None:
    with pytest.raises(ProviderError) as caught:
        literal(host)
    assert caught.value.failure.code == codes.ADDRESS_REFUSED


@pytest.mark.parametrize("host", ["example.com", "xn--e1afmkfd.xn--p1ai", "1c.ru", "a.b2", "0x.de"])
def test_a_name_is_a_name(host: str) -> None:
    assert literal(host) is None


async def test_it_connects_to_the_address_it_checked() -> None:
    wire = Wire()
    await guard(Names([PUBLIC]), wire).connect("portal.example", 443, 5)
    assert wire.dialled == [PUBLIC]


async def test_ipv4_goes_first_and_the_next_address_is_tried() -> None:
    wire = Wire(PUBLIC)
    await guard(Names([PUBLIC_TOO, PUBLIC]), wire).connect("portal.example", 443, 5)
    assert wire.dialled == [PUBLIC, PUBLIC_TOO]


async def test_when_no_address_answers_the_last_error_is_told() -> None:
    wire = Wire(PUBLIC, PUBLIC_TOO)
    with pytest.raises(httpx.ConnectError):
        await guard(Names([PUBLIC_TOO, PUBLIC]), wire).connect("portal.example", 443, 5)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "2130706433", "evil.example", "mixed.example"]
)
async def test_a_refusal_never_touches_the_network(host: str, trap: tuple[int, list[str]]) -> None:
    port, hits = trap
    names = Names([PUBLIC, "127.0.0.1"] if host.startswith("mixed") else ["127.0.0.1"])
    with pytest.raises(ProviderError) as caught:
        await Guard(ManualClock(), names).connect(host, port, 5)
    assert isinstance(caught.value.failure, Permanent)
    assert caught.value.failure.code == codes.ADDRESS_REFUSED
    assert not hits


async def test_a_name_that_changes_its_mind_finds_no_second_question(
    trap: tuple[int, list[str]],
) -> None:
    """Rebinding: public when checked, loopback when connected to."""
    port, hits = trap
    names, wire = Names([PUBLIC], ["127.0.0.1"]), Wire()
    await guard(names, wire).connect("rebind.example", port, 5)
    assert (names.asked, wire.dialled, hits) == (1, [PUBLIC], [])


async def test_an_answer_is_remembered_for_some_seconds_then_checked_again() -> None:
    clock, names = ManualClock(), Names([PUBLIC], ["127.0.0.1"])
    watching = guard(names, Wire(), clock)
    for _ in range(3):
        await watching.connect("portal.example", 443, 5)
    assert names.asked == 1
    clock.seconds += REMEMBERED_S
    with pytest.raises(ProviderError):
        await watching.connect("portal.example", 443, 5)


async def test_a_name_without_an_address_is_a_failure_of_the_network() -> None:
    with pytest.raises(httpx.ConnectError):
        await guard(Names([]), Wire()).connect("nothing.example", 443, 5)


async def test_a_resolver_that_says_nothing_runs_into_the_connect_timeout() -> None:
    async def silent(host: str, port: int) -> Iterable[str]:
        await asyncio.Event().wait()
        return ()

    with pytest.raises(httpx.ConnectTimeout):
        await Guard(ManualClock(), silent, Wire()).connect("slow.example", 443, 0.01)
