"""Whose turn it is: hooks that overtook one another are put back in order before they are read."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import Protocol, TypeVar


class Told(Protocol):
    @property
    def received_at(self) -> datetime: ...
    @property
    def said_at(self) -> datetime | None: ...


ToldT = TypeVar("ToldT", bound=Told)


def in_turn(arrived: Sequence[ToldT], *, ripe_at: datetime) -> list[ToldT]:
    """Order parcels that know when they were said, up to the first that came after `ripe_at`.

    The others keep their places. Whoever stands behind a fresh one waits with it.
    """
    said = sorted((each.said_at, place) for place, each in enumerate(arrived) if each.said_at)
    turns = iter(arrived[place] for _, place in said)
    ordered = [next(turns) if each.said_at else each for each in arrived]
    return list(takewhile(lambda each: not each.said_at or each.received_at <= ripe_at, ordered))
