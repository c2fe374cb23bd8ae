"""What is meant without words: reactions travel both ways."""

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
