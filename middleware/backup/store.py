"""All rows of a database, out of one snapshot and into an empty schema, by PostgreSQL's COPY.

COPY needs nothing but a connection, so the embedded server and any other are copied in the same
way, whatever their versions are, and no client tools have to match them.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import IO, Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from middleware.backup.archive import Archive
from middleware.backup.manifest import Counter, Manifest, TableCopy
from middleware.db.engine import APPLICATION, make_engine, transaction
from middleware.db.partitions import is_partition
from middleware.db.tables import metadata

OURS = [table.name for table in metadata.sorted_tables]
NAME = "threadline backup"  # another name than a hub's, which would be taken for one
LONG = timedelta(days=7)
UNBOUNDED = ("statement_timeout", "idle_in_transaction_session_timeout")
COLUMNS = text(
    """
    SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(:ours)
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY c.relname
    """
)
PARTITIONS = text(
    """
    SELECT p.relname FROM pg_inherits AS i
    JOIN pg_class AS p ON p.oid = i.inhrelid JOIN pg_class AS t ON t.oid = i.inhparent
    WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(:ours)
    ORDER BY p.relname
    """
)
SEQUENCES = text(
    """
    SELECT s.relname AS name, d.last_value AS last
    FROM pg_class AS s
    JOIN pg_depend AS o ON o.objid = s.oid AND o.classid = 'pg_class'::regclass
     AND o.deptype IN ('i', 'a')
    JOIN pg_class AS t ON t.oid = o.refobjid AND t.relname = ANY(:ours)
    JOIN pg_sequences AS d ON d.schemaname = current_schema() AND d.sequencename = s.relname
    WHERE s.relkind = 'S' AND s.relnamespace = current_schema()::regnamespace
    ORDER BY s.relname
    """
)
OTHERS = text(
    """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = :application
      AND pid <> pg_backend_pid()
    """
)
ANYTHING = text(
    """
    SELECT EXISTS (SELECT FROM connections) OR EXISTS (SELECT FROM applications)
        OR EXISTS (SELECT FROM messages)
    """
)
SET_SEQUENCE = text("SELECT setval(CAST(:name AS regclass), :last)")
NOTE = text(
    """
    INSERT INTO audit_log (workspace_id, actor, action, subject, detail)
    SELECT min(id::text)::uuid, :actor, :action, :subject, jsonb_build_object('made_at',
        CAST(:made_at AS timestamptz)) FROM workspaces
    """
).bindparams(bindparam("made_at", type_=TIMESTAMP(timezone=True)))
LAST = text(
    """
    SELECT max(at) AS at, clock_timestamp() AS now FROM audit_log WHERE action = 'backup.written'
    """
)
# What makes the hub that starts on it know that this is another database than it was.
MARK = text("UPDATE pulses SET database = 'restored'")
SEALED = (
    text("SELECT config FROM connections"),
    text("SELECT config FROM applications"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    made_at: datetime
    server: str
    tables: tuple[TableCopy, ...]
    sequences: tuple[Counter, ...]
    partitions: tuple[str, ...]


async def copy_out(url: str, into: Archive) -> Copied:
    """Copy every table out of one snapshot, while everybody else goes on.

    Raises: `StoreUnavailable`.
    """
    engine = make_engine(url, pool_size=1, statement_timeout=LONG)
    try:
        async with transaction(engine) as at:
            await at.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            return await _copy_out(at, into)
    finally:
        await engine.dispose()


async def _copy_out(at: AsyncConnection, into: Archive) -> Copied:
    await _take_time(at)
    about = (await at.execute(text("SELECT now() AS at, version() AS server"))).one()
    columns = {row.name: tuple(row.columns) for row in await at.execute(COLUMNS, {"ours": OURS})}
    raw = await _driver(at)
    tables: list[TableCopy] = []
    for name in OURS:
        if name not in columns:
            continue
        copy = TableCopy(name=name, columns=columns[name], rows=0)
        with into.member(copy.member) as write:

            async def take(piece: bytes) -> None:
                write(piece)

            said = await raw.copy_from_query(_selection(copy), output=take)
        tables.append(copy.model_copy(update={"rows": int(said.rpartition(" ")[2])}))
    return Copied(
        made_at=about.at,
        server=about.server.split(" on ")[0],
        tables=tuple(tables),
        sequences=tuple(
            Counter(name=row.name, last=row.last)
            for row in await at.execute(SEQUENCES, {"ours": OURS})
        ),
        partitions=tuple(
            row.relname
            for row in await at.execute(PARTITIONS, {"ours": OURS})
            if is_partition(row.relname)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Who did what to which file."""

    actor: str
    action: str
    subject: str
    made_at: datetime


async def note(url: str, noted: Noted) -> None:
    """Write a line into the audit log. Raises: `StoreUnavailable`."""
    engine = make_engine(url, pool_size=1, statement_timeout=timedelta(seconds=15))
    try:
        async with transaction(engine) as at:
            await at.execute(NOTE, asdict(noted))
    finally:
        await engine.dispose()


async def since_last(engine: AsyncEngine) -> timedelta | None:
    """Tell how long ago the last backup was made; None: never, as far as we know."""
    async with transaction(engine) as at:
        row = (await at.execute(LAST)).one()
    return None if row.at is None else row.now - row.at


async def _driver(at: AsyncConnection) -> Any:
    """The driver's own connection, which is in the transaction that was begun."""
    return (await at.get_raw_connection()).driver_connection


async def _take_time(at: AsyncConnection) -> None:
    """A copy of much takes long, and waits for its reader: no limit of a hub's work fits it."""
    for name in UNBOUNDED:
        await at.execute(text(f"SET LOCAL {name} = 0"))
    await at.execute(text(f"SET LOCAL application_name = '{NAME}'"))


def _selection(copy: TableCopy) -> str:
    """A partitioned table cannot be copied as such; what is selected from it can."""
    columns = ", ".join(f'"{column}"' for column in copy.columns)
    return f'SELECT {columns} FROM "{copy.name}"'  # noqa: S608  # names of our own


async def holds_anything(at: AsyncConnection) -> bool:
    """Say whether anybody ever connected or said something here."""
    return bool((await at.execute(ANYTHING)).scalar_one())


async def others_work(at: AsyncConnection) -> int:
    """Count the sessions of hubs, and of commands, on this database."""
    return int((await at.execute(OTHERS, {"application": APPLICATION})).scalar_one())


async def copy_in(
    at: AsyncConnection,
    manifest: Manifest,
    read: Callable[[TableCopy], IO[bytes]],
    check: Callable[[Sequence[bytes]], None],
) -> None:
    """Put the copied rows in the place of all there are: all of it is committed, or nothing.

    `check` sees every secret before, as it lies there, and may raise.
    """
    async with at.begin():
        await _take_time(at)
        columns = await at.execute(COLUMNS, {"ours": OURS})
        await at.execute(text("TRUNCATE " + ", ".join(f'"{row.name}"' for row in columns)))
        raw = await _driver(at)
        for copy in manifest.tables:
            with read(copy) as source:
                await raw.copy_to_table(copy.name, columns=list(copy.columns), source=source)
        for each in manifest.sequences:
            if each.last is not None:
                await at.execute(SET_SEQUENCE, {"name": each.name, "last": each.last})
        check([row.config for select in SEALED for row in await at.execute(select)])
        await at.execute(MARK)


def days_of(partitions: Iterable[str]) -> list[date]:
    """The days that had a partition, by its name."""
    found = (re.search(r"_(\d{8})$", name) for name in partitions)
    return sorted({date.fromisoformat(each[1]) for each in found if each is not None})
