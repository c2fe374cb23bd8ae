"""Which revision a database is at, and which one this code was written for.

Nothing here wakes Alembic, which takes longer to import than a hub with a current schema takes to
open its doors.
"""

import re
from functools import cache
from importlib.resources import files

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from middleware.db.engine import transaction

REVISION = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
REPLACED = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)
# What a newer version leaves for older ones that still run, or start once more, beside it.
WORKS_FROM = "Works with versions that know revision "
TOLD = text("SELECT obj_description('alembic_version'::regclass)")
IS_MIGRATED = text("SELECT to_regclass('alembic_version') IS NOT NULL")
CURRENT = text("SELECT version_num FROM alembic_version")


class SchemaError(Exception):
    """The schema could not be changed. The text is for people."""


class DatabaseNewer(SchemaError):
    """The database was migrated by a later version than this one."""


class SchemaInUse(SchemaError):
    """Somebody held a table the migration needed, or was migrating for too long."""


async def current(engine: AsyncEngine) -> str | None:
    """Return the revision the database is at; None when it was never migrated.

    Raises: `StoreUnavailable`.
    """
    async with transaction(engine) as at:
        if not (await at.execute(IS_MIGRATED)).scalar_one():
            return None
        return (await at.execute(CURRENT)).scalar_one_or_none()


def newest() -> str:
    """Say which revision this code was written for: the one that no other replaces."""
    replaced = {name for script in _scripts() for name in REPLACED.findall(script)}
    (head,) = known() - replaced
    return head


@cache
def known() -> frozenset[str]:
    """List every revision that this version has a migration of."""
    return frozenset(name for script in _scripts() for name in REVISION.findall(script))


@cache
def _scripts() -> tuple[str, ...]:
    folder = files("migrations") / "versions"
    return tuple(each.read_text("utf-8") for each in folder.iterdir() if each.name[-3:] == ".py")


async def is_current(engine: AsyncEngine) -> bool:
    return await current(engine) == newest()


async def fits(engine: AsyncEngine) -> bool:
    """Whether this code can work on the database: it is at its revision, or a newer one allows it.

    Raises: `StoreUnavailable`.
    """
    revision = await current(engine)
    if revision is None or revision in known():
        return revision == newest()
    async with transaction(engine) as at:
        told = (await at.execute(TOLD)).scalar_one()
    return told is not None and str(told).removeprefix(WORKS_FROM) in known()
