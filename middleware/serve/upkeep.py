"""The hub's own pulse: signs of life, and whatever is done again and again.

Each is a loop that survives a database that comes and goes. After a silence the replies that CRMs
tell once are read back *before* the next sign of life is left, so that a crash in between only
makes it be done twice.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from mappers.vocabulary import ConnectionId
from middleware.clock import Clock
from middleware.store.errors import StoreConflict, StoreUnavailable
from middleware.store.port import Store
from middleware.store.retry import again
from middleware.store.rows import Silence

log = structlog.get_logger(__name__)

MARGIN = timedelta(seconds=10)
ToldOnce = Callable[[], Awaitable[tuple[ConnectionId, ...]]]


async def every(clock: Clock, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work again and again; a database that is away is waited out, and told of once."""
    is_away = False
    while True:
        try:
            await work()
        except (StoreUnavailable, StoreConflict):
            if not is_away:
                log.warning("database.away", work=_name(work))
            is_away = True
        except Exception:
            log.exception("upkeep.crashed", work=_name(work))
        else:
            if is_away:
                log.info("database.back", work=_name(work))
            is_away = False
        await clock.sleep(seconds)


def _name(work: Callable[[], Awaitable[None]]) -> str:
    return getattr(work, "__name__", "work").strip("_")


class Pulse:
    """Leaves signs of life, and catches up on what was told while there were none.

    Signs are common to all processes. What others left says nothing of our own door, so each
    process remembers its own last one, too.
    """

    def __init__(self, store: Store, told_once: ToldOnce, gap_after: timedelta) -> None:
        self._store = store
        self._told_once = told_once
        self._gap_after = gap_after
        self._own: datetime | None = None

    async def begin(self) -> int:
        """Leave the first sign of this process: however short the break was, nobody was there."""
        return await self._beat(timedelta())

    async def beat(self) -> int:
        """Leave a sign of life; first catch up when the last one is too old.

        Returns how many conversations may have missed a reply.
        """
        return await self._beat(self._gap_after)

    async def catch_up(self) -> None:
        """Something true was just turned away: read it back, before anything later is kept."""
        silence = await self._silence()
        if silence is not None:
            await self._fall_behind(silence)

    async def _beat(self, longest: timedelta) -> int:
        silence = await self._silence()
        behind = 0
        if silence is not None and silence.is_restored:
            await again(self._store.distrust)
        if silence is not None and (silence.is_restored or silence.now - silence.since > longest):
            behind = await self._fall_behind(silence)
        await self._store.pulse()
        self._own = silence.now if silence is not None else None
        return behind

    async def _silence(self) -> Silence | None:
        silence = await self._store.silence()
        if silence is None or self._own is None:
            return silence
        return replace(silence, since=min(silence.since, self._own))

    async def _fall_behind(self, silence: Silence) -> int:
        since = silence.since - MARGIN
        connections = await self._told_once()
        asks = silence.is_restored
        behind = await again(lambda: self._store.fall_behind(connections, since, asks=asks))
        if behind:
            log.warning("replies.may_be_missing", conversations=behind, since=since.isoformat())
        return behind
