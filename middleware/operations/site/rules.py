"""What of the ground under a hub needs somebody's attention. Values in, values out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

OLDEST_POSTGRES = 15
SKEW = timedelta(seconds=2)
LARGE_SKEW = timedelta(seconds=30)
LOW_BYTES = 2_000_000_000
FULL_BYTES = 300_000_000
MOST_SESSIONS = 0.8
LONG_TRANSACTION = timedelta(minutes=5)
OLD_BACKUP = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`ahead` is by how much our clock is ahead of the database's; `free_bytes` are those of the
    data directory. `longest` is the oldest transaction open. `backup` is how old the last backup
    is, None when none is known of.
    """

    version: int
    size_bytes: int
    sessions: int
    sessions_most: int
    longest: timedelta
    ahead: timedelta
    free_bytes: int
    backup: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """`word` names a sentence of the command line; one of its name with `_do` is the advice."""

    level: Literal["ok", "warning", "problem"]
    word: str
    values: Mapping[str, Any] = field(default_factory=dict)


def remarks(site: Site) -> Iterator[Remark]:
    """Say something of everything, good or bad."""
    yield _version(site)
    yield _clock(site.ahead)
    yield _disk(site.free_bytes)
    if site.sessions > site.sessions_most * MOST_SESSIONS:
        values = {"used": site.sessions, "most": site.sessions_most}
        yield Remark(level="warning", word="sessions_many", values=values)
    if site.longest > LONG_TRANSACTION:
        values = {"minutes": _minutes(site.longest)}
        yield Remark(level="warning", word="transaction_long", values=values)
    yield _backup(site.backup)


def _version(site: Site) -> Remark:
    values = {"version": site.version, "size": _megabytes(site.size_bytes)}
    if site.version < OLDEST_POSTGRES:
        return Remark(level="problem", word="postgres_old", values=values)
    return Remark(level="ok", word="postgres_ok", values=values)


def _clock(ahead: timedelta) -> Remark:
    off = abs(ahead)
    values = {"seconds": round(off.total_seconds(), 1)}
    if off <= SKEW:
        return Remark(level="ok", word="clock_ok")
    return Remark(
        level="problem" if off > LARGE_SKEW else "warning", word="clock_off", values=values
    )


def _disk(free_bytes: int) -> Remark:
    values = {"free": _megabytes(free_bytes)}
    if free_bytes >= LOW_BYTES:
        return Remark(level="ok", word="disk_ok", values=values)
    is_full = free_bytes < FULL_BYTES
    return Remark(level="problem" if is_full else "warning", word="disk_low", values=values)


def _backup(age: timedelta | None) -> Remark:
    if age is None:
        return Remark(level="warning", word="backup_never")
    values = {"hours": round(age.total_seconds() / 3600)}
    is_old = age > OLD_BACKUP
    word = "backup_old" if is_old else "backup_ok"
    return Remark(level="warning" if is_old else "ok", word=word, values=values)


def _minutes(span: timedelta) -> int:
    return round(span.total_seconds() / 60)


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB".replace(",", " ")
