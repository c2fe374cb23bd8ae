"""What every chapter of the port stands on."""

from collections.abc import Sequence
from typing import TypeVar

from mappers.vocabulary import ConnectionId
from middleware.simulation.twin.transactions import Transaction
from middleware.store.rows import Arrived

T = TypeVar("T")


class Chapter:
    """Some methods of the port, inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.touched: set[ConnectionId] = set()

    async def foresee(self, arrived: Sequence[Arrived]) -> None:
        """Nothing is far away here: what comes is read when it is asked for."""
        del arrived
        await self._turn()

    async def _turn(self) -> Transaction:
        """Let others run before a method begins, and return the transaction it runs in."""
        await self._transaction.turn()
        return self._transaction


def there(row: T | None, what: str) -> T:
    """Return a row that the caller has reason to believe in. Raises: `LookupError`."""
    if row is None:
        raise LookupError(f"there is no such {what}")
    return row
