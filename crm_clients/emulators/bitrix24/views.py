"""What really is on the portals, for those who judge the hub from outside of it."""

from dataclasses import dataclass
from hashlib import sha256

from . import activities, fields, multifields
from .crm_model import CONTACT, DEAL, ENTITY_NAMES, LEAD, Card, Comment, Json
from .lines_model import ChatMessage, DeliveryMark, Dialog, Reply
from .model import Portal
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """`message_id` is the portal's name for a message, `client_ids` are the channel's.

    `client_id` is the first of them. `timestamp_ms` is when it was said by the channel's account,
    `appeared_at` when the portal took it. `sha256` is of the first file; empty without one.
    """

    message_id: str
    client_id: str | None
    client_ids: tuple[str, ...]
    session_id: int
    direction: str
    sender_id: str
    sender_name: str
    text: str
    is_from_operator: bool
    is_system: bool
    is_whisper: bool
    edited: bool
    deleted: bool
    statuses: tuple[DeliveryMark, ...]
    files: tuple[Json, ...]
    lost_files: tuple[str, ...]
    timestamp_ms: int
    appeared_at: float
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogView:
    """A dialog with its messages, oldest first by arrival. `contact_id` is of the bound contact."""

    chat_id: str
    client_id: str
    channel_id: str
    line_id: int
    code: str
    person: Json
    contact_id: int | None
    cards: Json
    sessions: tuple[Json, ...]
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """What stands in the timeline of a card: a comment, or with a `title` a line of the log."""

    id: int
    entity: str
    entity_id: int
    note_type: str
    title: str
    text: str
    files: tuple[str, ...]
    created_by: int
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyView:
    """What an operator typed or sent. `hook_sent` is false while, or if, no event went out.

    `file_name` and `sha256` are of the first of its `files`.
    """

    account: str
    chat_id: str
    client_conversation_id: str
    text: str
    user_id: int
    message_id: str
    at: float
    hook_sent: bool
    hook_status: int | None
    statuses: tuple[DeliveryMark, ...]
    files: tuple[Json, ...] = ()
    file_name: str = ""
    sha256: str = ""


class Views:
    """The part of the emulator that tells what happened; everything it returns is a copy."""

    world: World

    def timeline(self, account: str) -> tuple[DialogView, ...]:
        portal = self.world.portal(account)
        return tuple(_dialog(portal, each) for each in portal.lines.dialogs.values())

    @property
    def replies(self) -> tuple[ReplyView, ...]:
        return tuple(reply_view(reply) for reply in self.world.replies)

    def notes(self, account: str) -> tuple[NoteView, ...]:
        """Every comment and line of the log that was not deleted, oldest first."""
        kept = self.world.portal(account).crm.comments.values()
        there = sorted((each for each in kept if not each.is_deleted), key=lambda each: each.id)
        return tuple(_note(made, ref) for made in there for ref in made.bindings)

    def contacts(self, account: str) -> tuple[Json, ...]:
        """Every contact, deleted and merged ones included."""
        return self._cards(account, CONTACT)

    def leads(self, account: str) -> tuple[Json, ...]:
        """Every lead of the CRM's inbox: not the deals."""
        return self._cards(account, LEAD)

    def deals(self, account: str) -> tuple[Json, ...]:
        return self._cards(account, DEAL)

    def activities(self, account: str) -> tuple[Json, ...]:
        """Every activity, deleted ones included, with what it hangs on."""
        kept = self.world.portal(account).crm.activities.values()
        return tuple(
            {
                "id": each.id,
                "fields": activities.row(each),
                "bindings": [_named(ref) for ref in each.bindings],
                "layout": each.layout,
                "is_deleted": each.is_deleted,
            }
            for each in kept
        )

    def texts(self, account: str) -> tuple[Json, ...]:
        """What was sent to phones, and what became of it."""
        kept = self.world.portal(account).texts
        return tuple({"message_id": name, **text} for name, text in kept.items())

    def _cards(self, account: str, kind: int) -> tuple[Json, ...]:
        portal = self.world.portal(account)
        kept = portal.crm.cards.values()
        return tuple(_card(portal, each) for each in kept if each.entity == kind)

    def state(self) -> Json:
        """Counts of everything, the switches, the subscriptions, and the warnings."""
        world = self.world
        return {
            "portals": [portal_view(portal) for portal in world.portals.values()],
            "switches": {
                name: getattr(world.switches, name) for name in type(world.switches).__slots__
            },
            "hooks_waiting": world.background.waiting,
            "refreshes": world.refreshes,
            "overlaps": world.overlaps,
            "warnings": list(world.warnings),
        }


def reply_view(reply: Reply) -> ReplyView:
    message = reply.message
    return ReplyView(
        account=reply.portal,
        chat_id=str(reply.dialog.chat_id),
        client_conversation_id=reply.dialog.chat_key,
        text=message.text,
        user_id=reply.user_id,
        message_id=str(message.id),
        at=reply.at,
        hook_sent=reply.hook_sent,
        hook_status=reply.hook_status,
        statuses=tuple(message.marks),
        files=_files(message),
        file_name=next((held.name for held in message.files), ""),
        sha256=_digest(message),
    )


def portal_view(portal: Portal) -> Json:
    return {
        "slug": portal.slug,
        "host": portal.host,
        "member_id": portal.member_id,
        "users": {user.id: user.full_name for user in portal.users.values()},
        "lines": {line.id: line.config["LINE_NAME"] for line in portal.lines.lines.values()},
        "connectors": sorted(portal.lines.connectors),
        "applications": [
            {
                "client_id": each.application.client_id,
                "is_finished": each.is_finished,
                "bindings": {binding.event: binding.handler for binding in each.bindings},
                "queued": len(each.queue),
            }
            for each in portal.installations.values()
        ],
        "dialogs": len(portal.lines.dialogs),
        "activities": len(portal.crm.activities),
        "comments": len(portal.crm.comments),
        "cards": {name: len(portal.crm.all_of(kind)) for kind, name in ENTITY_NAMES.items()},
    }


def _dialog(portal: Portal, dialog: Dialog) -> DialogView:
    stranger = portal.lines.strangers[dialog.stranger_id]
    return DialogView(
        chat_id=str(dialog.chat_id),
        client_id=dialog.chat_key,
        channel_id=dialog.connector,
        line_id=dialog.line_id,
        code=dialog.code,
        person={
            "id": stranger.id,
            "client_id": stranger.external_id,
            "name": stranger.full_name,
            "phone": stranger.phone,
            "email": stranger.email,
            "picture": stranger.picture,
        },
        contact_id=dialog.cards.get("CONTACT"),
        cards=dict(dialog.cards),
        sessions=tuple(
            {
                "id": each.id,
                "operator_id": each.operator_id,
                "is_closed": each.is_closed,
                "awaits_vote": each.awaits_vote,
                "vote": each.vote,
                "activity_id": each.activity_id,
            }
            for each in dialog.sessions
        ),
        messages=tuple(message_view(each) for each in dialog.messages),
    )


def message_view(message: ChatMessage) -> MessageView:
    is_system = message.sender_id == 0
    is_ours = message.is_from_operator or message.is_whisper or is_system
    said_at = message.at if message.said_at is None else message.said_at
    return MessageView(
        message_id=str(message.id),
        client_id=next(iter(message.mid), None),
        client_ids=tuple(message.mid),
        session_id=message.session_id,
        direction="outgoing" if is_ours else "incoming",
        sender_id=str(message.sender_id),
        sender_name=message.sender_name,
        text=message.text,
        is_from_operator=message.is_from_operator,
        is_system=is_system,
        is_whisper=message.is_whisper,
        edited=message.is_edited,
        deleted=message.is_deleted,
        statuses=tuple(message.marks),
        files=_files(message),
        lost_files=tuple(message.lost_files),
        timestamp_ms=int(said_at * 1000),
        appeared_at=message.at,
        sha256=_digest(message),
    )


def _files(message: ChatMessage) -> tuple[Json, ...]:
    return tuple(
        {"name": held.name, "mime": held.mime, "sha256": sha256(held.body).hexdigest()}
        for held in message.files
    )


def _digest(message: ChatMessage) -> str:
    return next((sha256(held.body).hexdigest() for held in message.files), "")


def _note(made: Comment, ref: tuple[int, int]) -> NoteView:
    named = _named(ref)
    return NoteView(
        id=made.id,
        entity=named["entity"],
        entity_id=named["id"],
        note_type="logmessage" if made.title else "comment",
        title=made.title,
        text=made.text,
        files=tuple(str(each["name"]) for each in made.files),
        created_by=made.author_id,
        created_at=int(made.created),
    )


def _named(ref: tuple[int, int]) -> Json:
    kind, number = ref
    return {"entity": f"{ENTITY_NAMES.get(kind, str(kind)).lower()}s", "id": number}


def _card(portal: Portal, card: Card) -> Json:
    return {
        "id": card.id,
        "name": card.name,
        "phones": card.values_of("PHONE"),
        "emails": card.values_of("EMAIL"),
        "fields": fields.row(portal.crm, card),
        "multi": multifields.told_to_items(card),
        "contact_ids": card.fields.get("CONTACT_IDS") or [],
        "deal_ids": _deals_of(portal, card),
        "is_deleted": card.is_deleted,
        "merged_into": card.merged_into,
    }


def _deals_of(portal: Portal, card: Card) -> list[int]:
    name = f"{ENTITY_NAMES[card.entity]}_ID"
    return [
        deal.id
        for deal in portal.crm.all_of(DEAL)
        if str(deal.fields.get(name)) == str(card.id)
        or (card.entity == CONTACT and card.id in (deal.fields.get("CONTACT_IDS") or []))
    ]
