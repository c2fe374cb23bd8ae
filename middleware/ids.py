"""Ids that people see: UUIDv7, so that they sort by the time they were made."""

import os
import time
from collections.abc import Callable
from uuid import UUID

NewId = Callable[[], UUID]

# A tick is the 4,096th part of a millisecond, as fine as the twelve bits after the milliseconds.
_TICK_BITS = 12


class Ids:
    """Makes ids of which each sorts after the one before, even where the clock steps back.

    RFC 9562, section 6.2: the fraction of the millisecond stands before 62 bits of chance.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._last = 0

    def __call__(self) -> UUID:
        now = (self._now_ns() << _TICK_BITS) // 1_000_000
        self._last = tick = max(now, self._last + 1)
        chance = (tick & (1 << _TICK_BITS) - 1) << 68 | int.from_bytes(os.urandom(8))
        return uuid7_of(tick >> _TICK_BITS, chance)


def uuid7_of(milliseconds: int, chance: int) -> UUID:
    """Put an id together from its parts; `chance` is any 80 bits."""
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76
    value |= (chance >> 68 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= chance & (1 << 62) - 1
    return UUID(int=value)


uuid7: NewId = Ids()
