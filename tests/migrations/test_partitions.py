import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.ext.asyncio import AsyncEngine

from mappers.vocabulary import SETTLED, DeliveryState
from middleware.db.partitions import (
    MOVABLE_ROWS,
    UNFINISHED,
    Retention,
    drop_older,
    ensure,
    is_partition,
)
from middleware.db.tables import PARTITIONED
from middleware.store.errors import StoreConflict
from middleware.store.rows import InboxState
from tests.migrations.database import engine_of, session

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = NOON - 40 * DAY
MONTH_AGO = TODAY - 30 * DAY
WORKSPACE, CONNECTION = uuid4(), uuid4()
WAITS_FOR_LOCKS = 3  # seconds; more than a few of our lock timeouts, less than the engine's


@pytest.fixture
async def at(every_postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    async with session(every_postgres_url) as connection:
        await connection.execute("SET timezone = 'UTC'")
        await without_partitions(connection)
        await connection.execute("INSERT INTO workspaces (id, name) VALUES ($1, '')", WORKSPACE)
        await connection.execute(
            "INSERT INTO connections (id, workspace_id, kind, provider, account, title, config,"
            " address) VALUES ($1, $2, 'channel', 'telegram', '', '', '', '')",
            CONNECTION,
            WORKSPACE,
        )
        await connection.execute(
            "INSERT INTO lanes (target_id, key, priority) VALUES ($1, '', 0)", CONNECTION
        )
        yield connection


async def without_partitions(at: asyncpg.Connection) -> None:
    for table in PARTITIONED:
        for name in await partitions(at, table.name) - {f"{table.name}_default"}:
            await at.execute(f"DROP TABLE {name}")


@pytest.fixture
async def engine(every_postgres_url: str) -> AsyncIterator[AsyncEngine]:
    async with engine_of(every_postgres_url) as engine:
        yield engine


async def receive(at: asyncpg.Connection, when: datetime, state: str = "read") -> bytes:
    digest = uuid4().bytes
    await at.execute(
        "INSERT INTO inbox (connection_id, digest, state, received_at) VALUES ($1, $2, $3, $4)",
        *(CONNECTION, digest, state, when),
    )
    await at.execute("INSERT INTO bodies VALUES ($1, $2, $3, 'hi')", when, CONNECTION, digest)
    return digest


async def attempt(at: asyncpg.Connection, when: datetime, state: str, name: UUID) -> None:
    await at.execute(
        "INSERT INTO deliveries (id, workspace_id, target_id, lane_id, seq, kind, subject, state)"
        " SELECT $1, $2, $3, id, (SELECT count(*) FROM deliveries), 'send', $1, $4 FROM lanes",
        *(name, WORKSPACE, CONNECTION, state),
    )
    await at.execute(
        "INSERT INTO attempts (started_at, delivery_id, number, purpose, outcome, duration_ms,"
        " exchanges) VALUES ($1, $2, 1, 'call', 'done', 5, '[]')",
        *(when, name),
    )


async def partitions(at: asyncpg.Connection, table: str) -> set[str]:
    rows = await at.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass",
        table,
    )
    return {row["name"] for row in rows}


async def homes(at: asyncpg.Connection, table: str) -> list[str]:
    """The partitions of a table's rows, oldest row first."""
    # The table's name is the test's own.
    query = f"SELECT tableoid::regclass::text AS name FROM {table} ORDER BY 1"  # noqa: S608
    return [row["name"] for row in await at.fetch(query)]


async def make_old_partitions(engine: AsyncEngine) -> None:
    await ensure(engine, OLD.date())
    await ensure(engine, TODAY)


@pytest.mark.parametrize("table", ["bodies", "attempts"])
async def test_partitions_reach_from_yesterday_to_a_week_ahead(
    at: asyncpg.Connection, engine: AsyncEngine, table: str
) -> None:
    await ensure(engine, TODAY)

    days = ["20", "21", "22", "23", "24", "25", "26", "27", "28"]
    expected = {f"{table}_202611{day}" for day in days} | {f"{table}_default"}
    assert await partitions(at, table) == expected


@pytest.mark.usefixtures("at")
async def test_what_is_there_is_not_made_again(engine: AsyncEngine) -> None:
    assert len(await ensure(engine, TODAY)) == 18
    assert await ensure(engine, TODAY) == ()
    assert await ensure(engine, TODAY + DAY) == ("bodies_20261129", "attempts_20261129")


async def test_a_partition_has_every_index_of_its_parent(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    await ensure(engine, TODAY)

    for table in ("bodies", "attempts"):
        counts = [
            await at.fetchval("SELECT count(*) FROM pg_indexes WHERE tablename = $1", name)
            for name in (table, f"{table}_20261121")
        ]
        assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("when", "home"),
    [
        pytest.param(NOON, "bodies_20261121", id="today"),
        pytest.param(NOON.replace(hour=0), "bodies_20261121", id="midnight"),
        pytest.param(NOON - DAY, "bodies_20261120", id="yesterday"),
        pytest.param(NOON + 7 * DAY, "bodies_20261128", id="a week ahead"),
        pytest.param(NOON + 8 * DAY, "bodies_default", id="too far ahead"),
        pytest.param(datetime(2099, 1, 1, tzinfo=UTC), "bodies_default", id="clock ahead"),
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), "bodies_default", id="clock reset"),
    ],
)
async def test_no_row_is_refused(
    at: asyncpg.Connection, engine: AsyncEngine, when: datetime, home: str
) -> None:
    await ensure(engine, TODAY)

    await receive(at, when)

    assert await homes(at, "bodies") == [home]


async def test_rows_that_came_before_their_partition_move_into_it(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    for when in (NOON, NOON + DAY, NOON + 99 * DAY):
        await receive(at, when)
    await attempt(at, NOON, "done", uuid4())

    await ensure(engine, TODAY)

    assert await homes(at, "bodies") == ["bodies_20261121", "bodies_20261122", "bodies_default"]
    assert await homes(at, "attempts") == ["attempts_20261121"]
    assert await at.fetchval("SELECT count(*) FROM bodies WHERE body = 'hi'") == 3


async def test_a_day_too_full_to_move_stays_where_it_is(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    await at.execute(
        "INSERT INTO bodies SELECT $1, $2, int4send(n), '' FROM generate_series(1, $3) AS n",
        *(NOON, CONNECTION, MOVABLE_ROWS + 1),
    )

    made = await ensure(engine, TODAY)
    await receive(at, NOON)

    assert "bodies_20261121" not in made
    assert len(made) == 17
    assert set(await homes(at, "bodies")) == {"bodies_default"}


async def test_hubs_that_ensure_at_once_do_no_harm(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    ends = await asyncio.gather(*(ensure(engine, TODAY) for _ in range(4)), return_exceptions=True)
    made = [name for end in ends if isinstance(end, tuple) for name in end]

    assert all(isinstance(end, tuple | StoreConflict) for end in ends)
    assert len(made) == len(set(made))
    await ensure(engine, TODAY)
    assert len(await partitions(at, "bodies")) == 10


async def test_traffic_does_not_keep_partitions_from_being_made(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    await ensure(engine, TODAY)
    async with at.transaction():
        await receive(at, NOON)

        assert await ensure(engine, TODAY + DAY) == ("bodies_20261129", "attempts_20261129")


async def test_making_partitions_gives_way_to_a_row_on_its_way_to_default(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    async with at.transaction():
        await receive(at, NOON)
        began = time.monotonic()
        with pytest.raises(StoreConflict):
            await ensure(engine, TODAY)
        assert time.monotonic() - began < WAITS_FOR_LOCKS

    await ensure(engine, TODAY)

    assert await homes(at, "bodies") == ["bodies_20261121"]


async def test_partitions_past_their_time_are_dropped_whole(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    await make_old_partitions(engine)
    await receive(at, OLD)
    await receive(at, NOON, "new")
    await attempt(at, OLD, "done", uuid4())
    await attempt(at, NOON, "ready", uuid4())

    retention = await drop_older(engine, MONTH_AGO)

    assert retention.kept == ()
    assert len(retention.dropped) == 18
    assert await homes(at, "bodies") == ["bodies_20261121"]
    assert await homes(at, "attempts") == ["attempts_20261121"]
    assert await at.fetchval("SELECT count(*) FROM inbox") == 2


async def test_the_day_retention_begins_with_is_kept(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    await make_old_partitions(engine)

    await drop_older(engine, OLD.date())

    assert f"bodies_{OLD:%Y%m%d}" in await partitions(at, "bodies")
    assert f"bodies_{OLD - DAY:%Y%m%d}" not in await partitions(at, "bodies")


@pytest.mark.parametrize("state", ["new", "waiting", "set_aside"])
async def test_the_body_of_an_unfinished_parcel_is_kept(
    at: asyncpg.Connection, engine: AsyncEngine, state: str
) -> None:
    await make_old_partitions(engine)
    digest = await receive(at, OLD, state)
    await receive(at, OLD + DAY)

    retention = await drop_older(engine, MONTH_AGO)

    assert retention.kept == (f"bodies_{OLD:%Y%m%d}",)
    assert len(retention.dropped) == 17
    assert await at.fetchval("SELECT body FROM bodies WHERE digest = $1", digest) == b"hi"

    await at.execute("UPDATE inbox SET state = 'read'")
    assert await drop_older(engine, MONTH_AGO) == Retention(dropped=(f"bodies_{OLD:%Y%m%d}",))


@pytest.mark.parametrize("state", sorted(set(DeliveryState) - SETTLED))
async def test_the_attempts_of_an_unsettled_delivery_are_kept(
    at: asyncpg.Connection, engine: AsyncEngine, state: str
) -> None:
    await make_old_partitions(engine)
    await attempt(at, OLD, state, uuid4())
    await attempt(at, OLD + DAY, "done", uuid4())
    await attempt(at, OLD + DAY, "skipped", uuid4())

    retention = await drop_older(engine, MONTH_AGO)

    assert retention.kept == (f"attempts_{OLD:%Y%m%d}",)
    assert await homes(at, "attempts") == [f"attempts_{OLD:%Y%m%d}"]


async def test_the_last_delivery_of_a_busy_day_is_found(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    await make_old_partitions(engine)
    await at.execute(
        "INSERT INTO attempts (started_at, delivery_id, number, purpose, outcome, duration_ms,"
        " exchanges) SELECT $1, md5(n::text)::uuid, 1, 'call', 'done', 5, '[]'"
        " FROM generate_series(1, 25000) AS n",
        OLD,
    )
    last = UUID("f" * 32)
    await attempt(at, OLD, "held", last)

    assert f"attempts_{OLD:%Y%m%d}" in (await drop_older(engine, MONTH_AGO)).kept

    await at.execute("UPDATE deliveries SET state = 'done'")
    assert f"attempts_{OLD:%Y%m%d}" in (await drop_older(engine, MONTH_AGO)).dropped


async def test_default_is_swept_row_by_row(at: asyncpg.Connection, engine: AsyncEngine) -> None:
    await receive(at, OLD)
    waiting = await receive(at, OLD, "waiting")
    await receive(at, NOON)
    await receive(at, NOON + 99 * DAY)
    held = uuid4()
    await attempt(at, OLD, "held", held)
    await attempt(at, OLD, "done", uuid4())

    await drop_older(engine, MONTH_AGO)

    left = await at.fetch("SELECT digest FROM bodies ORDER BY received_at")
    assert [row["digest"] for row in left][:1] == [waiting]
    assert len(left) == 3
    assert await at.fetchval("SELECT array_agg(delivery_id) FROM attempts") == [held]


async def test_dropping_gives_way_to_traffic(at: asyncpg.Connection, engine: AsyncEngine) -> None:
    await make_old_partitions(engine)
    async with at.transaction():
        await receive(at, NOON)
        began = time.monotonic()
        with pytest.raises(StoreConflict):
            await drop_older(engine, MONTH_AGO)
        assert time.monotonic() - began < WAITS_FOR_LOCKS
    assert len(await partitions(at, "bodies")) == 19

    await drop_older(engine, MONTH_AGO)

    assert len(await partitions(at, "bodies")) == 10
    assert await homes(at, "bodies") == ["bodies_20261121"]


async def test_partitions_attached_by_hand_are_left_alone(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    await at.execute(
        "CREATE TABLE bodies_of_2019 PARTITION OF bodies"
        " FOR VALUES FROM ('2019-01-01') TO ('2020-01-01')"
    )

    await drop_older(engine, TODAY)

    assert "bodies_of_2019" in await partitions(at, "bodies")


@pytest.mark.parametrize("table", PARTITIONED, ids=lambda table: str(table.name))
async def test_a_unique_key_of_a_partitioned_table_contains_its_partition_key(
    at: asyncpg.Connection, table: Table
) -> None:
    key = await at.fetchval("SELECT pg_get_partkeydef($1::regclass)", table.name)
    unique = [
        [*table.primary_key.columns.keys()],
        *([*c.columns.keys()] for c in table.constraints if isinstance(c, UniqueConstraint)),
        *([*index.columns.keys()] for index in table.indexes if index.unique),
    ]

    assert all(key == f"RANGE ({columns[0]})" for columns in unique)


async def test_uniqueness_of_parcels_is_kept_where_nothing_is_partitioned(
    at: asyncpg.Connection, engine: AsyncEngine
) -> None:
    digest = await receive(at, OLD)
    await drop_older(engine, TODAY)

    with pytest.raises(asyncpg.UniqueViolationError):
        await at.execute(
            "INSERT INTO inbox (connection_id, digest) VALUES ($1, $2)", CONNECTION, digest
        )


def test_every_state_of_a_parcel_is_either_read_or_unfinished() -> None:
    assert {*UNFINISHED, "read"} == set(get_args(InboxState))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bodies_20261121", True),
        ("attempts_default", True),
        ("bodies", False),
        ("bodies_20261121_old", False),
        ("inbox_20261121", False),
    ],
)
def test_a_partition_is_known_by_its_name(name: str, *, expected: bool) -> None:
    assert is_partition(name) is expected
