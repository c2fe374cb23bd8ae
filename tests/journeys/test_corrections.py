"""An operator changes a reply, or takes it back: the customer sees that, or the operator reads why.

Statuses of replies are Bitrix24's, which tells of corrections; the hub's way is every CRM's.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from middleware.db.engine import transaction
from tests.journeys.portal import dialogs, open_portal
from tests.journeys.town import ACCOUNT, Town

NINA = 1001


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_portal(postgres_url, tmp_path) as opened:
        opened.telegram.say(NINA, "Сколько стоит?", name="Нина")
        await opened.settle()
        yield opened


async def rows(town: Town, query: str) -> list[dict[str, Any]]:
    async with transaction(town.hub.engine) as at:
        return [dict(row) for row in (await at.execute(text(query))).mappings()]


async def outcomes(town: Town, kind: str) -> list[str]:
    """What came of the last attempt at each delivery of a kind, in the order of planning."""
    found = await rows(
        town,
        "SELECT d.kind, (SELECT outcome FROM attempts AS a WHERE a.delivery_id = d.id"
        " ORDER BY a.number DESC LIMIT 1) AS outcome FROM deliveries AS d ORDER BY d.id",
    )
    return [row["outcome"] or "" for row in found if row["kind"] == kind]


async def status_of_the_reply(town: Town) -> str:
    (row,) = await rows(town, "SELECT status FROM messages WHERE direction = 'outbound'")
    return str(row["status"])


async def tell(town: Town) -> None:
    """Let the hub read what the portal tells, whatever it can do about it."""
    await town.bitrix24.drain()
    unread = "SELECT 1 FROM inbox WHERE state = 'new'"
    async with asyncio.timeout(30):
        while await rows(town, unread):  # noqa: ASYNC110 - the hub tells no test
            await asyncio.sleep(0.03)


def last_words(town: Town) -> str:
    """What operators read at the end, be it people's or the system's."""
    (dialog,) = dialogs(town)
    return str(dialog.messages[-1].text)


def grow_old(town: Town) -> None:
    """Telegram lets nobody take back what was said two days ago."""
    (bot,) = town.telegram._bots.values()
    for entry in bot.chats[NINA].entries.values():
        entry.wire["date"] -= 49 * 3600


async def test_an_edit_and_a_deletion_reach_the_customer(town: Town) -> None:
    reply = town.reply(NINA, "Сто рублей")
    await town.settle()
    assert town.bitrix24.edit(ACCOUNT, reply.message.id, "[b]Двести[/b] рублей")
    await town.settle()
    assert town.seen_by(NINA) == ["Двести рублей"]

    town.telegram.stage.arm("cut_after", match="editMessageText")
    for price in ("Триста", "Четыреста", "Пятьсот"):
        town.bitrix24.edit(ACCOUNT, reply.message.id, f"{price} рублей")
    await town.settle()
    assert town.seen_by(NINA) == ["Пятьсот рублей"]

    town.telegram.stage.arm("cut_after", match="deleteMessage")
    town.bitrix24.delete(ACCOUNT, reply.message.id)
    await town.settle()
    assert town.seen_by(NINA) == []
    assert await status_of_the_reply(town) == "sent"
    assert await outcomes(town, "remark") == []


async def test_what_is_not_sent_yet_is_sent_in_its_newest_form_or_not_at_all(
    town: Town,
) -> None:
    earlier = town.reply(NINA, "Минуту")
    await town.settle()
    town.telegram.stage.arm("flood", match="sendMessage", times=-1)
    changed = town.reply(NINA, "Сто рублей")
    unwanted = town.reply(NINA, "Это не вам")
    await tell(town)
    for reply in (changed, unwanted):
        # Bitrix24 tells of corrections of what a channel has taken; other CRMs may of others, too.
        reply.message.mid.append("known")
    town.bitrix24.edit(ACCOUNT, changed.message.id, "Двести рублей")
    town.bitrix24.delete(ACCOUNT, unwanted.message.id)
    await tell(town)
    town.telegram.stage.clear()
    await town.settle()

    assert earlier.hook_status == 200
    assert town.seen_by(NINA) == ["Минуту", "Двести рублей"]
    sends = await outcomes(town, "send")
    assert sends == ["done", "done", "taken back before it was said"]
    assert await outcomes(town, "edit") == ["said in its newest form"]
    assert await outcomes(town, "delete") == ["never said"]


async def test_an_operator_reads_why_the_customer_does_not_see_a_correction(
    town: Town,
) -> None:
    reply = town.reply(NINA, "Сто рублей")
    await town.settle()
    town.bitrix24.edit(ACCOUNT, reply.message.id, "Двести рублей и ещё " + "очень " * 900)
    await town.settle()
    assert town.seen_by(NINA) == ["Сто рублей"]
    assert "прежний текст" in last_words(town)

    grow_old(town)
    town.bitrix24.delete(ACCOUNT, reply.message.id)
    await town.settle()
    assert town.seen_by(NINA) == ["Сто рублей"]
    assert "клиент его по-прежнему видит" in last_words(town)
    assert await status_of_the_reply(town) == "sent"
