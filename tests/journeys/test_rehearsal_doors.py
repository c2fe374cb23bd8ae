"""Previews and dry routes, as a person asks for them: by the command line and by the API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from middleware.cli.main import app
from middleware.operations.access import flow as access
from middleware.operations.access.rules import Scope
from tests.builders import a_token
from tests.journeys.crm_holds import books, crm_holds
from tests.journeys.test_dry_routes import anna_in
from tests.journeys.test_rehearsals import met, stuck
from tests.journeys.town import Town

NINA = 1001
WORDS, MASKED = "Когда привезёте?", "К•••• п••••••••?"


async def says(town: Town, *words: str, status: int = 0) -> str:
    """What the command line answers, in a process of its own as far as it knows."""
    settings = town.hub.settings
    assert settings.database_url is not None
    env = {
        "THREADLINE_DATABASE_URL": settings.database_url.get_secret_value(),
        "THREADLINE_DATA_DIR": str(settings.data_dir),
        "THREADLINE_PUBLIC_URL": settings.public_url,
        "THREADLINE_LANGUAGE": "en",
    }
    done = await asyncio.to_thread(CliRunner().invoke, app, list(words), env=env)
    assert done.exit_code == status, done.output
    return done.output


@asynccontextmanager
async def asking(town: Town, *scopes: Scope) -> AsyncIterator[httpx.AsyncClient]:
    token = await a_token(town.hub, anna_in(town), *scopes)
    base = f"http://127.0.0.1:{town.hub.settings.port}/api/v1"
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base, headers=headers) as client:
        yield client


async def refused(town: Town) -> str:
    await met(town)
    town.telegram.say(NINA, WORDS)
    await town.settle()
    return str((await stuck(town)).id)


async def test_the_command_line_shows_what_a_replay_would_do(town: Town) -> None:
    dead = await refused(town)
    before = crm_holds(town), await books(town)
    shown = await says(town, "replay", dead, "--dry-run")
    assert "write" in shown
    assert MASKED in shown
    assert "nothing was written" in shown
    assert WORDS not in shown
    assert WORDS in await says(town, "replay", dead, "--dry-run", "--raw", "--mapping", "current")
    assert '"name": "text"' in await says(town, "replay", dead, "--dry-run", "--json")
    assert "Would be replayed: 1" in await says(town, "replay", "--dry-run", "--yes")
    assert (crm_holds(town), await books(town)) == before


async def test_a_dry_route_is_set_and_told_of_at_the_command_line(town: Town) -> None:
    ends = [str(town.bot), str(town.crm)]
    await says(town, "route", *ends, "--dry-run")
    town.telegram.say(NINA, WORDS, name="Нина")
    await town.settle()
    assert town.timeline() == ()
    assert "dry_run: true" in await says(town, "routes")
    (row,) = await town.rows("SELECT message_id FROM deliveries WHERE kind = 'write'")
    traced = await says(town, "trace", str(row["message_id"]))
    assert "skipped (hub.dry_run)" in traced
    assert f"would write new:conversation: text {MASKED}" in traced
    assert WORDS in await says(town, "trace", str(row["message_id"]), "--raw")

    assert "dry run" in await says(town, "replay", "--state", "skipped", "--yes")
    await says(town, "route", *ends, "--no-dry-run")
    replay = ("replay", "--state", "skipped", "--code", "hub.dry_run", "--yes")
    assert "Replayed: 1" in await says(town, *replay)
    await town.settle()
    assert town.entries() == [WORDS]


async def test_the_api_shows_what_a_replay_would_do_and_its_words_to_admins_only(
    town: Town,
) -> None:
    dead = await refused(town)
    before = crm_holds(town), await books(town)
    path, ask = f"/deliveries/{dead}/replay", {"dry_run": True}
    async with asking(town, Scope.OPERATE) as operator, asking(town, Scope.ADMIN) as admin:
        answer = (await operator.post(path, json=ask)).json()
        assert (await operator.post(path, json={**ask, "raw": True})).status_code == 403
        clear = (await admin.post(path, json={**ask, "raw": True})).json()
    assert answer["replayed"] is False
    (line,) = answer["preview"]["effects"]
    assert (line["step"], line["name"], line["after"]) == ("write", "text", [MASKED])
    assert clear["preview"]["effects"][0]["after"] == [WORDS]
    assert (crm_holds(town), await books(town)) == before
    actions = [line.action for line in (await access.audit(town.hub, anna_in(town))).items]
    assert actions.count("replay.previewed_in_clear") == 1


@pytest.mark.parametrize(("policy", "status"), [({"dry_run": True}, 200), ({"dry_run": "no"}, 422)])
async def test_the_api_sets_a_dry_route(town: Town, policy: dict[str, Any], status: int) -> None:
    async with asking(town, Scope.ADMIN) as admin:
        answer = await admin.put(f"/routes/{town.bot}/{town.crm}", json=policy)
    assert answer.status_code == status
    assert "dry_run" in answer.text
