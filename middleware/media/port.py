"""Where the bytes of files lie. A store knows nothing of messages: it knows bytes by digest."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol


class MediaStore(Protocol):
    """Keys are SHA-256 in hexadecimal, so what is kept twice lies there once."""

    async def put(self, body: bytes) -> str:
        """Keep bytes and return their key; they are durable by then. A repeat is harmless."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return what was kept, whole; None when it is not there."""
        ...

    async def open(self, key: str) -> AsyncIterator[bytes] | None:
        """Return what was kept, piece by piece; None when it is not there."""
        ...

    async def discard(self, key: str, *, unless_kept_since: datetime) -> bool:
        """Forget bytes, unless they were kept again since then. Return whether they are gone."""
        ...
