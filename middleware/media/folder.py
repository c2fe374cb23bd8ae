"""The media store of one machine: a folder, two levels deep, a file for each digest.

A file appears under its name only when its bytes are on the disk, so a crash leaves a draft that
nobody reads, never half a file.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from middleware.media.port import MediaRefused
from middleware.media.rules import path_of

PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Folder:
    """See `middleware.media.port.MediaStore`."""

    root: Path

    async def put(self, body: bytes) -> str:
        return await asyncio.to_thread(self._put, body)

    def _put(self, body: bytes) -> str:
        key = sha256(body).hexdigest()
        path = self._path(key)
        if path.exists():
            path.touch()  # it is kept anew: `discard` must see that
            return key
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{key}.{token_hex(8)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
        return key

    async def get(self, key: str) -> bytes | None:
        try:
            return await asyncio.to_thread(self._path(key).read_bytes)
        except FileNotFoundError:
            return None

    async def open(self, key: str) -> AsyncIterator[bytes] | None:
        try:
            file = await asyncio.to_thread(self._path(key).open, "rb")
        except FileNotFoundError:
            return None

        async def pieces() -> AsyncIterator[bytes]:
            with file:
                while piece := await asyncio.to_thread(file.read, PIECE):
                    yield piece

        return pieces()

    async def discard(self, key: str, *, unless_kept_since: datetime) -> bool:
        return await asyncio.to_thread(self._discard, key, unless_kept_since.timestamp())

    def _discard(self, key: str, since: float) -> bool:
        path = self._path(key)
        try:
            if path.stat().st_mtime >= since:
                return False
            path.unlink()
        except FileNotFoundError:
            return True
        return True

    async def check(self) -> None:
        await asyncio.to_thread(self._check)

    def _check(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise MediaRefused("the folder of files cannot be written to")

    def _path(self, key: str) -> Path:
        return self.root / path_of(key)


def _sync_folder(path: Path) -> None:
    """Make the new name itself durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
