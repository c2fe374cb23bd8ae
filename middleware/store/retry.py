"""Running work again when transactions got in each other's way."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from middleware.store.errors import StoreConflict
from middleware.store.port import Store, Unit
from middleware.store.rows import Lease

T = TypeVar("T")
TRIES = 6


async def again(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, again from its beginning after a conflict.

    Raises: whatever it raises; `StoreConflict` when it will not come right.
    """
    for _ in range(TRIES - 1):
        try:
            return await work()
        except StoreConflict:
            continue
    return await work()


async def in_unit(store: Store, work: Callable[[Unit], Awaitable[T]], *leases: Lease) -> T:
    """Do `work` in one unit under these leases, again from its beginning after a conflict.

    Raises: `LeaseLost`, `StoreUnavailable`, and `StoreConflict` when it will not come right.
    """

    async def once() -> T:
        async with store.unit(*leases) as unit:
            return await work(unit)

    return await again(once)
