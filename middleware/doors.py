"""The hook door of an open hub, and how it opens before what is behind it is there."""

import asyncio
from collections.abc import Callable

from middleware.health.watching import WatchedDoor
from middleware.hub import Hub
from middleware.tracing.door import TracedFlusher
from middleware.tracing.port import UNTRACED
from middleware.webhooks.door import App, HookDoor, Receive, Scope, Send


def doors(hub: Hub, *, behind: App) -> App:
    """Put the hook door in front of everything else."""
    tracer = hub.hands.tracer
    door = HookDoor(
        behind,
        hub.addresses,
        hub.flusher if tracer is UNTRACED else TracedFlusher(hub.flusher, tracer),
        hub.refusals,
        body_limit=hub.settings.hook_body_limit_bytes,
        clock=hub.clock,
    )
    return WatchedDoor(door, hub.metrics)


class Pages:
    """What is behind the hook door, made in a thread while the door is open already.

    Half of a hub's start is the import of what its pages need. Hooks need none of it, and
    providers who call once do not call again; whoever asks for a page waits the moment.
    """

    def __init__(self, make: Callable[[Hub], App], hub: Hub) -> None:
        self._made = asyncio.create_task(asyncio.to_thread(make, hub), name="make pages")

    async def ready(self) -> None:
        """Wait until the pages are there. Raises: what making them raised."""
        await asyncio.shield(self._made)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pages = await asyncio.shield(self._made)
        await pages(scope, receive, send)
