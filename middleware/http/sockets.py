"""One socket to a provider, speaking HTTP/1.1: a request goes out whole, an answer comes in bits.

A socket is asked one thing at a time. It may be asked again when the answer was read to its end,
leaves the socket open, and nothing followed that nobody had asked for.
"""

import asyncio
import select
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools
import httpx

MOST_HEAD_BYTES = 100 * 1024
HELD_BYTES = 256 * 1024
COPIED_BYTES = 64 * 1024


class Socket(asyncio.Protocol):
    """`lost` is called when the socket is gone, whoever closed it. Raises nothing."""

    def __init__(self, lost: Callable[["Socket"], None]) -> None:
        self.used_at = 0.0
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._news = select.poll()

    def ask(self, head: bytes, content: bytes, *, has_body: bool = True) -> "Answer":
        """Send a request; `has_body` says whether its answer can have one."""
        self._answer = answer = Answer(self, has_body=has_body)
        if self._transport is None:
            answer.fail(httpx.WriteError("the socket is closed"))
        elif len(content) > COPIED_BYTES:
            self._transport.write(head)
            self._transport.write(content)
        else:
            self._transport.write(head + content)
        return answer

    async def secure(self, tls: ssl.SSLContext, host: str) -> None:
        """Speak TLS from here on, with a server that must prove to be `host`."""
        if self._transport is None:
            raise ConnectionResetError("the socket is closed")
        self._answer = None
        secured = await asyncio.get_running_loop().start_tls(
            self._transport, self, tls, server_hostname=host
        )
        self._transport = cast("asyncio.Transport", secured)

    @property
    def is_quiet(self) -> bool:
        """Whether the other side has not said anything, nor hung up, since it answered."""
        return self._transport is not None and not self._news.poll(0)

    @property
    def is_reusable(self) -> bool:
        transport, answer = self._transport, self._answer
        if transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return False
        return answer is not None and answer.ends_cleanly

    def hold(self) -> None:
        """Read no further for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._news.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self.abort()  # nobody asked
        else:
            self._answer.feed(data)

    def eof_received(self) -> None:
        if self._answer is not None:
            self._answer.end()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._answer is not None:
            if error is not None:
                self._answer.fail(httpx.ReadError(type(error).__name__))
            self._answer.end()
        self._lost(self)


class Answer(httpx.AsyncByteStream):
    """An answer as it comes in. httptools calls the methods `on_…`.

    `status` and `headers` are there after `begun`; what was sent before them (1xx) is passed over.
    Iterating yields the body as it came over the wire, and raises `httpx.TransportError`.
    """

    def __init__(self, socket: Socket, *, has_body: bool) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.ends_cleanly = False
        self.give_back: Callable[[], None] = socket.abort
        self._socket = socket
        self._has_body = has_body
        self._parser = httptools.HttpResponseParser(self)
        self._head_bytes = 0
        self._is_begun = False
        self._is_whole = False
        self._error: httpx.TransportError | None = None
        self._chunks: deque[bytes] = deque()
        self._held_bytes = 0
        self._is_held = False
        self._awaited: asyncio.Future[None] | None = None

    async def begun(self) -> None:
        """Return when status and headers are there. Raises: `httpx.TransportError`."""
        while not self._is_begun:
            await self._news()

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._is_whole:
                raise StopAsyncIteration
            await self._news()
        chunk = self._chunks.popleft()
        self._held_bytes -= len(chunk)
        if self._is_held and not self._chunks:
            self._is_held = False
            self._socket.go_on()
        return chunk

    def __aiter__(self) -> "Answer":
        return self

    async def aclose(self) -> None:
        """Give the socket back, or close it when it cannot be asked again."""
        self.give_back()

    async def _news(self) -> None:
        if self._error is not None:
            raise self._error
        self._awaited = asyncio.get_running_loop().create_future()
        try:
            await self._awaited
        finally:
            self._awaited = None

    def feed(self, data: bytes) -> None:
        self._head_bytes += 0 if self._is_begun else len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.fail(httpx.RemoteProtocolError("the answer is not HTTP"))
        if not self._is_begun and self._head_bytes > MOST_HEAD_BYTES:
            self.fail(httpx.RemoteProtocolError("headers without end"))
        if self._held_bytes > HELD_BYTES and not self._is_held:
            self._is_held = True
            self._socket.hold()
        self._tell()

    def end(self) -> None:
        """The other side will say no more."""
        if self._is_begun and not self._is_whole and self._lasts_until_the_end():
            self._is_whole = True
            self._tell()
        self.fail(httpx.RemoteProtocolError("the server hung up"))

    def fail(self, error: httpx.TransportError) -> None:
        """Nothing more will come. What came before can still be read."""
        self.ends_cleanly = False
        if not self._is_whole and self._error is None:
            self._error = error
            self._socket.abort()
            self._tell()

    def _tell(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    def _lasts_until_the_end(self) -> bool:
        framed = {b"content-length", b"transfer-encoding"}
        return not any(name.lower() in framed for name, _ in self.headers)

    def on_message_begin(self) -> None:
        if self._is_whole:
            self.ends_cleanly = False  # an answer to a question that nobody has asked

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_begun:  # else it follows a body, and nobody reads those
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._is_whole:
            return
        if status < 200:
            self.headers = []
            return
        self.status = status
        self._is_begun = True
        self._is_whole = not self._has_body

    def on_body(self, chunk: bytes) -> None:
        if not self._is_whole:
            self._chunks.append(chunk)
            self._held_bytes += len(chunk)

    def on_message_complete(self) -> None:
        if self._is_begun and not self._is_whole:
            self._is_whole = True
            self.ends_cleanly = self._parser.should_keep_alive()
