"""Telegram on the bench: the adapter against the emulator, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from channel_clients import telegram
from channel_clients.emulators.loopback import lifespan, read_request, respond
from channel_clients.emulators.stage import (
    NETWORK_FAULTS,
    Receive,
    Response,
    Scope,
    Send,
    Stage,
    serving,
)
from channel_clients.emulators.telegram import Limits, TelegramEmulator
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Blocked,
    ConversationRefused,
    Failure,
    ForgedWebhook,
    MalformedWebhook,
    MessageArrived,
    MessageEdited,
    Outgoing,
    Permanent,
    ProviderError,
    ReachabilityChanged,
    ReactionChanged,
    Span,
    SpanKind,
    Transient,
    Webhook,
)
from mappers.vocabulary.adapters import SetsUp
from tests.conformance.channels import OTHERS, Bench, ChannelPromises, refusal
from tests.port import LoopbackHttp

TOKEN = "7:abcdefghij"
SECRET = "hush-hush-secret"
CUSTOMER = 3527065
GROUP = -700
TOLD = {
    "update_id": 870001,
    "message": {
        "message_id": 41,
        "from": {"id": CUSTOMER, "is_bot": False, "first_name": "Ника"},
        "chat": {"id": CUSTOMER, "first_name": "Ника", "type": "private"},
        "date": 1793300000,
        "text": "42, пожалуйста",
    },
}
FAULTS = {
    "flood": "rate_limited",
    "flood_at_proxy": "rate_limited",
    "token_revoked": "auth_expired",
    "blocked_by_user": "blocked",
    "user_deactivated": "blocked",
    "no_such_chat": "blocked",
    "migrated": "permanent",
    "media_refused": "permanent",
    "restart": "ambiguous",
    "garbled_success": "ambiguous",
    **dict.fromkeys(NETWORK_FAULTS - {"slow"}, "ambiguous"),
}
# These hit listening or the delivery of updates; a slow answer is still an answer.
ELSEWHERE = frozenset({"conflict", "duplicate_update", "reordered_updates", "lost_ack", "slow"})


def post(body: bytes) -> Webhook:
    return Webhook(
        method="POST",
        body=body,
        headers={
            "content-type": "application/json",
            "x-telegram-bot-api-secret-token": SECRET,
        },
    )


@pytest.fixture
async def emulator() -> AsyncIterator[TelegramEmulator]:
    emulator = TelegramEmulator(Stage(), limits=None)
    emulator.add_bot(TOKEN, "shop_bot")
    yield emulator
    await emulator.aclose()


@pytest.fixture
async def bench(emulator: TelegramEmulator) -> AsyncIterator[Bench]:
    said = emulator.say(CUSTOMER, "Здравствуйте")
    bot = emulator.bot()
    bot.backlog.clear()

    async def occupy(address: str) -> None:
        reply = await client.post(f"{base}/bot{TOKEN}/setWebhook", json={"url": address})
        assert reply.status_code == 200

    def receiver() -> str:
        return bot.courier.webhook.url if bot.courier.webhook else ""

    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        yield Bench(
            manifest=telegram.MANIFEST,
            config=telegram.Config(
                token=SecretStr(TOKEN),
                webhook_secret=SecretStr(SECRET),
                api_base=base,
                mode="webhook",
                username="shop_bot",
            ),
            http=LoopbackHttp(client),
            sign=post,
            proofs=("x-telegram-bot-api-secret-token",),
            told=json.dumps(TOLD).encode(),
            told_unknown=b'{"update_id": 870002, "poll_answer": {"poll_id": "1"}}',
            outgoing=Outgoing(
                key="reply-1",
                conversation=str(CUSTOMER),
                text="Есть 42-й, отложить?",
                quoted=f"{said.chat_id}:{said.message_id}",
            ),
            faults=FAULTS,
            elsewhere=ELSEWHERE,
            known_faults=frozenset(emulator.stage.known_faults),
            arm=lambda fault: emulator.stage.arm(fault, match="/bot"),
            speak=lambda text: emulator.say(CUSTOMER, text),
            address="https://hub.example.com/hooks/0192",
            occupy=occupy,
            receiver=receiver,
        )


@pytest.fixture
def channel(bench: Bench) -> telegram.Telegram:
    channel = bench.channel
    assert isinstance(channel, telegram.Telegram)
    return channel


def bare(error: ProviderError) -> Failure:
    """The failure without Telegram's sentence."""
    return replace(error.failure, detail="")


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # the emulator offers no event to wait for
        await asyncio.sleep(0.01)


def texts(emulator: TelegramEmulator) -> list[str]:
    (chat,) = emulator.chats()
    return [line["text"] for line in chat["messages"] if not line["deleted"]]


class TestTelegram(ChannelPromises):
    """Inherits every promise."""


class TestSending:
    async def test_formatting_survives_emoji(
        self, channel: telegram.Telegram, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        link = Span(kind=SpanKind.LINK, start=5, end=9, url="https://shop.example/42")
        bold = Span(kind=SpanKind.BOLD, start=0, end=4)
        sent = await channel.send(replace(bench.outgoing, text="👟👟ОК тут!", spans=(bold, link)))
        number = int(sent.provider_ids[0].partition(":")[2])
        entities = emulator.bot().chats[CUSTOMER].entries[number].wire["entities"]
        assert entities == [
            {"type": "bold", "offset": 0, "length": 6},
            {"type": "text_link", "offset": 7, "length": 4, "url": "https://shop.example/42"},
        ]

    async def test_a_reply_quotes_and_outlives_the_message_it_quotes(
        self, channel: telegram.Telegram, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        await channel.send(bench.outgoing)
        emulator.delete(CUSTOMER, 1)
        await channel.send(bench.outgoing)
        await channel.send(replace(bench.outgoing, quoted="-100500:1"))
        (chat,) = emulator.chats()
        assert [line["reply_to"] for line in chat["messages"]] == [None, 1, None, None]

    async def test_the_limit_is_telegrams_own(
        self, channel: telegram.Telegram, bench: Bench
    ) -> None:
        error = await refusal(channel.send(replace(bench.outgoing, text="😀" * 2049)))
        assert bare(error) == Permanent(code="telegram.too_long")

    async def test_what_is_nothing_to_be_shown_is_refused_rather_than_dropped(
        self, channel: telegram.Telegram, bench: Bench
    ) -> None:
        photo = Attachment(kind=AttachmentKind.IMAGE)
        error = await refusal(channel.send(replace(bench.outgoing, attachments=(photo,))))
        assert error.failure.code == "telegram.attachment_unsupported"
        assert not bench.http.calls

    async def test_edits_and_deletions_are_seen_by_the_customer(
        self, channel: telegram.Telegram, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        sent = (await channel.send(bench.outgoing)).provider_ids[0]
        await channel.edit(sent, replace(bench.outgoing, text="Есть 43-й"))
        assert texts(emulator) == ["Здравствуйте", "Есть 43-й"]
        await channel.delete(sent)
        assert texts(emulator) == ["Здравствуйте"]
        error = await refusal(channel.edit(sent, bench.outgoing))
        assert bare(error) == Permanent(code="telegram.nothing_to_edit", gone="message")

    async def test_a_lost_answer_to_an_edit_is_no_doubt(
        self, channel: telegram.Telegram, bench: Bench
    ) -> None:
        sent = (await channel.send(bench.outgoing)).provider_ids[0]
        bench.arm("cut_after")
        error = await refusal(channel.edit(sent, replace(bench.outgoing, text="Есть 43-й")))
        assert isinstance(error.failure, Transient)
        await channel.edit(sent, replace(bench.outgoing, text="Есть 43-й"))

    async def test_a_moved_group_tells_where_it_went(
        self, channel: telegram.Telegram, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        emulator.group_say(GROUP, CUSTOMER, "Всем привет")
        bench.arm("migrated")
        error = await refusal(channel.send(replace(bench.outgoing, conversation=str(GROUP))))
        assert bare(error) == Permanent(code="telegram.migrated", gone="conversation")
        assert error.failure.detail == "-1000000000700"

    async def test_our_budget_keeps_us_below_telegrams_limit(self, bench: Bench) -> None:
        budgets = {b.name: b for b in bench.manifest.budgets(bench.config, None)}
        limits = Limits()
        assert budgets["bot"].rate_per_s < limits.bot_per_second
        assert budgets["chat"].rate_per_s <= limits.chat_per_second
        assert budgets["chat"].burst <= limits.chat_burst


class TestListening:
    async def test_polled_and_pushed_updates_mean_the_same(
        self, channel: telegram.Telegram, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        said = emulator.say(CUSTOMER, "👟 есть?")
        (pending,) = emulator.bot().backlog.take(0, 1)
        (polled,) = (await channel.poll("")).parcels
        (pushed,) = bench.parcels(pending.body)
        assert said.text in pending.body.decode()
        assert polled.form == "update"
        assert polled.key.partition(":")[0] == pushed.key.partition(":")[0]
        assert bench.read(polled) == bench.read(pushed)

    async def test_an_unconfirmed_batch_comes_again_under_the_same_keys(
        self, channel: telegram.Telegram, emulator: TelegramEmulator
    ) -> None:
        emulator.say(CUSTOMER, "раз")
        assert await channel.poll("") == await channel.poll("")

    async def test_what_customers_do_is_read(
        self, channel: telegram.Telegram, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        emulator.say(CUSTOMER, "первое")
        cursor = (await channel.poll("")).cursor
        said = emulator.say(CUSTOMER, "второе")
        emulator.edit(CUSTOMER, said.message_id, "второе, исправлено")
        emulator.react(CUSTOMER, said.message_id, "👍")
        emulator.block(CUSTOMER)
        emulator.group_say(GROUP, CUSTOMER, "есть кто?")
        parcels = (await channel.poll(cursor)).parcels
        events = [event for parcel in parcels for event in bench.read(parcel).events]
        kinds = [
            MessageArrived,
            MessageEdited,
            ReactionChanged,
            ReachabilityChanged,
            ConversationRefused,
        ]
        assert [type(event) for event in events] == kinds

    async def test_a_second_listener_passes_and_a_webhook_needs_a_person(
        self, channel: telegram.Telegram, bench: Bench
    ) -> None:
        bench.arm("conflict")
        passing = await refusal(channel.poll(""))
        assert bare(passing) == Transient(code="telegram.second_listener")
        await bench.occupy(OTHERS)
        lasting = await refusal(channel.poll(""))
        assert bare(lasting) == Blocked(code="telegram.webhook_active", by="provider")

    async def test_a_webhook_set_while_we_listen_needs_a_person_too(
        self, channel: telegram.Telegram, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        listening = asyncio.create_task(channel.poll(""))
        await until(lambda: emulator.bot().poll is not None)
        await bench.occupy(OTHERS)
        assert (await refusal(listening)).failure.code == "telegram.webhook_active"

    async def test_a_garbled_batch_is_asked_for_again(
        self, channel: telegram.Telegram, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        emulator.say(CUSTOMER, "раз")
        bench.arm("garbled_success")
        error = await refusal(channel.poll(""))
        assert bare(error) == Transient(code="telegram.garbled_success")
        assert (await channel.poll("")).parcels


class TestTheDoor:
    def test_probes_are_answered_and_other_methods_are_not(self, bench: Bench) -> None:
        for method in ("GET", "HEAD"):
            assert bench.door.receive(Webhook(method=method)).parcels == ()
        with pytest.raises(ForgedWebhook):
            bench.door.receive(Webhook(method="PUT"))
        with pytest.raises(MalformedWebhook):
            bench.door.receive(replace(post(bench.told), method="PUT"))

    @pytest.mark.parametrize(
        "number", ["-1", "true", "1.0", '"1"', "null", "9223372036854775808", "9" * 5000]
    )
    def test_an_update_id_is_a_number_of_a_sane_size(self, bench: Bench, number: str) -> None:
        with pytest.raises(MalformedWebhook):
            bench.door.receive(post(f'{{"update_id": {number}}}'.encode()))

    def test_a_number_that_comes_again_after_a_week_is_another_event(self, bench: Bench) -> None:
        later = bench.told.replace(b"1793300000", b"1793990000")
        assert bench.parcels(bench.told)[0].key != bench.parcels(later)[0].key

    async def test_the_emulators_own_delivery_opens_it(
        self, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        heard: asyncio.Queue[Webhook] = asyncio.Queue()

        async def hub(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await lifespan(receive, send)
                return
            call = await read_request(scope, receive)
            heard.put_nowait(Webhook(method=call.method, body=call.body, headers=call.headers))
            await respond(send, Response())

        async with serving(hub) as base:
            channel = bench.channel
            assert isinstance(channel, telegram.Telegram)
            await channel.set_up(f"{base}/hooks/0192", take_over=False)
            emulator.say(CUSTOMER, "Есть кто?")
            hook = await heard.get()
        (parcel,) = bench.door.receive(hook).parcels
        (event,) = bench.read(parcel).events
        assert isinstance(event, MessageArrived)
        assert event.message.text == "Есть кто?"


class TestRegistration:
    async def test_a_webhook_needs_a_secret(self, bench: Bench) -> None:
        channel = bench.with_changes({"webhook_secret": ""}).channel
        assert isinstance(channel, SetsUp)
        error = await refusal(channel.set_up(bench.address, take_over=False))
        assert bare(error) == Permanent(code="telegram.no_webhook_secret")
        assert not bench.receiver()

    async def test_without_an_address_we_listen(self, bench: Bench) -> None:
        channel = bench.channel
        assert isinstance(channel, SetsUp)
        done = await channel.set_up("", take_over=False)
        assert done.changes == {"username": "shop_bot", "mode": "polling", "webhook_url": ""}
        assert done.notes

    async def test_going_over_to_listening_removes_our_own_webhook(self, bench: Bench) -> None:
        channel = bench.channel
        assert isinstance(channel, SetsUp)
        done = await channel.set_up(bench.address, take_over=False)
        later = bench.with_changes({**done.changes, "mode": "polling"}).channel
        assert isinstance(later, SetsUp)
        await later.set_up(bench.address, take_over=False)
        assert not bench.receiver()

    async def test_what_was_registered_after_us_is_left_alone(self, bench: Bench) -> None:
        channel = bench.channel
        assert isinstance(channel, SetsUp)
        done = await channel.set_up(bench.address, take_over=False)
        await bench.occupy(OTHERS)
        later = bench.with_changes(done.changes).channel
        assert isinstance(later, SetsUp)
        await later.tear_down()
        assert bench.receiver() == OTHERS

    async def test_a_diagnosis_repeats_what_telegram_complains_of(
        self, bench: Bench, emulator: TelegramEmulator
    ) -> None:
        channel = bench.channel
        assert isinstance(channel, telegram.Telegram)
        nowhere = "http://127.0.0.1:9/hooks/0192"
        await channel.set_up(nowhere, take_over=False)
        emulator.say(CUSTOMER, "кто-нибудь?")
        await until(lambda: bool(emulator.pushed()))
        bench.http.at = emulator.stage.clock.now()
        warnings = [f for f in await channel.diagnose(nowhere) if f.level == "warning"]
        assert "closed" in warnings[0].what

    async def test_a_network_that_is_down_is_a_finding(self, bench: Bench) -> None:
        channel = bench.with_changes({"api_base": "http://127.0.0.1:9"}).channel
        assert isinstance(channel, telegram.Telegram)
        (finding,) = await channel.diagnose(bench.address)
        assert finding.level == "problem"
        assert "net.ConnectError" in finding.what
