"""A customer writes in Telegram, an operator answers on a card of a portal without open lines."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from crm_clients.bitrix24 import Bitrix24OnCards
from middleware.connections.flow import register_application
from tests.journeys.portal import ACME, PortalTown, move_in, move_in_by_webhook, open_providers
from tests.journeys.town import free_port, running, settings_for

NINA = 1001
BY_WEBHOOK = "webhook"


pytestmark = pytest.mark.usefixtures("unlimited_portal")


@pytest.fixture(params=["application", BY_WEBHOOK])
async def town(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path
) -> AsyncIterator[PortalTown]:
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_providers() as there, running(settings) as hub:
        if request.param == BY_WEBHOOK:
            yield await move_in_by_webhook(there, hub)
        else:
            yield await move_in(there, hub, timeline="cards")


async def test_a_conversation_on_a_card(town: PortalTown) -> None:
    """Messages in order, answers once, lost answers settled, and what became of each reply."""
    town.telegram.say(NINA, "// есть [b]красные[/b]?", name="Нина")
    town.telegram.say(NINA, "Ау")
    await town.settle()
    assert town.messages() == ["// есть [b]красные[/b]?", "Ау"]

    town.comment("Спросить у склада")
    answer = town.comment("// Есть, [b]две[/b] пары")
    assert await town.seen(NINA, 1) == ["Есть, две пары"]
    assert await town.fate_of(answer, "✓") == "// Есть, [b]две[/b] пары\n✓"

    for writes in ("crm.activity.add", "crm.timeline.comment.add"):
        town.bitrix24.stage.arm("cut_after", match=writes)
    town.telegram.say(NINA, "Беру")
    await town.settle()
    assert town.messages()[2:] == ["Беру"]

    (deal,) = town.bitrix24.deals(ACME)
    town.comment("// На сделке", card=deal["id"], entity="deal")
    assert await town.seen(NINA, 2) == ["Есть, две пары", "На сделке"]

    town.telegram.block(NINA)
    await town.settle()
    late = town.comment("// Вы ещё здесь?")
    assert "закрыл" in await town.fate_of(late, "✗")
    assert len(town.seen_by(NINA)) == 2


async def test_answers_written_while_the_hub_was_away_arrive_once_and_in_order(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_providers() as there:
        async with running(settings) as hub:
            town = await move_in(there, hub, timeline="cards")
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()
        for number in range(5):
            town.comment(f"// ответ {number}")
        for _ in range(2):
            async with running(settings) as hub:
                back = replace(town, hub=hub)
                assert await back.seen(NINA, 5) == [f"ответ {number}" for number in range(5)]


async def test_a_portal_is_not_switched_over_behind_its_conversations(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_providers() as there, running(settings) as hub:
        town = await move_in(there, hub, timeline="cards")
        (registered,) = await hub.connections.applications()
        values = {**hub.vault.open(registered.config), "timeline": "lines"}
        await register_application(hub, town.workspace, "bitrix24", values)
        assert await town.install() == town.crm
        connected = await hub.directory.get(town.crm)
        assert isinstance(connected.adapter, Bitrix24OnCards)
