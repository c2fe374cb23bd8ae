"""What only a HubSpot portal has: comments, a channel that people switch, notes that answer."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from middleware.connections.recovery import Recovery
from tests.journeys.sides import connect_hubspot
from tests.journeys.test_healing import AT_ONCE
from tests.journeys.town import (
    ACCOUNT,
    Plan,
    Town,
    free_port,
    move_in,
    open_town,
    open_world,
    running,
    settings_for,
)

NINA = 1001
PORTAL = Plan(crm="hubspot")


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(postgres_url, tmp_path, PORTAL) as opened:
        opened.telegram.say(NINA, "Раз", name="Нина")
        await opened.settle()
        yield opened


@pytest.fixture
async def cards(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """A portal that is used without a channel."""
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world("hubspot") as world, running(settings) as hub:
        cast("HubSpotEmulator", world.crm).switches.search_lag_s = 0.3
        workspace = await hub.connections.workspace()
        crm = await connect_hubspot(world, hub, workspace, timeline="cards")
        yield await move_in(world, hub, PORTAL, crm)


def portal_of(town: Town) -> HubSpotEmulator:
    return cast("HubSpotEmulator", town.world.crm)


def account_of(town: Town) -> int:
    return next(iter(portal_of(town).world.portal(ACCOUNT).talks.accounts))


async def state(town: Town) -> tuple[str, str]:
    row = await town.hub.connections.get(town.crm)
    return row.state, row.reason


async def test_a_comment_stays_inside_and_what_is_bold_is_bold(town: Town) -> None:
    """Colleagues alone read a comment; the thread is the contact's, whoever looks."""
    portal = portal_of(town)
    (thread,) = portal.timeline(ACCOUNT)
    (contact,) = town.contacts()
    assert thread.contact_id == contact["id"]
    portal.comment(ACCOUNT, thread.chat_id, "не для клиента")
    portal.reply_richly(ACCOUNT, thread.chat_id, "важно", "<p><strong>важно</strong></p>")
    await town.settle()
    assert town.seen_by(NINA) == ["важно"]
    (shown,) = [m for m in town.telegram.chats()[0]["messages"] if m["from"] == "bot"]
    entry = town.telegram.bot().chats[NINA].living(shown["message_id"])
    assert entry is not None
    assert [each["type"] for each in entry.wire["entities"]] == ["bold"]


async def test_an_account_that_is_shut_is_mended_and_nothing_is_lost(town: Town) -> None:
    portal = portal_of(town)
    account = portal.world.portal(ACCOUNT).talks.accounts[account_of(town)]
    account.is_authorized = False
    portal.set_account_active(ACCOUNT, account.id, active=True)
    await town.settle()
    assert (await state(town))[1] == "hubspot.account_unauthorized"
    town.telegram.say(NINA, "Два")
    await town.settle()
    recovery = Recovery(town.hub, AT_ONCE)
    async with town.patience():
        while (await state(town))[0] != "active":
            await recovery.look()
            await town.pause()
    await town.settle()
    assert town.entries() == ["Раз", "Два"]
    assert account.is_authorized


async def test_notes_on_cards_carry_both_sides_of_a_conversation(cards: Town) -> None:
    portal = portal_of(cards)
    cards.telegram.say(NINA, "Есть ли красные?", name="Нина")
    await cards.settle()
    (said,) = portal.notes(ACCOUNT)
    assert (said.text, "Telegram" in said.title) == ("Есть ли красные?", True)
    portal.write_note(ACCOUNT, said.entity_id, "// Есть, приезжайте")
    portal.write_note(ACCOUNT, said.entity_id, "не для клиента")
    async with cards.patience():
        while "✓" not in (answer := note(portal, "//")):
            await cards.pause()
    assert answer.splitlines() == ["// Есть, приезжайте", "✓"]
    assert cards.seen_by(NINA) == ["Есть, приезжайте"]


def note(portal: HubSpotEmulator, start: str) -> str:
    """What an operator's note says by now."""
    return next(each.text for each in portal.notes(ACCOUNT) if each.text.startswith(start))
