"""Reaching a host by TCP: which of its addresses answers first, and how long that may take."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

import httpx

Address: TypeAlias = IPv4Address | IPv6Address
Dial: TypeAlias = Callable[[str, int], Awaitable[socket.socket]]
Connect: TypeAlias = Callable[[str, int, float], Awaitable[socket.socket]]
Resolve: TypeAlias = Callable[[str, int], Awaitable[Iterable[str]]]

TRIED_ADDRESSES = 4


async def system_resolver(host: str, port: int) -> Iterable[str]:
    """Ask the machine, for families that this machine can reach."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return [str(sockaddr[0]) for *_, sockaddr in found]


async def tcp(address: str, port: int) -> socket.socket:
    """Open a socket to an address; the caller closes it. Raises: `OSError`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, (address, port))
    except BaseException:
        opened.close()
        raise
    return opened


async def anywhere(host: str, port: int, seconds: float) -> socket.socket:
    """Connect to wherever this machine thinks that the host is.

    Raises: `httpx.ConnectError`, `httpx.ConnectTimeout`.
    """
    async with in_time(seconds):
        addresses = await resolved(host, port, system_resolver)
        return await first_to_answer(addresses, port, tcp, seconds)


@contextlib.asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[None]:
    """Raises: `httpx.ConnectTimeout`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise httpx.ConnectTimeout("no connection in time") from error


async def resolved(host: str, port: int, resolve: Resolve) -> tuple[Address, ...]:
    """Return where `host` may be, in the resolver's order but IPv4 first.

    A provider without IPv4 is not known, a machine whose IPv6 leads nowhere is common.
    Raises: `httpx.ConnectError`.
    """
    try:
        answers = await resolve(host, port)
        found = list(dict.fromkeys(ip_address(answer) for answer in answers))
    except (OSError, ValueError) as error:  # ValueError: a label of 64 letters
        raise httpx.ConnectError("the name could not be resolved") from error
    if not found:
        raise httpx.ConnectError("the name has no address")
    return tuple(sorted(found, key=lambda address: address.version))


async def first_to_answer(
    addresses: Sequence[Address], port: int, dial: Dial, seconds: float
) -> socket.socket:
    """Try one address after the other, each with its share of the time.

    Raises: `httpx.ConnectError`, the last one's.
    """
    *others, last = addresses[:TRIED_ADDRESSES]
    for address in others:
        with contextlib.suppress(OSError):  # a TimeoutError is one
            async with asyncio.timeout(seconds / (len(others) + 1)):
                return await dial(str(address), port)
    try:
        return await dial(str(last), port)
    except OSError as error:
        raise httpx.ConnectError(error.strerror or type(error).__name__) from error
