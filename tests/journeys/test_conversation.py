"""A customer writes in Telegram, an operator answers in a CRM: everything that text can do."""

from tests.journeys.conftest import Opened
from tests.journeys.town import Plan, Town

NINA = 1001
PETR = 1002


async def test_a_message_reaches_the_timeline_and_the_answer_comes_back(every: Town) -> None:
    every.telegram.say(NINA, "Здравствуйте", name="Нина")
    every.telegram.say(NINA, "Есть ли красные?")
    await every.settle()

    assert every.entries() == ["Здравствуйте", "Есть ли красные?"]

    every.reply(NINA, "Есть, приезжайте")
    await every.settle()

    assert every.seen_by(NINA) == ["Есть, приезжайте"]
    assert await every.told() == [[(1, "")]]


async def test_the_contact_and_the_deal_are_there_before_the_first_message(every: Town) -> None:
    every.telegram.say(NINA, "Добрый день", name="Нина")
    await every.settle()

    (contact,) = every.contacts()
    (deal,) = every.deals()
    assert contact["name"] == "Нина"
    assert deal["contact_ids"] == [contact["id"]]
    assert not deal.get("is_unsorted")


async def test_the_chat_is_the_contacts_from_the_first_message_on(town: Town) -> None:
    town.telegram.say(NINA, "Добрый день", name="Нина")
    await town.settle()

    (contact,) = town.contacts()
    assert town.timeline()[0].contact_id == contact["id"]


async def test_two_customers_never_meet(every: Town) -> None:
    every.telegram.say(NINA, "Я Нина", name="Нина")
    every.telegram.say(PETR, "Я Пётр", name="Пётр")
    await every.settle()
    every.reply(PETR, "Петру")
    every.reply(NINA, "Нине")
    await every.settle()

    assert len(every.contacts()) == 2
    assert every.seen_by(NINA) == ["Нине"]
    assert every.seen_by(PETR) == ["Петру"]


async def test_a_long_answer_comes_in_parts_and_in_order(every: Town) -> None:
    every.telegram.say(NINA, "Расскажите подробно", name="Нина")
    await every.settle()
    words = " ".join(f"слово{n}" for n in range(1500))

    every.reply(NINA, words)
    await every.settle()

    parts = every.seen_by(NINA)
    assert len(parts) > 1
    assert " ".join(part.strip() for part in parts) == words
    assert await every.told() == [[(1, "")]]


async def test_quotes_travel_both_ways(town: Town) -> None:
    town.telegram.say(NINA, "Какой размер?", name="Нина")
    await town.settle()
    (asked,) = town.timeline()[0].messages
    town.reply(NINA, "Сорок второй", reply_to=asked.amojo_id)
    await town.settle()
    messages = town.telegram.chats()[0]["messages"]
    answer = messages[-1]
    assert answer["reply_to"] == messages[0]["message_id"]

    town.telegram.say(NINA, "Беру", reply_to=answer["message_id"])
    await town.settle()

    last = town.timeline()[0].messages[-1]
    assert last.text == "Беру"
    assert last.reply_to == {"message": {"id": town.amocrm.replies[0].message_id}}


async def test_an_edit_is_seen_where_the_entry_is_or_beneath_it(every: Town) -> None:
    said = every.telegram.say(NINA, "Хочу красный", name="Нина")
    await every.settle()
    every.telegram.edit(NINA, said.message_id, "Хочу синий")
    await every.settle()

    if not every.can.edits:
        changed = "[Автор изменил это сообщение]\nХочу синий"
        assert every.entries() == ["Хочу красный", changed]
        return
    assert every.entries() == ["Хочу синий"]
    assert every.chats()[0].messages[0].edited


async def test_a_customer_who_closed_the_door_is_not_written_to_in_vain(every: Town) -> None:
    every.telegram.say(NINA, "Здравствуйте", name="Нина")
    await every.settle()
    every.telegram.block(NINA)
    await every.settle()
    every.reply(NINA, "Вы ещё здесь?")
    await every.settle()

    ((code, words),) = (await every.told())[0]
    assert code == -1
    assert "закрыл" in words
    assert every.seen_by(NINA) == []

    every.telegram.say(NINA, "Я вернулась")
    await every.settle()
    every.reply(NINA, "С возвращением")
    await every.settle()
    assert every.seen_by(NINA) == ["С возвращением"]


async def test_a_group_is_refused_once_and_politely(town: Town) -> None:
    for words in ("Всем привет", "Кто тут?"):
        town.telegram.group_say(-100500, NINA, words, name="Нина")
    await town.settle()

    assert town.entries() == []
    (group,) = [chat for chat in town.telegram.chats() if chat["chat_id"] == -100500]
    assert len([m for m in group["messages"] if m["from"] == "bot"]) == 1


async def test_a_bot_can_be_listened_to_without_a_public_address(town_of: Opened) -> None:
    async with town_of(Plan(listens=True)) as town:
        town.telegram.say(NINA, "Слышно?", name="Нина")
        async with town.patience():
            while not town.entries():
                await town.pause()
        town.reply(NINA, "Слышно")
        await town.settle()

        assert town.entries()[:1] == ["Слышно?"]
        assert town.seen_by(NINA) == ["Слышно"]


async def test_a_reply_that_the_crm_itself_imported_is_no_news(town: Town) -> None:
    """Our own entries come back as hooks of the account; they are known by their names."""
    town.amocrm.switches.set("own_messages_raise_hook", value=True)
    town.telegram.say(NINA, "Эхо?", name="Нина")
    await town.settle()

    assert town.entries() == ["Эхо?"]
    assert town.seen_by(NINA) == []
