"""The directory: how soon it notices that a connection changed, and what an account can."""

import pytest
from sqlalchemy import update

from middleware.connections import directory
from middleware.db import tables
from middleware.db.engine import transaction
from middleware.hub import Hub
from middleware.operations.model import Caller
from tests.builders import a_connection


async def test_a_glance_asks_no_database_for_a_moment_and_then_sees_what_changed(
    hub: Hub, anna: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await a_connection(hub, anna.workspace, title="Old")
    assert (await hub.directory.glance(bot)).title == "Old"
    async with transaction(hub.engine) as at:
        await at.execute(update(tables.connections).values(title="New", config_version=2))
    assert (await hub.directory.glance(bot)).title == "Old"
    monkeypatch.setattr(directory, "A_MOMENT_S", 0.0)
    assert (await hub.directory.glance(bot)).title == "New"


async def test_what_an_account_can_depends_on_how_it_is_used(hub: Hub, anna: Caller) -> None:
    crm = await a_connection(hub, anna.workspace, "amocrm")
    row = await hub.connections.get(crm)
    assert hub.directory.can(row).opens_own_deals
    config = {**hub.vault.open(row.config), "timeline": "notes"}
    assert await hub.connections.set_config(crm, hub.vault.seal(config), version=row.version)
    can = hub.directory.can(await hub.connections.get(crm))
    assert (can.opens_own_deals, can.polled, can.notifies) == (False, True, False)


async def test_an_account_that_no_key_opens_counts_as_a_usual_one(hub: Hub, anna: Caller) -> None:
    crm = await a_connection(hub, anna.workspace, "amocrm")
    async with transaction(hub.engine) as at:
        await at.execute(update(tables.connections).values(config=b"sealed elsewhere"))
    assert hub.directory.can(await hub.connections.get(crm)).opens_own_deals
