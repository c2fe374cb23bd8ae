"""The few numbers that a health check and a scrape ask the database for.

Settled deliveries are never counted: there may be millions, and the attempts' counter tells of
them. Everything here is found by a partial index, so it costs as much as there is work waiting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from middleware.db.engine import transaction

INBOX = text(
    """
    SELECT 'new' AS state, count(*) AS number,
        coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0) AS oldest
    FROM inbox WHERE state = 'new'
    UNION ALL SELECT 'waiting', count(*),
        coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0)
    FROM inbox WHERE state = 'waiting'
    UNION ALL SELECT 'set_aside', count(*),
        coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0)
    FROM inbox WHERE state = 'set_aside'
    """
)
IN_FLIGHT = text(
    """
    SELECT state, kind, count(*) AS number FROM deliveries
    WHERE state IN ('calling', 'doubt', 'parked', 'held', 'dead') GROUP BY state, kind
    """
)
# Ready ones are found through their lanes: no index has them by state.
READY = text(
    """
    WITH busy AS (
        SELECT id, head FROM lanes WHERE due_at IS NOT NULL
        UNION
        SELECT l.id, l.head FROM lanes AS l JOIN deliveries AS d ON d.lane_id = l.id
        WHERE d.state IN ('calling', 'doubt', 'parked', 'held', 'dead')
    )
    SELECT d.kind, count(*) AS number FROM busy JOIN deliveries AS d
      ON d.lane_id = busy.id AND d.seq >= busy.head AND d.state = 'ready'
    GROUP BY d.kind
    """
)
# A row for each provider with work due: sums, and what its worst connection has.
DUE = text(
    """
    WITH due AS (
        SELECT target_id, count(*) AS lanes, clock_timestamp() - min(due_at) AS oldest
        FROM lanes WHERE due_at <= clock_timestamp() GROUP BY target_id
    )
    SELECT c.kind, c.provider, sum(due.lanes) AS lanes, max(due.lanes) AS most_lanes,
        extract(epoch FROM max(due.oldest)) AS oldest,
        count(*) FILTER (WHERE due.oldest > CAST(:patience AS interval)) AS behind
    FROM due JOIN connections AS c ON c.id = due.target_id
    WHERE c.state = 'active' GROUP BY c.kind, c.provider
    """
)
MISSED = text("SELECT count(*) FROM conversation_links WHERE behind_since IS NOT NULL")
CONNECTIONS = text(
    """
    SELECT kind, provider, state, count(*) AS number FROM connections
    WHERE state <> 'removed' GROUP BY kind, provider, state
    """
)
OVERDUE = text(
    """
    SELECT count(*) AS lanes, count(DISTINCT l.target_id) AS connections
    FROM lanes AS l JOIN connections AS c ON c.id = l.target_id
    WHERE c.state = 'active' AND l.due_at < clock_timestamp() - CAST(:patience AS interval)
    """
)


UNFILLED = text(
    """
    SELECT count(*) FROM deliveries
    WHERE state = 'dead' AND kind = 'write_fields' AND code = 'hub.field_gone'
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is due to all active connections of one provider.

    `most_lanes` and `oldest_s` are those of the worst of them; `behind` counts connections that
    have kept somebody waiting for too long.
    """

    lanes: int
    most_lanes: int
    oldest_s: float
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How much waits, and for how long. Ages are seconds, 0 when nothing waits.

    Keys: of `inbox` a state; of `deliveries` state and kind; of `connections` kind, provider and
    state; of `due` kind and provider. `missed` are conversations whose missed replies are not
    read back yet.
    """

    inbox: Mapping[str, int]
    inbox_oldest: Mapping[str, float]
    deliveries: Mapping[tuple[str, str], int]
    connections: Mapping[tuple[str, str, str], int]
    due: Mapping[tuple[str, str], Due]
    missed: int


@dataclass(frozen=True, slots=True)
class HealthStore:
    engine: AsyncEngine

    async def numbers(self, patience: timedelta) -> Numbers:
        """Count what waits; connections are behind that were due for longer than `patience`."""
        async with transaction(self.engine) as at:
            inbox = (await at.execute(INBOX)).all()
            owed = (await at.execute(IN_FLIGHT)).all()
            ready = (await at.execute(READY)).all()
            due = (await at.execute(DUE, {"patience": patience})).all()
            connected = (await at.execute(CONNECTIONS)).all()
            missed = (await at.execute(MISSED)).scalar_one()
        return Numbers(
            inbox={row.state: int(row.number) for row in inbox},
            inbox_oldest={row.state: float(row.oldest) for row in inbox},
            deliveries={(row.state, row.kind): int(row.number) for row in owed}
            | {("ready", row.kind): int(row.number) for row in ready},
            connections={(r.kind, r.provider, r.state): int(r.number) for r in connected},
            due={(row.kind, row.provider): _due(row) for row in due},
            missed=int(missed),
        )

    async def overdue(self, patience: timedelta) -> tuple[int, int]:
        """Count lanes of active connections that are due for longer, and those connections.

        A lane whose connection has its circuit open is put off again and again, and so is never
        long due: what is found here is served by nobody, or faster owed than served.
        """
        async with transaction(self.engine) as at:
            row = (await at.execute(OVERDUE, {"patience": patience})).one()
        return int(row.lanes), int(row.connections)

    async def unfilled(self) -> int:
        """Count messages whose values wait, because a CRM lost the field they go to."""
        async with transaction(self.engine) as at:
            return int((await at.execute(UNFILLED)).scalar_one())


def _due(row: Any) -> Due:
    return Due(
        lanes=int(row.lanes),
        most_lanes=int(row.most_lanes),
        oldest_s=float(row.oldest),
        behind=int(row.behind),
    )
