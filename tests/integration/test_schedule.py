"""Finding what is due beside much that is not: no table is read from one end to the other."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import TextClause, text

from middleware.db.direct import spelt
from middleware.db.engine import transaction
from middleware.hub import Hub
from middleware.operations.model import Caller
from middleware.store.postgres import leases, planned
from middleware.store.postgres.inbox import UNREAD
from middleware.store.postgres.lanes import DUE_LANES, PRIORITIES
from tests.builders import a_connection

PARCELS = """
    INSERT INTO inbox (connection_id, digest, received_at, state)
    SELECT :connection, decode(md5(n::text), 'hex'), now(), 'read'
    FROM generate_series(1, 20000) AS n
"""
LANES = """
    INSERT INTO lanes (target_id, key, head, tail, priority, due_at)
    SELECT :connection, n, 1, 1, 1, now() + interval '1 hour' FROM generate_series(1, 20000) AS n
"""
DUTIES = """
    INSERT INTO deliveries (id, workspace_id, target_id, lane_id, seq, kind, subject, state)
    SELECT gen_random_uuid(), :workspace, target_id, id, 1, 'write', gen_random_uuid(), 'done'
    FROM lanes
"""
WORK = {"inbox", "lanes", "deliveries"}


def read_whole(plan: Any) -> Iterator[str]:
    """The tables of a plan that are read from one end to the other."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from read_whole(part)


async def plan_of(hub: Hub, statement: TextClause, **values: Any) -> Any:
    words = spelt(statement)
    async with hub.engine.connect() as lent:
        driver: Any = (await lent.get_raw_connection()).driver_connection
        async with driver.transaction():
            explained = await driver.fetchval(
                f"EXPLAIN (FORMAT JSON) {words.sql}", *[values[name] for name in words.names]
            )
    return explained[0]["Plan"]


@pytest.fixture
async def busy(hub: Hub, anna: Caller) -> Hub:
    """One connection with a long past and a long future, and a hundred that have neither."""
    first = await a_connection(hub, anna.workspace)
    for _ in range(100):
        await a_connection(hub, anna.workspace)
    async with transaction(hub.engine) as at:
        for statement in (PARCELS, LANES, DUTIES):
            await at.execute(text(statement), {"connection": first, "workspace": anna.workspace})
    async with transaction(hub.engine) as at:
        await at.execute(text("ANALYZE inbox, lanes, deliveries, connections"))
    return hub


async def test_who_has_something_to_do_is_found_by_what_there_is_to_do(busy: Hub) -> None:
    assert await busy.store.due(100) == ()
    plan = await plan_of(busy, leases.DUE, limit=100)
    assert WORK.isdisjoint(read_whole(plan)), plan


async def test_lanes_that_are_put_off_are_passed_over(busy: Hub, anna: Caller) -> None:
    crm = await a_connection(busy, anna.workspace, "amocrm")
    plan = await plan_of(busy, DUE_LANES, targets=[crm], limits=[20], priorities=PRIORITIES)
    assert WORK.isdisjoint(read_whole(plan)), plan
    assert "due_at <=" in str(plan).partition("Index Cond")[2]


async def test_a_duty_that_is_planned_already_is_found_by_its_key(busy: Hub, anna: Caller) -> None:
    plan = await plan_of(
        busy, planned.LATEST, target=anna.workspace, kind="write", subject=anna.workspace
    )
    assert WORK.isdisjoint(read_whole(plan)), plan


async def test_what_was_read_long_ago_is_passed_over(busy: Hub, anna: Caller) -> None:
    bots = [await a_connection(busy, anna.workspace) for _ in range(3)]
    plan = await plan_of(busy, UNREAD, connections=bots, limits=[50, 50, 50])
    assert WORK.isdisjoint(read_whole(plan)), plan
