"""The circuit of one connection: after doubts in a row only harmless questions are asked.

It lives with the server of the connection: a new server starts with a closed one, which costs at
most a few more doubts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from middleware.clock import Clock

OPENS_AFTER = 3


def _untold() -> None:
    """Nobody counts."""


@dataclass(slots=True)
class Circuit:
    """`told` hears each time it opens."""

    clock: Clock
    pause: timedelta
    told: Callable[[], None] = _untold
    doubts: int = 0
    open_until: float = 0.0

    @property
    def is_open(self) -> bool:
        """While open, doubts are probed and nothing new is called."""
        return self.clock.monotonic() < self.open_until

    def note(self, *, doubt: bool) -> bool:
        """Count one call's end; return whether this one opened the circuit.

        When the pause is over one call is tried, and one more doubt opens the circuit again.
        """
        self.doubts = self.doubts + 1 if doubt else 0
        if self.doubts < OPENS_AFTER:
            return False
        self.open_until = self.clock.monotonic() + self.pause.total_seconds()
        self.told()
        return True
