"""Finding work that nobody was woken for, once a second.

The processes of a hub elect one sweeper by a lease. It remembers whom it has woken: a wake-up that
was lost is repeated after a second, one that nobody answers for long ever more seldom, so that
tasks do not pile up in a broker whose workers are all gone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from mappers.vocabulary import ConnectionId
from middleware.clock import Clock
from middleware.store.port import Store
from middleware.store.rows import Lease

SWEEP_LIMIT = 500
EVERYBODY = ConnectionId(UUID(int=0))
TURN = timedelta(seconds=5)
FIRST_PATIENCE_S, LONGEST_PATIENCE_S = 0.9, 30.0

Wake = Callable[[Iterable[ConnectionId]], None]


@dataclass(slots=True)
class Woken:
    """Whom we have woken, when (monotonic seconds), and how long we wait until we do it again."""

    _known: dict[ConnectionId, tuple[float, float]] = field(default_factory=dict)

    def again(self, due: Iterable[ConnectionId], now: float) -> list[ConnectionId]:
        """Say whom to wake now; who is not due any more is forgotten."""
        known, self._known = self._known, {}
        called = []
        for connection in due:
            at, patience = known.get(connection, (float("-inf"), FIRST_PATIENCE_S / 2))
            if now - at >= patience:
                called.append(connection)
                at, patience = now, min(patience * 2, LONGEST_PATIENCE_S)
            self._known[connection] = (at, patience)
        return called


class Sweeper:
    """One of those who stand for election. Raises what the store raises."""

    def __init__(self, store: Store, clock: Clock, owner: str, wake: Wake) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._wake = wake
        self._lease: Lease | None = None
        self._woken = Woken()

    async def sweep(self) -> None:
        """Wake whoever is due, if it is our turn."""
        if not await self._is_our_turn():
            return
        due = await self._store.due(SWEEP_LIMIT)
        self._wake(self._woken.again(due, self._clock.monotonic()))

    async def stop(self) -> None:
        if self._lease is not None:
            await self._store.release(self._lease)

    async def _is_our_turn(self) -> bool:
        if self._lease is not None and await self._store.renew((self._lease,), TURN):
            return True
        self._lease = await self._store.acquire(EVERYBODY, "sweep", self._owner, TURN)
        return self._lease is not None
