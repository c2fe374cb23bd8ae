"""The adapter: what a channel owes the hub, in calls of the Bot API."""

from dataclasses import dataclass
from typing import Any

from channel_clients.contract import Can
from channel_clients.telegram import files, registration
from channel_clients.telegram.api import (
    DELETE_MESSAGE,
    EDIT_TEXT,
    GET_ME,
    GET_UPDATES,
    LISTEN_FOR,
    SEND_MESSAGE,
    BotApi,
)
from channel_clients.telegram.config import Config
from channel_clients.telegram.door import TelegramDoor, parcel
from channel_clients.telegram.failures import NOT_MODIFIED, NOTHING_TO_DELETE
from channel_clients.telegram.reading import read_update
from channel_clients.telegram.spans import entities_for
from mappers.vocabulary import (
    Account,
    Arrival,
    Attachment,
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
NO_ATTACHMENTS = Permanent(
    code="telegram.attachment_unsupported", detail="only text can be sent to Telegram yet"
)


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
        chat = outgoing.conversation
        form = {"chat_id": chat, **_said(outgoing)}
        if quoted := _number(outgoing.quoted, chat):
            # The quoted message may be gone by now; the answer matters more than the link.
            form["reply_parameters"] = {"message_id": quoted, "allow_sending_without_reply": True}
        sent = await self._api.call(SEND_MESSAGE, form, budgets=_counted(chat))
        return Receipt(provider_ids=(f"{chat}:{sent.message_id}",))

    async def edit(self, sent: str, outgoing: Outgoing) -> None:
        form = {**_address(sent), **_said(outgoing)}
        try:
            await self._api.call(EDIT_TEXT, form, budgets=_counted(form["chat_id"]))
        except ProviderError as error:
            if error.failure.code != NOT_MODIFIED:
                raise

    async def delete(self, sent: str) -> None:
        form = _address(sent)
        try:
            await self._api.call(DELETE_MESSAGE, form, budgets=_counted(form["chat_id"]))
        except ProviderError as error:
            if error.failure.code != NOTHING_TO_DELETE:
                raise

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        return await files.fetch(self._api, attachment, limit_bytes)

    async def poll(self, cursor: str) -> Polled:
        """Asking for updates after `cursor` makes Telegram forget those before it."""
        form: dict[str, Any] = {
            "timeout": int(LISTEN_FOR.total_seconds()),
            "allowed_updates": list(registration.ALLOWED_UPDATES),
        }
        if cursor:
            form["offset"] = int(cursor)
        updates = await self._api.call(GET_UPDATES, form, budgets=())
        parcels = tuple(
            parcel(update.update_id, update.model_dump_json().encode(), POLLED)
            for update in updates
        )
        after = str(max(update.update_id for update in updates) + 1) if updates else cursor
        return Polled(parcels=parcels, cursor=after)

    async def set_up(self, address: str, *, take_over: bool) -> SetUp:
        return await registration.set_up(self._api, address, take_over=take_over)

    async def tear_down(self) -> None:
        await registration.tear_down(self._api)

    async def diagnose(self, address: str) -> tuple[Finding, ...]:
        return await registration.diagnose(self._api, address)

    @property
    def _api(self) -> BotApi:
        return BotApi(self.config, self.http)


def _said(outgoing: Outgoing) -> dict[str, Any]:
    if outgoing.attachments:
        raise ProviderError(NO_ATTACHMENTS)
    entities = entities_for(outgoing.text, outgoing.spans)
    return {"text": outgoing.text} | ({"entities": entities} if entities else {})


def _address(sent: str) -> dict[str, Any]:
    chat, _, number = sent.rpartition(":")
    return {"chat_id": chat, "message_id": int(number)}


def _number(quoted: str, chat: str) -> int | None:
    """The number of a message in this chat; one from elsewhere cannot be answered here."""
    where, _, number = quoted.rpartition(":")
    return int(number) if where == chat else None


def _counted(chat: str) -> tuple[str, ...]:
    return ("bot", f"chat:{chat}")


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
    can=Can(
        text_limit=4096,
        text_unit="utf16",
        accepted=Status.SENT,
        quotes=True,
        edits=True,
        deletes=True,
        polls=True,
    ),
)
