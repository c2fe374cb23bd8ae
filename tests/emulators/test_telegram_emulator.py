"""The emulated Telegram against two independent clients of the real one, aiogram and PTB."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import telegram as ptb
from aiogram import Bot as AiogramBot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    RestartingTelegram,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    InputMediaVideo,
    ReactionTypeEmoji,
    ReplyParameters,
    Update,
)

from channel_clients.emulators.stage import Request, Response, Stage, asgi, serving
from channel_clients.emulators.telegram import Pace, TelegramEmulator
from channel_clients.emulators.telegram.specimens import SPECIMENS
from tests.emulators.telegram_scene import CUSTOMER, OTHER, TOKEN, ask


@asynccontextmanager
async def over_http(emulator: TelegramEmulator) -> AsyncIterator[AiogramBot]:
    async with serving(emulator.app) as base_url:
        session = AiohttpSession(api=TelegramAPIServer.from_base(base_url))
        async with AiogramBot(TOKEN, session=session) as bot:
            yield bot
    await emulator.aclose()


@pytest.fixture
async def live() -> TelegramEmulator:
    """An emulator in real time, for use over HTTP; its customer has already written."""
    emulator = TelegramEmulator(Stage(), limits=None, pace=Pace(retry_scale=0.01))
    emulator.add_bot(TOKEN, "shop_bot")
    emulator.say(CUSTOMER, "Здравствуйте", name="Ника П")
    return emulator


async def test_aiogram_converses_with_it(live: TelegramEmulator) -> None:
    async with over_http(live) as bot:
        me = await bot.get_me()
        assert (me.id, me.username, me.is_bot) == (7, "shop_bot", True)
        sent = await bot.send_message(
            CUSTOMER,
            "<b>Какой</b> размер?",
            parse_mode="HTML",
            reply_parameters=ReplyParameters(message_id=1, quote="Здрав"),
            reply_markup=InlineKeyboardMarkup(
                inline_keyboard=[[InlineKeyboardButton(text="42", callback_data="size:42")]]
            ),
        )
        assert (sent.message_id, sent.text, sent.chat.full_name) == (2, "Какой размер?", "Ника П")
        assert sent.entities is not None
        assert sent.entities[0].type == "bold"
        assert sent.quote is not None
        assert sent.quote.text == "Здрав"
        edited = await bot.edit_message_text(
            chat_id=CUSTOMER, message_id=2, text="Какой у вас размер?"
        )
        assert not isinstance(edited, bool)
        assert edited.edit_date is not None
        assert await bot.send_chat_action(CUSTOMER, "typing")
        assert await bot.set_message_reaction(CUSTOMER, 1, [ReactionTypeEmoji(emoji="❤️")])
        assert (await bot.get_chat(CUSTOMER)).type == "private"
        assert (await bot.get_user_profile_photos(CUSTOMER)).total_count == 0
        assert await bot.delete_message(CUSTOMER, 2)
    [chat] = live.chats()
    assert [(m["from"], m["text"], m["deleted"]) for m in chat["messages"]] == [
        ("customer", "Здравствуйте", False),
        ("bot", "Какой у вас размер?", True),
    ]
    assert (chat["messages"][1]["reply_to"], chat["messages"][1]["edited"]) == (1, True)


async def test_aiogram_uploads_and_downloads_files(live: TelegramEmulator) -> None:
    async with over_http(live) as bot:
        upload = BufferedInputFile(b"%PDF-1.4\r\n\x00\xff", filename="invoice.pdf")
        sent = await bot.send_document(CUSTOMER, upload, caption="Счёт")
        assert sent.document is not None
        assert (sent.document.file_name, sent.caption) == ("invoice.pdf", "Счёт")
        photo = await bot.send_photo(CUSTOMER, BufferedInputFile(b"\xff\xd8", filename="a.jpg"))
        assert photo.photo
        again = await bot.send_photo(CUSTOMER, photo.photo[-1].file_id)
        assert again.photo
        assert again.photo[-1].file_unique_id == photo.photo[-1].file_unique_id
        content = await bot.download(sent.document.file_id)
        assert content is not None
        assert content.read() == b"%PDF-1.4\r\n\x00\xff"
        live.show(CUSTOMER, "document", size_bytes=20_000_001)
        [*_, update] = await bot.get_updates()
        assert update.message is not None
        assert update.message.document is not None
        with pytest.raises(TelegramBadRequest, match="file is too big"):
            await bot.get_file(update.message.document.file_id)


async def test_aiogram_shows_things(live: TelegramEmulator) -> None:
    async with over_http(live) as bot:
        voice = await bot.send_voice(CUSTOMER, BufferedInputFile(b"OggS", "a.oga"), duration=4)
        assert voice.voice is not None
        assert voice.voice.duration == 4
        photo = InputMediaPhoto(media=BufferedInputFile(b"\xff\xd8 1", "1.jpg"), caption="Вот")
        film = InputMediaVideo(media=BufferedInputFile(b"ftyp 2", "2.mp4"))
        first, second = await bot.send_media_group(CUSTOMER, [photo, film])
        assert (first.caption, second.caption) == ("Вот", None)
        assert first.media_group_id == second.media_group_id is not None
        edited = await bot.edit_message_caption(
            chat_id=CUSTOMER, message_id=first.message_id, caption="Вот они"
        )
        assert not isinstance(edited, bool)
        assert edited.caption == "Вот они"
        with pytest.raises(TelegramBadRequest, match="there is no text in the message to edit"):
            await bot.edit_message_text(chat_id=CUSTOMER, message_id=first.message_id, text="x")
        venue = await bot.send_venue(CUSTOMER, 55.75, 37.61, "Кафе", "Арбат, 1")
        assert venue.venue is not None
        assert venue.venue.location.latitude == 55.75
        card = await bot.send_contact(CUSTOMER, "+79990001122", "Антон")
        assert card.contact is not None
        assert (await bot.send_location(CUSTOMER, 55.75, 37.61)).location is not None
        assert second.video is not None
        content = await bot.download(second.video.file_id)
        assert content is not None
        assert content.read() == b"ftyp 2"


async def test_python_telegram_bot_shows_things(live: TelegramEmulator) -> None:
    async with (
        serving(live.app) as base_url,
        ptb.Bot(TOKEN, base_url=f"{base_url}/bot", base_file_url=f"{base_url}/file/bot") as bot,
    ):
        tune = await bot.send_audio(CUSTOMER, b"ID3 tune", duration=7, filename="песня.mp3")
        assert tune.audio is not None
        assert tune.audio.file_name == "песня.mp3"
        video = await bot.send_video(CUSTOMER, b"ftyp", caption="<b>Вот</b>", parse_mode="HTML")
        assert video.caption_entities[0].type == "bold"
        papers = [ptb.InputMediaDocument(bytes([n]), filename=f"{n}.pdf") for n in range(3)]
        album = await bot.send_media_group(CUSTOMER, papers)
        file = await bot.get_file(album[2].document.file_id) if album[2].document else None
        assert file is not None
        assert bytes(await file.download_as_bytearray()) == b"\x02"


async def test_python_telegram_bot_fetches_what_a_customer_sends(live: TelegramEmulator) -> None:
    async with (
        serving(live.app) as base_url,
        ptb.Bot(TOKEN, base_url=f"{base_url}/bot", base_file_url=f"{base_url}/file/bot") as bot,
    ):
        for kind in ("voice", "audio", "video", "video_note", "sticker", "animation"):
            live.show(CUSTOMER, kind, content=kind.encode())
            [*_, update] = await bot.get_updates()
            assert update.message is not None
            shown = update.message.effective_attachment
            assert isinstance(
                shown,
                ptb.Voice | ptb.Audio | ptb.Video | ptb.VideoNote | ptb.Sticker | ptb.Animation,
            )
            file = await shown.get_file()
            assert bytes(await file.download_as_bytearray()) == kind.encode()


async def test_python_telegram_bot_converses_with_it(live: TelegramEmulator) -> None:
    async with (
        serving(live.app) as base_url,
        ptb.Bot(TOKEN, base_url=f"{base_url}/bot", base_file_url=f"{base_url}/file/bot") as bot,
    ):
        assert bot.username == "shop_bot"
        sent = await bot.send_message(
            CUSTOMER,
            "Готово",
            reply_to_message_id=1,
            entities=[ptb.MessageEntity("bold", 0, 6)],
        )
        assert sent.reply_to_message is not None
        assert sent.reply_to_message.text == "Здравствуйте"
        assert sent.entities[0].type == "bold"
        edited = await bot.edit_message_text("Готово!", CUSTOMER, sent.message_id)
        assert not isinstance(edited, bool)
        assert edited.text == "Готово!"
        photo = await bot.send_photo(CUSTOMER, b"\xff\xd8\xff")
        file = await bot.get_file(photo.photo[-1].file_id)
        assert bytes(await file.download_as_bytearray()) == b"\xff\xd8\xff"
        [update] = await bot.get_updates()
        assert update.message is not None
        assert update.message.text == "Здравствуйте"
        live.block(CUSTOMER)
        with pytest.raises(ptb.error.Forbidden, match="bot was blocked by the user"):
            await bot.send_message(CUSTOMER, "Вы здесь?")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("flood", TelegramRetryAfter),
        ("flood_at_proxy", ClientDecodeError),
        ("token_revoked", TelegramUnauthorizedError),
        ("restart", RestartingTelegram),
        ("blocked_by_user", TelegramForbiddenError),
        ("user_deactivated", TelegramForbiddenError),
        ("no_such_chat", TelegramBadRequest),
        ("migrated", TelegramMigrateToChat),
        ("garbled_success", ClientDecodeError),
        ("cut_before", TelegramNetworkError),
        ("cut_after", TelegramNetworkError),
    ],
)
async def test_aiogram_knows_every_fault_for_what_it_is(
    live: TelegramEmulator, fault: str, error: type[Exception]
) -> None:
    live.stage.arm(fault, match="/sendMessage")
    async with over_http(live) as bot:
        await bot.get_me()
        with pytest.raises(error):
            await bot.send_message(CUSTOMER, "Ответ")
        applied = [m["text"] for m in live.chats()[0]["messages"] if m["from"] == "bot"]
        assert applied == (["Ответ"] if fault in {"garbled_success", "cut_after"} else [])
        await bot.send_message(CUSTOMER, "Ещё раз")
    assert live.stage.faults_met == {fault: 1}


async def test_tokens_and_methods_that_do_not_exist_are_told_apart(live: TelegramEmulator) -> None:
    async with serving(live.app) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        replies = [
            (await client.get(path)).json()
            for path in (f"/bot{OTHER}/getMe", "/botnonsense/getMe", f"/bot{TOKEN}/getTea", "/")
        ]
        assert [(reply["error_code"], reply["description"]) for reply in replies] == [
            (401, "Unauthorized"),
            (404, "Not Found"),
            (404, "Not Found: method not found"),
            (404, "Not Found"),
        ]
        assert (await client.get(f"/bot{TOKEN}/GETME")).json()["result"]["id"] == 7
        form = {"chat_id": CUSTOMER, "text": "x", "reply_parameters": '{"message_id":1}'}
        sent = (await client.post(f"/bot{TOKEN}/sendmessage", data=form)).json()
        assert sent["result"]["reply_to_message"]["message_id"] == 1
        assert (await client.post(f"/bot{TOKEN}/getMe", json=[1])).status_code == 400
    async with over_http(live) as bot:
        with pytest.raises(TelegramNotFound):
            await bot.get_my_commands()


async def test_a_webhook_is_called_over_http_with_its_secret(live: TelegramEmulator) -> None:
    seen: list[Request] = []

    async def hub(request: Request) -> Response:
        seen.append(request)
        return Response(status=500 if len(seen) == 1 else 204)

    stage = Stage()
    async with serving(asgi(stage, hub, hub)) as hub_url, over_http(live) as bot:
        await bot.set_webhook(f"{hub_url}/hook", secret_token="s-3_cret")
        live.say(CUSTOMER, "Есть 42?", reply_to=1)
        await live.drain()
        info = await bot.get_webhook_info()
        assert info.pending_update_count == 0
        assert info.last_error_message is not None
        assert info.last_error_message.startswith("Wrong response from the webhook: 500 Internal")
    assert [request.path for request in seen] == ["/hook"] * 3
    assert {r.headers["x-telegram-bot-api-secret-token"] for r in seen} == {"s-3_cret"}
    assert seen[0].headers["content-type"] == "application/json"
    update = Update.model_validate(seen[-1].json())
    assert update.message is not None
    assert update.message.text == "Есть 42?"
    assert update.message.reply_to_message is not None


async def test_everything_a_customer_does_parses_as_an_update(live: TelegramEmulator) -> None:
    live.bot().allowed |= {"message_reaction"}
    async with over_http(live) as bot:
        markup = {"inline_keyboard": [[{"text": "42", "callback_data": "size:42"}]]}
        await ask(live, "sendMessage", chat_id=CUSTOMER, text="Какой размер?", reply_markup=markup)
        live.say(CUSTOMER, "42", reply_to=2, quote="размер")
        live.edit(CUSTOMER, 3, "43")
        live.start(CUSTOMER, "promo_7")
        live.share_contact(CUSTOMER, "79990001122")
        live.share_contact(CUSTOMER, "79990003344", whose_id=55)
        for kind in SPECIMENS:
            live.show(CUSTOMER, kind, forwarded_from="Инкогнито")
        query_id = live.press(CUSTOMER, 2, "size:42")
        live.react(CUSTOMER, 2, "👍")
        live.block(CUSTOMER)
        live.unblock(CUSTOMER)
        live.group_say(-100500, CUSTOMER, "Всем привет", name="Ника")
        updates = await bot.get_updates(
            allowed_updates=["message", "edited_message", "callback_query", "message_reaction"]
        )
        assert await bot.answer_callback_query(query_id)
        with pytest.raises(TelegramBadRequest, match="query is too old"):
            await bot.answer_callback_query(query_id)
    assert [update.event_type for update in updates] == [
        *("message", "message", "edited_message", "message", "message", "message"),
        *["message"] * len(SPECIMENS),
        *("callback_query", "message_reaction", "my_chat_member", "my_chat_member", "message"),
    ]
    forwarded = [update.message for update in updates if update.message]
    shown = [str(m.content_type) for m in forwarded if m.forward_origin]
    assert len(shown) == len(SPECIMENS)
    assert not {"ContentType.TEXT", "ContentType.UNKNOWN"} & set(shown)
    assert [u.update_id for u in updates] == sorted({u.update_id for u in updates})
    reply, own, foreign = updates[1].message, updates[4].message, updates[5].message
    assert reply is not None
    assert reply.quote is not None
    assert reply.quote.position == 6
    assert own is not None
    assert own.contact is not None
    assert own.contact.user_id == CUSTOMER
    assert foreign is not None
    assert foreign.contact is not None
    assert foreign.contact.user_id == 55
    start = updates[3].message
    assert start is not None
    assert start.entities is not None
    assert start.entities[0].type == "bot_command"


async def test_aiogram_serves_a_business_account(live: TelegramEmulator) -> None:
    async with over_http(live) as bot:
        account = live.connect_business(555000)
        said = live.business_say(account, CUSTOMER, "Есть 42?")
        live.business_show(account, CUSTOMER, "photo", by_owner=True)
        sent = await bot.send_message(CUSTOMER, "Есть", business_connection_id=account)
        assert sent.business_connection_id == account
        assert sent.sender_business_bot is not None
        live.business_edit(account, CUSTOMER, said.message_id, "Есть 43?")
        assert await bot.delete_business_messages(account, [sent.message_id])
        live.business_delete(account, CUSTOMER, [said.message_id])
        assert (await bot.get_business_connection(account)).user.id == 555000
        updates = await bot.get_updates()
        live.disconnect_business(account)
        with pytest.raises(TelegramBadRequest, match="business connection not found"):
            await bot.send_message(CUSTOMER, "Есть", business_connection_id=account)
    kinds = sorted(update.event_type for update in updates)
    assert kinds == [
        "business_connection",
        *["business_message"] * 3,
        *("deleted_business_messages", "edited_business_message", "message"),
    ]
    [told] = [u.deleted_business_messages for u in updates if u.deleted_business_messages]
    assert told.message_ids == [said.message_id]


async def test_a_second_poller_and_a_webhook_end_a_poll_with_409(live: TelegramEmulator) -> None:
    async with over_http(live) as bot:
        [update] = await bot.get_updates()
        after = update.update_id + 1
        first = asyncio.create_task(bot.get_updates(offset=after, timeout=5))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(bot.get_updates(offset=after, timeout=5))
        with pytest.raises(TelegramConflictError, match="terminated by other getUpdates"):
            await first
        await bot.set_webhook("http://127.0.0.1:9/hook")
        with pytest.raises(TelegramConflictError, match="terminated by setWebhook"):
            await second
        with pytest.raises(TelegramConflictError, match="while webhook is active"):
            await bot.get_updates()
        await bot.delete_webhook()
        live.stage.arm("conflict")
        with pytest.raises(TelegramConflictError, match="terminated by other getUpdates"):
            await bot.get_updates()
