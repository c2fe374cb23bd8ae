"""Where in which trace the running task is, and how that survives a database and a restart.

A parcel needs no room for it: trace and root are made of what the inbox knows it by, so whoever
reads it, minutes later and in another process, finds them again. A delivery remembers the place
it was planned at, in its detail. Nothing is remembered while nobody traces.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from hashlib import blake2b

from mappers.vocabulary import ConnectionId
from middleware.store.duties import Duty, Job

DETAIL = "trace"
TRACE_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Place:
    """A span: 128 bits of trace, 64 bits of its own. Neither is ever zero."""

    trace: int
    span: int

    def __str__(self) -> str:
        return f"{self.trace:032x}{self.span:016x}"


_here: ContextVar[Place | None] = ContextVar("place", default=None)


def here() -> Place | None:
    return _here.get()


@contextmanager
def being_at(place: Place) -> Iterator[None]:
    """Take everything inside the block for part of that span."""
    token = _here.set(place)
    try:
        yield
    finally:
        _here.reset(token)


def root_of(connection: ConnectionId, digest: bytes) -> Place:
    """Where the trace of a parcel begins; the same whoever asks, and whenever."""
    made = blake2b(connection.bytes + digest, digest_size=24, person=b"threadline trace").digest()
    return Place(int.from_bytes(made[:16]) or 1, int.from_bytes(made[16:]) or 1)


def marked(duty: Duty) -> Duty:
    """Let a duty remember the place that it is planned at."""
    place = here()
    return duty if place is None else replace(duty, detail={**duty.detail, DETAIL: str(place)})


def planned_at(job: Job) -> Place | None:
    """Where a delivery was planned; None when nobody traced then."""
    said = job.detail.get(DETAIL)
    if not said:
        return None
    return Place(int(said[:TRACE_DIGITS], 16), int(said[TRACE_DIGITS:], 16))
