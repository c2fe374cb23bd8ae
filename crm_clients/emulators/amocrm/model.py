"""What an amoCRM account holds: cards, chats and the settings of its integrations.

These records are mutable on purpose: they are the emulator's database. Times are Unix seconds,
as on the wire, unless a name says `ms`.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

WON, LOST = 142, 143
INCOMING_LEADS = 1  # `type` of the status that holds unsorted leads

Entity = Literal["contacts", "leads"]
Direction = Literal["incoming", "outgoing"]
Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class User:
    id: int
    name: str
    email: str
    amojo_id: str
    is_active: bool = True
    is_admin: bool = True


@dataclass(slots=True, kw_only=True)
class Status:
    id: int
    name: str
    sort: int
    type: int = 0


@dataclass(slots=True, kw_only=True)
class Pipeline:
    id: int
    name: str
    is_main: bool
    statuses: list[Status]

    def unsorted_status(self) -> int:
        return next(status.id for status in self.statuses if status.type == INCOMING_LEADS)

    def first_status(self) -> int:
        return next(status.id for status in self.statuses if status.type != INCOMING_LEADS)


@dataclass(slots=True, kw_only=True)
class Choice:
    """One of the values of a list field, or a kind of phone of a multitext one."""

    id: int
    value: str
    code: str | None


@dataclass(slots=True, kw_only=True)
class CustomField:
    id: int
    name: str
    type: str
    code: str | None = None
    choices: list[Choice] = field(default_factory=list)
    is_predefined: bool = False
    is_api_only: bool = False
    sort: int = 500


@dataclass(slots=True, kw_only=True)
class Card:
    """What contacts and leads have in common. `fields`: custom field id to its values, as read."""

    id: int
    name: str = ""
    responsible_user_id: int = 0
    created_by: int = 0
    updated_by: int = 0
    created_at: int = 0
    updated_at: int = 0
    fields: dict[int, list[Json]] = field(default_factory=dict)
    tags: list[Json] = field(default_factory=list)
    is_deleted: bool = False
    is_unsorted: bool = False


@dataclass(slots=True, kw_only=True)
class Contact(Card):
    """`searchable_at`: when the search index knows it; `merged_into`: who survived a merge."""

    entity: ClassVar[Entity] = "contacts"

    first_name: str = ""
    last_name: str = ""
    searchable_at: float = 0.0
    merged_into: int | None = None


@dataclass(slots=True, kw_only=True)
class Lead(Card):
    """The first of `contact_ids` is the main contact."""

    entity: ClassVar[Entity] = "leads"

    price: int = 0
    status_id: int = 0
    pipeline_id: int = 0
    contact_ids: list[int] = field(default_factory=list)
    closed_at: int | None = None
    loss_reason_id: int | None = None
    source_external_id: str | None = None

    @property
    def is_open(self) -> bool:
        return not self.is_deleted and self.status_id not in (WON, LOST)


@dataclass(slots=True, kw_only=True)
class Note:
    id: int
    entity: Entity
    entity_id: int
    note_type: str
    params: Json
    created_by: int
    responsible_user_id: int
    created_at: int
    updated_at: int


@dataclass(slots=True, kw_only=True)
class Task:
    id: int
    text: str
    complete_till: int
    task_type_id: int
    entity_id: int | None
    entity_type: str | None
    responsible_user_id: int
    created_by: int
    created_at: int
    updated_at: int
    is_completed: bool = False
    result: Json | None = None


@dataclass(slots=True, kw_only=True)
class Person:
    """A client as amojo knows them; no `client_id` until they answer a first letter."""

    id: str
    channel_id: str
    client_id: str | None
    name: str
    avatar: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    at: int
    code: int
    error_code: int | None = None
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class ChatMessage:
    """`client_id` is the msgid of the channel's side, `content` the wire's `message` object."""

    id: str
    chat_id: str
    client_id: str | None
    direction: Direction
    sender_id: str
    sender_name: str
    content: Json
    timestamp_ms: int
    visible_at: float
    by_operator: bool = False
    edited: bool = False
    reply_to: Json | None = None
    statuses: list[DeliveryStatus] = field(default_factory=list)
    reactions: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return str(self.content.get("text") or "")


@dataclass(slots=True, kw_only=True)
class Chat:
    """`client_id` is the channel's conversation id; a chat that an operator began has none yet."""

    id: str
    channel_id: str
    person_id: str
    client_id: str | None
    contact_id: int | None = None
    binding_id: int | None = None
    source_external_id: str | None = None
    messages: list[ChatMessage] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Talk:
    id: int
    chat_id: str
    contact_id: int | None
    lead_id: int | None
    origin: str
    created_at: int
    updated_at: int
    is_in_work: bool = True
    is_read: bool = False


@dataclass(slots=True, kw_only=True)
class Unsorted:
    uid: str
    chat_id: str
    contact_id: int
    lead_id: int
    pipeline_id: int
    source_name: str
    created_at: int
    metadata: Json


@dataclass(slots=True, kw_only=True)
class Source:
    id: int
    client_id: str
    name: str
    external_id: str
    pipeline_id: int
    is_default: bool = False
    origin_code: str | None = None
    services: list[Json] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Subscription:
    """An account webhook. `invalid_at` keeps the moments of bad answers, for the disabling rule."""

    id: int
    destination: str
    settings: list[str]
    sort: int
    created_at: int
    updated_at: int
    created_by: int
    disabled: bool = False
    invalid_at: list[float] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Account:
    id: int
    subdomain: str
    name: str
    amojo_id: str
    uuid: str
    is_api_filter_enabled: bool = False
    is_paid: bool = True
    users: dict[int, User] = field(default_factory=dict)
    pipelines: dict[int, Pipeline] = field(default_factory=dict)
    fields: dict[str, dict[int, CustomField]] = field(default_factory=dict)
    tags: dict[str, list[Json]] = field(default_factory=dict)
    contacts: dict[int, Contact] = field(default_factory=dict)
    leads: dict[int, Lead] = field(default_factory=dict)
    notes: dict[int, Note] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    talks: dict[int, Talk] = field(default_factory=dict)
    unsorted: dict[str, Unsorted] = field(default_factory=dict)
    sources: dict[int, Source] = field(default_factory=dict)
    webhooks: dict[str, Subscription] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    chats: dict[str, Chat] = field(default_factory=dict)
    messages: dict[str, ChatMessage] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"{self.subdomain}.amocrm.ru"

    def add_message(self, chat: Chat, message: ChatMessage) -> None:
        chat.messages.append(message)
        self.messages[message.id] = message

    def main_pipeline(self) -> Pipeline:
        return next(pipeline for pipeline in self.pipelines.values() if pipeline.is_main)

    def cards(self, entity: str) -> dict[int, Contact] | dict[int, Lead]:
        return self.contacts if entity == "contacts" else self.leads

    def card(self, entity: str, card_id: int) -> Contact | Lead | None:
        """Return a card that is not in the bin."""
        card = self.cards(entity).get(card_id)
        return None if card is None or card.is_deleted else card

    def closest_task_at(self, card: Contact | Lead) -> int | None:
        """When the next thing to do about a card is due; what is overdue counts, too."""
        tasks = (task for task in self.tasks.values() if not task.is_completed)
        due = (t.complete_till for t in tasks if (t.entity_type, t.entity_id) == _name(card))
        return min(due, default=None)

    def leads_of(self, contact_id: int) -> list[Lead]:
        return [lead for lead in self.leads.values() if contact_id in lead.contact_ids]


def _name(card: Contact | Lead) -> tuple[str, int]:
    return card.entity, card.id


@dataclass(slots=True, kw_only=True)
class Integration:
    """`has_archive`: a widget archive was uploaded, without which there are no sources."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    name: str
    uninstall_url: str | None = None
    has_archive: bool = True


@dataclass(slots=True, kw_only=True)
class Connection:
    """A channel switched on in one account."""

    title: str
    hook_api_version: str


@dataclass(slots=True, kw_only=True)
class Channel:
    """A channel registered with support. `approved`: the amojo ids it may be connected to."""

    id: str
    code: str
    title: str
    secret: str = field(repr=False)
    bot_id: str
    bot_name: str
    hook_url: str
    client_id: str
    approved: set[str] = field(default_factory=set)
    connections: dict[str, Connection] = field(default_factory=dict)

    def scope_id(self, account: Account) -> str:
        return f"{self.id}_{account.amojo_id}"


@dataclass(slots=True, kw_only=True)
class Reply:
    """What an operator typed, and what became of its only hook.

    `hook_status` is the answer of the hub; None means no answer, or no hook yet (`hook_sent`).
    """

    account: str
    chat_id: str
    client_conversation_id: str | None
    text: str
    user_id: int
    message: ChatMessage
    at: float
    hook_sent: bool = False
    hook_status: int | None = None
