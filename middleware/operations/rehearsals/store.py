"""What a rehearsal loads: deliveries as attempts would know them, and the mapping in force."""

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from mappers.vocabulary import DeliveryId, DeliveryState
from middleware.db.engine import transaction
from middleware.operations.deliveries.model import Standing
from middleware.operations.deliveries.store import STANDING, standing_of
from middleware.store.duties import Job
from middleware.store.postgres import jobs
from middleware.store.rows import Pinned

MOST_FOLLOWERS = 20
# In the order in which they were planned: each waits for one before it.
FOLLOWERS = text(
    """
    WITH RECURSIVE following AS (
        SELECT id, target_id FROM deliveries WHERE id = :id
        UNION SELECT d.id, d.target_id FROM deliveries AS d
        JOIN following AS f ON d.after = f.id AND d.target_id = f.target_id
        WHERE d.state = 'ready'
    )
    SELECT id FROM following WHERE id <> :id ORDER BY id LIMIT :limit
    """
)
IN_FORCE = text(
    """
    SELECT m.id, m.name, v.number, v.document
    FROM deliveries AS d JOIN routes AS r ON r.id = d.route_id
    JOIN mappings AS m ON m.id = r.mapping_id
    JOIN mapping_versions AS v ON v.mapping_id = m.id AND v.number = m.active
    WHERE d.id = :id
    """
)


@dataclass(frozen=True, slots=True)
class RehearsalStore:
    """Of deliveries that are known to be the caller's."""

    engine: AsyncEngine

    async def standing(self, delivery: DeliveryId) -> Standing:
        """Say how one stands, holding nothing up."""
        async with transaction(self.engine) as at:
            return standing_of((await at.execute(STANDING, {"id": delivery})).one())

    async def followers(self, delivery: DeliveryId) -> tuple[UUID, ...]:
        """Return what waits for it, and what waits for that."""
        values = {"id": delivery, "limit": MOST_FOLLOWERS}
        async with transaction(self.engine) as at:
            return tuple((await at.execute(FOLLOWERS, values)).scalars())

    async def jobs(self, *deliveries: UUID) -> tuple[Job, ...]:
        """Load what attempts would know, without making one."""
        async with transaction(self.engine) as at:
            ready = dict.fromkeys(deliveries, DeliveryState.READY)
            return await jobs.load(at, ready)

    async def mapped_anew(self, job: Job) -> Job:
        """Return the job as the version in force would have it; as it is where there is none."""
        if job.mapped is None:
            return job
        async with transaction(self.engine) as at:
            row = (await at.execute(IN_FORCE, {"id": job.id})).first()
        if row is None:
            return job
        pinned = Pinned(mapping=row.id, version=row.number)
        mapped = replace(job.mapped, name=row.name, document=row.document)
        return replace(job, mapped=mapped, detail={**job.detail, **pinned.detail})
