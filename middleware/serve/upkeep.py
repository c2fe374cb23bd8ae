"""The hub's own pulse: sweeping for work nobody was woken for, signs of life, partitions.

Each is a loop that survives a database that comes and goes. After a silence the replies that CRMs
tell once are read back *before* the next sign of life is left, so that a crash in between only
makes it be done twice.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from mappers.vocabulary import ConnectionId
from middleware.clock import Clock
from middleware.store.errors import StoreConflict, StoreUnavailable
from middleware.store.port import Store

log = structlog.get_logger(__name__)

SWEEP_LIMIT = 500
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
    """Leaves signs of life, and notices when there were none."""

    def __init__(self, store: Store, told_once: ToldOnce, gap_after: timedelta) -> None:
        self._store = store
        self._told_once = told_once
        self._gap_after = gap_after

    async def beat(self, *, missed: bool = False) -> int:
        """Leave a sign of life; first catch up when the last one is too old.

        `missed` says that our door turned something away. Returns how many conversations may
        have missed a reply.
        """
        silence = await self._store.silence()
        behind = 0
        if silence is not None:
            is_gap = silence.now - silence.since > self._gap_after
            if is_gap or missed or silence.is_restored:
                since = silence.since - MARGIN
                behind = await self._fall_behind(since, asks=silence.is_restored)
        await self._store.pulse()
        return behind

    async def _fall_behind(self, since: datetime, *, asks: bool) -> int:
        behind = await self._store.fall_behind(await self._told_once(), since, asks=asks)
        if behind:
            log.warning("replies.may_be_missing", conversations=behind, since=since.isoformat())
        return behind
