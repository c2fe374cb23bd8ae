"""The emulator itself: it finds the bot and the method, meets faults, and answers."""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from channel_clients.emulators.stage import App, Request, Response, Stage, asgi
from channel_clients.emulators.telegram import account, sending, showing
from channel_clients.emulators.telegram.bots import Bot, Call
from channel_clients.emulators.telegram.control import answer_control
from channel_clients.emulators.telegram.courier import Courier, Pace, Pushed
from channel_clients.emulators.telegram.limits import Limits, Meter
from channel_clients.emulators.telegram.owners import Owners
from channel_clients.emulators.telegram.parameters import Parameters, parameters_of
from channel_clients.emulators.telegram.refusals import (
    ANY_CALL,
    CHAT_CALL,
    FAULTS,
    GARBLED,
    Refused,
    migrated,
    other_poller,
)
from channel_clients.emulators.telegram.updates import Backlog
from channel_clients.emulators.telegram.world import World

Method = Callable[[Call], Any | Awaitable[Any]]

METHODS: Mapping[str, Method] = {
    "getme": account.get_me,
    "getupdates": account.get_updates,
    "setwebhook": account.set_webhook,
    "deletewebhook": account.delete_webhook,
    "getwebhookinfo": account.get_webhook_info,
    "answercallbackquery": account.answer_callback_query,
    "getchat": account.get_chat,
    "getfile": account.get_file,
    "getuserprofilephotos": account.get_user_profile_photos,
    "logout": account.log_out,
    "close": account.close,
    "sendmessage": sending.send_message,
    "sendphoto": showing.send_photo,
    "senddocument": showing.send_document,
    "sendvoice": showing.send_voice,
    "sendaudio": showing.send_audio,
    "sendvideo": showing.send_video,
    "sendmediagroup": showing.send_media_group,
    "sendlocation": showing.send_location,
    "sendvenue": showing.send_venue,
    "sendcontact": showing.send_contact,
    "sendchataction": sending.send_chat_action,
    "editmessagetext": sending.edit_message_text,
    "editmessagecaption": showing.edit_message_caption,
    "deletemessage": sending.delete_message,
    "deletebusinessmessages": sending.delete_business_messages,
    "getbusinessconnection": account.get_business_connection,
    "setmessagereaction": sending.set_message_reaction,
}
_METHOD_PATH = re.compile(r"/bot([1-9]\d*:[\w-]+)/([^/]*)")
_FILE_PATH = re.compile(r"/file/bot([1-9]\d*:[\w-]+)/(.+)")
_LIMITS = Limits()
_PACE = Pace()


class TelegramEmulator(Owners):
    """Telegram, as far as bots can see it. The acts of its people are those of `Owners`."""

    def __init__(
        self, stage: Stage, *, limits: Limits | None = _LIMITS, pace: Pace = _PACE
    ) -> None:
        """Without `limits` nothing is refused for coming too fast; `pace` is that of webhooks."""
        super().__init__(World(stage.clock, Meter(limits, stage.clock)))
        self.stage = stage
        stage.known_faults |= FAULTS
        self._pace = pace
        self.app: App = asgi(stage, self.answer, self.control)

    def add_bot(self, token: str, username: str) -> Bot:
        """Register a bot, as BotFather would."""
        if not _METHOD_PATH.fullmatch(f"/bot{token}/"):
            raise ValueError("a token is a number, a colon, and letters, digits, _ or -")
        backlog = Backlog(self.stage.clock)

        async def perform(method: str, values: dict[str, Any]) -> None:
            await self._outcome(bot, method, Parameters(values))

        courier = Courier(self.stage, backlog, self._pace, perform)
        bot = Bot(token=token, username=username, backlog=backlog, courier=courier)
        self._bots[token] = bot
        return bot

    def pushed(self, bot: str | None = None) -> tuple[Pushed, ...]:
        """Return every attempt to deliver an update to a bot's webhook, in order."""
        return tuple(self.bot(bot).courier.pushed)

    async def drain(self) -> None:
        """Wait until nothing is left to deliver to any webhook."""
        await asyncio.gather(*(bot.courier.drain() for bot in self._bots.values()))

    async def aclose(self) -> None:
        """Stop delivering and polling; what was not delivered stays pending."""
        for bot in self._bots.values():
            account.end_poll(bot, other_poller())
            await bot.courier.aclose()

    async def control(self, request: Request) -> Response:
        """Answer the `/_stage/` routes."""
        return await answer_control(self.stage, self, request)

    async def answer(self, request: Request) -> Response:
        """Answer as `api.telegram.org` would."""
        if file := _FILE_PATH.fullmatch(request.path):
            return self._download(file[1], file[2])
        path = _METHOD_PATH.fullmatch(request.path)
        if path is None:
            return Refused(404, "Not Found").response()
        bot = self._bots.get(path[1])
        if bot is None:
            return Refused(401, "Unauthorized").response()
        if fault := self.stage.take(request, set(ANY_CALL)):
            return ANY_CALL[fault.name]
        try:
            asked = parameters_of(request)
        except Refused as refused:
            return refused.response()
        return await self._answer_method(request, bot, path[2].lower(), asked)

    async def _answer_method(
        self, request: Request, bot: Bot, method: str, asked: Parameters
    ) -> Response:
        if asked.has("chat_id"):
            if fault := self.stage.take(request, set(CHAT_CALL)):
                return CHAT_CALL[fault.name]
            if self.stage.take(request, {"migrated"}):
                return _migrate(Call(self.world, bot, asked))
        if method == "getupdates" and self.stage.take(request, {"conflict"}):
            return other_poller().response()
        response = await self._outcome(bot, method, asked)
        if response.status == 200 and self.stage.take(request, {"garbled_success"}):
            return GARBLED
        return response

    async def _outcome(self, bot: Bot, name: str, asked: Parameters) -> Response:
        try:
            result = await self._call(bot, name, asked)
        except Refused as refused:
            return refused.response()
        if isinstance(result, account.Told):
            told = {"ok": True, "result": result.result, "description": result.description}
            return Response.of(told)
        return Response.of({"ok": True, "result": result})

    async def _call(self, bot: Bot, name: str, asked: Parameters) -> Any:
        if bot.logged_out:
            raise Refused(400, "Logged out")
        if name not in METHODS:
            raise Refused(404, "Not Found: method not found")
        result = METHODS[name](Call(self.world, bot, asked))
        return await result if inspect.isawaitable(result) else result

    def _download(self, token: str, path: str) -> Response:
        file = next((file for file in self.world.files.values() if file.path == path), None)
        if token not in self._bots:
            return Refused(401, "Unauthorized").response()
        if file is None or file.size > account.MAX_DOWNLOAD_BYTES:
            return Refused(404, "Not Found").response()
        headers = {"content-type": "application/octet-stream"}
        return Response(body=file.content, headers=headers)


def _migrate(call: Call) -> Response:
    try:
        return migrated(call.bot.migrate(call.chat())).response()
    except Refused as refused:
        return refused.response()
