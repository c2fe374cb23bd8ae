"""Bring a database to the schema this code was written for, or say why that cannot be.

Hubs that start at once take turns, by an advisory lock that dies with its session. A migration
waits for a table in use only briefly: whoever queues behind a waiting DDL statement waits with
it, so a long wait of ours would be an outage of theirs. Instead it is undone, lets traffic pass,
and is tried again after a pause that grows.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypeVar

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from middleware.db.engine import make_engine
from middleware.db.partitions import is_partition
from middleware.db.schema import (
    CURRENT,
    WORKS_FROM,
    DatabaseNewer,
    SchemaError,
    SchemaInUse,
    current,
    fits,
    known,
)

TURN = int.from_bytes(b"threadln")  # the advisory lock's number; locks are a database's own
STATEMENT_TIMEOUT = timedelta(minutes=15)
LIMITS = MappingProxyType({"lock_timeout": "3s", "statement_timeout": "15min"})
PATIENCE = STATEMENT_TIMEOUT
LOOK_AGAIN_SECONDS = 0.2
TRIES = 6
LONGEST_PAUSE_S = 16
LOCKED = "55P03"
T = TypeVar("T")

# Alembic keeps the migration under way in module globals: one at a time in a process, or the
# statements of one would go to the database of another.
ALEMBIC = threading.Lock()

log = structlog.get_logger(__name__)


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave partitions out of comparisons: they come and go, and look like their parents."""
    return kind != "table" or name is None or not is_partition(name)


# How a database is compared with the tables: what `alembic check` and the tests mean by "equal".
COMPARED: MappingProxyType[str, Any] = MappingProxyType(
    {"compare_type": True, "compare_server_default": True, "include_name": _is_ours}
)


async def upgrade(url: str, revision: str = "head", *, tries: int = TRIES) -> None:
    """Apply what is missing, up to `revision`; nothing when it is there already.

    Nor where a newer version has migrated it and left everything that this one uses. It goes on to
    its end when cancelled.

    Raises: `DatabaseNewer`; `SchemaInUse`; `StoreUnavailable`.
    """
    try:
        await _migrate(command.upgrade, url, revision, tries)
    except DatabaseNewer:
        async with _briefly(url) as engine:
            if not await fits(engine):
                raise
            log.warning("schema.of_a_newer_version", revision=await current(engine))


async def downgrade(url: str, revision: str, *, tries: int = TRIES) -> None:
    """Undo migrations down to `revision`, with the data they brought. "base" undoes all.

    Raises: as `upgrade`.
    """
    await _migrate(command.downgrade, url, revision, tries)


async def move(url: str, revision: str) -> None:
    """Bring a database to a revision that this version knows, whichever side of it it is on.

    Raises: as `upgrade`.
    """
    now = await known_revision(url)
    scripts = ScriptDirectory.from_config(_config())
    passed = {script.revision for script in scripts.iterate_revisions(now or "base", "base")}
    await (downgrade if revision in passed else upgrade)(url, revision)


async def giving_way(work: Callable[[], Awaitable[T]], *, tries: int = TRIES) -> T:
    """Change the schema by `work`, again from its beginning where a table was in use.

    `work` must leave nothing behind when it fails. The pauses grow and differ by chance, so that
    traffic passes between two tries, and no rhythm of it meets every one of them.

    Raises: what the last try raised.
    """
    trying = AsyncRetrying(
        retry=retry_if_exception(_is_locked),
        wait=wait_random_exponential(max=LONGEST_PAUSE_S),
        stop=stop_after_attempt(tries),
        before_sleep=_tell_of_pause,
        reraise=True,
    )

    async def once() -> T:
        return await work()

    return await trying(once)


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == LOCKED


def _tell_of_pause(state: RetryCallState) -> None:
    pause = state.next_action.sleep if state.next_action else 0.0
    log.info("schema.giving_way", tries=state.attempt_number, pause_s=round(pause, 1))


def works_from(scripts: ScriptDirectory, revision: str) -> str:
    """Name the oldest revision whose code can work on a database of this one.

    Migrations only add, so that is the first of all; unless one takes something away, and says
    since which revision no code uses it: `works_from`.
    """
    line = list(scripts.iterate_revisions(revision, "base"))
    said = (getattr(script.module, "works_from", "") for script in line)
    return next(filter(None, said), line[-1].revision)


async def tell_older_versions(connection: AsyncConnection) -> None:
    """Leave word for versions that do not know this revision whether they may go on."""
    revision = (await connection.execute(CURRENT)).scalar_one_or_none()
    if revision is not None:
        oldest = works_from(ScriptDirectory.from_config(_config()), revision)
        await connection.execute(
            text(f"COMMENT ON TABLE alembic_version IS '{WORKS_FROM}{oldest}'")
        )
        await connection.commit()


@asynccontextmanager
async def sole_connection(
    url: str, *, patience: timedelta = PATIENCE
) -> AsyncIterator[AsyncConnection]:
    """Connect for a schema change: bounded, and nobody else changes the schema meanwhile.

    Raises: `SchemaInUse` when another hub's change outlasts our patience.
    """
    engine = make_engine(url, pool_size=1, statement_timeout=STATEMENT_TIMEOUT)
    try:
        async with engine.connect() as connection:
            await _wait_for_turn(connection, patience)
            for name, value in LIMITS.items():
                await connection.execute(text(f"SET {name} = '{value}'"))
            await connection.commit()
            yield connection
    finally:
        await engine.dispose()


async def _wait_for_turn(connection: AsyncConnection, patience: timedelta) -> None:
    """Ask again and again instead of queueing in the server.

    A statement that waits keeps a snapshot open, and CREATE INDEX CONCURRENTLY waits for those:
    the hub whose turn it is and the hub in the queue would wait for each other.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    is_told = False
    while not await _takes_turn(connection):
        if clock() - began >= patience.total_seconds():
            raise SchemaInUse(
                f"Another hub has been changing the database's schema for {patience}."
                " Nothing was changed by this one. See what the other is doing (pg_stat_activity"
                " lists it as threadline), end it if it hangs, and start again."
            )
        if not is_told:
            log.info("schema.waiting_for_another_hub")
            is_told = True
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _takes_turn(connection: AsyncConnection) -> bool:
    taken = await connection.execute(text("SELECT pg_try_advisory_lock(:turn)"), {"turn": TURN})
    await connection.commit()
    return bool(taken.scalar_one())


async def _migrate(act: Callable[[Config, str], None], url: str, revision: str, tries: int) -> None:
    was = await known_revision(url)
    try:
        # Alembic's commands are plain functions; `env.py` brings an event loop of its own.
        await giving_way(lambda: asyncio.to_thread(_act, act, url, revision), tries=tries)
    except CommandError as error:
        await known_revision(url)  # a newer hub may have been first in the queue
        raise SchemaError(f'The schema was not changed. Alembic says: "{error}".') from error
    except DBAPIError as error:
        raise _explained(error) from error
    now = await _current(url)
    if now != was:
        log.info("schema.migrated", was=was, now=now)


def _act(act: Callable[[Config, str], None], url: str, revision: str) -> None:
    config = _config()
    config.attributes["url"] = url
    with ALEMBIC:
        act(config, revision)


async def known_revision(url: str) -> str | None:
    """Return the revision the database is at; None when it was never migrated.

    Raises: `DatabaseNewer`; `StoreUnavailable`.
    """
    revision = await _current(url)
    if revision is None:
        return None
    if revision not in known():
        raise DatabaseNewer(
            f"The database is at revision {revision}, which this version does not know: a newer"
            " Threadline has migrated it. Nothing was changed. Start that version or a later one;"
            " to go back, let the newer version downgrade the database first, or restore a backup."
        )
    return revision


def _explained(error: DBAPIError) -> Exception:
    match getattr(error.orig, "sqlstate", None):
        case code if code == LOCKED:
            return SchemaInUse(
                f"A table that the migration changes was in use for {LIMITS['lock_timeout']}, and"
                " so it was at every try. The migration was undone rather than make everybody wait"
                " behind it; those finished before it stay. Run it again, in a quieter moment if"
                " need be; pg_stat_activity shows transactions that stay open."
            )
        case "57014":
            return SchemaError(
                f"A statement of the migration ran longer than {LIMITS['statement_timeout']} and"
                " was stopped. The migration was undone; those finished before it stay. Run it"
                " again when the database is less busy."
            )
        case _:
            return error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    return config


async def _current(url: str) -> str | None:
    async with _briefly(url) as engine:
        return await current(engine)


@asynccontextmanager
async def _briefly(url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(url, pool_size=1, statement_timeout=timedelta(seconds=5))
    try:
        yield engine
    finally:
        await engine.dispose()
