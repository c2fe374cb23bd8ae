"""What HubSpot's conversations consist of: channels, their accounts, inboxes, threads, messages.

Channels belong to applications, the rest to portals. Times are Unix seconds; a message keeps
those that its sender gave in milliseconds, for that is how they are told.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Direction = Literal["INCOMING", "OUTGOING"]
COMMENT, MESSAGE = "COMMENT", "MESSAGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryId:
    """How a channel names a party. `kind` is one of the four types, `value` is the channel's."""

    kind: str
    value: str

    def shown(self) -> Json:
        return {"type": self.kind, "value": self.value}


@dataclass(slots=True, kw_only=True)
class Channel:
    """A kind of messenger, registered once by an application for every portal."""

    id: int
    app_id: int
    name: str
    capabilities: Json
    created_at: float
    webhook_url: str = ""
    redirect_url: str = ""
    description: str = ""
    logo_url: str = ""
    is_archived: bool = False

    @property
    def threads_by(self) -> str:
        return str(self.capabilities.get("threadingModel", ""))


@dataclass(slots=True, kw_only=True)
class Account:
    """One connected bot or number, tied to one inbox for good."""

    id: int
    channel_id: int
    inbox_id: int
    name: str
    delivery_id: DeliveryId | None
    created_at: float
    is_active: bool = True
    is_authorized: bool = True
    is_archived: bool = False


@dataclass(slots=True, kw_only=True)
class StagingToken:
    """An account that somebody begins to connect in the settings of an inbox."""

    token: str
    channel_id: int
    inbox_id: int
    user_id: int
    created_at: float
    name: str = ""
    delivery_id: DeliveryId | None = None
    is_used: bool = False


@dataclass(slots=True, kw_only=True)
class Inbox:
    id: int
    name: str
    kind: Literal["INBOX", "HELP_DESK"]
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who speaks, or is spoken to. `actor` is HubSpot's name: A- agent, V- visitor, I- program."""

    actor: str = ""
    name: str = ""
    delivery_id: DeliveryId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What became of a reply: `code` is -1 when it failed, and `error` what the agent reads."""

    at: float
    status: str
    code: int
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class Message:
    """One line of a thread. `app_id`: the program that wrote it; 0 where a person did.

    `at` is when HubSpot took it, `said_ms` when it was said.
    """

    id: str
    kind: str
    thread_id: int
    at: float
    said_ms: int
    created_by: str
    app_id: int
    text: str
    rich_text: str = ""
    direction: Direction = "INCOMING"
    channel_id: int = 0
    account_id: int = 0
    senders: tuple[Party, ...] = ()
    recipients: tuple[Party, ...] = ()
    attachments: list[Json] = field(default_factory=list)
    in_reply_to: str = ""
    idempotency_id: str = ""
    status: str = ""
    error: str = ""
    changed_at: float = 0.0
    marks: list[Mark] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Thread:
    """A conversation. `external_id` is the integration's name for it.

    `contact_id` names a contact, or without `is_known` a visitor who is none.
    """

    id: int
    inbox_id: int
    channel_id: int
    account_id: int
    external_id: str
    contact_id: int
    is_known: bool
    created_at: float
    status: Literal["OPEN", "CLOSED"] = "OPEN"
    closed_at: float | None = None
    ticket_id: str = ""
    assigned_to: str = ""
    is_archived: bool = False
    messages: list[Message] = field(default_factory=list)

    @property
    def latest(self) -> Message:
        """The newest message of people; a thread begins with one."""
        return next(each for each in reversed(self.messages) if each.kind == MESSAGE)


@dataclass(slots=True, kw_only=True)
class Reply:
    """What an operator typed. `hook_status` is the answer of the hub; None means no answer yet."""

    account: str
    thread: Thread
    message: Message
    user_id: int
    at: float
    hook_sent: bool = False
    hook_status: int | None = None


@dataclass(slots=True, kw_only=True)
class Talks:
    """The conversations of one portal."""

    inboxes: dict[int, Inbox] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    staging: dict[str, StagingToken] = field(default_factory=dict)
    threads: dict[int, Thread] = field(default_factory=dict)

    def accounts_of(self, channel_id: int) -> list[Account]:
        return [each for each in self.accounts.values() if each.channel_id == channel_id]

    def messages(self) -> Iterator[tuple[Thread, Message]]:
        for thread in self.threads.values():
            for message in thread.messages:
                yield thread, message

    def message(self, message_id: str) -> tuple[Thread, Message] | None:
        return next((pair for pair in self.messages() if pair[1].id == message_id), None)
