"""A customer writes in Telegram, an operator answers by a note in a portal without our channel."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot.bodies import said_in, words_in
from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware.connections.flow import Wanted, connect
from middleware.hub import Hub
from tests.journeys.sides import connect_hubspot
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
BY_KEY = "service key"


@pytest.fixture(params=["application", BY_KEY])
async def town(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path
) -> AsyncIterator[Town]:
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world("hubspot") as world, running(settings) as hub:
        emulator = of(world)
        emulator.switches.search_lag_s = 0.0
        emulator.switches.set("engagement_properties", "unique")
        workspace = await hub.connections.workspace()
        if request.param == BY_KEY:
            crm = await connect_by_key(world, hub, workspace)
        else:
            crm = await connect_hubspot(world, hub, workspace, timeline="cards")
        yield await move_in(world, hub, Plan(crm="hubspot"), crm)


def of(world: World) -> HubSpotEmulator:
    assert isinstance(world.crm, HubSpotEmulator)
    return world.crm


async def connect_by_key(world: World, hub: Hub, workspace: WorkspaceId) -> ConnectionId:
    """Connect the portal by a service key that somebody made in it."""
    values = {
        "portal_id": str(of(world).world.portal(ACCOUNT).hub_id),
        "access_token": of(world).static_token(ACCOUNT),
        "timeline": "cards",
        "api_base": world.crm_base,
    }
    return (await connect(hub, workspace, Wanted(provider="hubspot", values=values))).id


def messages(town: Town) -> list[str]:
    """What customers said, as it reads on cards."""
    return [
        words_in(each["properties"]["hs_note_body"])
        for each in notes(town)
        if each["properties"]["hs_object_source"] == "INTEGRATION"
    ]


def notes(town: Town) -> list[dict[str, Any]]:
    there = of(town.world).records(ACCOUNT, "notes")
    return [each for each in there if not each["is_deleted"]]


def note(town: Town, words: str, entity: str = "contacts") -> int:
    """An operator notes something on the newest contact, or on their deal."""
    card = of(town.world).records(ACCOUNT, entity)[-1]["id"]
    return of(town.world).write_note(ACCOUNT, card, words, entity=entity).id


def _text_of(town: Town, which: int) -> str:
    (found,) = (each["properties"] for each in notes(town) if each["id"] == which)
    return said_in(found["hs_note_body"]).text


async def fate_of(town: Town, which: int, mark: str) -> str:
    return await town.marked(lambda: _text_of(town, which), mark)


async def test_a_conversation_on_a_card(town: Town) -> None:
    """Messages in order, answers once, lost answers settled, and what became of each reply."""
    town.telegram.say(NINA, "// есть <b>красные</b>?", name="Нина")
    town.telegram.say(NINA, "Ау")
    await town.settle()
    assert messages(town) == ["// есть <b>красные</b>?", "Ау"]

    note(town, "Спросить у склада")
    answer = note(town, "// Есть,\nдве пары")
    assert await town.heard(NINA, 1) == ["Есть,\nдве пары"]
    assert await fate_of(town, answer, "✓") == "// Есть,\nдве пары\n✓"

    of(town.world).stage.arm("cut_after", match="POST /crm/objects/*/notes")
    town.telegram.say(NINA, "Беру")
    await town.settle()
    assert messages(town)[2:] == ["Беру"]

    note(town, "// На сделке", "deals")
    assert await town.heard(NINA, 2) == ["Есть,\nдве пары", "На сделке"]

    town.telegram.block(NINA)
    await town.settle()
    late = note(town, "// Вы ещё здесь?")
    assert "закрыл" in await fate_of(town, late, "✗")
    assert len(town.seen_by(NINA)) == 2
