"""The adapter: what a channel owes the hub, in calls of the Bot API."""

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any

from channel_clients.contract import Can
from channel_clients.telegram import files, registration
from channel_clients.telegram.api import (
    ANSWER_PRESS,
    DELETE_BUSINESS,
    DELETE_MESSAGE,
    EDIT_CAPTION,
    EDIT_TEXT,
    GET_ME,
    GET_UPDATES,
    LISTEN_FOR,
    SEND_ACTION,
    SET_REACTION,
    BotApi,
    Method,
)
from channel_clients.telegram.chats import ChatAddress, message_at
from channel_clients.telegram.config import Config
from channel_clients.telegram.door import TelegramDoor, parcels_of
from channel_clients.telegram.evidence import EVIDENCE
from channel_clients.telegram.failures import NO_TEXT, NOT_MODIFIED, NOTHING_TO_DELETE
from channel_clients.telegram.reading import read_update
from channel_clients.telegram.saying import keyboard, say, words_for
from channel_clients.telegram.wire import pressed_in
from mappers.vocabulary import (
    Account,
    Arrival,
    Attachment,
    AttachmentKind,
    FetchedFile,
    Http,
    Outgoing,
    Permanent,
    Polled,
    ProviderError,
    Reading,
    Receipt,
    Status,
)
from mappers.vocabulary.adapters import Budget, Finding, Manifest, SetUp

POLLED = "update"
SHOWN = frozenset(AttachmentKind) - {AttachmentKind.OTHER}


@dataclass(frozen=True, slots=True)
class Telegram:
    """One bot."""

    config: Config
    http: Http

    def read(self, arrival: Arrival) -> Reading:
        return read_update(arrival, self.config)

    async def check(self) -> Account:
        bot = await self._api.call(GET_ME)
        url = f"https://t.me/{bot.username}"
        return Account(id=str(bot.id), title=f"@{bot.username}", url=url)

    async def send(self, outgoing: Outgoing) -> Receipt:
        at = ChatAddress.of(outgoing.conversation)
        numbers = await say(self._api, outgoing)
        return Receipt(provider_ids=tuple(at.message(number) for number in numbers))

    async def edit(self, sent: str, outgoing: Outgoing) -> None:
        """Change the text; of a message that shows something, the caption.

        Buttons that are not named again would go.
        """
        try:
            await self._edit(EDIT_TEXT, sent, _anew(outgoing, "text"))
        except ProviderError as error:
            if error.failure.code != NO_TEXT:
                raise
            await self._edit(EDIT_CAPTION, sent, _anew(outgoing, "caption"))

    async def delete(self, sent: str) -> None:
        at, number = message_at(sent)
        if at.business:
            form: dict[str, Any] = {"business_connection_id": at.business, "message_ids": [number]}
            deleting = self._api.call(DELETE_BUSINESS, form, budgets=at.budgets)
        else:
            form = {**at.form, "message_id": number}
            deleting = self._api.call(DELETE_MESSAGE, form, budgets=at.budgets)
        await _unless(NOTHING_TO_DELETE, deleting)

    async def react(self, name: str, emoji: str) -> None:
        """Bots may only use the emoji of Telegram's own list: it judges, we do not repeat it.

        Telegram spells them without the mark that asks for a coloured picture.
        """
        at, number = ChatAddress.of(name.rpartition(":")[0]), name.rpartition(":")[2]
        if at.business or not number.isdecimal():
            raise ProviderError(Permanent(code="telegram.nothing_to_react_to"))
        shown = emoji.replace("\N{VARIATION SELECTOR-16}", "")
        wanted = [{"type": "emoji", "emoji": shown}] if shown else []
        form = {**at.form, "message_id": int(number), "reaction": wanted}
        await self._api.call(SET_REACTION, form, budgets=at.budgets)

    async def show_typing(self, conversation: str) -> None:
        """It counts against the bot's limit and not the chat's, so that no answer waits for it."""
        form = {**ChatAddress.of(conversation).form, "action": "typing"}
        await self._api.call(SEND_ACTION, form)

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        return await files.fetch(self._api, attachment, limit_bytes)

    async def poll(self, cursor: str) -> Polled:
        """Asking for updates after `cursor` makes Telegram forget those before it.

        A pressed button is answered on the way, or the customer's phone would show it as busy.
        """
        form: dict[str, Any] = {
            "timeout": int(LISTEN_FOR.total_seconds()),
            "allowed_updates": list(registration.ALLOWED_UPDATES),
        }
        if cursor:
            form["offset"] = int(cursor)
        updates = await self._api.call(GET_UPDATES, form, budgets=())
        parcels = tuple(
            parcel
            for update in updates
            for parcel in parcels_of(update.model_dump(), update.model_dump_json().encode(), POLLED)
        )
        await self._answer(pressed_in(updates))
        after = str(max(update.update_id for update in updates) + 1) if updates else cursor
        return Polled(parcels=parcels, cursor=after)

    async def set_up(self, address: str, *, take_over: bool) -> SetUp:
        return await registration.set_up(self._api, address, take_over=take_over)

    async def tear_down(self) -> None:
        await registration.tear_down(self._api)

    async def diagnose(self, address: str) -> tuple[Finding, ...]:
        return await registration.diagnose(self._api, address)

    async def _answer(self, presses: Iterable[str]) -> None:
        """Calm the phones, as far as that goes: the presses are relayed all the same."""
        for press in presses:
            try:
                await self._api.call(ANSWER_PRESS, {"callback_query_id": press}, budgets=())
            except ProviderError as error:
                if not isinstance(error.failure, Permanent):  # an old press is no reason to stop
                    return

    async def _edit(self, method: Method[Any], sent: str, words: dict[str, Any]) -> None:
        at, number = message_at(sent)
        form = {**at.form, "message_id": number, **words}
        await _unless(NOT_MODIFIED, self._api.call(method, form, budgets=at.budgets))

    @property
    def _api(self) -> BotApi:
        return BotApi(self.config, self.http)


def _anew(outgoing: Outgoing, name: str) -> dict[str, Any]:
    return {**words_for(outgoing, name), **keyboard(outgoing.buttons)}


async def _unless(harmless: str, attempt: Awaitable[object]) -> None:
    """Make a call that may find its work done already."""
    try:
        await attempt
    except ProviderError as error:
        if error.failure.code != harmless:
            raise


def _budgets(config: Config, _application: None) -> tuple[Budget, ...]:
    """Telegram sends about 30 messages a second for a bot and one for a chat; bursts pass."""
    key = f"telegram:{config.bot_id}"
    return (
        Budget(name="bot", key=key, rate_per_s=25, burst=25),
        Budget(name="chat", key=f"{key}:chat", rate_per_s=1, burst=3),
    )


def _build(config: Config, _application: None, http: Http) -> Telegram:
    return Telegram(config, http)


MANIFEST: Manifest[Config, None, Telegram, Can] = Manifest(
    name="telegram",
    title="Telegram",
    config=Config,
    application=None,
    accounts=lambda config: (config.bot_id,),
    build=_build,
    door=TelegramDoor.of,
    application_door=None,
    budgets=_budgets,
    bases=lambda config, _application: (config.api_base,),
    evidence=EVIDENCE,
    can=Can(
        text_limit=4096,
        text_unit="utf16",
        caption_limit=1024,
        attachments=SHOWN,
        album=10,
        file_limit_bytes=50_000_000,
        buttons=100,
        accepted=Status.SENT,
        quotes=True,
        edits=True,
        deletes=True,
        reactions=True,
        typing=True,
        polls=True,
    ),
)
