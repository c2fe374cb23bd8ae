"""Ids that people see: UUIDv7, so that they sort by the time they were made."""

import os
import time
from collections.abc import Callable
from uuid import UUID

NewId = Callable[[], UUID]


def uuid7() -> UUID:
    """Make an id of 48 bits of milliseconds and 74 bits of chance (RFC 9562, section 5.7)."""
    stamp = time.time_ns() // 1_000_000
    return uuid7_of(stamp, int.from_bytes(os.urandom(10)))


def uuid7_of(milliseconds: int, chance: int) -> UUID:
    """Put an id together from its parts; `chance` is any 80 bits."""
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76
    value |= (chance >> 68 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= chance & (1 << 62) - 1
    return UUID(int=value)
