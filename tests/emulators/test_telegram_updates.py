"""How the emulated Telegram hands over updates: order, retries, expiry, and faults on the way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from channel_clients.emulators.stage import Push, Response, Stage
from channel_clients.emulators.telegram import TelegramEmulator
from tests.emulators.telegram_scene import CUSTOMER, HUB, TOKEN, Hub, SteppedClock, ask, refusal


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


# Taking updates by polling.


async def test_an_offset_confirms_all_before_it(telegram: TelegramEmulator) -> None:
    for text in ("раз", "два", "три"):
        telegram.say(CUSTOMER, text)

    async def poll(**values: int) -> list[str]:
        updates = (await ask(telegram, "getUpdates", **values))["result"]
        return [update["message"]["text"] for update in updates]

    first = (await ask(telegram, "getUpdates", limit=1))["result"][0]["update_id"]
    assert await poll() == ["раз", "два", "три"]
    assert await poll(offset=first + 1) == ["два", "три"]
    assert await poll() == ["два", "три"]
    assert await poll(offset=-1) == ["три"]
    assert await poll() == ["три"]
    assert await poll(offset=first + 3) == []


async def test_a_long_poll_waits_for_an_update_or_its_time(
    telegram: TelegramEmulator, clock: SteppedClock
) -> None:
    begun = clock.now()
    assert (await ask(telegram, "getUpdates", timeout=30))["result"] == []
    assert clock.now() - begun == timedelta(seconds=30)
    waiting = asyncio.create_task(ask(telegram, "getUpdates", timeout=30))
    await asyncio.sleep(0)
    telegram.say(CUSTOMER, "Алло")
    assert (await waiting)["result"][0]["message"]["text"] == "Алло"
    assert clock.now() - begun == timedelta(seconds=30)


async def test_updates_nobody_took_are_gone_after_a_day(
    telegram: TelegramEmulator, clock: SteppedClock
) -> None:
    telegram.say(CUSTOMER, "Старое")
    clock.advance(hours=23)
    telegram.say(CUSTOMER, "Новое")
    clock.advance(hours=2)
    [update] = (await ask(telegram, "getUpdates"))["result"]
    assert update["message"]["text"] == "Новое"


# Webhooks.


async def test_setting_a_webhook_says_whether_anything_changed(
    telegram: TelegramEmulator,
) -> None:
    told = [
        (await ask(telegram, "setWebhook", url=HUB))["description"],
        (await ask(telegram, "setWebhook", url=HUB))["description"],
        (await ask(telegram, "setWebhook", url=HUB, secret_token="x"))["description"],
        (await ask(telegram, "deleteWebhook"))["description"],
        (await ask(telegram, "deleteWebhook"))["description"],
    ]
    assert told == [
        "Webhook was set",
        "Webhook is already set",
        "Webhook was set",
        "Webhook was deleted",
        "Webhook is already deleted",
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"url": "ftp://hub.test/x"}, "invalid webhook URL specified"),
        ({"url": "http://"}, "invalid webhook URL specified"),
        ({"url": "http://hub.test:99999/"}, "invalid webhook URL specified"),
        ({"url": HUB, "secret_token": "x" * 257}, "secret token is too long"),
        ({"url": HUB, "secret_token": "a b"}, "secret token contains unallowed characters"),
    ],
)
async def test_a_bad_webhook_is_refused(
    telegram: TelegramEmulator, values: dict[str, str], expected: str
) -> None:
    assert await refusal(telegram, "setWebhook", **values) == f"400 Bad Request: {expected}"
    assert (await ask(telegram, "getWebhookInfo"))["result"]["url"] == ""


async def test_allowed_updates_are_kept_until_named_again(
    telegram: TelegramEmulator, hub: Hub
) -> None:
    async def listed(**values: Any) -> list[str] | None:
        await ask(telegram, "setWebhook", url=HUB, **values)
        info = (await ask(telegram, "getWebhookInfo"))["result"]
        allowed: list[str] | None = info.get("allowed_updates")
        return allowed

    assert await listed() is None
    assert await listed(allowed_updates=["message", "message_reaction", "tea"]) == [
        "message",
        "message_reaction",
    ]
    assert await listed() == ["message", "message_reaction"]
    telegram.say(CUSTOMER, "Раз")
    telegram.react(CUSTOMER, 1, "🔥")
    telegram.block(CUSTOMER)
    await telegram.drain()
    assert [min(update) for update in hub.updates] == ["message", "message_reaction"]
    assert await listed(allowed_updates=[]) is None


async def test_pending_updates_wait_for_the_webhook_unless_dropped(
    telegram: TelegramEmulator, hub: Hub
) -> None:
    telegram.say(CUSTOMER, "Раз")
    await ask(telegram, "setWebhook", url=HUB)
    await telegram.drain()
    await ask(telegram, "deleteWebhook")
    telegram.say(CUSTOMER, "Два")
    assert (await ask(telegram, "getWebhookInfo"))["result"]["pending_update_count"] == 1
    await ask(telegram, "setWebhook", url=HUB, drop_pending_updates=True)
    await telegram.drain()
    assert hub.texts == ["Раз"]


async def test_a_failing_update_holds_back_its_own_chat_and_no_other(
    telegram: TelegramEmulator, hub: Hub
) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    hub.answers = [500, 200, 500]
    telegram.say(1, "1а")
    telegram.say(2, "2а")
    telegram.say(1, "1б")
    await telegram.drain()
    assert hub.texts == ["1а", "2а", "1а", "1а", "1б"]


async def test_retries_come_at_once_then_ever_later_up_to_a_cap(
    telegram: TelegramEmulator, hub: Hub
) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    hub.answers = [500] * 9
    telegram.say(CUSTOMER, "Раз")
    await telegram.drain()
    assert hub.gaps[:6] == [0, 2, 4, 8, 16, 32]
    assert all(60 <= gap <= 120 for gap in hub.gaps[6:])
    assert {update["update_id"] for update in hub.updates} == {870_001}


async def test_the_wait_that_the_hub_asks_for_is_honoured(
    telegram: TelegramEmulator, hub: Hub
) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    headers = {"Retry-After": "77"}
    hub.answers = [Response(status=503, headers=headers), None]
    telegram.say(CUSTOMER, "Раз")
    await telegram.drain()
    assert hub.gaps == [77, 2]
    info = (await ask(telegram, "getWebhookInfo"))["result"]
    assert info["last_error_message"] == "Webhook connection closed"


async def test_a_hub_that_never_answers_is_given_up_after_a_minute(clock: SteppedClock) -> None:
    async def silent_hub(call: Push) -> int | None:
        await clock.sleep(call.timeout_s)
        return None if clock.now() - begun < timedelta(minutes=1.5) else 200

    begun = clock.now()
    telegram = TelegramEmulator(Stage(clock=clock, push=silent_hub), limits=None)
    telegram.add_bot(TOKEN, "shop_bot")
    await ask(telegram, "setWebhook", url=HUB)
    telegram.say(CUSTOMER, "Раз")
    await telegram.drain()
    assert [line.status for line in telegram.pushed()] == [None, 200]
    info = (await ask(telegram, "getWebhookInfo"))["result"]
    assert info["last_error_message"] == "Read timeout expired"


async def test_a_webhook_that_is_gone_for_a_day_is_closed(
    telegram: TelegramEmulator, hub: Hub
) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    hub.answers = [410] * 10_000
    telegram.say(CUSTOMER, "Раз")
    await telegram.drain()
    info = (await ask(telegram, "getWebhookInfo"))["result"]
    assert (info["url"], info["pending_update_count"]) == ("", 1)


async def test_dropped_updates_are_not_delivered_by_who_waited_for_a_turn(
    telegram: TelegramEmulator, hub: Hub
) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    telegram.stage.arm("reordered_updates")
    telegram.say(CUSTOMER, "Раз")
    await asyncio.sleep(0)
    await ask(telegram, "setWebhook", url=HUB, drop_pending_updates=True)
    telegram.say(CUSTOMER, "Два")
    await telegram.drain()
    assert hub.texts == ["Два"]


async def test_an_update_is_dropped_once_its_day_is_over(
    telegram: TelegramEmulator, hub: Hub, clock: SteppedClock
) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    hub.answers = [500] * 10_000
    begun = clock.now()
    telegram.say(CUSTOMER, "Раз")
    await telegram.drain()
    assert timedelta(hours=23, minutes=50) < clock.now() - begun <= timedelta(hours=24)
    hub.answers.clear()
    telegram.say(CUSTOMER, "Два")
    await telegram.drain()
    assert hub.texts[-2:] == ["Раз", "Два"]


async def test_a_new_webhook_does_not_wait_out_the_delay_of_the_old_one(
    telegram: TelegramEmulator, hub: Hub, clock: SteppedClock
) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    hub.answers = [Response(status=500, headers={"retry-after": "3600"})]
    telegram.say(CUSTOMER, "Раз")
    await hub.settled()
    await ask(telegram, "setWebhook", url="http://user:pa%20ss@other.test/hook")
    begun = clock.now()
    await telegram.drain()
    assert hub.calls[-1].url == "http://other.test/hook"
    assert hub.calls[-1].headers["authorization"] == "Basic dXNlcjpwYSBzcw=="
    assert clock.now() - begun < timedelta(seconds=10)


async def test_connections_are_no_more_than_the_maximum(clock: SteppedClock) -> None:
    running = most = 0

    async def slow_hub(_: Push) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await clock.sleep(1)
        running -= 1
        return 200

    telegram = TelegramEmulator(Stage(clock=clock, push=slow_hub), limits=None)
    telegram.add_bot(TOKEN, "shop_bot")
    await ask(telegram, "setWebhook", url=HUB, max_connections=3)
    for user_id in range(1, 10):
        telegram.say(user_id, "Раз")
    await telegram.drain()
    assert most == 3


async def test_a_method_in_the_answer_is_executed_unless_refused(
    telegram: TelegramEmulator, hub: Hub
) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    hub.answers = [
        Response.of({"method": "sendMessage", "chat_id": CUSTOMER, "text": "Сейчас"}),
        Response.of({"method": "deleteWebhook"}),
        Response(body=b"thanks"),
        Response.of({"method": "sendMessage", "chat_id": CUSTOMER, "text": "Нет"}, 500),
    ]
    for text in ("Раз", "Два", "Три"):
        telegram.say(CUSTOMER, text)
        await telegram.drain()
    telegram.say(CUSTOMER, "Четыре")
    await telegram.drain()
    assert [m["text"] for m in telegram.chats()[0]["messages"] if m["from"] == "bot"] == ["Сейчас"]
    assert (await ask(telegram, "getWebhookInfo"))["result"]["url"] == HUB


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("duplicate_update", ["1а", "1а", "2а", "1б"]),
        ("lost_ack", ["1а", "2а", "1а", "1б"]),
        ("reordered_updates", ["2а", "1а", "1б"]),
    ],
)
async def test_faults_of_delivery_repeat_and_reorder_but_never_inside_a_chat(
    telegram: TelegramEmulator, hub: Hub, fault: str, expected: list[str]
) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    telegram.stage.arm(fault)
    telegram.say(1, "1а")
    telegram.say(2, "2а")
    telegram.say(1, "1б")
    await telegram.drain()
    assert sorted(hub.texts) == sorted(expected)
    of_one = [text for text in hub.texts if text.startswith("1")]
    assert of_one == [text for text in expected if text.startswith("1")]
    if fault == "reordered_updates":
        assert hub.texts.index("2а") < hub.texts.index("1а")
    assert telegram.stage.faults_met == {fault: 1}


async def test_nothing_is_delivered_after_the_end(telegram: TelegramEmulator, hub: Hub) -> None:
    await ask(telegram, "setWebhook", url=HUB)
    hub.answers = [Response(status=500, headers={"retry-after": "3600"})]
    telegram.say(CUSTOMER, "Раз")
    await hub.settled()
    await telegram.aclose()
    await telegram.drain()
    assert len(hub.calls) == 1


async def test_the_same_story_is_told_twice_in_the_same_way() -> None:
    async def story() -> list[tuple[str, bytes]]:
        clock = SteppedClock()
        hub = Hub(clock)
        telegram = TelegramEmulator(Stage(clock=clock, push=hub), limits=None)
        telegram.add_bot(TOKEN, "shop_bot")
        await ask(telegram, "setWebhook", url=HUB)
        hub.answers = [500] * 20
        for user_id in (1, 2, 3):
            telegram.say(user_id, "Раз")
            telegram.show(user_id, "photo")
        await telegram.drain()
        at = [time.isoformat() for time in hub.times]
        return list(zip(at, (call.body for call in hub.calls), strict=True))

    assert await story() == await story()
