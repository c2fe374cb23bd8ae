"""Readiness tells the truth, and metrics tell numbers and nothing else."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, text, update

from middleware.app import make_app
from middleware.db import tables
from middleware.db.engine import transaction
from middleware.health.metrics import outcome_of
from middleware.hub import Hub, working
from middleware.store.rows import Parcelled
from middleware.webhooks.keys import digest_of
from tests.builders import (
    PHONE,
    a_caller,
    a_connection,
    a_delivery,
    a_held_reply,
    an_open_hub,
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
    assert any("keeper" in reason for reason in said["reasons"])
    assert any("sweeper" in reason for reason in said["reasons"])


async def test_a_working_hub_is_ready(hub: Hub) -> None:
    async with working(hub):
        assert await readiness(hub) == (200, {"state": "ready", "reasons": []})


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
    allowed = {"provider", "kind", "outcome", "state", "reason", "le"}
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
    assert found["threadline_oldest_due_seconds{}"] > 0


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
