"""Old code works on the new schema, so that hubs can be upgraded one after another.

Each migration is applied, and PostgreSQL asked what it changed of what was there. One that takes
something away says since which revision no code uses it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest
from alembic.script import Script, ScriptDirectory

from middleware.db.migrate import upgrade, works_from
from tests.migrations.database import session

COLUMNS = """
    SELECT c.relname AS "table", a.attname AS name,
        format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS needed,
        a.atthasdef OR a.attidentity <> '' AS has_default
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
"""
# What refuses rows: constraints, and unique indexes without one. `on` are the columns it is about.
REFUSES = """
    SELECT conrelid::regclass::text AS "table", conname AS name,
        pg_get_constraintdef(c.oid) AS means, array(
            SELECT attname::text FROM pg_attribute
            WHERE attrelid = conrelid AND attnum = ANY(conkey)) AS "on"
    FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = conrelid
    WHERE connamespace = 'public'::regnamespace AND NOT t.relispartition
    UNION ALL
    SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), array(
            SELECT attname::text FROM pg_attribute
            WHERE attrelid = indrelid AND attnum = ANY(indkey::int2[]))
    FROM pg_index JOIN pg_class AS t ON t.oid = indrelid
    WHERE indisunique AND t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
"""
SCRIPTS = ScriptDirectory(str(files("migrations")))
LINE: list[Script] = list(reversed(list(SCRIPTS.walk_revisions())))


@dataclass(frozen=True, slots=True)
class Schema:
    columns: dict[tuple[str, str], asyncpg.Record] = field(default_factory=dict)
    refuses: dict[tuple[str, str], asyncpg.Record] = field(default_factory=dict)

    @property
    def tables(self) -> set[str]:
        return {table for table, _ in self.columns}


async def seen(url: str) -> Schema:
    async with session(url) as at:
        columns, refuses = await at.fetch(COLUMNS), await at.fetch(REFUSES)
    return Schema(
        {(row["table"], row["name"]): row for row in columns},
        {(row["table"], row["name"]): row for row in refuses},
    )


def in_the_way(old: Schema, new: Schema) -> Iterator[str]:
    """Say what code written for the old schema would stumble over on the new one."""
    for place, column in old.columns.items():
        now = new.columns.get(place)
        if now is None:
            yield f"{place} is gone"
        elif now["type"] != column["type"]:
            yield f"{place} is {now['type']}, no longer {column['type']}"
        elif now["needed"] and not column["needed"]:
            yield f"{place} must be given now"
        elif column["has_default"] and not now["has_default"]:
            yield f"{place} has no default any more"
    for place, column in new.columns.items():
        is_added = place not in old.columns and place[0] in old.tables
        if is_added and column["needed"] and not column["has_default"]:
            yield f"{place} is new and must be given"
    yield from _refusals(old, new)


def _refusals(old: Schema, new: Schema) -> Iterator[str]:
    for place, rule in old.refuses.items():
        if "means" not in (now := new.refuses.get(place) or {}) or now["means"] != rule["means"]:
            yield f"{place} is not what ON CONFLICT was written for"
    for place, rule in new.refuses.items():
        is_old = any((place[0], column) in old.columns for column in rule["on"])
        if place not in old.refuses and is_old:
            yield f"{place} refuses rows that were welcome"


async def test_each_migration_leaves_what_older_code_uses_or_says_who_still_may(
    empty_postgres_url: str,
) -> None:
    old = Schema()
    for script in LINE:
        await upgrade(empty_postgres_url, script.revision)
        new = await seen(empty_postgres_url)
        found = list(in_the_way(old, new))
        oldest = getattr(script.module, "works_from", "")
        if oldest:
            before = [each.revision for each in LINE[: LINE.index(script)]]
            assert oldest in before, f"{script.revision}: works_from is a revision before it"
        else:
            assert found == [], f"{script.revision}: expand only, or declare works_from"
        old = new


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("ALTER TABLE inbox DROP COLUMN note", "is gone"),
        ("ALTER TABLE inbox RENAME COLUMN note TO remark", "is gone"),
        ("ALTER TABLE lanes ALTER priority TYPE integer", "no longer smallint"),
        ("ALTER TABLE contacts ADD COLUMN age int NOT NULL", "is new and must be given"),
        ("ALTER TABLE claims ALTER decided_at SET NOT NULL", "must be given now"),
        ("ALTER TABLE inbox ALTER note DROP DEFAULT", "has no default any more"),
        ("ALTER TABLE lanes ADD CHECK (tail < 9)", "refuses rows that were welcome"),
        ("CREATE UNIQUE INDEX ON messages (sent_at)", "refuses rows that were welcome"),
        ("ALTER TABLE names DROP CONSTRAINT pk_names", "is not what ON CONFLICT was written for"),
        ("DROP TABLE refusals", "is gone"),
    ],
)
async def test_what_older_code_would_stumble_over_is_noticed(
    postgres_url: str, change: str, complaint: str
) -> None:
    old = await seen(postgres_url)
    async with session(postgres_url) as at:
        await at.execute(change)
    assert any(complaint in said for said in in_the_way(old, await seen(postgres_url)))


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE inbox ADD COLUMN later text",
        "ALTER TABLE inbox ADD COLUMN later text NOT NULL DEFAULT ''",
        "ALTER TABLE claims ADD COLUMN later uuid UNIQUE",
        "CREATE TABLE later (id int PRIMARY KEY)",
        "CREATE INDEX ON messages (sent_at)",
    ],
)
async def test_what_is_only_added_is_in_nobodys_way(postgres_url: str, change: str) -> None:
    old = await seen(postgres_url)
    async with session(postgres_url) as at:
        await at.execute(change)
    assert list(in_the_way(old, await seen(postgres_url))) == []


def test_a_migration_that_takes_away_says_who_may_still_work(tmp_path: Path) -> None:
    line = [
        SimpleNamespace(revision=name, module=SimpleNamespace(**said))
        for name, said in (("d", {}), ("c", {"works_from": "b"}), ("b", {}), ("a", {}))
    ]
    for revision, oldest in (("d", "b"), ("c", "b"), ("b", "a"), ("a", "a")):
        rest = line[[each.revision for each in line].index(revision) :]
        book = SimpleNamespace(iterate_revisions=lambda *_, rest=rest: rest)
        assert works_from(book, revision) == oldest  # type: ignore[arg-type]
