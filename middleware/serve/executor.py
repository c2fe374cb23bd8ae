"""Who runs `serve`: the executor's interface, and the one that runs it beside the web server.

The database is the truth and the schedule; an executor only wakes. A wake-up may be lost, doubled
or late: the sweeper finds what nobody was woken for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from mappers.vocabulary import ConnectionId

log = structlog.get_logger(__name__)

Serve = Callable[[ConnectionId, "Wakeups"], Awaitable[None]]


class Executor(Protocol):
    @property
    def serving(self) -> int:
        """How many connections this process serves now."""
        ...

    def wake(self, connections: Iterable[ConnectionId]) -> None:
        """See to it that somebody serves these soon. Never waits, never fails."""
        ...

    def pass_on(self, connection: ConnectionId, owner: str) -> None:
        """Ring for a connection that another process, the owner of its lease, is serving."""
        ...

    async def stop(self) -> None:
        """Let servers of this process finish the calls in flight, and start no other."""
        ...


@dataclass(slots=True)
class Bells:
    """What was rung through the broker, and what came of it, in connections."""

    published: int = 0
    refused: int = 0
    received: int = 0
    deaf: int = 0


class Wakeups:
    """The bell of one connection being served: rung by others, waited for by its server.

    After `end` its server begins nothing more. `is_news`: somebody else rang since the server
    looked last, and the inbox is worth a look.
    """

    def __init__(self) -> None:
        self._bell = asyncio.Event()
        self.is_ended = False
        self.is_news = True

    def ring(self) -> None:
        self.is_news = True
        self._bell.set()

    def stir(self) -> None:
        """Ring for the server's own sake: something of its own has ended."""
        self._bell.set()

    def end(self) -> None:
        self.is_ended = True
        self.ring()

    async def wait(self, seconds: float) -> bool:
        """Wait to be rung, at most so long; return whether it rang."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return False
        self._bell.clear()
        return True


class InProcessExecutor:
    """Serves connections as tasks of this process's loop, at most `at_once` side by side."""

    def __init__(self, serve: Serve, *, at_once: int) -> None:
        self._serve = serve
        self._at_once = at_once
        self._serving: dict[ConnectionId, tuple[asyncio.Task[None], Wakeups]] = {}
        self._queue: dict[ConnectionId, None] = {}
        self._stopping = False

    @property
    def serving(self) -> int:
        return len(self._serving)

    def wake(self, connections: Iterable[ConnectionId]) -> None:
        for connection in connections:
            if not self.ring(connection) and not self._stopping:
                self._queue[connection] = None
        self._start_some()

    def ring(self, connection: ConnectionId) -> bool:
        """Ring for a connection that is served here; False when it is not."""
        if connection not in self._serving:
            return False
        self._serving[connection][1].ring()
        return True

    def pass_on(self, connection: ConnectionId, owner: str) -> None:
        """Whoever else serves it sweeps for itself."""

    def _start_some(self) -> None:
        while self._queue and len(self._serving) < self._at_once and not self._stopping:
            connection = next(iter(self._queue))
            del self._queue[connection]
            wakeups = Wakeups()
            task = asyncio.get_running_loop().create_task(
                self._run(connection, wakeups), name=f"serve {connection}"
            )
            self._serving[connection] = (task, wakeups)

    async def _run(self, connection: ConnectionId, wakeups: Wakeups) -> None:
        try:
            await self._serve(connection, wakeups)
        except Exception:
            # A bug, told with its traceback; the sweeper comes back to the connection.
            log.exception("serve.crashed", connection_id=str(connection))
        finally:
            self._serving.pop(connection, None)
            self._start_some()

    async def stop(self) -> None:
        self._stopping = True
        self._queue.clear()
        tasks = [task for task, _ in self._serving.values()]
        for _, wakeups in list(self._serving.values()):
            wakeups.end()
        if tasks:
            await asyncio.wait(tasks)
