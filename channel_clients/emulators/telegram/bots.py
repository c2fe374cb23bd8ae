"""A bot: its account, its chats, and how it takes updates; a call: what a bot asks for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from channel_clients.emulators.telegram.courier import Courier
from channel_clients.emulators.telegram.parameters import Parameters
from channel_clients.emulators.telegram.refusals import Refused, bad_request, forbidden, migrated
from channel_clients.emulators.telegram.updates import DEFAULT_KINDS, Backlog
from channel_clients.emulators.telegram.world import Chat, Entry, User, Wire, World

REPLY_WINDOW_S = 24 * 3600


@dataclass(slots=True, kw_only=True, eq=False)
class Business:
    """A person's account that a bot serves, and its chats, which know nothing of the bot's own."""

    id: str
    owner: User
    enabled: bool = True
    chats: dict[int, Chat] = field(default_factory=dict)

    @property
    def wire(self) -> Wire:
        head = {"id": self.id, "user": self.owner.wire, "user_chat_id": self.owner.id}
        return {**head, "rights": {"can_reply": True}, "is_enabled": self.enabled}


@dataclass(slots=True, kw_only=True, eq=False)
class Bot:
    """`echoes` is a switch for what is not documented: hearing of what it said for a business."""

    token: str
    username: str
    backlog: Backlog
    courier: Courier
    chats: dict[int, Chat] = field(default_factory=dict)
    allowed: frozenset[str] = DEFAULT_KINDS
    poll: asyncio.Future[Refused | None] | None = None
    queries: dict[str, datetime] = field(default_factory=dict)
    logged_out: bool = False
    businesses: dict[str, Business] = field(default_factory=dict)
    echoes: bool = True

    @property
    def id(self) -> int:
        return int(self.token.partition(":")[0])

    @property
    def wire(self) -> Wire:
        head = {"id": self.id, "is_bot": True, "first_name": self.username}
        return {**head, "username": self.username}

    def announce(
        self, kind: str, content: Mapping[str, Any], update_id: int | None = None
    ) -> int | None:
        """Create an update and see it on its way; None if the bot did not ask for its kind."""
        if kind not in self.allowed:
            return None
        pending = self.backlog.add(kind, content, update_id)
        self.courier.wake(pending.queue)
        if self.poll is not None and not self.poll.done():
            self.poll.set_result(None)
        return pending.update_id

    def private_chat(self, user: User) -> Chat:
        return self.chats.setdefault(user.id, Chat(id=user.id, user=user))

    def group(self, chat_id: int, title: str | None) -> Chat:
        chat = self.chats.setdefault(chat_id, Chat(id=chat_id, title=title or "Group"))
        chat.title = title or chat.title
        return chat

    def migrate(self, chat: Chat) -> int:
        """Turn a group into a supergroup, which starts anew under another id; return that id."""
        new_id = chat.id if chat.id <= -(10**12) else -(10**12) - abs(chat.id)
        if chat.user is None:
            chat.moved_to = new_id
            self.chats.setdefault(new_id, Chat(id=new_id, title=chat.title))
        return new_id


@dataclass(frozen=True, slots=True)
class Call:
    """One method call of one bot, and what most methods ask of it."""

    world: World
    bot: Bot
    asked: Parameters

    def chat(self) -> Chat:
        """Find the chat.

        Raises: `Refused` for one that does not exist, has moved, or never wrote to the bot.
        """
        asked = self.asked.text("chat_id")
        if not asked:
            raise bad_request("chat_id is empty")
        chat_id = int(asked) if asked.removeprefix("-").isdecimal() else None
        if through := self.asked.text("business_connection_id"):
            return self._business_chat(self.business(through), chat_id)
        chat = self.bot.chats.get(chat_id) if chat_id is not None else None
        if chat is None or (chat.user is not None and not chat.entries):
            if chat_id in self.world.users:
                raise forbidden("bot can't initiate conversation with a user")
            raise bad_request("chat not found")
        if chat.moved_to is not None:
            raise migrated(chat.moved_to)
        return chat

    def business(self, connection: str) -> Business:
        """Find an account that the bot serves.

        Raises: `Refused` for one that it does not serve, or no longer.
        """
        business = self.bot.businesses.get(connection)
        if business is None or not business.enabled:
            raise bad_request("business connection not found")
        return business

    def _business_chat(self, business: Business, chat_id: int | None) -> Chat:
        """A bot may write there for a day after the customer did."""
        chat = business.chats.get(chat_id or 0)
        now = self.world.moment
        entries = chat.entries.values() if chat else ()
        if not any(e.side == "customer" and now - e.at < REPLY_WINDOW_S for e in entries):
            raise bad_request("BUSINESS_PEER_INVALID")
        return business.chats[chat_id or 0]

    def open_chat(self) -> Chat:
        """Find a chat that the bot may write to.

        Raises: `Refused`, also when the person has blocked the bot or left Telegram.
        """
        chat = self.chat()
        if chat.user is not None and chat.user.deactivated:
            raise forbidden("user is deactivated")
        if chat.blocked:
            raise forbidden("bot was blocked by the user")
        return chat

    def entry(self, chat: Chat, purpose: str) -> Entry:
        """Find the message named by `message_id`; `purpose` words the refusal."""
        entry = chat.living(self.asked.integer("message_id"))
        if entry is None:
            raise bad_request(f"{purpose} not found")
        return entry
