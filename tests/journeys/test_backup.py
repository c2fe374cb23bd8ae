"""A database that went back in time: nothing is doubled, nobody is written to twice, people ask.

Talk, back up, talk more, lose everything since, restore, go on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from middleware.backup.flow import back_up, restore
from middleware.hub import Hub
from middleware.operations.accounts.flow import pause, resume
from middleware.operations.model import Caller
from middleware.settings import Settings
from middleware.store.policy import Policy
from tests.faults.scene import gate, until_rows
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
SEND = "sendMessage"


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


async def test_what_was_under_way_at_the_backup_is_looked_for_or_a_person_is_asked(
    postgres_url: str, tmp_path: Path
) -> None:
    """In the CRM it can be found; on a customer's phone nobody can look but a person."""
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world() as world:
        async with running(settings) as hub:
            town = await move_in(world, hub, Plan(policy=Policy(on_doubt="resend")))
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()
            with gate(world.amocrm.stage, WRITE), gate(world.telegram.stage, SEND) as sending:
                town.telegram.say(NINA, "раз")
                town.telegram.say(NINA, "два")
                town.reply(NINA, "первый ответ")
                town.reply(NINA, "второй ответ")
                async with town.patience():
                    await sending.reached.wait()
                await until_rows(town, "SELECT count(*) FROM deliveries WHERE state = 'calling'", 2)
                await until_rows(town, "SELECT count(*) FROM deliveries WHERE kind = 'send'", 2)
                path = await back_up(settings, tmp_path, with_keys=False, with_files=True)
            await town.settle()
            entries = town.entries()
        await restore(settings, path, replace=True)

        async with running(settings) as hub:
            town = back(town, hub)
            await town.settle()
            assert sorted(town.entries()) == sorted(entries)
            assert town.seen_by(NINA) == ["первый ответ", "второй ответ"]
            assert await held(town) == ["hub.restored"] * 2


async def test_without_chats_answers_are_not_sent_again_nor_messages_noted_again(
    postgres_url: str, tmp_path: Path
) -> None:
    """The inbox that nobody had read at the backup is read again, and so are the cards."""
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world() as world:
        async with running(settings) as hub:
            town = await move_in(world, hub, Plan(notes=True))
            caller = Caller(workspace=town.workspace, name="admin")
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()
            await pause(hub, caller, town.bot)
            town.telegram.say(NINA, "ждёт в ящике")
            town.telegram.say(OLGA, "я новенькая", name="Ольга")
            await town.settle()
            path = await back_up(settings, tmp_path, with_keys=False, with_files=True)
            await resume(hub, caller, town.bot)
            await town.settle()
            town.note("// Ответ Ольге", card=world.amocrm.contacts(ACCOUNT)[-1]["id"])
            async with town.patience():
                while not town.seen_by(OLGA):
                    await town.pause()
            await town.settle()
            notes = [note.text for note in town.notes()]
            assert sorted(notes) == ["Здравствуйте", "ждёт в ящике", "я новенькая"]
        await restore(settings, path, replace=True)

        async with running(settings) as hub:
            town = back(town, hub)
            await resume(hub, caller, town.bot)
            await town.settle()
            # An answer that was sent has its mark on the card, which no restore takes away.
            assert await held(town) == []
            assert [note.text for note in town.notes()] == notes
            assert town.seen_by(OLGA) == ["Ответ Ольге"]
            assert len(world.amocrm.contacts(ACCOUNT)) == 2
