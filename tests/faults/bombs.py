"""A provider whose files are hostile: everything else it relays to the emulator behind it.

What is sent is counted, so that a test knows how much of an endless file was read.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Send = Callable[[bytes], Awaitable[None]]
Bomb = Callable[[Send], Awaitable[None]]
PIECE = b"\0" * 65_536
ENDLESS = 50_000_000


@dataclass
class Bomber:
    """`bomb` answers every call for a file; `tried` counts them, `sent` the bytes of all."""

    upstream: str
    base: str = ""
    bomb: Bomb | None = None
    tried: int = 0
    sent: int = 0
    elsewhere: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            if path.startswith(b"/internal"):
                self.elsewhere.append(path)
            if path.startswith(b"/file/") and self.bomb is not None:
                self.tried += 1
                await self.bomb(self._send_to(writer))
            else:
                await self._relay(head, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # whoever called has hung up
        finally:
            writer.close()

    def _send_to(self, writer: asyncio.StreamWriter) -> Send:
        async def send(piece: bytes) -> None:
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)

        return send

    async def _relay(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        behind = urlsplit(self.upstream)
        theirs, ours = await asyncio.open_connection(behind.hostname, behind.port)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection")]
        lengths = [line for line in lines if line.lower().startswith(b"content-length")]
        body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        ours.write(b"\r\n".join([*lines[:-2], b"connection: close", b"", b""]) + body)
        try:
            while piece := await theirs.read(65_536):
                writer.write(piece)
            await writer.drain()
        finally:
            ours.close()


@asynccontextmanager
async def bombing(upstream: str) -> AsyncIterator[Bomber]:
    bomber = Bomber(upstream)
    async with await asyncio.start_server(bomber.serve, "127.0.0.1", 0) as server:
        bomber.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield bomber


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


async def endless(send: Send) -> None:
    await send(head("content-type: image/jpeg"))
    for _ in range(ENDLESS // len(PIECE)):
        await send(PIECE)


async def lying(send: Send) -> None:
    """Ten bytes are announced, and it does not end."""
    await send(head("content-length: 10"))
    for _ in range(ENDLESS // len(PIECE)):
        await send(PIECE)


async def announced(send: Send) -> None:
    """Two gigabytes are announced, and they come."""
    await send(head("content-length: 2000000000"))
    for _ in range(ENDLESS // len(PIECE)):
        await send(PIECE)


async def chunked(send: Send) -> None:
    await send(head("transfer-encoding: chunked"))
    for _ in range(ENDLESS // len(PIECE)):
        await send(b"%x\r\n%s\r\n" % (len(PIECE), PIECE))


async def zipped(send: Send) -> None:
    """Fifty kilobytes that are fifty megabytes."""
    body = gzip.compress(bytes(ENDLESS))
    await send(head("content-encoding: gzip", f"content-length: {len(body)}") + body)


async def trickling(send: Send) -> None:
    await send(head("content-length: 1000"))
    while True:
        await send(b"\xff")
        await asyncio.sleep(0.2)


async def breaking(send: Send) -> None:
    await send(head("content-length: 1000") + b"\xff\xd8\xff")


async def nonsense(send: Send) -> None:
    await send(b"\x16\x03\x01 this is no HTTP \0\0\0\r\n\r\n")


def moved_to(address: str) -> Bomb:
    async def moved(send: Send) -> None:
        await send(head(f"location: {address}", "content-length: 0", status="302 Found"))

    return moved


def of(body: bytes, mime: str = "image/jpeg") -> Bomb:
    """An honest answer with these bytes, under any name of a type."""

    async def answer(send: Send) -> None:
        await send(head(f"content-type: {mime}", f"content-length: {len(body)}") + body)

    return answer
