"""What the machine says of itself and of its processes: facts, CPU by tree, who listens.

Everything is read from /proc. CPU is in seconds of one core; a tree is a process with everything
below it, and what its ended children had used counts on.
"""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

PROC = Path("/proc")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LISTENING = "0A"
SYNCS = 50
BUSY = slice(1, 9)  # user to steal; idle and iowait are taken out of it below
PACKAGES = ("threadline", "fastapi", "uvicorn", "celery", "httpx", "asyncpg", "sqlalchemy", "redis")


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Moment:
    """CPU used until now: by each tree, by the whole machine, and by everything of ours."""

    at: float
    trees: Mapping[str, float]
    machine_s: float
    ours_s: float


def processes() -> dict[int, Process]:
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (each := _process(entry)) is not None:
            found[each.pid] = each
    return found


def _process(entry: Path) -> Process | None:
    with suppress(OSError, ValueError):
        after = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        used = sum(map(int, after[11:15])) * TICK_S
        return Process(int(entry.name), int(after[1]), used, int(after[21]) * PAGE_BYTES)
    return None


def tree(root: int, known: Mapping[int, Process]) -> list[Process]:
    """List a process and everything below it."""
    children: dict[int, list[Process]] = {}
    for each in known.values():
        children.setdefault(each.parent, []).append(each)
    found, waiting = [], [known[root]] if root in known else []
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += children.get(each.pid, ())
    return found


def cpu_of(root: int) -> float:
    return sum(each.cpu_s for each in tree(root, processes()))


def rss_mib(root: int) -> float:
    return sum(each.rss_bytes for each in tree(root, processes())) / 2**20


def look(trees: Mapping[str, int]) -> Moment:
    """Take the counters of the machine, of named trees, and of ourselves with our children."""
    known = processes()
    used = {name: sum(each.cpu_s for each in tree(pid, known)) for name, pid in trees.items()}
    ours = sum(each.cpu_s for each in tree(os.getpid(), known))
    return Moment(time.monotonic(), used, _machine_s(), ours)


def _machine_s() -> float:
    counted = [int(each) for each in (PROC / "stat").read_text().split("\n", 1)[0].split()[BUSY]]
    return (sum(counted) - counted[3] - counted[4]) * TICK_S


def used_between(before: Moment, after: Moment) -> dict[str, float]:
    """CPU seconds by tree; a tree that did not run at both moments is left out."""
    return {name: after.trees[name] - before.trees.get(name, 0.0) for name in after.trees}


def others_between(before: Moment, after: Moment) -> float:
    """Which share of the machine people used who are none of us."""
    lasted = max(after.at - before.at, TICK_S) * (os.cpu_count() or 1)
    theirs = (after.machine_s - before.machine_s) - (after.ours_s - before.ours_s)
    return max(0.0, min(1.0, theirs / lasted))


def listeners(port: int) -> set[int]:
    """Name the processes that hold a socket listening on this port."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    found = set()
    for pid in processes():
        with suppress(OSError):
            links = (str(each.readlink()) for each in (PROC / str(pid) / "fd").iterdir())
            if inodes.intersection(links):
                found.add(pid)
    return found


def _listening(port: int) -> Iterable[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    yield words[9]


def serves(port: int, pid: int) -> bool:
    """Say whether whoever answers on the port is the process that we started, or below it."""
    ours = {each.pid for each in tree(pid, processes())}
    found = listeners(port)
    return bool(found) and found <= ours


def fsync_s(folder: Path) -> float:
    """How long a written page takes to be durable there: the median of some."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            file.seek(0)
            file.write(os.urandom(8192))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken)


def facts(folder: Path) -> dict[str, str]:
    """What a reader has to know before they compare a number with theirs."""
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} "
        f"{platform.release()}",
        "load": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "python": sys.version.split()[0],
        "fdatasync": f"{fsync_s(folder) * 1e6:.0f} µs",
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
