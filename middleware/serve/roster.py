"""Who of this machine lives: a locked file for each process in the data directory they share.

The system lets a lock go when its process dies, however it dies. So whoever finds a file that
nobody locks knows that its owner is gone, and need not wait for its leases to run out. Processes
whose data directory is elsewhere are not judged.
"""

import contextlib
import fcntl
import os
import random
import socket
from pathlib import Path
from types import TracebackType
from typing import Self


def own_name() -> str:
    """Name this process for its life, as leases and traces show it."""
    return f"{worker_name()}:{random.getrandbits(32):08x}"


def worker_name() -> str:
    """Name this process among its like: in a container, the same after a restart."""
    return f"{socket.gethostname()}:{os.getpid()}"


def queue_of(owner: str) -> str:
    """Name the queue of whoever holds a lease."""
    return owner.rpartition(":")[0]


class Roster:
    """Our own line in it, for as long as the block lasts."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder = folder
        self._own = folder / owner
        self._lock = -1

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        unlocked = self._own.with_name(f".{self._own.name}")
        self._lock = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unlocked.rename(self._own)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._own.unlink(missing_ok=True)
        os.close(self._lock)

    def dead(self) -> list[str]:
        """List owners that are surely gone."""
        return [path.name for path in self._others() if not _is_locked(path)]

    def forget(self, owners: list[str]) -> None:
        for owner in owners:
            (self._folder / owner).unlink(missing_ok=True)

    def _others(self) -> list[Path]:
        with contextlib.suppress(FileNotFoundError):
            return [each for each in self._folder.iterdir() if each.name[:1] != "."]
        return []


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return True  # taken away just now, or not ours to look at: nobody is judged by that
    return False
