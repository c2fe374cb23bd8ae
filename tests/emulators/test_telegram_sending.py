"""What the emulated Telegram lets a bot send, and in which words it refuses; and its stage."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from channel_clients.emulators.stage import Stage
from channel_clients.emulators.telegram import Limits, TelegramEmulator
from tests.emulators.telegram_scene import (
    CUSTOMER,
    OTHER,
    TOKEN,
    Hub,
    SteppedClock,
    ask,
    control,
    refusal,
)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def hub(clock: SteppedClock) -> Hub:
    return Hub(clock)


@pytest.fixture
async def telegram(clock: SteppedClock, hub: Hub) -> AsyncIterator[TelegramEmulator]:
    emulator = TelegramEmulator(Stage(clock=clock, push=hub), limits=None)
    emulator.add_bot(TOKEN, "shop_bot")
    yield emulator
    await emulator.aclose()


@pytest.mark.parametrize(
    ("text", "mode", "plain", "marks"),
    [
        ("<b>жир</b> и <i>косо</i>", "HTML", "жир и косо", [("bold", 0, 3), ("italic", 6, 4)]),
        ("😀 <code>a&lt;b</code>", "html", "😀 a<b", [("code", 3, 3)]),
        ('<a href="https://a.ru">тут</a>', "HTML", "тут", [("text_link", 0, 3)]),
        (
            '<pre><code class="language-python">x</code></pre>',
            "HTML",
            "x",
            [("pre", 0, 1)],
        ),
        ("*жир _и косо_*", "MarkdownV2", "жир и косо", [("bold", 0, 10), ("italic", 4, 6)]),
        (r"1\.5 __под__ ||спойлер||", "MarkdownV2", "1.5 под спойлер", None),
        ("[тут](https://a.ru/x\\))", "MarkdownV2", "тут", [("text_link", 0, 3)]),
        ("```python\nx.y\n```", "MarkdownV2", "x.y", [("pre", 0, 3)]),
        (">раз\n>два\nтри", "MarkdownV2", "раз\nдва\nтри", [("blockquote", 0, 7)]),
        ("  пробелы  ", "", "пробелы", []),
        ("см. https://a.ru/x", "", "см. https://a.ru/x", [("url", 4, 14)]),
    ],
)
async def test_formatting_becomes_text_and_entities(
    telegram: TelegramEmulator,
    text: str,
    mode: str,
    plain: str,
    marks: list[tuple[str, int, int]] | None,
) -> None:
    telegram.start(CUSTOMER)
    reply = await ask(telegram, "sendMessage", chat_id=CUSTOMER, text=text, parse_mode=mode)
    assert reply["result"]["text"] == plain
    found = reply["result"].get("entities", [])
    if marks is not None:
        assert [(e["type"], e["offset"], e["length"]) for e in found] == marks


@pytest.mark.parametrize(
    ("text", "mode", "complaint"),
    [
        ("<b>жир", "HTML", 'Can\'t find end tag corresponding to start tag "b"'),
        (
            "<b>a</i>",
            "HTML",
            'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"',
        ),
        ("ж</b>", "HTML", "Unexpected end tag at byte offset 2"),
        ("<div>a</div>", "HTML", 'Unsupported start tag "div" at byte offset 0'),
        ("5 < 6", "HTML", 'Unsupported start tag "" at byte offset 2'),
        ("см. <b", "HTML", "Unclosed start tag at byte offset 6"),
        (
            "Готово.",
            "MarkdownV2",
            r"Character '.' is reserved and must be escaped with the preceding '\'",
        ),
        ("*жир", "MarkdownV2", "Can't find end of Bold entity at byte offset 0"),
    ],
)
async def test_broken_formatting_is_refused_in_telegrams_words(
    telegram: TelegramEmulator, text: str, mode: str, complaint: str
) -> None:
    telegram.start(CUSTOMER)
    said = await refusal(telegram, "sendMessage", chat_id=CUSTOMER, text=text, parse_mode=mode)
    assert said == f"400 Bad Request: can't parse entities: {complaint}"


async def test_the_length_limit_counts_utf16_after_parsing(telegram: TelegramEmulator) -> None:
    telegram.start(CUSTOMER)

    async def send(text: str) -> bool:
        reply = await ask(telegram, "sendMessage", chat_id=CUSTOMER, text=text, parse_mode="HTML")
        return bool(reply["ok"])

    assert await send("<b>" + "ж" * 4096 + "</b>")
    assert await send("😀" * 2048)
    assert not await send("😀" * 2048 + "!")
    too_long = await refusal(telegram, "sendMessage", chat_id=CUSTOMER, text="x" * 4097)
    assert too_long == "400 Bad Request: message is too long"
    blank = await refusal(telegram, "sendMessage", chat_id=CUSTOMER, text=" \n ")
    assert blank == "400 Bad Request: message text is empty"


async def test_people_who_cannot_be_written_to_are_refused_each_in_its_way(
    telegram: TelegramEmulator,
) -> None:
    telegram.add_bot(OTHER, "other_bot")
    telegram.say(1, "a", bot="shop_bot")
    telegram.block(1, bot="shop_bot")
    telegram.say(2, "b", bot="shop_bot")
    telegram.deactivate(2)
    telegram.say(3, "c", bot="other_bot")
    refusals = [await refusal(telegram, "sendMessage", chat_id=n, text="x") for n in range(1, 5)]
    assert refusals == [
        "403 Forbidden: bot was blocked by the user",
        "403 Forbidden: user is deactivated",
        "403 Forbidden: bot can't initiate conversation with a user",
        "400 Bad Request: chat not found",
    ]
    assert await refusal(telegram, "sendMessage", text="x") == "400 Bad Request: chat_id is empty"
    telegram.say(1, "я вернулась", bot="shop_bot")
    assert (await ask(telegram, "sendMessage", chat_id=1, text="x"))["ok"]


async def test_a_reply_to_a_lost_message_is_refused_unless_allowed(
    telegram: TelegramEmulator,
) -> None:
    telegram.start(CUSTOMER)
    telegram.delete(CUSTOMER, 1)
    lost = await refusal(
        telegram, "sendMessage", chat_id=CUSTOMER, text="x", reply_parameters={"message_id": 1}
    )
    assert lost == "400 Bad Request: message to be replied not found"
    allowed = {"message_id": 1, "allow_sending_without_reply": True}
    sent = await ask(telegram, "sendMessage", chat_id=CUSTOMER, text="x", reply_parameters=allowed)
    assert "reply_to_message" not in sent["result"]


@pytest.mark.parametrize(
    ("method", "values", "expected"),
    [
        ("editMessageText", {"message_id": 9, "text": "x"}, "message to edit not found"),
        ("editMessageText", {"message_id": 1, "text": "x"}, "message can't be edited"),
        ("editMessageCaption", {"message_id": 1, "caption": "x"}, "message can't be edited"),
        ("sendMediaGroup", {"media": []}, "wrong number of items in the media group"),
        (
            "sendMediaGroup",
            {"media": [{"type": "photo", "media": "x"}, {"type": "document", "media": "x"}]},
            "wrong type of the media group item",
        ),
        ("sendLocation", {"latitude": 91, "longitude": 0}, "wrong location specified"),
        (
            "sendVenue",
            {"latitude": 1, "longitude": 0, "title": "Кафе"},
            "venue title and address must be non-empty",
        ),
        ("sendContact", {"first_name": "Антон"}, "phone number must be non-empty"),
        ("deleteMessage", {"message_id": 9}, "message to delete not found"),
        ("setMessageReaction", {"message_id": 9}, "message to react not found"),
        (
            "setMessageReaction",
            {"message_id": 1, "reaction": [{"type": "emoji", "emoji": "🧦"}]},
            "REACTION_INVALID",
        ),
        ("sendChatAction", {"action": "dancing"}, "wrong parameter action in request"),
        ("sendPhoto", {}, "there is no photo in the request"),
        ("sendPhoto", {"photo": "https://a.ru/a.jpg", "caption": "x" * 1025}, None),
        ("sendDocument", {"document": "no-such-id"}, None),
        ("getFile", {"file_id": "no-such-id"}, None),
        (
            "sendMessage",
            {
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "ы" * 33}]]},
            },
            "BUTTON_DATA_INVALID",
        ),
        ("sendMessage", {"text": "x", "parse_mode": "Word"}, "unsupported parse_mode"),
        ("sendMessage", {"text": "x", "entities": "[{"}, "can't parse entities JSON object"),
        ("sendMessage", {"text": "x", "entities": [1]}, "array of objects expected as entities"),
    ],
)
async def test_calls_that_make_no_sense_are_refused(
    telegram: TelegramEmulator, method: str, values: dict[str, Any], expected: str | None
) -> None:
    telegram.start(CUSTOMER)
    said = await refusal(telegram, method, chat_id=CUSTOMER, **values)
    assert said.startswith("400 Bad Request: ")
    assert expected is None or said == f"400 Bad Request: {expected}"


async def test_an_edit_that_changes_nothing_is_refused(telegram: TelegramEmulator) -> None:
    telegram.start(CUSTOMER)
    await ask(telegram, "sendMessage", chat_id=CUSTOMER, text="x")
    same = await refusal(telegram, "editMessageText", chat_id=CUSTOMER, message_id=2, text="x")
    assert same.startswith("400 Bad Request: message is not modified: ")


async def test_old_messages_cannot_be_deleted(
    telegram: TelegramEmulator, clock: SteppedClock
) -> None:
    telegram.start(CUSTOMER)
    clock.advance(hours=49)
    said = await refusal(telegram, "deleteMessage", chat_id=CUSTOMER, message_id=1)
    assert said == "400 Bad Request: message can't be deleted for everyone"


async def test_a_migrated_group_answers_only_under_its_new_id(telegram: TelegramEmulator) -> None:
    telegram.group_say(-500, CUSTOMER, "Привет", name="Ника")
    telegram.stage.arm("migrated")
    first = await ask(telegram, "sendMessage", chat_id=-500, text="x")
    again = await ask(telegram, "sendMessage", chat_id=-500, text="x")
    assert first == again
    new_id = first["parameters"]["migrate_to_chat_id"]
    sent = await ask(telegram, "sendMessage", chat_id=new_id, text="x")
    assert sent["result"]["chat"]["type"] == "supergroup"


async def test_a_bot_that_logged_out_is_served_no_more(telegram: TelegramEmulator) -> None:
    assert (await ask(telegram, "logOut"))["result"] is True
    assert await refusal(telegram, "getMe") == "400 Logged out"


# Limits.


async def test_a_burst_into_one_chat_ends_in_429_until_the_time_told(
    clock: SteppedClock, hub: Hub
) -> None:
    telegram = TelegramEmulator(Stage(clock=clock, push=hub), limits=Limits(chat_burst=3))
    telegram.add_bot(TOKEN, "shop_bot")
    telegram.start(CUSTOMER)
    telegram.start(2)
    replies = [await ask(telegram, "sendMessage", chat_id=CUSTOMER, text="x") for _ in range(4)]
    assert [reply["ok"] for reply in replies] == [True, True, True, False]
    assert replies[-1] == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1},
    }
    assert (await ask(telegram, "sendMessage", chat_id=2, text="x"))["ok"]
    clock.advance(seconds=1)
    assert (await ask(telegram, "sendMessage", chat_id=CUSTOMER, text="x"))["ok"]
    assert not (await ask(telegram, "sendMessage", chat_id=CUSTOMER, text="x"))["ok"]


async def test_one_bot_may_send_thirty_messages_a_second(clock: SteppedClock, hub: Hub) -> None:
    telegram = TelegramEmulator(Stage(clock=clock, push=hub))
    telegram.add_bot(TOKEN, "shop_bot")
    for user_id in range(1, 33):
        telegram.start(user_id)
    replies = [await ask(telegram, "sendMessage", chat_id=n, text="x") for n in range(1, 33)]
    assert [reply["ok"] for reply in replies] == [True] * 30 + [False] * 2


async def test_a_group_takes_twenty_messages_a_minute(clock: SteppedClock, hub: Hub) -> None:
    telegram = TelegramEmulator(Stage(clock=clock, push=hub))
    telegram.add_bot(TOKEN, "shop_bot")
    telegram.group_say(-500, CUSTOMER, "Привет")
    for _ in range(20):
        assert (await ask(telegram, "sendMessage", chat_id=-500, text="x"))["ok"]
        clock.advance(milliseconds=1000)
        clock.advance(microseconds=1)
    for _ in range(6):
        await ask(telegram, "sendMessage", chat_id=-500, text="x")
    last = await ask(telegram, "sendMessage", chat_id=-500, text="x")
    assert last["error_code"] == 429


# The stage's own routes.


async def test_the_stage_lets_customers_act_over_http(telegram: TelegramEmulator, hub: Hub) -> None:
    said = await control(
        telegram, "POST", "say", {"user_id": 5, "text": "Привет", "name": "Антон", "bot": "7"}
    )
    assert (said["result"]["chat_id"], said["result"]["message_id"]) == (5, 1)
    acts = [
        ("edit", {"user_id": 5, "message_id": 1, "text": "Здравствуйте"}),
        ("share_contact", {"user_id": 5, "phone": "79990001122"}),
        ("block", {"user_id": 5}),
        ("unblock", {"user_id": 5}),
        ("group_say", {"chat_id": -9, "user_id": 5, "text": "Всем"}),
        ("update", {"poll_answer": {"poll_id": "1", "option_ids": [0], "user": {"id": 5}}}),
    ]
    for route, body in acts:
        assert (await control(telegram, "POST", route, body))["status"] == 200
    chats = (await control(telegram, "GET", "chats?bot=shop_bot"))["chats"]
    assert [chat["chat_id"] for chat in chats] == [5, -9]
    assert chats[0]["messages"][0] == {
        "message_id": 1,
        "from": "customer",
        "from_id": 5,
        "text": "Здравствуйте",
        "date": int(telegram.stage.clock.now().timestamp()),
        "at": telegram.stage.clock.now().timestamp(),
        "reply_to": None,
        "edited": True,
        "deleted": False,
        "shown": [],
        "reactions": {},
        "buttons": [],
    }
    told = (await control(telegram, "GET", "said"))["said"]
    assert [line["kind"] for line in told] == ["text", "edit", "contact", "text"]
    state = await control(telegram, "GET", "state")
    assert (state["bots"][0]["pending"], state["bots"][0]["webhook"]) == (7, None)


@pytest.mark.parametrize(
    ("method", "route", "body", "status"),
    [
        ("POST", "say", {"user_id": 5}, 400),
        ("POST", "say", {"user_id": 5, "text": "x", "mood": "bad"}, 400),
        ("POST", "say", {"user_id": 5, "text": "x", "bot": "nobody"}, 400),
        ("POST", "say", [], 400),
        ("POST", "edit", {"user_id": 5, "message_id": 77, "text": "x"}, 400),
        ("POST", "update", {"a": {}, "b": {}}, 400),
        ("POST", "tea", {}, 404),
        ("GET", "say", None, 404),
        ("POST", "faults", {"name": "earthquake"}, 400),
        ("POST", "faults", [], 400),
        ("POST", "clock", {"ahead_s": 5}, 409),
    ],
)
async def test_the_stage_says_what_it_cannot_do(
    telegram: TelegramEmulator, method: str, route: str, body: Any, status: int
) -> None:
    reply = await control(telegram, method, route, body)
    assert reply["status"] == status
    assert reply["error"]


def test_a_token_must_look_like_one() -> None:
    with pytest.raises(ValueError, match="a token is"):
        TelegramEmulator(Stage()).add_bot("nonsense", "shop_bot")


def test_an_act_must_say_which_of_several_bots_is_meant() -> None:
    emulator = TelegramEmulator(Stage())
    emulator.add_bot(TOKEN, "shop_bot")
    emulator.add_bot(OTHER, "other_bot")
    with pytest.raises(ValueError, match="2 bots fit"):
        emulator.say(CUSTOMER, "x")
    for name in (TOKEN, "shop_bot", "7"):
        assert emulator.say(CUSTOMER, "x", bot=name).bot == "shop_bot"
