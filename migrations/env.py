"""What Alembic runs to reach a database, whoever called it: the hub, a test, or a person.

The address is `config.attributes["url"]`, or else THREADLINE_DATABASE_URL. Every command has the
database's schema to itself and gives up on a lock quickly; see `middleware.db.migrate`.
"""

import asyncio
import os

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection

from middleware.db.migrate import COMPARED, LIMITS, sole_connection, tell_older_versions
from middleware.db.tables import metadata


def run(connection: Connection) -> None:
    # Each migration commits by itself: the locks of one are gone before the next begins.
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        **COMPARED,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_alone(url: str) -> None:
    async with sole_connection(url) as connection:
        await connection.run_sync(run)
        await tell_older_versions(connection)


def write_sql() -> None:
    """Print the statements (`alembic upgrade head --sql`) for someone who runs them by hand."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=metadata,
        transaction_per_migration=True,
        literal_binds=True,
    )
    for name, value in LIMITS.items():
        context.execute(f"SET {name} = '{value}'")
    with context.begin_transaction():
        context.run_migrations()


def database_url() -> str:
    url = context.config.attributes.get("url") or os.environ.get("THREADLINE_DATABASE_URL")
    if not url:
        raise CommandError(
            "No database was named. Set THREADLINE_DATABASE_URL to its address,"
            " for example postgresql://user:password@host/threadline."
        )
    return str(url)


if context.is_offline_mode():
    write_sql()
else:
    asyncio.run(run_alone(database_url()))
