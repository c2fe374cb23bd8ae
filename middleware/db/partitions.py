"""The daily partitions of bodies and attempts: made ahead, dropped whole when their time is over.

Days are UTC. Each table has a DEFAULT partition, because a row must never be refused for want of
a partition: clocks jump, and a hub may have been off for a month. Its price is that a partition
cannot be detached concurrently (PostgreSQL allows one or the other), so a drop needs its parent
for itself for a moment. Whoever waits for a lock here gives up after `LOCK_TIMEOUT`, sooner than
deadlocks are looked for: traffic never waits longer, and never loses to housekeeping.

Both functions may run anywhere, any number at once, and be stopped half-way: a partition is one
transaction. After a `StoreConflict` the rest is for the next time; there are days to spare.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import structlog
from sqlalchemy import (
    ColumnElement,
    FromClause,
    MetaData,
    Table,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mappers.vocabulary import SETTLED
from middleware.db.engine import transaction
from middleware.db.tables import PARTITIONED, bodies, deliveries, inbox

DAYS_AHEAD = 7
LOCK_TIMEOUT = "500ms"
# A day with more rows than this in DEFAULT stays there: moving them would hold up traffic.
MOVABLE_ROWS = 10_000
PAGE = 10_000

NAME = re.compile(rf"({'|'.join(table.name for table in PARTITIONED)})_(default|\d{{8}})")

log = structlog.get_logger(__name__)

UNFINISHED = ("new", "waiting", "set_aside")  # the states of a parcel that still needs its body
PARTITIONS = text(
    """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = CAST(:parent AS regclass)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What became of the partitions past their time. `kept` hold unsettled work."""

    dropped: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def is_partition(name: str) -> bool:
    """Whether a table of this name is a partition, and not one of the schema's own tables."""
    return NAME.fullmatch(name) is not None


async def ensure(engine: AsyncEngine, today: date) -> tuple[str, ...]:
    """Make the partitions from yesterday to a week ahead; return those that were missing.

    Rows of such a day that DEFAULT took meanwhile move into its partition.

    Raises: `StoreConflict` when traffic was in the way; `StoreUnavailable`.
    """
    return await ensure_days(
        engine, [today + timedelta(days=ahead) for ahead in range(-1, DAYS_AHEAD + 1)]
    )


async def ensure_days(engine: AsyncEngine, days: Sequence[date]) -> tuple[str, ...]:
    """Make the partitions of these days. See `ensure`."""
    made: list[str] = []
    for table in PARTITIONED:
        async with transaction(engine) as at:
            present = await _partitions(at, table)
        for day in days:
            name = _name(table, day)
            if name in present:
                continue
            async with transaction(engine) as at:
                if await _make(at, table, day):
                    made.append(name)
    if made:
        log.info("partitions.made", names=made)
    return tuple(made)


async def drop_older(engine: AsyncEngine, before: date) -> Retention:
    """Drop the partitions of the days before `before`, and the rows of those days in DEFAULT.

    Kept are a day's bodies while one of that day's parcels is unread, waiting or set aside, and
    a day's attempts while a delivery they belong to is not settled.

    Raises: `StoreConflict` when traffic was in the way; `StoreUnavailable`.
    """
    dropped: list[str] = []
    kept: list[str] = []
    for table in PARTITIONED:
        async with transaction(engine) as at:
            days = [_day(name) for name in await _partitions(at, table)]
        for day in sorted(day for day in days if day is not None and day < before):
            async with transaction(engine) as at:
                is_gone = await _drop(at, table, day)
            (dropped if is_gone else kept).append(_name(table, day))
        await _sweep_default(engine, table, before)
    if dropped or kept:
        log.info("partitions.dropped", names=dropped, kept_for_unsettled_work=kept)
    return Retention(dropped=tuple(dropped), kept=tuple(kept))


async def _make(at: AsyncConnection, table: Table, day: date) -> bool:
    """Attach the partition of a day, unless it is there or DEFAULT holds too much of it.

    Attaching lets traffic through where CREATE TABLE ... PARTITION OF would stop it. DEFAULT is
    taken before it is looked at: a row that came between would undo the attachment.
    """
    name = _name(table, day)
    default, partition = _as(table, f"{table.name}_default"), _as(table, name)
    await _take_turn(at, table)
    if name in await _partitions(at, table):
        return False
    await at.execute(text(f"LOCK TABLE {default.name} IN ACCESS EXCLUSIVE MODE"))
    few = select(literal(1)).select_from(default).where(_within(default, day))
    found = select(func.count()).select_from(few.limit(MOVABLE_ROWS + 1).subquery())
    if (await at.execute(found)).scalar_one() > MOVABLE_ROWS:
        log.warning("partitions.day_left_in_default", table=table.name, day=day.isoformat())
        return False
    await at.execute(text(f"CREATE TABLE {name} (LIKE {table.name} INCLUDING ALL)"))
    moved = delete(default).where(_within(default, day)).returning(*default.c).cte()
    await at.execute(insert(partition).from_select(default.c.keys(), select(moved)))
    since, until = _bounds(day)
    await at.execute(
        text(
            f"ALTER TABLE {table.name} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{since.isoformat(sep=' ')}') TO ('{until.isoformat(sep=' ')}')"
        )
    )
    return True


async def _drop(at: AsyncConnection, table: Table, day: date) -> bool:
    """Drop the partition of a day unless it holds unsettled work; return whether it is gone.

    First it takes no more rows, then it is searched: nothing unsettled can slip in between.
    """
    name = _name(table, day)
    await _take_turn(at, table)
    if name not in await _partitions(at, table):
        return True
    await at.execute(text(f"LOCK TABLE {name} IN SHARE MODE"))
    if await _is_held(at, table, day):
        return False
    await at.execute(text(f"DROP TABLE {name}"))
    return True


async def _take_turn(at: AsyncConnection, table: Table) -> None:
    """Keep everybody else from making or dropping partitions of this table; traffic goes on."""
    await at.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    # This mode conflicts with itself, and not with reading and writing.
    await at.execute(text(f"LOCK TABLE ONLY {table.name} IN SHARE UPDATE EXCLUSIVE MODE"))


async def _is_held(at: AsyncConnection, table: Table, day: date) -> bool:
    if table is bodies:
        return await _has_unfinished_parcels(at, day)
    return await _has_unsettled_deliveries(at, _as(table, _name(table, day)))


async def _has_unfinished_parcels(at: AsyncConnection, day: date) -> bool:
    since, until = _bounds(day)
    for state in UNFINISHED:  # each has a partial index of its own, found by the literal
        waits = exists().where(
            inbox.c.state == literal(state, literal_execute=True),
            inbox.c.received_at >= since,
            inbox.c.received_at < until,
        )
        if (await at.execute(select(waits))).scalar_one():
            return True
    return False


async def _has_unsettled_deliveries(at: AsyncConnection, partition: Table) -> bool:
    """Look at the partition's deliveries page by page: no page outlives a statement's timeout."""
    last: UUID | None = UUID(int=0)
    while last is not None:
        page = (
            select(partition.c.delivery_id)
            .where(partition.c.delivery_id > last)
            .distinct()
            .order_by(partition.c.delivery_id)
            .limit(PAGE)
            .cte()
        )
        end = select(page.c.delivery_id).order_by(page.c.delivery_id.desc()).limit(1)
        unsettled = exists().where(_is_unsettled(page))
        found = select(end.scalar_subquery().label("last"), unsettled.label("is_held"))
        row = (await at.execute(found)).one()
        if row.is_held:
            return True
        last = row.last
    return False


async def _sweep_default(engine: AsyncEngine, table: Table, before: date) -> None:
    """Delete from DEFAULT what a partition would have been dropped with, row by row."""
    default = _as(table, f"{table.name}_default")
    row = default.alias("past")
    held = exists().where(_is_unfinished(row) if table is bodies else _is_unsettled(row))
    past = select(*(row.c[column.name] for column in default.primary_key))
    past = past.where(row.c[_column(table)] < _midnight(before), ~held).limit(PAGE)
    found = PAGE
    while found == PAGE:
        async with transaction(engine) as at:
            deleted = await at.execute(
                delete(default).where(tuple_(*default.primary_key).in_(past))
            )
            found = deleted.rowcount


def _is_unfinished(body: FromClause) -> ColumnElement[bool]:
    return (
        (inbox.c.connection_id == body.c.connection_id)
        & (inbox.c.digest == body.c.digest)
        & inbox.c.state.in_(UNFINISHED)
    )


def _is_unsettled(attempt: FromClause) -> ColumnElement[bool]:
    return (deliveries.c.id == attempt.c.delivery_id) & deliveries.c.state.not_in(SETTLED)


async def _partitions(at: AsyncConnection, table: Table) -> frozenset[str]:
    return frozenset((await at.execute(PARTITIONS, {"parent": table.name})).scalars())


def _as(table: Table, name: str) -> Table:
    """The same columns under another name."""
    return table.to_metadata(MetaData(), name=name)


def _name(table: Table, day: date) -> str:
    return f"{table.name}_{day:%Y%m%d}"


def _day(name: str) -> date | None:
    """The day of a partition; None for DEFAULT, and for what somebody attached by hand."""
    parts = NAME.fullmatch(name)
    if parts is None or parts[2] == "default":
        return None
    return date.fromisoformat(parts[2])


def _column(table: Table) -> str:
    """The column a table is partitioned by."""
    return "received_at" if "received_at" in table.c else "started_at"


def _within(table: Table, day: date) -> ColumnElement[bool]:
    since, until = _bounds(day)
    return (table.c[_column(table)] >= since) & (table.c[_column(table)] < until)


def _bounds(day: date) -> tuple[datetime, datetime]:
    return _midnight(day), _midnight(day + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
