"""What processes of a hub do about one another's leases."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from middleware.db.engine import transaction

END_LEASES_OF = text(
    "UPDATE leases SET until = clock_timestamp()"
    " WHERE owner = ANY(:owners) AND until > clock_timestamp()"
)


async def end_leases_of(engine: AsyncEngine, owners: Collection[str]) -> int:
    """End the leases of processes that are surely dead; return how many there were."""
    async with transaction(engine) as at:
        return (await at.execute(END_LEASES_OF, {"owners": list(owners)})).rowcount
