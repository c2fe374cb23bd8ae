"""What the tests of faults share: doors to knock at, answers held back, a second shop in town.

The judges are the emulators, who remember what every customer and every operator saw.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from channel_clients.emulators.stage import Answer, Push, Request, Response, Stage, serving
from crm_clients.amocrm.oauth import expiry_in
from crm_clients.emulators.amocrm import signing
from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware.app import make_app
from middleware.clock import Clock
from middleware.connections.flow import Wanted, connect, register_application
from middleware.connections.model import ConnectionSettings
from middleware.db.engine import transaction
from middleware.db.migrate import giving_way, sole_connection
from middleware.hub import Hub, open_hub
from middleware.settings import Settings
from middleware.store.errors import StoreUnavailable
from middleware.store.policy import Policy
from middleware.working import working
from tests.journeys.town import ACCOUNT, TOKEN, Town, running

NINA, PETR = 1001, 1002
SECRET = "hush-hush"
SECRET_HEADER = "x-telegram-bot-api-secret-token"

# Calls that change something at a provider, and the search before them.
SEARCH = r"GET /shop/api/v4/contacts$"
CREATE_CONTACT = r"POST /shop/api/v4/contacts$"
CREATE_DEAL = r"POST /shop/api/v4/leads$"
WRITE = r"POST /amojo/v2/origin/custom/[0-9a-f-]{36}_[0-9a-f-]{36}$"
SEND = r"POST /bot\S+/sendMessage$"


# What both sides saw.


def words_of(town: Town, user: int, *, account: str = ACCOUNT, bot: str = TOKEN) -> list[str]:
    """What the operators read of one customer, in order."""
    name = f"telegram:{bot.partition(':')[0]}:{user}"
    chats = [chat for chat in town.amocrm.timeline(account) if chat.client_id == name]
    return [message.text for chat in chats for message in chat.messages]


def cards(town: Town, account: str = ACCOUNT) -> list[dict[str, Any]]:
    return [dict(each) for each in town.amocrm.contacts(account) if not each["is_deleted"]]


def deals(town: Town, account: str = ACCOUNT) -> list[dict[str, Any]]:
    return [dict(each) for each in town.amocrm.leads(account) if not each["is_deleted"]]


def calls(stage: Stage, pattern: str) -> list[int | None]:
    """How each call was answered whose "METHOD /path" looks like this."""
    lines = [line for line in stage.log if re.search(pattern, f"{line.method} {line.path}")]
    return [line.status for line in lines]


def show_repeats(town: Town) -> None:
    """Let the CRM take one message twice, so that nothing but the hub prevents it."""
    town.amocrm.switches.set("duplicate_msgid", "accept")


# Waiting, as long as it takes and no longer than anybody's patience.


async def until(town: Town, is_so: Callable[[], bool]) -> None:
    async with town.patience():
        while not is_so():
            await town.pause()


async def until_rows(town: Town, query: str, at_least: int = 1) -> None:
    """Wait until a count in the hub's own books is reached."""
    async with town.patience():
        while await town.count(query) < at_least:
            await town.pause()


async def until_database_answers(town: Town) -> None:
    async with town.patience():
        while True:
            try:
                await town.count("SELECT 1")
            except StoreUnavailable:
                await town.pause()
            else:
                return


# Hubs that come and go.


@asynccontextmanager
async def back_in(town: Town, settings: Settings | None = None) -> AsyncIterator[Town]:
    """Run a hub in a town whose hub is gone, and so are its leases."""
    await lapse(town)
    async with running(settings or town.hub.settings) as hub:
        yield replace(town, hub=hub)


@asynccontextmanager
async def running_by(clock: Clock, settings: Settings) -> AsyncIterator[Hub]:
    """Run a hub whose wall clock is the test's own."""
    async with (
        open_hub(settings, clock) as hub,
        working(hub),
        serving(make_app(hub), settings.port),
    ):
        yield hub


@asynccontextmanager
async def helping(settings: Settings) -> AsyncIterator[Hub]:
    """Run one more hub on the town's database, which nobody calls."""
    async with open_hub(settings) as hub, working(hub):
        yield hub


async def lapse(town: Town) -> None:
    """Let the time pass until the leases of the dead have run out."""
    await town.hub.connections.expire_leases()


async def change(town: Town, statement: str, **values: Any) -> None:
    """Change the hub's database behind its back."""
    async with transaction(town.hub.engine) as at:
        await at.execute(text(statement), values)


async def migrate(town: Town, statement: str) -> None:
    """Change the schema as a newer version beside the hub would, giving way to traffic."""

    async def once() -> None:
        url = town.hub.engine.url.render_as_string(hide_password=False)
        async with sole_connection(url) as at:
            await at.execute(text(statement))
            await at.commit()

    await giving_way(once)


# The network.


class Gate:
    """Holds back the answers to some calls: the provider did it, and nobody hears of it yet."""

    def __init__(self, pattern: str, times: int) -> None:
        self._pattern = pattern
        self._left = times
        self._opened = asyncio.Event()
        self.reached = asyncio.Event()

    def open(self) -> None:
        self._opened.set()

    async def wait(self, request: Request) -> None:
        if self._left and re.search(self._pattern, f"{request.method} {request.path}"):
            self._left -= 1
            self.reached.set()
            await self._opened.wait()


@contextmanager
def gate(stage: Stage, pattern: str, *, times: int = 1) -> Iterator[Gate]:
    """Hold back the answers to the next calls that look like this, until opened or left."""
    exchange = stage.exchange
    held = Gate(pattern, times)

    async def delayed(request: Request, answer: Answer) -> Response:
        response = await exchange(request, answer)
        await held.wait(request)
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "exchange", delayed)
        try:
            yield held
        finally:
            held.open()


@contextmanager
def overheard(stage: Stage) -> Iterator[list[Push]]:
    """Listen in to what a provider tells the hub."""
    heard: list[Push] = []
    pusher = stage._pusher

    async def listen(call: Push) -> int | Response | None:
        heard.append(call)
        return await pusher(call)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "_pusher", listen)
        yield heard


# Doors.


def update(number: int, words: str, user: int = NINA, **changes: Any) -> dict[str, Any]:
    """A customer's message as Telegram tells it."""
    person = {"id": user, "is_bot": False, "first_name": "Нина"}
    chat = {"id": user, "type": "private", "first_name": "Нина"}
    said = {"message_id": number, "from": person, "chat": chat, "date": 1793300000, "text": words}
    return {"update_id": number, "message": {**said, **changes}}


def correction(number: int, said: dict[str, Any], words: str, at: int) -> dict[str, Any]:
    edited = {**said["message"], "text": words, "edit_date": said["message"]["date"] + at}
    return {"update_id": number, "edited_message": edited}


async def bot_door(town: Town) -> str:
    """Where Telegram calls us."""
    row = await town.hub.connections.get(town.bot)
    return town.hub.settings.hook_address(row.address)


async def account_door(town: Town) -> str:
    """Where the CRM account calls us."""
    row = await town.hub.connections.get(town.crm)
    return town.hub.settings.hook_address(row.address)


@dataclass(frozen=True, slots=True)
class ChatDoor:
    """Where the Chats API calls us, and what it signs with."""

    url: str
    secret: str

    def signed(self, body: bytes) -> dict[str, str]:
        return {"x-signature": signing.hook_signature(self.secret, body)}


def chat_door(town: Town, account: str = ACCOUNT) -> ChatDoor:
    world = town.amocrm.world
    channel = next(iter(world.channels.values()))
    scope = channel.scope_id(world.account(account))
    return ChatDoor(channel.hook_url.replace(":scope_id", scope), channel.secret)


def chat_hook(town: Town, words: str, *, name: str, user: int = NINA) -> bytes:
    """An operator's reply as the Chats API tells it; `name` is the message's id."""
    chat = town.amocrm.chat(ACCOUNT, f"telegram:{TOKEN.partition(':')[0]}:{user}")
    said = {
        "receiver": {"id": chat.person_id, "client_id": str(user)},
        "sender": {"id": "manager"},
        "conversation": {"id": chat.id, "client_id": chat.client_id},
        "timestamp": int(town.amocrm.world.now()),
        "msec_timestamp": int(town.amocrm.world.now() * 1000),
        "message": {"id": name, "type": "text", "text": words},
    }
    account = town.amocrm.world.account(ACCOUNT)
    body = {"account_id": account.amojo_id, "time": town.amocrm.world.unix(), "message": said}
    return json.dumps(body, ensure_ascii=False).encode()


async def knock(
    url: str, body: bytes, *, secret: str | None = SECRET, **headers: str
) -> httpx.Response:
    """Call a door as Telegram does; other headers with `_` for `-`."""
    told = headers if secret is None else {SECRET_HEADER: secret, **headers}
    shown = [(name.replace("_", "-").encode(), value.encode()) for name, value in told.items()]
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.post(url, content=body, headers=shown)


# A second shop.


@dataclass(frozen=True, slots=True)
class Shop:
    """A bot and the account that it is routed to."""

    bot: ConnectionId
    crm: ConnectionId
    token: str
    account: str


async def add_bot(
    town: Town, token: str, name: str, workspace: WorkspaceId, **settings: Any
) -> ConnectionId:
    """Connect one more bot."""
    town.telegram.add_bot(token, name)
    wanted = Wanted(
        provider="telegram",
        values={
            "token": token,
            "api_base": town.world.telegram_base,
            "mode": "webhook",
            "webhook_secret": SECRET,
        },
        listen=False,
        settings=ConnectionSettings(**settings),
    )
    return (await connect(town.hub, workspace, wanted)).id


async def open_shop(town: Town, token: str, account: str, workspace: WorkspaceId) -> Shop:
    """Connect one more bot and one more account, of the same registration, and route them."""
    amocrm, hub = town.amocrm, town.hub
    where = amocrm.add_account(account)
    channel = next(iter(amocrm.world.channels.values()))
    channel.approved.add(where.amojo_id)
    (known,) = [row for row in await hub.connections.applications() if row.provider == "amocrm"]
    values = hub.vault.open(known.config)
    application, _ = await register_application(hub, town.workspace, "amocrm", values)
    tokens = amocrm.tokens(channel.client_id, account)
    wanted = Wanted(
        provider="amocrm",
        application=application,
        values={
            "base": f"{town.world.amocrm_base}/{account}",
            "account_id": str(where.id),
            "amojo_id": where.amojo_id,
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "expires_at": expiry_in(tokens.access_token),
        },
    )
    crm = (await connect(hub, workspace, wanted)).id
    bot = await add_bot(town, token, f"{account}_bot", workspace)
    await hub.connections.set_route(workspace, bot, crm, Policy())
    return Shop(bot, crm, token, account)
