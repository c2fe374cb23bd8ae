"""Following what happens. A try is written down when it ends, so each look goes back a little."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from middleware.hub import Hub
from middleware.operations.feed.store import FeedStore, Happening
from middleware.operations.model import Caller, limited
from middleware.operations.rules import masked_text

LOOK_EVERY_S = 1.0
LOOK_BACK = timedelta(minutes=2)
BEGIN_WITH = timedelta(days=1)
MOST_REMEMBERED = 20_000


async def latest(hub: Hub, caller: Caller, *, limit: int) -> tuple[Happening, ...]:
    """Return the last things that happened, in order, words hidden."""
    size = limited(limit)
    found = await FeedStore(hub.engine, caller.workspace).since(
        hub.clock.now() - BEGIN_WITH, limit=size
    )
    return tuple(_masked(each) for each in found[-size:])


async def follow(hub: Hub, caller: Caller) -> AsyncIterator[Happening]:
    """Yield what happens from now on, each thing once, words hidden. Never ends by itself."""
    store = FeedStore(hub.engine, caller.workspace)
    seen = dict.fromkeys(
        happening.key for happening in await store.since(hub.clock.now() - LOOK_BACK, limit=500)
    )
    while True:
        for happening in await store.since(hub.clock.now() - LOOK_BACK, limit=500):
            if happening.key not in seen:
                seen[happening.key] = None
                yield _masked(happening)
        for key in list(seen)[: max(0, len(seen) - MOST_REMEMBERED)]:
            del seen[key]
        await hub.clock.sleep(LOOK_EVERY_S)


def _masked(happening: Happening) -> Happening:
    return replace(happening, words=masked_text(happening.words))
