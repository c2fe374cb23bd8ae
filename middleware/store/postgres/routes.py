"""Routes in force, with the version of the mapping that each uses."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.types import Uuid

from mappers.vocabulary import ConnectionId, RouteId
from middleware.db.direct import Session
from middleware.store.codec import decode_policy
from middleware.store.postgres.columns import arrays
from middleware.store.rows import Pinned, RouteRow

_ROUTES = """
    SELECT r.id, r.source_id, r.target_id, r.policy, m.id AS mapping_id, m.active AS version
    FROM routes AS r LEFT JOIN mappings AS m ON m.id = r.mapping_id AND m.active IS NOT NULL
    WHERE r.state = 'active' """
FROM = text(_ROUTES + "AND r.source_id = ANY(:sources) ORDER BY r.id").bindparams(
    *arrays(sources=Uuid)
)
TO = text(_ROUTES + "AND r.target_id = :target ORDER BY r.id")


async def routes_from(
    at: Session, sources: Sequence[ConnectionId]
) -> Mapping[ConnectionId, tuple[RouteRow, ...]]:
    found: dict[ConnectionId, list[RouteRow]] = {source: [] for source in sources}
    for row in await at.execute(FROM, {"sources": sources}):
        found[ConnectionId(row.source_id)].append(_route(row))
    return {source: tuple(rows) for source, rows in found.items()}


async def routes_to(at: Session, target: ConnectionId) -> tuple[RouteRow, ...]:
    return tuple(map(_route, await at.execute(TO, {"target": target})))


def _pinned(row: Any) -> Pinned | None:
    if row.mapping_id is None:
        return None
    return Pinned(mapping=row.mapping_id, version=row.version)


def _route(row: Any) -> RouteRow:
    return RouteRow(
        id=RouteId(row.id),
        source=ConnectionId(row.source_id),
        target=ConnectionId(row.target_id),
        policy=decode_policy(row.policy),
        mapping=_pinned(row),
    )
