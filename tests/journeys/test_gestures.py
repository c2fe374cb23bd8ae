"""What is meant without words: reactions travel both ways, and signs of writing one way."""

from sqlalchemy import text

from middleware.connections.flow import pause, resume
from middleware.db.engine import transaction
from tests.journeys.town import ACCOUNT, Town

NINA = 1001


def in_telegram(town: Town, number: int) -> dict[int, str]:
    """Who put which reaction on a message of the chat, as the phones show it."""
    messages = town.telegram.chats()[0]["messages"]
    found: dict[int, str] = messages[number]["reactions"]
    return found


def in_the_crm(town: Town, number: int) -> list[str]:
    return list(town.timeline()[0].messages[number].reactions.values())


async def test_a_customers_reaction_is_shown_on_its_message_and_taken_back(town: Town) -> None:
    town.telegram.say(NINA, "Спасибо", name="Нина")
    await town.settle()
    town.reply(NINA, "Пожалуйста")
    await town.settle()
    mine, theirs = town.telegram.chats()[0]["messages"]

    town.telegram.react(NINA, mine["message_id"], "🙏")
    town.telegram.react(NINA, theirs["message_id"], "👍")
    town.telegram.react(NINA, theirs["message_id"], "🔥")
    await town.settle()
    assert [in_the_crm(town, number) for number in (0, 1)] == [["🙏"], ["🔥"]]

    town.telegram.react(NINA, theirs["message_id"], None)
    await town.settle()
    assert [in_the_crm(town, number) for number in (0, 1)] == [["🙏"], []]
    assert town.entries() == ["Спасибо", "Пожалуйста"]


async def test_a_reaction_waits_for_its_message(town: Town) -> None:
    town.amocrm.stage.arm("flood", match="/amojo", times=2)
    said = town.telegram.say(NINA, "Спасибо", name="Нина")
    town.telegram.react(NINA, said.message_id, "👍")
    await town.settle()

    assert in_the_crm(town, 0) == ["👍"]


async def test_an_operators_reaction_is_seen_by_the_customer(town: Town) -> None:
    town.telegram.say(NINA, "Я оплатила", name="Нина")
    await town.settle()
    (said,) = town.timeline()[0].messages

    town.amocrm.react(ACCOUNT, said.amojo_id, "❤️")
    await town.settle()
    assert list(in_telegram(town, 0).values()) == ["❤"]

    town.amocrm.react(ACCOUNT, said.amojo_id, None)
    await town.settle()
    assert in_telegram(town, 0) == {}


async def test_an_emoji_that_the_channel_does_not_take_is_refused_once_and_clearly(
    town: Town,
) -> None:
    town.telegram.say(NINA, "Я оплатила", name="Нина")
    await town.settle()
    (said,) = town.timeline()[0].messages
    town.amocrm.react(ACCOUNT, said.amojo_id, "🧦")
    await town.settle()

    (refused,) = await town.rows(
        "SELECT state, code, attempts FROM deliveries WHERE kind = 'react'"
    )
    assert dict(refused) == {"state": "dead", "code": "telegram.reaction_refused", "attempts": 1}
    town.amocrm.react(ACCOUNT, said.amojo_id, "👍")
    await town.settle()
    assert list(in_telegram(town, 0).values()) == ["👍"]


async def test_a_reaction_that_we_showed_does_not_come_back(town: Town) -> None:
    town.amocrm.switches.set("hooks_for_own_reactions", value=True)
    said = town.telegram.say(NINA, "Спасибо", name="Нина")
    await town.settle()
    town.telegram.react(NINA, said.message_id, "👍")
    await town.settle()

    assert in_telegram(town, 0) == {NINA: "👍"}
    assert await town.count("SELECT count(*) FROM deliveries WHERE kind = 'react'") == 0


async def nobody_serves(town: Town) -> None:
    serving = (
        "SELECT count(*) FROM leases WHERE connection_id = :bot AND purpose = 'serve'"
        " AND until > clock_timestamp()"
    )
    async with town.patience():
        while await town.count(serving, bot=town.bot):
            await town.pause()


async def transact(town: Town, statement: str) -> None:
    async with transaction(town.hub.engine) as at:
        await at.execute(text(statement))


def actions(town: Town) -> list[str]:
    found: list[str] = town.telegram.chats()[0]["actions"]
    return found


async def another_second(town: Town) -> None:
    """In one second the same hook is one hook."""
    told_at = town.amocrm.world.unix()
    while town.amocrm.world.unix() == told_at:
        await town.pause()


async def test_the_customer_sees_that_an_operator_is_writing(town: Town) -> None:
    town.telegram.say(NINA, "Сколько стоит?", name="Нина")
    await town.settle()
    chat = town.timeline()[0].chat_id
    for _ in range(2):
        town.amocrm.type_in(ACCOUNT, chat)
        await town.settle()
        await another_second(town)
    assert actions(town) == ["typing", "typing"]

    town.reply(NINA, "Тысяча")
    await town.settle()
    assert town.seen_by(NINA) == ["Тысяча"]


async def test_a_sign_of_writing_is_neither_repeated_nor_late(town: Town) -> None:
    town.telegram.say(NINA, "Сколько стоит?", name="Нина")
    await town.settle()
    chat = town.timeline()[0].chat_id
    town.telegram.stage.arm("flood_at_proxy", match="sendChatAction")
    town.amocrm.type_in(ACCOUNT, chat)
    await town.settle()
    await another_second(town)
    await pause(town.hub, town.bot)
    await nobody_serves(town)
    for _ in range(3):
        town.amocrm.type_in(ACCOUNT, chat)
    await town.settle()
    await transact(
        town,
        'UPDATE deliveries SET detail = detail || \'{"until": "2026-01-01T00:00:00+00:00"}\''
        " WHERE kind = 'show_typing' AND state = 'ready'",
    )
    await resume(town.hub, town.bot)
    await town.settle()

    assert actions(town) == []
    signs = await town.rows("SELECT state, attempts FROM deliveries WHERE kind = 'show_typing'")
    assert [dict(each) for each in signs] == [{"state": "skipped", "attempts": 1}] * 2
