"""A pool of sockets that lead one way, as an httpx transport.

The transport of httpx 0.28 (httpcore and h11) costs several times what a call needs otherwise
(docs/decisions/0018). Requests, answers and errors are httpx's own. What its client adds, a
gateway must not have: cookies, redirects and credentials from the environment.

Sockets are shared by scheme, host and port. A request's extension `leaves` is called when its
first byte is about to leave: before that nothing has happened.
"""

import asyncio
from functools import partial

import httpx

from middleware.http.sockets import Socket
from middleware.http.ways import Way
from middleware.http.wire import Origin, origin

BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class Transport(httpx.AsyncBaseTransport):
    """`sockets` at most, of which `idle_sockets` may wait `idle_s` for their next request."""

    def __init__(
        self, way: Way, *, sockets: int, idle_sockets: int, idle_s: float, patience_s: float
    ) -> None:
        self._way = way
        self._idle_sockets = idle_sockets
        self._idle_s = idle_s
        self._patience_s = patience_s
        self._slots = asyncio.Semaphore(sockets)
        self._queued = 0
        self._open: dict[Socket, Origin] = {}
        self._idle: dict[Origin, list[Socket]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its answer, whose body is still to be read.

        Raises: `httpx.TransportError`, and what the way raises.
        """
        to = origin(request.url)
        content = await request.aread()
        socket = self._rested(to) or await self._opened(to)
        request.extensions["leaves"]()
        answer = socket.ask(
            self._head(request, content), content, has_body=request.method != "HEAD"
        )
        try:
            await answer.begun()
        except BaseException:
            socket.abort()
            raise
        answer.give_back = partial(self._take_back, socket)
        return httpx.Response(answer.status, headers=answer.headers, stream=answer)

    async def aclose(self) -> None:
        for socket in list(self._open):
            socket.abort()

    def _head(self, request: httpx.Request, content: bytes) -> bytes:
        url = request.url
        spelt = [
            b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), self._way.target(url)),
            b"Host: %b\r\n" % url.netloc,
            self._way.headers(url),
            *(b"%b: %b\r\n" % header for header in request.headers.raw),
        ]
        if content or request.method not in BODILESS:
            spelt.append(b"Content-Length: %d\r\n" % len(content))
        spelt.append(b"\r\n")
        return b"".join(spelt)

    def _rested(self, to: Origin) -> Socket | None:
        """Take the socket that was used last, if it is still good."""
        idle = self._idle.get(to)
        oldest = asyncio.get_running_loop().time() - self._idle_s
        while idle:
            socket = idle.pop()
            if socket.used_at >= oldest and socket.is_quiet:
                return socket
            socket.abort()
        return None

    async def _opened(self, to: Origin) -> Socket:
        await self._take_slot()
        socket = Socket(self._forget)
        self._open[socket] = to
        try:
            await self._way.open(socket, to, self._patience_s)
        except BaseException:
            socket.abort()
            self._forget(socket)
            raise
        return socket

    async def _take_slot(self) -> None:
        if self._slots.locked():
            self._close_the_longest_idle()
        self._queued += 1
        try:
            async with asyncio.timeout(self._patience_s):
                await self._slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("every socket is busy") from None
        finally:
            self._queued -= 1

    def _close_the_longest_idle(self) -> None:
        rested = [sockets for sockets in self._idle.values() if sockets]
        if rested:
            min(rested, key=lambda sockets: sockets[0].used_at).pop(0).abort()

    def _take_back(self, socket: Socket) -> None:
        """Keep a socket for the next request, unless it is spent or others wait for its place."""
        to = self._open.get(socket)
        is_wanted = not self._queued and sum(map(len, self._idle.values())) < self._idle_sockets
        if to is None or not is_wanted or not socket.is_reusable:
            socket.abort()
            return
        socket.used_at = asyncio.get_running_loop().time()
        self._idle.setdefault(to, []).append(socket)

    def _forget(self, socket: Socket) -> None:
        to = self._open.pop(socket, None)
        if to is None:
            return
        self._slots.release()
        idle = self._idle.get(to)
        if idle and socket in idle:
            idle.remove(socket)
        if not idle:
            self._idle.pop(to, None)
