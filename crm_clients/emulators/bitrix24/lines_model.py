"""What the open lines of a portal hold: connectors, lines, dialogs, sessions and messages."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SYSTEM = 0  # the author of what nobody said


@dataclass(slots=True, kw_only=True)
class Connector:
    """A kind of channel that an application registered. The flags are those of `register`."""

    id: str
    name: str
    client_id: str
    placement_handler: str
    flags: dict[str, bool]

    @property
    def is_group(self) -> bool:
        return self.flags["CHAT_GROUP"]


@dataclass(slots=True, kw_only=True)
class Status:
    """One connector on one line."""

    is_active: bool = False
    is_connected: bool = False
    is_registered: bool = False
    has_error: bool = False
    data: Json = field(default_factory=dict)

    @property
    def is_working(self) -> bool:
        return self.is_active and self.is_connected and self.is_registered and not self.has_error


@dataclass(slots=True, kw_only=True)
class Line:
    """`config` holds the settings under their names in REST; `queue` the operators."""

    id: int
    config: Json
    queue: list[int]


@dataclass(slots=True, kw_only=True)
class Stranger:
    """A person of a channel as a portal knows them: an internal user of the connector.

    `picture` is the digest of what was downloaded; empty while there is none.
    """

    id: int
    connector: str
    external_id: str
    name: str = ""
    last_name: str = ""
    phone: str = ""
    email: str = ""
    picture: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.last_name}".strip() or "Guest"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeld:
    """A file as the portal holds it; `key` signs its download link."""

    id: int
    name: str
    mime: str
    body: bytes = field(repr=False)
    key: str = field(repr=False)

    @property
    def short_key(self) -> str:
        return self.key[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMark:
    """A call of `send.status.delivery`. `code` is 1, for there is no other news to tell."""

    at: float
    external_ids: tuple[str, ...]
    code: int = 1
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class ChatMessage:
    """`mid`: the channel's ids, stored with the message. `is_sending`: the spinner is on."""

    id: int
    session_id: int
    sender_id: int
    sender_name: str
    text: str
    at: float
    visible_at: float
    is_from_operator: bool = False
    is_whisper: bool = False
    is_sending: bool = False
    is_edited: bool = False
    is_deleted: bool = False
    said_at: int | None = None
    mid: list[str] = field(default_factory=list)
    files: list[FileHeld] = field(default_factory=list)
    lost_files: list[str] = field(default_factory=list)
    marks: list[DeliveryMark] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Session:
    """One conversation, from its first message to its close; perhaps a vote is awaited."""

    id: int
    created: float
    operator_id: int
    parent_id: int = 0
    is_closed: bool = False
    awaits_vote: bool = False
    vote: int | None = None
    activity_id: int | None = None


@dataclass(slots=True, kw_only=True)
class Dialog:
    """A permanent chat. `chat_key` is the channel's name for it, `user_part` ends its code."""

    chat_id: int
    connector: str
    line_id: int
    chat_key: str
    user_part: str
    stranger_id: int
    title: str
    description: str = ""
    sessions: list[Session] = field(default_factory=list)
    messages: list[ChatMessage] = field(default_factory=list)
    cards: dict[str, int] = field(default_factory=dict)
    is_busy: bool = False

    @property
    def code(self) -> str:
        return f"{self.connector}|{self.line_id}|{self.chat_key}|{self.user_part}"

    @property
    def session(self) -> Session:
        return self.sessions[-1]


@dataclass(slots=True, kw_only=True)
class Reply:
    """What an operator typed, and what became of its only event.

    `hook_status` is the answer of the hub; None means no answer, or no event yet (`hook_sent`).
    """

    portal: str
    dialog: Dialog
    message: ChatMessage
    user_id: int
    at: float
    hook_sent: bool = False
    hook_status: int | None = None


@dataclass(slots=True, kw_only=True)
class Lines:
    """`offered_at`: when an event last named a file, by the file's id."""

    connectors: dict[str, Connector] = field(default_factory=dict)
    lines: dict[int, Line] = field(default_factory=dict)
    statuses: dict[tuple[str, int], Status] = field(default_factory=dict)
    strangers: dict[int, Stranger] = field(default_factory=dict)
    dialogs: dict[int, Dialog] = field(default_factory=dict)
    files: dict[int, FileHeld] = field(default_factory=dict)
    offered_at: dict[int, float] = field(default_factory=dict)

    def status_of(self, connector: str, line_id: int) -> Status:
        return self.statuses.get((connector, line_id), Status())

    def owner_of(self, connector: str) -> str:
        """Return whose a connector is; nobody's when it is no more."""
        kind = self.connectors.get(connector)
        return kind.client_id if kind else ""

    def dialog_of(self, code: str) -> Dialog | None:
        return next((each for each in self.dialogs.values() if each.code == code), None)

    def with_session(self, session_id: int) -> tuple[Dialog, Session] | None:
        for dialog in self.dialogs.values():
            for session in dialog.sessions:
                if session.id == session_id:
                    return dialog, session
        return None

    def with_message(self, message_id: int) -> tuple[Dialog, ChatMessage] | None:
        for dialog in self.dialogs.values():
            for message in dialog.messages:
                if message.id == message_id:
                    return dialog, message
        return None
