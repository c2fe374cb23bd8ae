"""Where the bytes of files lie. A store knows nothing of messages: it knows bytes by digest."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol


class MediaAway(OSError):
    """The store does not answer, so nothing is known of what it holds. It may be back later."""


class MediaRefused(MediaAway):
    """The store answers and does not let us in: a wrong key, too few rights, no such bucket."""


class MediaStore(Protocol):
    """Keys are SHA-256 in hexadecimal, so what is kept twice lies there once.

    Raises: `OSError` from every method; `MediaAway` where the store is another machine.
    """

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

    async def check(self) -> None:
        """Return in two seconds when the store can be used, and raise when it cannot."""
        ...
