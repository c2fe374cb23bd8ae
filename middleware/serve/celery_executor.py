"""The executor of many processes: wake-ups go through a broker, and whoever is free serves.

A connection that this very process is serving is rung for here. One that another worker turns out
to be serving is passed on to it, by name. What the broker does not take is served by this process
itself, if it is a worker; the sweep finds the rest.
"""

import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

from mappers.vocabulary import ConnectionId
from middleware.serve.broker import make_celery
from middleware.serve.executor import Bells, InProcessExecutor
from middleware.serve.publisher import Publisher
from middleware.serve.roster import queue_of


class CeleryExecutor:
    """`own` serves what comes from the broker; in a process that serves nothing it is stopped."""

    def __init__(self, broker_url: str, own: InProcessExecutor) -> None:
        self.own = own
        self._loop = asyncio.get_running_loop()
        self.bells = Bells()
        self.publisher = Publisher(make_celery(broker_url), self.bells, self._not_taken)
        self._is_stopped = False

    @property
    def serving(self) -> int:
        return self.own.serving

    def wake(self, connections: Iterable[ConnectionId]) -> None:
        elsewhere = [each for each in connections if not self.own.ring(each)]
        if elsewhere and not self._is_stopped:
            self.publisher.publish(map(str, elsewhere))

    def pass_on(self, connection: ConnectionId, owner: str) -> None:
        """Ring for a connection at the worker that holds its lease."""
        if not self._is_stopped:
            self.publisher.publish([str(connection)], queue_of(owner))

    async def stop(self) -> None:
        await self.own.stop()
        if not self._is_stopped:
            self._is_stopped = True
            await asyncio.to_thread(self.publisher.stop)

    def _not_taken(self, ids: Sequence[str]) -> None:
        if not self._loop.is_closed():
            mine = [ConnectionId(UUID(each)) for each in ids]
            self._loop.call_soon_threadsafe(self.own.wake, mine)
