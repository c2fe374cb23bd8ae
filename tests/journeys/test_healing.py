"""What happens to us in a portal without our being asked: noticed, shown, and mended by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from middleware.connections.recovery import Recovery, Waits
from tests.journeys.portal import open_portal, our_client
from tests.journeys.town import ACCOUNT, Town

NINA = 1001
AT_ONCE = Waits(first=timedelta(), longest=timedelta(), between_checks=timedelta())


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_portal(postgres_url, tmp_path) as opened:
        opened.telegram.say(NINA, "Раз", name="Нина")
        await opened.settle()
        yield opened


async def state(town: Town) -> tuple[str, str]:
    row = await town.hub.connections.get(town.crm)
    return row.state, row.reason


def subscriptions(town: Town) -> list[Any]:
    found: list[Any] = town.bitrix24.world.installation(ACCOUNT, our_client(town))[1].bindings
    return found


async def heal(town: Town) -> None:
    """Look until the portal serves us again, and all that was missed is read back."""
    recovery = Recovery(town.hub, AT_ONCE)
    async with asyncio.timeout(60):
        while (await state(town))[0] != "active" or not subscriptions(town):
            await recovery.look()
            await asyncio.sleep(0.05)
    await town.settle()


async def sees(town: Town, *words: str) -> None:
    """Wait until the customer has read this and nothing else: reading back takes its time."""
    async with asyncio.timeout(60):
        while town.seen_by(NINA) != [*words]:
            await asyncio.sleep(0.05)
            await town.settle()


async def test_an_update_that_drops_our_subscriptions_and_a_plan_that_ends_are_mended(
    town: Town,
) -> None:
    town.bitrix24.update_application(ACCOUNT, our_client(town))
    await town.bitrix24.drain()
    town.reply(NINA, "Не услышано")
    await heal(town)
    await sees(town, "Не услышано")
    town.reply(NINA, "Услышано")
    await town.settle()
    assert town.seen_by(NINA) == ["Не услышано", "Услышано"]

    town.bitrix24.set_plan(ACCOUNT, has_rest=False)
    town.telegram.say(NINA, "Два")
    await town.settle()
    assert await state(town) == ("broken", "bitrix24.access_denied")
    await Recovery(town.hub, AT_ONCE).look()
    assert await state(town) == ("broken", "bitrix24.access_denied")
    town.bitrix24.set_plan(ACCOUNT, has_rest=True)
    await heal(town)
    assert "Два" in town.entries()


async def test_a_connector_taken_off_its_line_waits_until_it_is_put_back(town: Town) -> None:
    lines = town.bitrix24.world.portal(ACCOUNT).lines
    ((place, status),) = lines.statuses.items()
    town.bitrix24.deactivate(ACCOUNT, *place)
    await town.settle()
    assert await state(town) == ("broken", "bitrix24.line_disconnected")
    await Recovery(town.hub, AT_ONCE).look()
    assert await state(town) == ("broken", "bitrix24.line_disconnected")

    lines.statuses[place] = status
    await heal(town)
    subscriptions(town).clear()
    town.reply(NINA, "Не услышано")
    await town.settle()
    await Recovery(town.hub, AT_ONCE).check()
    await sees(town, "Не услышано")
