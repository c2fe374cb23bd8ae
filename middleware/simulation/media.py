"""The media store of a simulation: it outlives every hub, as a folder would."""

from collections.abc import AsyncIterator
from datetime import datetime
from hashlib import sha256


class MemoryMedia:
    """`middleware.media.port.MediaStore` in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    async def put(self, body: bytes) -> str:
        key = sha256(body).hexdigest()
        self.bodies[key] = body
        return key

    async def get(self, key: str) -> bytes | None:
        return self.bodies.get(key)

    async def open(self, key: str) -> AsyncIterator[bytes] | None:
        body = self.bodies.get(key)
        if body is None:
            return None

        async def pieces() -> AsyncIterator[bytes]:
            yield body

        return pieces()

    async def discard(self, key: str, *, unless_kept_since: datetime) -> bool:
        del unless_kept_since
        return self.bodies.pop(key, None) is not None

    async def check(self) -> None:
        return None
