"""A bot of the CRM offers choices; the customer presses one, and that is an answer."""

from tests.journeys.town import ACCOUNT, Town

NINA = 1001
ROWS = [[{"text": "Беру"}, {"text": "Сайт", "url": "https://shop.example"}], [{"text": "Нет"}]]


def chat_of(town: Town) -> str:
    return town.timeline()[0].chat_id


async def test_buttons_are_pressed_and_the_answer_quotes_them(town: Town) -> None:
    town.telegram.say(NINA, "Сколько стоит?", name="Нина")
    await town.settle()
    asked = town.amocrm.reply_with_buttons(ACCOUNT, chat_of(town), "Тысяча. Берёте?", ROWS)
    await town.settle()

    shown = town.telegram.chats()[0]["messages"][-1]
    assert shown["text"] == "Тысяча. Берёте?"
    assert [[button["text"] for button in row] for row in shown["buttons"]] == [
        ["Беру", "Сайт"],
        ["Нет"],
    ]
    assert shown["buttons"][0][1]["url"] == "https://shop.example"

    pressed = shown["buttons"][0][0]["callback_data"]
    town.telegram.press(NINA, shown["message_id"], pressed)
    await town.settle()
    answer = town.timeline()[0].messages[-1]
    assert (answer.text, answer.direction) == ("Беру", "incoming")
    assert answer.reply_to == {"message": {"id": asked.message.id}}


async def test_a_templates_buttons_stand_under_its_rendered_words(town: Town) -> None:
    town.telegram.say(NINA, "Покажите", name="Нина")
    await town.settle()
    template = {"id": 7, "content": "Счёт {{n}}", "params": [{"key": "{{n}}", "value": "5"}]}
    town.amocrm.reply_with_buttons(ACCOUNT, chat_of(town), "", ROWS, template=template)
    await town.settle()

    said = town.telegram.chats()[0]["messages"][-1]
    assert said["text"] == "Счёт 5"
    assert len(said["buttons"]) == 2
