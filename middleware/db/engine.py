"""The one way to a database transaction: pooled, bounded, and honest about what went wrong."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from middleware.db.pool import Waited, watched
from middleware.store.errors import StoreConflict, StoreUnavailable

CONFLICTS = frozenset({"40001", "40P01", "55P03"})
# Connection trouble, shutdown, exhaustion, a disk that is full: not ours to solve by repeating.
AWAY_CLASSES = ("08", "57", "53", "58", "25P03")

APPLICATION = "threadline"
SILENT_FOR = timedelta(seconds=8)
# A client that froze between the messages of one statement: PostgreSQL counts it neither as idle
# nor as running, so that no time limit of its own (before transaction_timeout of version 17) ends
# it, and it keeps its locks until it wakes.
END_FROZEN = text(
    """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user
      AND application_name = :application AND pid <> pg_backend_pid()
      AND state = 'active' AND wait_event = 'ClientRead'
      AND state_change < clock_timestamp() - cast(:silent_for AS interval)
    """
)


def _untold(_seconds: float) -> None:
    """Nobody counts."""


def make_engine(
    url: str, *, pool_size: int, statement_timeout: timedelta, told: Waited = _untold
) -> AsyncEngine:
    """Build the engine of one process. `url` may be any of PostgreSQL's spellings.

    `told` hears how long each piece of work waited for a connection.

    A transaction left idle is ended by the server sooner than a lease runs out, so that a worker
    that hangs in the middle of one cannot commit it later.
    """
    timeout_ms = round(statement_timeout.total_seconds() * 1000)
    return create_async_engine(
        _with_driver(url),
        poolclass=watched(told),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        pool_recycle=1800,
        connect_args={
            "timeout": 5,
            "command_timeout": statement_timeout.total_seconds() + 5,
            "server_settings": {
                "application_name": APPLICATION,
                "timezone": "UTC",
                "statement_timeout": str(timeout_ms),
                "lock_timeout": str(min(timeout_ms, 5000)),
                "idle_in_transaction_session_timeout": str(
                    round(SILENT_FOR.total_seconds() * 1000)
                ),
            },
        },
    )


async def end_frozen(engine: AsyncEngine, silent_for: timedelta = SILENT_FOR) -> int:
    """End the sessions whose client stopped in the middle of a statement; return how many."""
    values = {"application": APPLICATION, "silent_for": silent_for}
    async with transaction(engine) as at:
        return len((await at.execute(END_FROZEN, values)).all())


def _with_driver(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"postgresql+asyncpg://{rest}" if scheme.startswith("postgres") else url


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Begin, commit on a clean exit, and name what went wrong in the store's terms.

    Raises: as `in_store_terms`.
    """
    with in_store_terms():
        async with engine.begin() as connection:
            yield connection


async def bare_connection(engine: AsyncEngine) -> asyncpg.Connection:
    """Open a connection beside the pool, for statements that are transactions by themselves.

    It is the caller's to close. Raises: what `in_store_terms` names.
    """
    pooled = await engine.raw_connection()
    bare: asyncpg.Connection = pooled.driver_connection
    pooled.detach()
    return bare


@contextmanager
def in_store_terms() -> Iterator[None]:
    """Name what goes wrong inside the block.

    Raises: `StoreConflict` when running it again may succeed; `StoreUnavailable` when the
    database is away (the commit may have happened).
    """
    try:
        yield
    except (OSError, TimeoutError) as error:
        raise StoreUnavailable(type(error).__name__) from error
    except asyncpg.PostgresError as error:
        raise _named(error, error.sqlstate or "") from error
    except asyncpg.InterfaceError as error:
        raise StoreUnavailable(type(error).__name__) from error
    except DBAPIError as error:
        raise _translated(error) from error


def _translated(error: DBAPIError) -> Exception:
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if not state and (error.connection_invalidated or isinstance(error, InterfaceError)):
        return StoreUnavailable(type(error.orig).__name__)
    if not state and isinstance(error, OperationalError):
        return StoreUnavailable(type(error.orig).__name__)
    return _named(error, state)


def _named(error: Exception, state: str) -> Exception:
    if state in CONFLICTS:
        return StoreConflict(state)
    if state.startswith(AWAY_CLASSES):
        return StoreUnavailable(state)
    return error
