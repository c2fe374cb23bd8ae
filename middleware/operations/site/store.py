"""What PostgreSQL says of itself."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from middleware.db.engine import transaction

LOOK = text(
    """
    SELECT current_setting('server_version_num')::int / 10000 AS version,
        pg_database_size(current_database()) AS size_bytes,
        count(*) AS sessions,
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int AS sessions_most,
        coalesce(max(clock_timestamp() - xact_start) FILTER (
            WHERE datname = current_database() AND pid <> pg_backend_pid()), '0') AS longest,
        clock_timestamp() AS now
    FROM pg_stat_activity WHERE backend_type = 'client backend'
    """
)


async def look(engine: AsyncEngine) -> Any:
    """Return the columns of `LOOK` as a row. Raises: `StoreUnavailable`."""
    async with transaction(engine) as at:
        return (await at.execute(LOOK)).one()
