"""The flusher as a traced door sees it."""

from collections.abc import Sequence

from middleware.store.rows import Parcelled
from middleware.tracing.port import Tracer
from middleware.webhooks.flush import Flusher


class TracedFlusher:
    """Tells of every commit that a door waits for."""

    def __init__(self, inner: Flusher, tracer: Tracer) -> None:
        self._inner = inner
        self._tracer = tracer

    async def keep(self, parcels: Sequence[Parcelled]) -> None:
        with self._tracer.keeping(parcels):
            await self._inner.keep(parcels)

    def miss(self, why: Exception) -> None:
        self._inner.miss(why)
