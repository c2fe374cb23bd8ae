"""Finding what waits for a field, and giving it another version of a mapping."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Uuid

from mappers.vocabulary import ConnectionId, DeliveryId, WorkspaceId
from middleware.db.engine import transaction
from middleware.operations.deliveries.store import Change
from middleware.operations.unfilled.model import MissingTarget
from middleware.store.rows import Pinned

MISSING = text(
    """
    SELECT d.target_id AS connection, m.id AS mapping, m.name, target,
        (d.detail ->> 'version')::int AS version, count(*) AS waiting, min(d.created_at) AS since
    FROM deliveries AS d JOIN mappings AS m ON m.id = (d.detail ->> 'mapping')::uuid
    CROSS JOIN LATERAL jsonb_array_elements_text(d.detail -> 'missing') AS target
    WHERE d.workspace_id = :workspace AND d.state = 'dead' AND d.kind = 'write_fields'
      AND d.code = 'hub.field_gone' AND (:connection IS NULL OR d.target_id = :connection)
    GROUP BY d.target_id, m.id, m.name, target, version ORDER BY min(d.created_at), target
    """
).bindparams(bindparam("connection", type_=Uuid))
# In the order in which they were planned, which is that of the messages.
WAITING = text(
    """
    SELECT d.id, d.detail ->> 'mapping' AS mapping, (d.detail ->> 'version')::int AS version,
        m.id AS mapping_now, m.active AS version_now
    FROM deliveries AS d JOIN routes AS r ON r.id = d.route_id
    JOIN mappings AS m ON m.id = r.mapping_id
    WHERE d.workspace_id = :workspace AND d.state = 'dead' AND d.kind = 'write_fields'
      AND d.code = 'hub.field_gone' AND m.active IS NOT NULL AND r.mapping_id = :mapping
    ORDER BY d.created_at, d.id
    """
)
PIN = text("UPDATE deliveries SET detail = detail || :pinned WHERE id = :id").bindparams(
    bindparam("pinned", type_=JSONB)
)


@dataclass(frozen=True, slots=True)
class UnfilledStore:
    engine: AsyncEngine
    workspace: WorkspaceId

    async def missing(self, connection: ConnectionId | None = None) -> tuple[MissingTarget, ...]:
        """List the targets that something waits for, in one CRM or in all."""
        values = {"workspace": self.workspace, "connection": connection}
        async with transaction(self.engine) as at:
            rows = (await at.execute(MISSING, values)).mappings()
            return tuple(MissingTarget(**row) for row in rows)

    async def outdated(self, mapping: UUID) -> tuple[tuple[DeliveryId, Pinned], ...]:
        """List what waits on routes of a mapping, with the version in force if it is another."""
        values = {"workspace": self.workspace, "mapping": mapping}
        async with transaction(self.engine) as at:
            rows = (await at.execute(WAITING, values)).all()
        return tuple(
            (DeliveryId(row.id), Pinned(mapping=row.mapping_now, version=row.version_now))
            for row in rows
            if (row.mapping, row.version) != (str(row.mapping_now), row.version_now)
        )


async def pin(change: Change, delivery: DeliveryId, pinned: Pinned) -> None:
    """Have a delivery written by another version."""
    await change.at.execute(PIN, {"id": delivery, "pinned": dict(pinned.detail)})
