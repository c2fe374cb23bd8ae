"""Running a unit again when transactions got in each other's way."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from middleware.store.errors import StoreConflict
from middleware.store.port import Lease, Store, Unit

T = TypeVar("T")
TRIES = 6


async def in_unit(store: Store, lease: Lease | None, work: Callable[[Unit], Awaitable[T]]) -> T:
    """Do `work` in one unit, again from its beginning after a conflict.

    Raises: `LeaseLost`, `StoreUnavailable`, and `StoreConflict` when it will not come right.
    """
    for attempt in range(1, TRIES + 1):
        try:
            async with store.unit(lease) as unit:
                return await work(unit)
        except StoreConflict:
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable: the loop returns or raises")
