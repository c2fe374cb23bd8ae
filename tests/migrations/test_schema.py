import asyncio
import os
import runpy
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from middleware.db import schema
from middleware.db.engine import transaction
from middleware.db.migrate import COMPARED, TURN, downgrade, sole_connection, upgrade
from middleware.db.partitions import ensure
from middleware.db.schema import WORKS_FROM, DatabaseNewer, SchemaError, SchemaInUse
from middleware.db.tables import metadata
from middleware.store.errors import StoreUnavailable
from tests.migrations.database import engine_of, session

REPO = Path(str(files("migrations"))).parent
HUB = (
    "import asyncio, sys; from middleware.db.migrate import upgrade;"
    " asyncio.run(upgrade(sys.argv[1]))"
)
# Everything a table is, in PostgreSQL's own words. Partitions are copies of their parents.
CATALOGUE = """
    WITH ours AS (
        SELECT oid, relname, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
          AND NOT relispartition AND relname <> 'alembic_version'
    )
    SELECT relname, 'column ' || attnum,
           concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                     pg_get_expr(adbin, adrelid))
    FROM ours JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    UNION ALL
    SELECT relname, 'constraint ' || conname, pg_get_constraintdef(pg_constraint.oid)
    FROM ours JOIN pg_constraint ON conrelid = ours.oid
    UNION ALL
    SELECT relname, 'index', pg_get_indexdef(indexrelid)
    FROM ours JOIN pg_index ON indrelid = ours.oid
    UNION ALL
    SELECT relname, 'partitioned by', pg_get_partkeydef(oid) FROM ours WHERE relkind = 'p'
    UNION ALL
    SELECT sequencename, 'sequence', concat_ws(' ', data_type, start_value, increment_by, cycle)
    FROM pg_sequences
    ORDER BY 1, 2, 3
"""


async def current(url: str) -> str | None:
    async with engine_of(url) as engine:
        return await schema.current(engine)


async def fits(url: str) -> bool:
    async with engine_of(url) as engine:
        return await schema.fits(engine)


async def is_current(url: str) -> bool:
    return await current(url) == schema.newest()


async def catalogue(url: str) -> list[tuple[str, ...]]:
    async with session(url) as at:
        return [tuple(row) for row in await at.fetch(CATALOGUE)]


async def tables(url: str) -> set[str]:
    async with session(url) as at:
        rows = await at.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row["tablename"] for row in rows} - {"alembic_version"}


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={**COMPARED})
    return list(compare_metadata(context, metadata))


def scripts() -> ScriptDirectory:
    return ScriptDirectory(str(files("migrations")))


async def alembic(url: str, *arguments: str) -> str:
    """Run the command a person would type, with the settings of pyproject.toml."""
    return await asyncio.to_thread(
        subprocess.check_output,
        [sys.executable, "-m", "alembic", *arguments],
        cwd=REPO,
        env={**os.environ, "THREADLINE_DATABASE_URL": url},
        stderr=subprocess.STDOUT,
        text=True,
    )


async def test_up_from_empty_is_what_the_tables_say(empty_postgres_url: str) -> None:
    await upgrade(empty_postgres_url)

    async with engine_of(empty_postgres_url) as engine:
        await ensure(engine, date(2026, 11, 21))
        async with transaction(engine) as connection:
            assert await connection.run_sync(differences) == []


async def test_postgres_describes_both_in_the_same_words(empty_postgres_url: str) -> None:
    await upgrade(empty_postgres_url)
    migrated = await catalogue(empty_postgres_url)
    await downgrade(empty_postgres_url, "base")

    async with engine_of(empty_postgres_url) as engine, transaction(engine) as connection:
        await connection.run_sync(metadata.create_all)

    assert migrated == await catalogue(empty_postgres_url)


async def test_a_difference_is_noticed(postgres_url: str) -> None:
    async with engine_of(postgres_url) as engine, transaction(engine) as connection:
        await connection.execute(text("ALTER TABLE inbox ALTER form SET DEFAULT 'other'"))
        await connection.execute(text("ALTER TABLE lanes ALTER priority TYPE integer"))
        found = str(await connection.run_sync(differences))

    assert "modify_default" in found
    assert "modify_type" in found


async def test_down_leaves_nothing_and_up_again_brings_all(empty_postgres_url: str) -> None:
    await upgrade(empty_postgres_url)
    before = await catalogue(empty_postgres_url)
    async with engine_of(empty_postgres_url) as engine:
        await ensure(engine, date(2026, 11, 21))

    await downgrade(empty_postgres_url, "base")
    assert await tables(empty_postgres_url) == set()
    assert await current(empty_postgres_url) is None

    await upgrade(empty_postgres_url)
    assert await catalogue(empty_postgres_url) == before


async def test_arrival_numbers_come_from_a_sequence_the_store_can_name(postgres_url: str) -> None:
    async with session(postgres_url) as at:
        assert await at.fetchval("SELECT nextval('inbox_arrival_seq')") == 1


async def test_history_is_one_line() -> None:
    assert len(scripts().get_heads()) == 1


def test_the_newest_revision_is_read_as_alembic_reads_it() -> None:
    assert schema.newest() == scripts().get_current_head()


async def test_a_database_is_current_once_it_is_at_head(empty_postgres_url: str) -> None:
    assert await current(empty_postgres_url) is None
    assert not await is_current(empty_postgres_url)

    await upgrade(empty_postgres_url)

    assert await current(empty_postgres_url) == scripts().get_current_head()
    assert await is_current(empty_postgres_url)


async def test_upgrading_again_changes_nothing(postgres_url: str) -> None:
    before = await catalogue(postgres_url)

    await upgrade(postgres_url)

    assert await catalogue(postgres_url) == before


async def test_a_database_of_a_newer_version_is_refused(postgres_url: str) -> None:
    async with session(postgres_url) as at:
        await at.execute("UPDATE alembic_version SET version_num = 'f00d'")
        await at.execute(f"COMMENT ON TABLE alembic_version IS '{WORKS_FROM}beef'")
    before = await catalogue(postgres_url)

    for change in (upgrade(postgres_url), downgrade(postgres_url, "base")):
        with pytest.raises(DatabaseNewer, match="revision f00d, which this version does not know"):
            await change

    assert await catalogue(postgres_url) == before
    assert not await is_current(postgres_url)


async def test_a_newer_version_that_only_added_lets_older_ones_go_on(postgres_url: str) -> None:
    async with session(postgres_url) as at:
        await at.execute("ALTER TABLE inbox ADD COLUMN later text")
        await at.execute("UPDATE alembic_version SET version_num = 'f00d'")
    before = await catalogue(postgres_url)

    await upgrade(postgres_url)

    assert await fits(postgres_url)
    assert not await is_current(postgres_url)
    assert await catalogue(postgres_url) == before
    with pytest.raises(DatabaseNewer):
        await downgrade(postgres_url, "base")


async def test_a_database_without_such_word_is_left_to_the_version_that_made_it(
    postgres_url: str,
) -> None:
    async with session(postgres_url) as at:
        await at.execute("UPDATE alembic_version SET version_num = 'f00d'")
        await at.execute("COMMENT ON TABLE alembic_version IS NULL")

    assert not await fits(postgres_url)
    with pytest.raises(DatabaseNewer):
        await upgrade(postgres_url)


async def test_an_older_schema_does_not_fit_before_it_is_migrated(postgres_url: str) -> None:
    await downgrade(postgres_url, "-1")

    assert not await fits(postgres_url)


async def test_an_unknown_target_is_refused(postgres_url: str) -> None:
    with pytest.raises(SchemaError, match="The schema was not changed"):
        await upgrade(postgres_url, "nowhere")


async def test_a_database_that_is_away_is_named_so() -> None:
    with pytest.raises(StoreUnavailable):
        await upgrade("postgresql://threadline@127.0.0.1:1/threadline")


async def test_hubs_that_start_at_once_migrate_once(empty_postgres_url: str) -> None:
    hubs = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", HUB, empty_postgres_url)
        for _ in range(3)
    ]

    assert [await hub.wait() for hub in hubs] == [0, 0, 0]
    assert await is_current(empty_postgres_url)


async def test_databases_migrated_at_once_in_one_process_keep_apart(
    empty_postgres_url: str, postgres_url: str
) -> None:
    await asyncio.gather(downgrade(postgres_url, "base"), upgrade(empty_postgres_url))

    assert await tables(postgres_url) == set()
    assert await is_current(empty_postgres_url)


async def test_a_hub_waits_for_the_one_that_is_migrating(empty_postgres_url: str) -> None:
    async with session(empty_postgres_url) as other:
        await other.execute("SELECT pg_advisory_lock($1)", TURN)
        waiting = asyncio.create_task(upgrade(empty_postgres_url))
        finished, _ = await asyncio.wait({waiting}, timeout=1)
        assert not finished
        assert await tables(empty_postgres_url) == set()

    await waiting
    assert await is_current(empty_postgres_url)


async def test_a_hub_does_not_wait_for_ever(postgres_url: str) -> None:
    async with session(postgres_url) as other:
        await other.execute("SELECT pg_advisory_lock($1)", TURN)

        with pytest.raises(SchemaInUse, match="Another hub"):
            async with sole_connection(postgres_url, patience=timedelta(seconds=0.3)):
                pytest.fail("it was not our turn")


async def test_a_table_in_use_stops_the_migration_quickly(postgres_url: str) -> None:
    before = await catalogue(postgres_url)
    async with session(postgres_url) as reader, reader.transaction():
        for table in await tables(postgres_url):
            await reader.execute(f"SELECT FROM {table} LIMIT 0")
        began = time.monotonic()

        with pytest.raises(SchemaInUse, match="was in use for 3s"):
            await downgrade(postgres_url, "base", tries=1)

        assert 2.5 < time.monotonic() - began < 10
    assert await catalogue(postgres_url) == before
    assert await is_current(postgres_url)

    await downgrade(postgres_url, "base")
    assert await tables(postgres_url) == set()


async def test_a_migration_lets_whoever_is_in_its_way_pass_and_is_tried_again(
    empty_postgres_url: str,
) -> None:
    await upgrade(empty_postgres_url)
    async with session(empty_postgres_url) as reader, reader.transaction():
        for table in await tables(empty_postgres_url):
            await reader.execute(f"SELECT FROM {table} LIMIT 0")
        migrating = asyncio.create_task(downgrade(empty_postgres_url, "base"))
        finished, _ = await asyncio.wait({migrating}, timeout=5)
        assert not finished

    await migrating

    assert await tables(empty_postgres_url) == set()


async def test_every_migration_runs_within_limits(postgres_url: str) -> None:
    async with sole_connection(postgres_url) as connection:
        assert await connection.scalar(text("SHOW lock_timeout")) == "3s"
        assert await connection.scalar(text("SHOW statement_timeout")) == "15min"


async def test_the_alembic_command_knows_its_way(postgres_url: str) -> None:
    async with engine_of(postgres_url) as engine:
        await ensure(engine, date(2026, 11, 21))

    assert "No new upgrade operations detected" in await alembic(postgres_url, "check")


def test_a_new_migration_begins_where_the_last_one_ended(tmp_path: Path) -> None:
    shutil.copytree(REPO / "migrations", tmp_path / "migrations")
    book = ScriptDirectory(str(tmp_path / "migrations"), file_template="%(slug)s")

    book.generate_revision("abc", "add a table")

    written = runpy.run_path(str(tmp_path / "migrations/versions/add_a_table.py"))
    assert str(written["__doc__"]).startswith("Add a table.\n")
    assert (written["revision"], written["down_revision"]) == ("abc", scripts().get_current_head())


async def test_the_statements_can_be_read_before_they_run(postgres_url: str) -> None:
    said = await alembic(postgres_url, "upgrade", "head", "--sql")

    assert said.index("SET lock_timeout = '3s'") < said.index("CREATE TABLE workspaces")
