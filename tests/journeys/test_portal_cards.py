"""A customer writes in Telegram, an operator answers on a card of a portal without open lines."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crm_clients.bitrix24 import Bitrix24OnCards
from middleware.connections.flow import register_application
from middleware.hub import Hub
from tests.conformance.bitrix24_cards_scene import activities, remarks
from tests.journeys.portal import install_anew
from tests.journeys.sides import connect_by_webhook, connect_portal
from tests.journeys.town import (
    ACCOUNT,
    Plan,
    Town,
    World,
    free_port,
    move_in,
    open_world,
    running,
    settings_for,
)

NINA = 1001
BY_WEBHOOK = "webhook"
PORTAL = Plan(crm="bitrix24")


@pytest.fixture(params=["application", BY_WEBHOOK])
async def town(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path
) -> AsyncIterator[Town]:
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world("bitrix24") as world, running(settings) as hub:
        workspace = await hub.connections.workspace()
        if request.param == BY_WEBHOOK:
            crm = await connect_by_webhook(world, hub, workspace)
            yield await move_in(world, hub, PORTAL, crm)
        else:
            yield await on_cards(world, hub)


async def on_cards(world: World, hub: Hub) -> Town:
    """Install an application that works without open lines."""
    workspace = await hub.connections.workspace()
    crm = await connect_portal(world, hub, workspace, timeline="cards")
    return await move_in(world, hub, PORTAL, crm)


def messages(town: Town) -> list[str]:
    """What customers said, as it reads on cards: activities, or comments of ours."""
    return activities(town.bitrix24, ACCOUNT) or remarks(town.bitrix24, ACCOUNT)


def comment(town: Town, words: str, **where: Any) -> int:
    """An operator comments on the newest contact's card, or on another one."""
    card = where.pop("card", None) or town.bitrix24.contacts(ACCOUNT)[-1]["id"]
    return int(town.bitrix24.write_note(ACCOUNT, card, words, **where).id)


def _text_of(town: Town, which: int) -> str:
    return next(each.text for each in town.bitrix24.notes(ACCOUNT) if each.id == which)


async def fate_of(town: Town, which: int, mark: str) -> str:
    return await town.marked(lambda: _text_of(town, which), mark)


async def test_a_conversation_on_a_card(town: Town) -> None:
    """Messages in order, answers once, lost answers settled, and what became of each reply."""
    town.telegram.say(NINA, "// есть [b]красные[/b]?", name="Нина")
    town.telegram.say(NINA, "Ау")
    await town.settle()
    assert messages(town) == ["// есть [b]красные[/b]?", "Ау"]

    comment(town, "Спросить у склада")
    answer = comment(town, "// Есть, [b]две[/b] пары")
    assert await town.heard(NINA, 1) == ["Есть, две пары"]
    assert await fate_of(town, answer, "✓") == "// Есть, [b]две[/b] пары\n✓"

    for writes in ("crm.activity.add", "crm.timeline.comment.add"):
        town.bitrix24.stage.arm("cut_after", match=writes)
    town.telegram.say(NINA, "Беру")
    await town.settle()
    assert messages(town)[2:] == ["Беру"]

    (deal,) = town.bitrix24.deals(ACCOUNT)
    comment(town, "// На сделке", card=deal["id"], entity="deal")
    assert await town.heard(NINA, 2) == ["Есть, две пары", "На сделке"]

    town.telegram.block(NINA)
    await town.settle()
    late = comment(town, "// Вы ещё здесь?")
    assert "закрыл" in await fate_of(town, late, "✗")
    assert len(town.seen_by(NINA)) == 2


async def test_answers_written_while_the_hub_was_away_arrive_once_and_in_order(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world("bitrix24") as world:
        async with running(settings) as hub:
            town = await on_cards(world, hub)
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()
        for number in range(5):
            comment(town, f"// ответ {number}")
        for _ in range(2):
            async with running(settings) as hub:
                back = replace(town, hub=hub)
                assert await back.heard(NINA, 5) == [f"ответ {number}" for number in range(5)]


async def test_a_portal_is_not_switched_over_behind_its_conversations(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world("bitrix24") as world, running(settings) as hub:
        town = await on_cards(world, hub)
        (registered,) = await hub.connections.applications()
        values = {**hub.vault.open(registered.config), "timeline": "lines"}
        await register_application(hub, town.workspace, "bitrix24", values)
        assert await install_anew(town) == town.crm
        connected = await hub.directory.get(town.crm)
        assert isinstance(connected.adapter, Bitrix24OnCards)
