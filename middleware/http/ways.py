"""Where sockets lead: straight to a host, or through an outbound proxy."""

import asyncio
import base64
import contextlib
import socket as system
import ssl
from collections.abc import AsyncIterator
from typing import Protocol

import httpx

from middleware.http.dialling import Connect, anywhere, in_time
from middleware.http.sockets import Socket
from middleware.http.wire import DEFAULT_PORTS, Origin


class Way(Protocol):
    async def open(self, socket: Socket, to: Origin, seconds: float) -> None:
        """Make a new socket lead to a host; each step of it may take so many seconds.

        Raises: `httpx.TransportError`, and what its network raises.
        """
        ...

    def target(self, url: httpx.URL) -> bytes:
        """Spell the address as the first line of a request has it."""
        ...

    def headers(self, url: httpx.URL) -> bytes:
        """Spell what the way itself adds to a request's headers."""
        ...


class Direct:
    """Straight to the host, over a socket that `connect` opens."""

    def __init__(self, connect: Connect, tls: ssl.SSLContext) -> None:
        self._connect = connect
        self._tls = tls

    async def open(self, socket: Socket, to: Origin, seconds: float) -> None:
        scheme, host, port = to
        opened = await self._connect(host, port, seconds)
        async with _connecting(seconds):
            await _adopt(socket, opened, self._tls if scheme == "https" else None, host)

    def target(self, url: httpx.URL) -> bytes:
        return url.raw_path

    def headers(self, _: httpx.URL) -> bytes:
        return b""


class ThroughProxy:
    """By a tunnel, unless the call is in the clear. `address` may hold a password."""

    def __init__(self, address: str, tls: ssl.SSLContext) -> None:
        proxy = httpx.Proxy(address)
        self._scheme, self._host = proxy.url.scheme, proxy.url.host
        self._port = proxy.url.port or DEFAULT_PORTS[self._scheme]
        self._tls = tls
        self._pass = b""
        if proxy.raw_auth is not None:
            self._pass = b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(
                b":".join(proxy.raw_auth)
            )

    async def open(self, socket: Socket, to: Origin, seconds: float) -> None:
        scheme, host, port = to
        opened = await anywhere(self._host, self._port, seconds)
        async with _connecting(seconds):
            await _adopt(socket, opened, self._tls if self._scheme == "https" else None, self._host)
            if scheme == "https":
                await self._tunnel(socket, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
                await socket.secure(self._tls, host)

    async def _tunnel(self, socket: Socket, to: str) -> None:
        name = to.encode("ascii")
        head = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (name, name, self._pass)
        answer = socket.ask(head, b"", has_body=False)
        await answer.begun()
        if not 200 <= answer.status < 300:
            raise httpx.ProxyError(f"the proxy answered {answer.status}")

    def target(self, url: httpx.URL) -> bytes:
        return (
            url.raw_path if url.scheme == "https" else b"http://%b%b" % (url.netloc, url.raw_path)
        )

    def headers(self, url: httpx.URL) -> bytes:
        return b"" if url.scheme == "https" else self._pass


async def _adopt(
    socket: Socket, opened: system.socket, tls: ssl.SSLContext | None, host: str
) -> None:
    """Hand an open socket of the system to the loop, and prove who is at its other end."""
    try:
        await asyncio.get_running_loop().create_connection(
            lambda: socket, sock=opened, ssl=tls, server_hostname=host if tls else None
        )
    except BaseException:
        opened.close()
        raise


@contextlib.asynccontextmanager
async def _connecting(seconds: float) -> AsyncIterator[None]:
    """Raises: `httpx.ConnectTimeout`; `httpx.ConnectError` for what TLS or the system refuses."""
    try:
        async with in_time(seconds):
            yield
    except OSError as error:
        raise httpx.ConnectError(str(error) or type(error).__name__) from error
