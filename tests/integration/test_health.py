"""Readiness tells the truth, and metrics tell numbers and nothing else."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from pydantic import SecretStr
from sqlalchemy import func, text, update

from mappers.vocabulary import ConnectionId, Priority
from mappers.vocabulary.adapters import Budget
from middleware.app import make_app
from middleware.clock import SystemClock
from middleware.db import tables
from middleware.db.engine import make_engine, transaction
from middleware.health.metrics import Metrics, outcome_of
from middleware.health.vitals import NOT_WORKING
from middleware.health.watching import LOOK_EVERY_S, WatchedBudgets
from middleware.http.budget import MemoryBudgets
from middleware.hub import Hub
from middleware.ids import uuid7
from middleware.outbox.circuit import Circuit
from middleware.store.rows import Lease, Parcelled
from middleware.webhooks.keys import digest_of
from middleware.working import working
from tests.builders import (
    PHONE,
    a_caller,
    a_connection,
    a_delivery,
    a_held_reply,
    an_open_hub,
)

SHORT = timedelta(seconds=2)
A_PARTITION = text(
    """
    SELECT inhrelid::regclass::text FROM pg_inherits
    WHERE inhparent = 'attempts'::regclass AND inhrelid <> 'attempts_default'::regclass LIMIT 1
    """
)
CUT_WHO_WAITS = text(
    """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
)
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ([-+.\w]+)$")


@asynccontextmanager
async def asking(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=make_app(hub))
    async with httpx.AsyncClient(transport=transport, base_url="https://hub.example") as client:
        yield client


async def readiness(hub: Hub) -> tuple[int, dict[str, Any]]:
    async with asking(hub) as client:
        answer = await client.get("/health/ready")
    return answer.status_code, answer.json()


async def samples(hub: Hub) -> dict[str, float]:
    async with asking(hub) as client:
        answer = await client.get("/metrics")
    found = (SAMPLE.match(line) for line in answer.text.splitlines() if line[:1] != "#")
    return {f"{m[1]}{{{m[2] or ''}}}": float(m[3]) for m in found if m}


async def test_a_hub_that_does_not_work_is_alive_and_not_ready(hub: Hub) -> None:
    async with asking(hub) as client:
        assert (await client.get("/health/live")).status_code == 200
    status, said = await readiness(hub)
    assert (status, said["state"]) == (503, "not_ready")
    assert said["reasons"] == [NOT_WORKING]


async def test_a_working_hub_is_ready(hub: Hub) -> None:
    async with working(hub):
        assert await readiness(hub) == (200, {"state": "ready", "reasons": []})


async def test_a_connection_cut_while_a_hub_starts_does_not_end_it(hub: Hub) -> None:
    async with asyncio.TaskGroup() as group:
        async with transaction(hub.engine) as at:
            (some,) = (await at.execute(A_PARTITION)).one()
            await at.execute(text(f"DROP TABLE {some}"))
        async with transaction(hub.engine) as at:
            await at.execute(text("LOCK TABLE attempts_default IN ACCESS EXCLUSIVE MODE"))
            ready = group.create_task(ready_once(hub))
            assert await cut_who_waits(hub)
        assert await ready == (200, {"state": "ready", "reasons": []})


async def cut_who_waits(hub: Hub) -> bool:
    for _ in range(500):
        async with transaction(hub.engine) as at:
            if (await at.execute(CUT_WHO_WAITS)).all():
                return True
        await asyncio.sleep(0.02)
    return False


async def ready_once(hub: Hub) -> tuple[int, dict[str, Any]]:
    async with working(hub):
        return await readiness(hub)


async def test_files_that_cannot_be_kept_are_said(postgres_url: str, tmp_path: Path) -> None:
    nowhere = {"s3_bucket": "files", "s3_endpoint": "http://127.0.0.1:1", "s3_key_id": "id"}
    secret = SecretStr("of the tests")
    where = {**nowhere, "s3_secret": secret}
    async with an_open_hub(postgres_url, tmp_path, **where) as hub, working(hub):
        status, said = await readiness(hub)
    assert (status, said["state"]) == (200, "degraded")
    assert said["reasons"][0].startswith("Files cannot be kept or served, and wait")


async def test_work_left_lying_is_said(hub: Hub) -> None:
    crm = await a_connection(hub, (await a_caller(hub)).workspace, "amocrm", title="Shop CRM")
    paused = await a_connection(hub, (await a_caller(hub)).workspace, state="paused")
    for connection in (crm, paused):
        await a_delivery(hub, connection)
    async with transaction(hub.engine) as at:
        long_ago = func.clock_timestamp() - timedelta(minutes=6)
        await at.execute(update(tables.lanes).values(due_at=long_ago))
    async with working(hub):
        status, said = await readiness(hub)
    assert (status, said["state"]) == (200, "degraded")
    assert said["reasons"][0].startswith("1 lanes of 1 active connections have been due")
    assert "Shop CRM" not in str(said)


async def test_another_schema_is_not_ours(hub: Hub) -> None:
    async with transaction(hub.engine) as at:
        await at.execute(text("UPDATE alembic_version SET version_num = 'another'"))
        await at.execute(text("COMMENT ON TABLE alembic_version IS NULL"))
    async with working(hub):
        status, said = await readiness(hub)
    assert status == 503
    assert "schema" in said["reasons"][0]


async def test_numbers_are_those_of_the_database_and_of_the_door(hub: Hub) -> None:
    workspace = (await a_caller(hub)).workspace
    await a_held_reply(hub, workspace, parts=2)
    bot = await a_connection(hub, workspace, title="Secret title")
    async with asking(hub) as client:
        await client.post("/hooks/nowhere", json={})
    await hub.flusher.keep(
        [Parcelled(connection=bot, digest=digest_of("a"), form="hook", body=PHONE.encode())]
    )
    found = await samples(hub)
    assert found['threadline_deliveries{kind="send",state="held"}'] == 2
    assert found['threadline_inbox{state="new"}'] == 1
    assert found["threadline_parcels_kept_total{}"] == 1
    assert found['threadline_hooks_refused_total{reason="unknown address"}'] == 1
    connected = 'threadline_connections{kind="channel",provider="telegram",state="active"}'
    assert found[connected] == 2


async def test_labels_are_words_of_ours(hub: Hub) -> None:
    workspace = (await a_caller(hub)).workspace
    await a_held_reply(hub, workspace)
    allowed = {"provider", "kind", "outcome", "state", "reason", "urgency", "purpose", "le"}
    for sample in await samples(hub):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', sample))
        assert set(labels) <= allowed
        for name, value in labels.items():
            assert name == "le" or re.fullmatch(r"[A-Za-z _]+", value), sample


async def test_ready_work_is_found_through_its_lanes(hub: Hub) -> None:
    crm = await a_connection(hub, (await a_caller(hub)).workspace, "amocrm")
    for lane in ("a", "a", "b"):
        await a_delivery(hub, crm, lane=lane)
    async with transaction(hub.engine) as at:
        await at.execute(update(tables.lanes).values(due_at=func.clock_timestamp()))
    found = await samples(hub)
    assert found['threadline_deliveries{kind="write",state="ready"}'] == 3
    about = '{kind="crm",provider="amocrm"}'
    assert found[f"threadline_oldest_due_seconds{about}"] > 0
    assert found[f"threadline_due_lanes{about}"] == 2
    assert found[f"threadline_connections_behind{about}"] == 0


async def test_many_connections_are_few_series_and_the_worst_is_seen(hub: Hub) -> None:
    workspace = (await a_caller(hub)).workspace
    for number in range(3):
        crm = await a_connection(hub, workspace, "amocrm", title=f"Shop {number}")
        for lane in range(number):
            await a_delivery(hub, crm, lane=f"{lane}")
    async with transaction(hub.engine) as at:
        long_ago = func.clock_timestamp() - timedelta(minutes=6)
        await at.execute(update(tables.lanes).values(due_at=long_ago))
    found = await samples(hub)
    about = '{kind="crm",provider="amocrm"}'
    assert found[f"threadline_due_lanes{about}"] == 3
    assert found[f"threadline_worst_due_lanes{about}"] == 2
    assert found[f"threadline_connections_behind{about}"] == 2
    assert found[f"threadline_oldest_due_seconds{about}"] >= 360
    assert len([name for name in found if name.startswith("threadline_due_lanes")]) == 1


async def test_without_its_database_a_process_still_tells_of_itself(hub: Hub) -> None:
    assert (await samples(hub))["threadline_database_up{}"] == 1
    nowhere = "postgresql://threadline@127.0.0.1:1/threadline"
    engine = make_engine(nowhere, pool_size=2, statement_timeout=SHORT)
    away = replace(hub, engine=engine)
    found = await samples(away)
    assert found["threadline_database_up{}"] == 0
    assert found["threadline_hooks_waiting{}"] == 0
    assert not any(name.startswith("threadline_inbox") for name in found)


async def test_the_door_and_its_commits_are_measured(hub: Hub) -> None:
    bot = await a_connection(hub, (await a_caller(hub)).workspace)
    async with asking(hub) as client:
        await client.post("/hooks/nowhere", json={})
    for key in "ab":
        await hub.flusher.keep(
            [Parcelled(connection=bot, digest=digest_of(key), form="hook", body=b"{}")]
        )
    found = await samples(hub)
    assert found['threadline_acks_total{outcome="refused"}'] == 1
    assert found["threadline_ack_seconds_count{}"] == 1
    assert found["threadline_flush_parcels_sum{}"] == 2
    assert found["threadline_flush_seconds_count{}"] == 2
    assert found["threadline_database_wait_seconds_count{}"] > 2


async def test_a_working_process_tells_of_its_loop_and_its_sweeper(hub: Hub) -> None:
    assert "threadline_sweeper_age_seconds{}" not in await samples(hub)
    async with working(hub):
        await asyncio.sleep(2 * LOOK_EVERY_S)
        found = await samples(hub)
    assert found["threadline_loop_lag_seconds_count{}"] >= 1
    assert 0 <= found["threadline_sweeper_age_seconds{}"] < 20
    assert found["threadline_leases_held{}"] == 0


async def test_waits_and_rejections_of_budgets_are_counted() -> None:
    metrics = Metrics()
    budgets = WatchedBudgets(MemoryBudgets(SystemClock(), spent_before=False), metrics)
    budget = Budget(name="api", key="shop-4711", rate_per_s=1, burst=1)
    assert not await budgets.take(budget, budget.key, Priority.REPLY)
    assert await budgets.take(budget, budget.key, Priority.REPLY)
    await budgets.penalise(budget, budget.key, None)
    told = generate_latest(metrics.registry).decode()
    assert 'threadline_budget_waits_total{urgency="reply"} 1.0' in told
    assert "threadline_budget_rejections_total 1.0" in told
    assert "4711" not in told


async def test_lost_leases_and_open_circuits_are_counted() -> None:
    metrics = Metrics()
    lease = Lease(connection=ConnectionId(uuid7()), purpose="serve", owner="me", epoch=1)
    metrics.lost(lease)
    circuit = Circuit(SystemClock(), SHORT, partial(metrics.circuit_opened, "amocrm"))
    for _ in range(3):
        circuit.note(doubt=True)
    told = generate_latest(metrics.registry).decode()
    assert 'threadline_leases_lost_total{purpose="serve"} 1.0' in told
    assert 'threadline_circuits_opened_total{provider="amocrm"} 1.0' in told


async def test_a_hub_without_others_says_that_nothing_passes_between_them(hub: Hub) -> None:
    told = await samples(hub)
    for name in ("wakeups_published", "wakeups_received", "wakeups_refused", "worker_deaf"):
        assert told[f"threadline_{name}_total{{}}"] == 0
    assert told["threadline_budgets_alone{}"] == 0


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (None, "no_answer"),
        (200, "ok"),
        (204, "ok"),
        (401, "unauthorised"),
        (429, "rate_limited"),
        (404, "refused"),
        (502, "server_error"),
    ],
)
def test_an_answer_has_one_of_a_few_names(status: int | None, outcome: str) -> None:
    assert outcome_of(status) == outcome
