"""What really is in the accounts, for those who judge the hub from outside of it."""

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlsplit

from . import fields
from .model import Account, Chat, ChatMessage, Contact, DeliveryStatus, Direction, Json, Lead, Note
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """`amojo_id` is amoCRM's name for the message, `client_id` the channel's (its msgid).

    `timestamp_ms` is when it was said, `appeared_at` when it could first be seen in the chat.
    `sha256` is of the file as amoCRM holds it; empty without one, or while it could not be had.
    """

    amojo_id: str
    client_id: str | None
    direction: Direction
    sender_id: str
    sender_name: str
    text: str
    content: Json
    is_from_operator: bool
    edited: bool
    statuses: tuple[DeliveryStatus, ...]
    reactions: Json
    reply_to: Json | None
    timestamp_ms: int
    appeared_at: float
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatView:
    """A chat with its messages, oldest first by arrival."""

    chat_id: str
    client_id: str | None
    channel_id: str
    contact_id: int | None
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """A note in the feed of a card. `title` is empty where people wrote it."""

    id: int
    entity: str
    entity_id: int
    note_type: str
    title: str
    text: str
    params: Json
    created_by: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyView:
    """What an operator typed or sent. `hook_sent` is false while, or if, no hook went out."""

    account: str
    chat_id: str
    client_conversation_id: str | None
    text: str
    user_id: int
    message_id: str
    at: float
    hook_sent: bool
    hook_status: int | None
    statuses: tuple[DeliveryStatus, ...]
    file_name: str = ""
    sha256: str = ""


class Views:
    """The part of the emulator that tells what happened; everything it returns is a copy."""

    world: World

    def timeline(self, account: str | int) -> tuple[ChatView, ...]:
        chats = self.world.account(account).chats.values()
        return tuple(_chat(self.world, chat) for chat in chats)

    def notes(self, account: str | int) -> tuple[NoteView, ...]:
        """Every note of every card, as a feed shows them: oldest first."""
        kept = self.world.account(account).notes.values()
        ordered = sorted(kept, key=lambda note: (note.created_at, note.id))
        return tuple(_note(note) for note in ordered)

    @property
    def replies(self) -> tuple[ReplyView, ...]:
        return tuple(
            ReplyView(
                account=reply.account,
                chat_id=reply.chat_id,
                client_conversation_id=reply.client_conversation_id,
                text=reply.text,
                user_id=reply.user_id,
                message_id=reply.message.id,
                at=reply.at,
                hook_sent=reply.hook_sent,
                hook_status=reply.hook_status,
                statuses=tuple(reply.message.statuses),
                file_name=str(reply.message.content.get("file_name") or ""),
                sha256=_digest(self.world, reply.message),
            )
            for reply in self.world.replies
        )

    def contacts(self, account: str | int) -> tuple[Json, ...]:
        """Every contact, those in the bin included."""
        where = self.world.account(account)
        return tuple(_contact(where, contact) for contact in where.contacts.values())

    def leads(self, account: str | int) -> tuple[Json, ...]:
        """Every lead, those in the bin and in the unsorted included."""
        where = self.world.account(account)
        return tuple(_lead(where, lead) for lead in where.leads.values())

    def tasks(self, account: str | int) -> tuple[Json, ...]:
        """Every task, in the order in which they were given."""
        return tuple(asdict(task) for task in self.world.account(account).tasks.values())

    def state(self) -> Json:
        """Counts of everything, the switches, the webhooks, and the warnings."""
        world = self.world
        return {
            "accounts": [_account(account) for account in world.accounts.values()],
            "channels": [
                {"id": each.id, "client_id": each.client_id, "connected": sorted(each.connections)}
                for each in world.channels.values()
            ],
            "switches": {
                name: getattr(world.switches, name) for name in type(world.switches).__slots__
            },
            "hooks_waiting": world.background.waiting,
            "warnings": list(world.warnings),
        }


def _account(account: Account) -> Json:
    shelves = ("contacts", "leads", "notes", "tasks", "talks", "unsorted", "chats", "sources")
    hooks: list[dict[str, Any]] = [
        {"destination": hook.destination, "settings": hook.settings, "disabled": hook.disabled}
        for hook in account.webhooks.values()
    ]
    return {
        "id": account.id,
        "subdomain": account.subdomain,
        "amojo_id": account.amojo_id,
        "users": {user.id: user.name for user in account.users.values()},
        "webhooks": hooks,
        **{shelf: len(getattr(account, shelf)) for shelf in shelves},
    }


def _chat(world: World, chat: Chat) -> ChatView:
    return ChatView(
        chat_id=chat.id,
        client_id=chat.client_id,
        channel_id=chat.channel_id,
        contact_id=chat.contact_id,
        messages=tuple(_message(world, message) for message in chat.messages),
    )


def _note(note: Note) -> NoteView:
    return NoteView(
        id=note.id,
        entity=note.entity,
        entity_id=note.entity_id,
        note_type=note.note_type,
        title=note.params.get("service", ""),
        text=note.params.get("text", ""),
        params=dict(note.params),
        created_by=note.created_by,
        created_at=note.created_at,
        updated_at=note.updated_at,
    )


def _message(world: World, message: ChatMessage) -> MessageView:
    return MessageView(
        amojo_id=message.id,
        client_id=message.client_id,
        direction=message.direction,
        sender_id=message.sender_id,
        sender_name=message.sender_name,
        text=message.text,
        content=dict(message.content),
        is_from_operator=message.by_operator,
        edited=message.edited,
        statuses=tuple(message.statuses),
        reactions=dict(message.reactions),
        reply_to=message.reply_to,
        timestamp_ms=message.timestamp_ms,
        appeared_at=message.visible_at,
        sha256=_digest(world, message),
    )


def _digest(world: World, message: ChatMessage) -> str:
    """Look at the bytes of a file: an operator's where it lies, a channel's as it was fetched."""
    media = str(message.content.get("media") or "")
    lies_here = world.files.get(unquote(urlsplit(media).path))
    body = lies_here if message.by_operator else world.fetched.get(media)
    return "" if body is None else sha256(body).hexdigest()


def _contact(account: Account, contact: Contact) -> Json:
    return {
        "id": contact.id,
        "name": contact.name,
        "phones": fields.values_of(account, contact, "PHONE"),
        "emails": fields.values_of(account, contact, "EMAIL"),
        "custom_fields_values": fields.shown(account, "contacts", contact) or [],
        "tags": [tag["name"] for tag in contact.tags],
        "lead_ids": [lead.id for lead in account.leads_of(contact.id)],
        "responsible_user_id": contact.responsible_user_id,
        "closest_task_at": account.closest_task_at(contact),
        "is_unsorted": contact.is_unsorted,
        "is_deleted": contact.is_deleted,
        "merged_into": contact.merged_into,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
    }


def _lead(account: Account, lead: Lead) -> Json:
    return {
        "id": lead.id,
        "name": lead.name,
        "status_id": lead.status_id,
        "pipeline_id": lead.pipeline_id,
        "price": lead.price,
        "responsible_user_id": lead.responsible_user_id,
        "contact_ids": list(lead.contact_ids),
        "custom_fields_values": fields.shown(account, "leads", lead) or [],
        "tags": [tag["name"] for tag in lead.tags],
        "closest_task_at": account.closest_task_at(lead),
        "is_open": lead.is_open,
        "is_unsorted": lead.is_unsorted,
        "is_deleted": lead.is_deleted,
        "created_at": lead.created_at,
        "closed_at": lead.closed_at,
    }
