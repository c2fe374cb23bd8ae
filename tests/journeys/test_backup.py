"""A database that went back in time: nothing is doubled, nobody is written to twice, people ask.

Talk, back up, talk more, lose everything since, restore, go on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from middleware.backup.flow import back_up, restore
from middleware.hub import Hub
from middleware.settings import Settings
from tests.faults.scene import gate
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

NINA, PETR, OLGA = 1001, 1002, 1003
Story = Callable[[Town], Awaitable[None]]
WRITE = "POST /amojo/v2/origin/custom"


async def nothing(_: Town) -> None:
    """Nobody does anything."""


async def lose(world: World, settings: Settings, plan: Plan, before: Story, since: Story) -> Town:
    """Play both parts, with a backup between them, and go back to it."""
    async with running(settings) as hub:
        town = await move_in(world, hub, plan)
        await before(town)
        path = await back_up(settings, settings.data_dir, with_keys=False, with_files=True)
        await since(town)
    await restore(settings, path, replace=True)
    return town


def back(town: Town, hub: Hub) -> Town:
    return replace(town, hub=hub)


async def held(town: Town) -> list[str]:
    rows = await town.rows("SELECT code, detail FROM deliveries WHERE state = 'held'")
    return [row["detail"]["held"] for row in rows]


async def test_what_was_said_since_the_backup_is_neither_doubled_nor_sent_again(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port())

    async def before(town: Town) -> None:
        town.telegram.say(NINA, "Здравствуйте", name="Нина")
        await town.settle()
        town.reply(NINA, "Добрый день")
        await town.settle()

    async def since(town: Town) -> None:
        town.telegram.say(NINA, "Есть красные?")
        town.telegram.say(PETR, "А я новенький", name="Пётр")
        await town.settle()
        town.reply(NINA, "Есть, две пары")
        town.reply(PETR, "Рады знакомству")
        await town.settle()

    async with open_world() as world:
        town = await lose(world, settings, Plan(), before, since)
        entries, contacts = town.entries(), len(world.amocrm.contacts(ACCOUNT))
        deals = len(world.amocrm.leads(ACCOUNT))
        town.reply(NINA, "Хаба нет, пишу в пустоту")
        await world.amocrm.drain()

        async with running(settings) as hub:
            town = back(town, hub)
            await town.settle()
            assert town.entries() == [*entries[:4], "Хаба нет, пишу в пустоту", *entries[4:]]
            assert town.seen_by(NINA) == ["Добрый день", "Есть, две пары"]
            assert town.seen_by(PETR) == ["Рады знакомству"]
            # What the CRM tells again may have been sent: for each, a person is asked.
            assert await held(town) == ["hub.restored"] * 2
            asked = [reply for reply in world.amocrm.replies if reply.statuses[-1].code == -1]
            assert [each.text for each in asked] == ["Есть, две пары", "Хаба нет, пишу в пустоту"]
            assert "/held/" in str(asked[0].statuses[-1].error)

            town.telegram.say(PETR, "Это снова я")
            town.telegram.say(NINA, "И я")
            await town.settle()
            town.reply(PETR, "И снова здравствуйте")
            await town.settle()
            assert [text for text in town.entries() if text in {"Это снова я", "И я"}] == [
                "И я",
                "Это снова я",
            ]
            assert town.seen_by(PETR) == ["Рады знакомству", "И снова здравствуйте"]
            assert len(world.amocrm.contacts(ACCOUNT)) == contacts
            assert len(world.amocrm.leads(ACCOUNT)) == deals
