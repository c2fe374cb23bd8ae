"""Business accounts, buttons and reactions: the adapter against the emulator."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from channel_clients.emulators.stage import Request, Response, Stage, asgi, serving
from channel_clients.telegram import MANIFEST
from channel_clients.telegram.door import SECRET_HEADER
from channel_clients.telegram.registration import ALLOWED_UPDATES
from mappers.vocabulary import (
    Arrival,
    Attachment,
    AttachmentKind,
    Direction,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    Outgoing,
    Permanent,
    Place,
    ReactionChanged,
    Webhook,
)
from tests.conformance.channels import refusal
from tests.conformance.telegram_scene import CUSTOMER, OWNER, Scene, opened
from tests.emulators.telegram_scene import control
from tests.port import NOON

MARKUP = {"inline_keyboard": [[{"text": "Размер 42", "callback_data": "size:42"}]]}
ASKED = "Какой размер?"


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with opened() as scene:
        scene.emulator.bot().allowed = frozenset(ALLOWED_UPDATES)
        yield scene


@pytest.fixture
def account(scene: Scene) -> str:
    return scene.emulator.connect_business(OWNER)


def reply_to(said: MessageArrived, **changes: Any) -> Outgoing:
    origin = said.message.origin.message
    outgoing = Outgoing(
        key="reply-1", conversation=said.message.conversation, text="Есть 42-й", quoted=origin
    )
    return replace(outgoing, **changes)


async def last_said(scene: Scene) -> MessageArrived:
    said = [event for event in await scene.events() if isinstance(event, MessageArrived)]
    return said[-1]


def lines(scene: Scene) -> list[tuple[str, str]]:
    (chat,) = scene.emulator.chats()
    return [(line["from"], line["text"]) for line in chat["messages"] if not line["deleted"]]


class TestBusinessAccounts:
    async def test_a_conversation_through_an_account(self, scene: Scene, account: str) -> None:
        scene.emulator.business_say(account, CUSTOMER, "Есть 42?")
        scene.emulator.business_say(account, CUSTOMER, "Сейчас посмотрю", by_owner=True)
        said = [e for e in await scene.events() if isinstance(e, MessageArrived)]
        assert [event.message.direction for event in said] == [
            Direction.INBOUND,
            Direction.OUTBOUND,
        ]
        assert {event.message.conversation for event in said} == {f"{account}:{CUSTOMER}"}
        assert {event.person.identities[0].value for event in said} == {f"telegram:{CUSTOMER}"}
        receipt = await scene.channel.send(reply_to(said[0]))
        assert receipt.provider_ids[0].startswith(f"{account}:{CUSTOMER}:")
        assert lines(scene)[-1] == ("bot", "Есть 42-й")
        (chat,) = scene.emulator.chats()
        assert (
            f"{account}:{CUSTOMER}:{chat['messages'][-1]['reply_to']}"
            == said[0].message.origin.message
        )

    @pytest.mark.parametrize("echoes", [True, False])
    async def test_what_we_said_comes_back_as_no_news(
        self, scene: Scene, account: str, *, echoes: bool
    ) -> None:
        scene.emulator.bot().echoes = echoes
        scene.emulator.business_say(account, CUSTOMER, "Есть 42?")
        before = await scene.readings()
        await scene.channel.send(reply_to(await last_said(scene)))
        after = (await scene.readings())[len(before) :]
        assert [reading.events for reading in after] == [()] * echoes
        assert [reading.ignored for reading in after] == [("business_message.sent_by_us",)] * echoes

    async def test_files_and_places_go_through_the_account(
        self, scene: Scene, account: str
    ) -> None:
        scene.emulator.business_show(account, CUSTOMER, "photo", content=b"their photo")
        said = await last_said(scene)
        file = await scene.channel.fetch(said.message.attachments[0], 1000)
        assert file.body == b"their photo"
        here = Place(latitude=1, longitude=2)
        place = Attachment(kind=AttachmentKind.LOCATION, place=here)
        await scene.channel.send(reply_to(said, text="", attachments=(place,)))
        (chat,) = scene.emulator.chats()
        assert [line["shown"][0]["kind"] for line in chat["messages"]] == ["photo", "location"]

    async def test_edits_and_deletions_go_both_ways(self, scene: Scene, account: str) -> None:
        first = scene.emulator.business_say(account, CUSTOMER, "Есть 42?")
        said = await last_said(scene)
        scene.emulator.business_edit(account, CUSTOMER, first.message_id, "Есть 43?")
        scene.emulator.business_delete(account, CUSTOMER, [first.message_id])
        edit, deletion = (await scene.events())[1:]
        assert isinstance(edit, MessageEdited)
        assert isinstance(deletion, MessageDeleted)
        assert edit.origin == deletion.origin == said.message.origin
        sent = (await scene.channel.send(reply_to(said, quoted=""))).provider_ids[0]
        await scene.channel.edit(sent, reply_to(said, text="Есть 44-й"))
        assert lines(scene) == [("bot", "Есть 44-й")]
        for _ in range(2):
            await scene.channel.delete(sent)
        assert lines(scene) == []

    async def test_each_of_several_deletions_awaits_its_own_message(
        self, scene: Scene, account: str
    ) -> None:
        numbers = [scene.emulator.business_say(account, CUSTOMER, text).message_id for text in "аб"]
        scene.emulator.business_delete(account, CUSTOMER, numbers)
        (*_, pending) = scene.emulator.bot().backlog.take(0, 100)
        hook = Webhook(method="POST", body=pending.body, headers={SECRET_HEADER: "hush-hush"})
        pushed = MANIFEST.door(scene.channel.config, None).receive(hook).parcels
        polled = (await scene.channel.poll("")).parcels[-2:]
        for parcels in (pushed, polled):
            arrivals = [Arrival(body=p.body, form=p.form, received_at=NOON) for p in parcels]
            events = [scene.channel.read(arrival).events for arrival in arrivals]
            names = [e.origin.message for (e,) in events if isinstance(e, MessageDeleted)]
            assert names == [f"{account}:{CUSTOMER}:{number}" for number in numbers]
            assert len({parcel.key for parcel in parcels}) == 2
        again = MANIFEST.door(scene.channel.config, None).receive(hook).parcels
        assert again == pushed

    async def test_an_account_that_left_and_a_day_of_silence_close_the_window(
        self, scene: Scene, account: str
    ) -> None:
        scene.emulator.business_say(account, CUSTOMER, "Есть 42?")
        said = await last_said(scene)
        chat = scene.emulator.bot().businesses[account].chats[CUSTOMER]
        for entry in chat.entries.values():
            entry.at -= 24 * 3600 + 1
        closed = await refusal(scene.channel.send(reply_to(said)))
        scene.emulator.disconnect_business(account)
        left = await refusal(scene.channel.send(reply_to(said)))
        for error in (closed, left):
            assert replace(error.failure, detail="") == Permanent(code="telegram.window_closed")

    async def test_coming_and_going_is_named(self, scene: Scene, account: str) -> None:
        scene.emulator.disconnect_business(account)
        readings = await scene.readings()
        assert [reading.ignored for reading in readings] == [
            ("business_connection.enabled",),
            ("business_connection.disabled",),
        ]

    async def test_the_stage_plays_it_over_http(self, scene: Scene) -> None:
        made = await control(scene.emulator, "POST", "connect_business", {"owner_id": OWNER})
        head = {"connection": made["result"], "user_id": CUSTOMER}
        acts = [
            ("business_say", {**head, "text": "Есть 42?"}),
            ("business_show", {**head, "kind": "voice", "by_owner": True}),
            ("business_edit", {**head, "message_id": 2, "text": "Есть 43?"}),
            ("business_delete", {**head, "message_ids": [2]}),
            ("disconnect_business", {"connection": made["result"]}),
        ]
        for route, body in acts:
            assert (await control(scene.emulator, "POST", route, body))["status"] == 200
        unknown = {**head, "connection": "nobody's", "text": "x"}
        assert (await control(scene.emulator, "POST", "business_say", unknown))["status"] == 400


class TestButtons:
    async def asked(self, scene: Scene) -> str:
        """The id of a press on a button of ours."""
        scene.emulator.start(CUSTOMER)
        await ask_with_buttons(scene)
        return scene.emulator.press(CUSTOMER, 2, "size:42")

    async def test_a_press_is_heard_and_the_phone_is_calmed_while_listening(
        self, scene: Scene
    ) -> None:
        press = await self.asked(scene)
        message = await scene.heard()
        assert message.text == "Размер 42"
        assert message.quote is not None
        assert message.quote.text == ASKED
        assert press not in scene.emulator.bot().queries

    async def test_a_press_that_cannot_be_answered_is_heard_all_the_same(
        self, scene: Scene
    ) -> None:
        press = await self.asked(scene)
        scene.emulator.stage.arm("flood", match="answerCallbackQuery")
        assert (await scene.heard()).text == "Размер 42"
        assert press in scene.emulator.bot().queries

    async def test_one_press_that_is_too_old_does_not_keep_others_waiting(
        self, scene: Scene
    ) -> None:
        old = await self.asked(scene)
        del scene.emulator.bot().queries[old]
        fresh = scene.emulator.press(CUSTOMER, 2, "size:42")
        await scene.heard()
        assert fresh not in scene.emulator.bot().queries

    async def test_phones_are_left_alone_while_telegram_does_not_answer(self, scene: Scene) -> None:
        await self.asked(scene)
        scene.emulator.press(CUSTOMER, 2, "size:42")
        scene.emulator.stage.arm("flood", match="answerCallbackQuery")
        await scene.heard()
        assert [call.label for call in scene.http.calls] == [
            "telegram.getUpdates",
            "telegram.answerCallbackQuery",
        ]

    async def test_a_webhook_answers_a_press_in_its_reply(self, scene: Scene) -> None:
        door = MANIFEST.door(scene.channel.config, None)

        async def hub(call: Request) -> Response:
            hook = Webhook(method=call.method, body=call.body, headers=call.headers)
            answer = door.receive(hook).answer
            return Response(body=answer.body, headers={"content-type": answer.content_type})

        async with serving(asgi(Stage(), hub, hub)) as base:
            config = scene.channel.config.model_copy(update={"mode": "webhook"})
            await replace(scene.channel, config=config).set_up(f"{base}/hook", take_over=False)
            press = await self.asked(scene)
            assert press in scene.emulator.bot().queries
            await scene.emulator.drain()
        assert press not in scene.emulator.bot().queries

    @pytest.mark.parametrize("query", ["x", {"id": 5}, {"id": ""}, {}, None])
    def test_what_is_no_press_gets_no_answer(self, scene: Scene, query: object) -> None:
        body = json.dumps({"update_id": 1, "callback_query": query}).encode()
        hook = Webhook(method="POST", body=body, headers={SECRET_HEADER: "hush-hush"})
        assert MANIFEST.door(scene.channel.config, None).receive(hook).answer.body == b""


class TestReactions:
    async def test_a_reaction_comes_and_goes(self, scene: Scene) -> None:
        scene.emulator.start(CUSTOMER)
        scene.emulator.react(CUSTOMER, 1, "👍")
        scene.emulator.react(CUSTOMER, 1, None)
        changes = [e for e in await scene.events() if isinstance(e, ReactionChanged)]
        assert [change.emoji for change in changes] == ["👍", ""]
        assert {change.origin.message for change in changes} == {f"{CUSTOMER}:1"}

    async def test_a_reaction_of_ours_is_seen_and_taken_back(self, scene: Scene) -> None:
        scene.emulator.start(CUSTOMER)
        for emoji in ("❤️", "🔥"):
            await scene.channel.react(f"{CUSTOMER}:1", emoji)
        (chat,) = scene.emulator.chats()
        assert list(chat["messages"][0]["reactions"].values()) == ["🔥"]
        await scene.channel.react(f"{CUSTOMER}:1", "")
        assert scene.emulator.chats()[0]["messages"][0]["reactions"] == {}

    @pytest.mark.parametrize(
        ("name", "emoji", "code"),
        [
            (f"{CUSTOMER}:1", "🧦", "telegram.reaction_refused"),
            (f"{CUSTOMER}:99", "👍", "telegram.nothing_to_react_to"),
            (f"{CUSTOMER}:press-7", "👍", "telegram.nothing_to_react_to"),
            (f"b1:{CUSTOMER}:1", "👍", "telegram.nothing_to_react_to"),
        ],
    )
    async def test_what_telegram_does_not_take_is_refused_for_good(
        self, scene: Scene, name: str, emoji: str, code: str
    ) -> None:
        scene.emulator.start(CUSTOMER)
        error = await refusal(scene.channel.react(name, emoji))
        assert (error.failure.kind, error.failure.code) == ("permanent", code)


class TestDiagnosis:
    async def test_kinds_of_updates_that_were_not_asked_for_are_a_finding(
        self, scene: Scene
    ) -> None:
        address = "https://hub.example.com/hooks/0192"
        webhook = {"url": address, "allowed_updates": ["message", "edited_message"]}
        await ask_of(scene, "setWebhook", webhook)
        config = scene.channel.config.model_copy(update={"mode": "webhook"})
        findings = await replace(scene.channel, config=config).diagnose(address)
        (warning,) = [one for one in findings if one.level == "warning"]
        assert "business_message" in warning.what
        assert warning.advice


async def ask_with_buttons(scene: Scene) -> None:
    form = {"chat_id": CUSTOMER, "text": ASKED, "reply_markup": MARKUP}
    assert (await ask_of(scene, "sendMessage", form))["ok"]


async def ask_of(scene: Scene, method: str, form: dict[str, Any]) -> Any:
    config = scene.channel.config
    address = f"{config.api_base}/bot{config.token.get_secret_value()}/{method}"
    return (await scene.http.client.post(address, json=form)).json()
