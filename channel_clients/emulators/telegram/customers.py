"""What people do in Telegram: every act changes a chat and tells the bot about it.

A person is born at first mention. Acts are plain calls, not coroutines; with a webhook set they
need a running loop, in which the delivery goes on by itself.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict, Unpack

from channel_clients.emulators.telegram.bots import Bot
from channel_clients.emulators.telegram.markup import formatted
from channel_clients.emulators.telegram.sending import replying
from channel_clients.emulators.telegram.specimens import SPECIMENS, Material
from channel_clients.emulators.telegram.world import Chat, Entry, Said, User, Wire, World


class Details(TypedDict):
    """What else may be said with a message: who it is by, to what it replies, how it looks."""

    name: NotRequired[str | None]
    reply_to: NotRequired[int | None]
    quote: NotRequired[str | None]
    entities: NotRequired[list[Wire] | None]
    forwarded_from: NotRequired[str | None]


class Look(TypedDict):
    """How a thing is shown. `content` are its real bytes; `size_bytes` is what it claims to be.

    Things of one `album` are shown together; `entities` are those of the caption.
    """

    caption: NotRequired[str]
    entities: NotRequired[list[Wire] | None]
    content: NotRequired[bytes | None]
    size_bytes: NotRequired[int | None]
    file_name: NotRequired[str]
    album: NotRequired[str]
    reply_to: NotRequired[int | None]
    forwarded_from: NotRequired[str | None]


class Customers:
    """The customers' side of an emulator.

    `bot` is a token, a username, or an id as text; it may be left out while there is one bot.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._bots: dict[str, Bot] = {}

    @property
    def bots(self) -> tuple[Bot, ...]:
        return tuple(self._bots.values())

    @property
    def said(self) -> tuple[Said, ...]:
        """What customers did, in order."""
        return tuple(self.world.said)

    def chats(self, bot: str | None = None) -> list[Wire]:
        """Return every chat of a bot with all that is to be seen in it."""
        return [chat.seen for chat in self.bot(bot).chats.values()]

    def bot(self, name: str | None = None) -> Bot:
        """Find a bot by token, username or id.

        Raises: `ValueError` if there is none, or several and none was named.
        """
        fitting = [
            bot
            for bot in self._bots.values()
            if name is None or name in {bot.token, bot.username, str(bot.id)}
        ]
        if len(fitting) != 1:
            raise ValueError(f"{len(fitting)} bots fit; name one by its token, username or id")
        return fitting[0]

    def say(
        self, user_id: int, text: str, *, bot: str | None = None, **details: Unpack[Details]
    ) -> Said:
        """Write to the bot; a person who had blocked it unblocks it first, as the app demands."""
        at, user, chat = self._at(user_id, bot, details.get("name"))
        return self._write(at, user, chat, "text", self._text(chat, text, details))

    def start(self, user_id: int, payload: str = "", *, bot: str | None = None) -> Said:
        """Press Start, perhaps behind a deep link with a payload."""
        return self.say(user_id, f"/start {payload}".strip(), bot=bot)

    def group_say(
        self,
        chat_id: int,
        user_id: int,
        text: str,
        *,
        bot: str | None = None,
        **details: Unpack[Details],
    ) -> Said:
        """Write in a group, which exists from its first message on. Group ids are negative."""
        if chat_id >= 0:
            raise ValueError("the id of a group is negative")
        at = self.bot(bot)
        user = self.world.user(user_id, details.get("name"))
        chat = at.group(chat_id, None)
        return self._write(at, user, chat, "text", self._text(chat, text, details))

    def edit(self, user_id: int, message_id: int, text: str, *, bot: str | None = None) -> Said:
        """Change one's own message."""
        at, user, chat = self._at(user_id, bot)
        entry = chat.living(message_id)
        if entry is None or entry.wire["from"]["id"] != user_id:
            raise ValueError(f"user {user_id} has no message {message_id} to edit")
        words = formatted(text)
        name = "text" if "text" in entry.wire else "caption"
        marks = "entities" if name == "text" else "caption_entities"
        rest = {key: value for key, value in entry.wire.items() if key != marks}
        entry.wire = {**rest, name: words.text, "edit_date": self.world.date}
        if words.entities:
            entry.wire[marks] = list(words.entities)
        at.announce("edited_message", entry.wire)
        return self._record(at, user, entry, "edit")

    def share_contact(
        self, user_id: int, phone: str, *, whose_id: int | None = None, bot: str | None = None
    ) -> Said:
        """Send a contact card: one's own, or that of `whose_id`; 0 is nobody of Telegram."""
        at, user, chat = self._at(user_id, bot)
        owner_id = user_id if whose_id is None else whose_id
        name = self.world.users[owner_id].first_name if owner_id in self.world.users else "Anton"
        contact: Wire = {"phone_number": phone, "first_name": name}
        if owner_id:
            contact["user_id"] = owner_id
        return self._write(at, user, chat, "contact", {"contact": contact})

    def show(
        self, user_id: int, kind: str, *, bot: str | None = None, **look: Unpack[Look]
    ) -> Said:
        """Send a specimen of what is not text."""
        at, user, chat = self._at(user_id, bot)
        return self._write(at, user, chat, kind, self._shown(chat, kind, look))

    def move(
        self, user_id: int, message_id: int, point: tuple[float, float], *, bot: str | None = None
    ) -> None:
        """Let a live location go on; `point` is latitude and longitude."""
        at, _, chat = self._at(user_id, bot)
        entry = chat.living(message_id)
        if entry is None or "live_period" not in entry.wire.get("location", {}):
            raise ValueError(f"message {message_id} is no live location")
        there = {"latitude": point[0], "longitude": point[1]}
        place = {**entry.wire["location"], **there}
        entry.wire = {**entry.wire, "location": place, "edit_date": self.world.date}
        at.announce("edited_message", entry.wire)

    def press(self, user_id: int, message_id: int, data: str, *, bot: str | None = None) -> str:
        """Press a button under a message of the bot; return the id of the query."""
        at, user, chat = self._at(user_id, bot)
        entry = chat.living(message_id)
        rows = entry.wire.get("reply_markup", {}).get("inline_keyboard", []) if entry else []
        if entry is None or data not in {b.get("callback_data") for row in rows for b in row}:
            raise ValueError(f"message {message_id} has no button {data!r}")
        query_id = str(15_148_000_000_000_000 + self.world.number())
        at.queries[query_id] = self.world.clock.now()
        head = {"id": query_id, "from": user.wire, "message": entry.wire}
        instance = str(-3_990_000_000_000_000_000 - at.id)
        at.announce("callback_query", {**head, "chat_instance": instance, "data": data})
        return query_id

    def react(
        self, user_id: int, message_id: int, emoji: str | None, *, bot: str | None = None
    ) -> None:
        """Put a reaction on a message, or take it away."""
        at, user, chat = self._at(user_id, bot)
        entry = chat.living(message_id)
        if entry is None:
            raise ValueError(f"there is no message {message_id} to react to")
        old = entry.reactions.get(user_id, [])
        new = entry.reactions[user_id] = [{"type": "emoji", "emoji": emoji}] if emoji else []
        head = {"chat": chat.wire, "message_id": message_id, "user": user.wire}
        change = {"date": self.world.date, "old_reaction": old, "new_reaction": new}
        at.announce("message_reaction", {**head, **change})

    def block(self, user_id: int, *, bot: str | None = None) -> None:
        self._set_blocked(self.bot(bot), self.world.user(user_id), blocked=True)

    def unblock(self, user_id: int, *, bot: str | None = None) -> None:
        self._set_blocked(self.bot(bot), self.world.user(user_id), blocked=False)

    def deactivate(self, user_id: int) -> None:
        """Delete a person's account; bots are not told."""
        self.world.user(user_id).deactivated = True

    def delete(self, user_id: int, message_id: int, *, bot: str | None = None) -> None:
        """Delete a message for both sides; bots are not told."""
        entry = self.bot(bot).private_chat(self.world.user(user_id)).living(message_id)
        if entry is None:
            raise ValueError(f"there is no message {message_id} to delete")
        entry.deleted = True

    def update(self, update: Mapping[str, Any], *, bot: str | None = None) -> int | None:
        """Deliver any update as it is; return its id, or None if the bot takes no such kind."""
        kinds = [kind for kind in update if kind != "update_id"]
        if len(kinds) != 1:
            raise ValueError("an update has one kind")
        return self.bot(bot).announce(kinds[0], update[kinds[0]], update.get("update_id"))

    def _at(self, user_id: int, bot: str | None, name: str | None = None) -> tuple[Bot, User, Chat]:
        at = self.bot(bot)
        user = self.world.user(user_id, name)
        chat = at.private_chat(user)
        if chat.blocked:
            self._set_blocked(at, user, blocked=False)
        return at, user, chat

    def _text(self, chat: Chat, text: str, details: Details) -> Wire:
        words = formatted(text, entities=details.get("entities") or ())
        content: Wire = {"text": words.text}
        if words.entities:
            content["entities"] = list(words.entities)
        return self._around(chat, details) | content

    def _shown(self, chat: Chat, kind: str, look: Look) -> Wire:
        if kind not in SPECIMENS:
            raise ValueError(f"no specimen is called {kind!r}; there are {sorted(SPECIMENS)}")
        given = Material(
            content=look.get("content"),
            size_bytes=look.get("size_bytes"),
            name=look.get("file_name", ""),
        )
        words = formatted(look.get("caption", ""), entities=look.get("entities") or ())
        said = {"caption": words.text, "caption_entities": list(words.entities)}
        said["media_group_id"] = look.get("album", "")
        told = {name: value for name, value in said.items() if value}
        return self._around(chat, look) | SPECIMENS[kind](self.world, given) | told

    def _around(self, chat: Chat, details: Details | Look) -> Wire:
        """Return what a message has beside its content: whose words it passes on, its reply."""
        around: Wire = {}
        if author := details.get("forwarded_from"):
            head = {"type": "hidden_user", "date": self.world.date}
            around["forward_origin"] = {**head, "sender_user_name": author}
        reply_to = details.get("reply_to")
        if reply_to is None:
            return around
        target = chat.living(reply_to)
        if target is None:
            raise ValueError(f"there is no message {reply_to} to reply to")
        quote = details.get("quote")
        return replying(target, str(quote) if quote else None) | around

    def _write(self, at: Bot, user: User, chat: Chat, kind: str, content: Wire) -> Said:
        entry = chat.post("customer", user.wire, self.world.moment, content)
        said = self._record(at, user, entry, kind)
        at.announce("message", entry.wire)
        return said

    def _record(self, at: Bot, user: User, entry: Entry, kind: str) -> Said:
        wire = entry.wire
        said = Said(
            bot=at.username,
            chat_id=wire["chat"]["id"],
            message_id=wire["message_id"],
            user_id=user.id,
            kind=kind,
            text=entry.text,
            date=int(wire.get("edit_date") or wire["date"]),
            at=self.world.moment,
            shown=tuple(entry.shown),
        )
        self.world.said.append(said)
        return said

    def _set_blocked(self, at: Bot, user: User, *, blocked: bool) -> None:
        chat = at.private_chat(user)
        if chat.blocked is blocked:
            return
        chat.blocked = blocked
        here: Wire = {"user": at.wire, "status": "member"}
        gone: Wire = {"user": at.wire, "status": "kicked", "until_date": 0}
        old, new = (here, gone) if blocked else (gone, here)
        head = {"chat": chat.wire, "from": user.wire, "date": self.world.date}
        at.announce("my_chat_member", {**head, "old_chat_member": old, "new_chat_member": new})
