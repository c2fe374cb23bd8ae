"""What Telegram remembers: people, chats with their messages, files, and who said what.

Message ids are counted per chat, and every bot sees chats of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import Any, Literal

from channel_clients.emulators.stage import Clock
from channel_clients.emulators.telegram.limits import Meter
from channel_clients.emulators.telegram.refusals import bad_request

Wire = dict[str, Any]
Side = Literal["customer", "bot", "owner"]
# The more particular kind comes first.
SHOWN = (
    *("photo", "animation", "document", "video", "video_note", "voice", "audio", "sticker"),
    *("venue", "location", "contact", "poll", "dice"),
)
# What is told of it: names by which a person would know it again.
TOLD = ("file_id", "file_name", "title", "question")


@dataclass(slots=True, kw_only=True)
class User:
    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    deactivated: bool = False

    def rename(self, name: str) -> None:
        self.first_name, _, rest = name.partition(" ")
        self.last_name = rest or None

    @property
    def names(self) -> Wire:
        """The part that a user and a private chat have in common."""
        known = {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "username": self.username,
        }
        return {key: value for key, value in known.items() if value}

    @property
    def wire(self) -> Wire:
        return {"id": self.id, "is_bot": False, **self.names, "language_code": "ru"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a customer really did in a chat: the truth that everything else is judged by.

    Shape: `kind` is text, edit, contact, business, or the name of a specimen; `shown` as in
    `Entry`. `at` is `date` to the fraction of a second, which the wire does not tell.
    """

    bot: str
    chat_id: int
    message_id: int
    user_id: int
    kind: str
    text: str
    date: int
    at: float
    shown: tuple[Wire, ...] = ()


@dataclass(slots=True, kw_only=True)
class Entry:
    """A message of a chat, deleted ones included. `at` is when it appeared there."""

    wire: Wire
    side: Side
    at: float
    deleted: bool = False
    reactions: dict[int, list[Wire]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return str(self.wire.get("text") or self.wire.get("caption") or "")

    @property
    def shown(self) -> list[Wire]:
        """What is shown rather than said; of a photo, its largest size."""
        found = []
        for kind in (name for name in SHOWN if name in self.wire):
            value = self.wire[kind]
            file = value[-1] if isinstance(value, list) else value
            found.append({"kind": kind, **{name: file[name] for name in TOLD if name in file}})
        return found[:1]  # an animation is a document, too, and a venue a location

    @property
    def seen(self) -> Wire:
        """What a person looking at the chat sees."""
        reply = self.wire.get("reply_to_message")
        return {
            "message_id": self.wire["message_id"],
            "from": self.side,
            "from_id": self.wire["from"]["id"],
            "text": self.text,
            "date": self.wire["date"],
            "at": self.at,
            "reply_to": reply["message_id"] if reply else None,
            "edited": "edit_date" in self.wire,
            "deleted": self.deleted,
            "shown": self.shown,
            "reactions": self._reactions,
            "buttons": self.wire.get("reply_markup", {}).get("inline_keyboard", []),
        }

    @property
    def _reactions(self) -> dict[int, str]:
        """Emoji by who put them there; a bot has an id like anybody."""
        said = {who: "".join(r.get("emoji", "") for r in rs) for who, rs in self.reactions.items()}
        return {who: emoji for who, emoji in said.items() if emoji}


@dataclass(slots=True, kw_only=True)
class Chat:
    """A chat of a bot; or, if `business` names a connection, one of the account behind it.

    An account numbers the messages of all its chats together, with `number`.
    """

    id: int
    user: User | None = None
    title: str = ""
    blocked: bool = False
    moved_to: int | None = None
    entries: dict[int, Entry] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    business: str = ""
    number: Callable[[], int] | None = None

    @property
    def wire(self) -> Wire:
        if self.user is not None:
            return {"id": self.id, **self.user.names, "type": "private"}
        kind = "supergroup" if self.id <= -(10**12) else "group"
        return {"id": self.id, "title": self.title, "type": kind}

    @property
    def seen(self) -> Wire:
        messages = [entry.seen for entry in self.entries.values()]
        through = {"business": self.business} if self.business else {}
        head = {"chat_id": self.id, "blocked": self.blocked, **self.wire, **through}
        return {**head, "messages": messages, "actions": list(self.actions)}

    def living(self, message_id: int) -> Entry | None:
        entry = self.entries.get(message_id)
        return None if entry is None or entry.deleted else entry

    def post(self, side: Side, sender: Wire, at: float, content: Mapping[str, Any]) -> Entry:
        message_id = self.number() if self.number else len(self.entries) + 1
        head = {"message_id": message_id, "from": sender, "chat": self.wire, "date": int(at)}
        if self.business:
            head["business_connection_id"] = self.business
        entry = self.entries[message_id] = Entry(wire={**head, **content}, side=side, at=at)
        return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file's declared size may exceed what the stage really holds of it."""

    file_id: str
    unique_id: str
    path: str
    content: bytes
    size: int

    @property
    def wire(self) -> Wire:
        head = {"file_id": self.file_id, "file_unique_id": self.unique_id}
        return {**head, "file_size": self.size}

    @property
    def sha256(self) -> str:
        return sha256(self.content).hexdigest()


class World:
    """Everything that the bots of one emulator share."""

    def __init__(self, clock: Clock, meter: Meter) -> None:
        self.clock = clock
        self.meter = meter
        self.users: dict[int, User] = {}
        self.files: dict[str, File] = {}
        self.said: list[Said] = []
        self._numbers = count(1)

    @property
    def moment(self) -> float:
        return self.clock.now().timestamp()

    @property
    def date(self) -> int:
        return int(self.moment)

    def number(self) -> int:
        """Return an id that nothing else in this world has."""
        return next(self._numbers)

    def user(self, user_id: int, name: str | None = None) -> User:
        """Return a person, born at first mention."""
        user = self.users.setdefault(user_id, User(id=user_id, first_name=f"User {user_id}"))
        if name:
            user.rename(name)
        return user

    def keep(self, kind: str, extension: str, content: bytes, size: int | None = None) -> File:
        """Store a file under fresh ids."""
        number = self.number()
        file = File(
            file_id=f"AgACAgIAAxkBAAE{number:06d}",
            unique_id=f"AQAD{number:06d}",
            path=f"{kind}/file_{number}.{extension}",
            content=content,
            size=len(content) if size is None else size,
        )
        self.files[file.file_id] = file
        return file

    def file(self, file_id: str) -> File:
        """Find a file.

        Raises: `Refused` for an id that was never given out.
        """
        if file_id not in self.files:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        return self.files[file_id]
