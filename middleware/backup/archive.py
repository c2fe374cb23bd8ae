"""The file itself: a ZIP that appears under its name only when it is whole and was read back.

Everybody can open a ZIP without us. Its members carry checksums of their own against bad disks;
the manifest's digests also notice a member that was replaced.
"""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from middleware.backup.manifest import KEYS, MANIFEST, MEDIA, TABLES, Manifest, Member
from middleware.errors import BadRequest, Conflict
from middleware.media.rules import path_of

PIECE = 256 * 1024
Write = Callable[[bytes], None]


class BackupExists(Conflict):
    """A backup is never written over something."""

    code = "backup.exists"


class BackupDamaged(BadRequest):
    """The file is no backup, or not the whole one that was written."""

    code = "backup.damaged"


class Archive:
    """A backup being written."""

    def __init__(self, into: zipfile.ZipFile) -> None:
        self._into = into
        self.members: list[Member] = []

    @contextmanager
    def member(self, name: str, *, packed: bool = True) -> Iterator[Write]:
        """Add a member piece by piece."""
        digest, size = sha256(), 0
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        info.external_attr = 0o600 << 16
        with self._into.open(info, "w", force_zip64=True) as file:

            def write(piece: bytes) -> None:
                nonlocal size
                file.write(piece)
                digest.update(piece)
                size += len(piece)

            yield write
        self.members.append(Member(name=name, size_bytes=size, sha256=digest.hexdigest()))

    def close_with(self, manifest: Manifest) -> None:
        self._into.writestr(MANIFEST, manifest.model_dump_json(indent=1))


@contextmanager
def writing(path: Path) -> Iterator[Archive]:
    """Write a backup that nobody but us may read, and put it in its place when it is proven whole.

    Raises: `BackupExists`; `BackupDamaged` when it cannot be read back.
    """
    if path.exists():
        raise BackupExists(f"{path} is there already, and is not written over. Name another file.")
    draft = path.with_name(f"{path.name}.unfinished")
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w+b") as file:
            with zipfile.ZipFile(file, "w") as into:
                yield Archive(into)
            file.flush()
            os.fsync(file.fileno())
        verified(draft)
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def verified(path: Path) -> Manifest:
    """Read a backup whole and compare it with what it says of itself.

    Raises: `BackupDamaged`.
    """
    try:
        with zipfile.ZipFile(path) as file:
            manifest = Manifest.model_validate_json(file.read(MANIFEST))
            if {*file.namelist()} != {MANIFEST, *(each.name for each in manifest.members)}:
                raise _damaged(path, "its files are not the ones that its manifest names")
            for member in manifest.members:
                _check(file, member, path)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, ValueError) as error:
        if isinstance(error, ValidationError):
            raise _damaged(path, "its manifest is not one of ours") from error
        raise _damaged(path, "it is cut short, was altered, or is no backup") from error
    return manifest


def _check(file: zipfile.ZipFile, member: Member, path: Path) -> None:
    _check_name(member.name)
    digest, size = sha256(), 0
    with file.open(member.name) as read:
        for piece in pieces(read):
            digest.update(piece)
            size += len(piece)
    if (size, digest.hexdigest()) != (member.size_bytes, member.sha256):
        raise _damaged(path, f"{member.name} is not what was written")


def _check_name(name: str) -> None:
    """Raises: `ValueError` for a member that would lead out of the folders it belongs to."""
    if name.startswith(MEDIA):
        if name != f"{MEDIA}{path_of(name.rpartition('/')[2])}":
            raise ValueError(name)
    elif name != KEYS and not name.startswith(TABLES):
        raise ValueError(name)


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _damaged(path: Path, why: str) -> BackupDamaged:
    return BackupDamaged(
        f"{path} cannot be restored: {why}. Nothing was changed. Take another copy of it, or an"
        " earlier backup."
    )


def _sync_folder(path: Path) -> None:
    """Make the new name itself durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
