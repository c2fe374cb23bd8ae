"""What the Chats API told, in a hook or in a page of history: replies, reactions, and the rest.

Source: amocrm.ru/developers/content/chats/chat-webhooks, …/chats/chat-api-reference (history).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from crm_clients.amocrm.wire import (
    ChatContent,
    ChatMessage,
    ChatTemplate,
    HistoryPage,
    Reaction,
    Typing,
)
from crm_clients.forms import Form
from mappers.phones import e164
from mappers.vocabulary import (
    Addressee,
    Attachment,
    AttachmentKind,
    Button,
    Card,
    Direction,
    Event,
    HistoryRead,
    Identity,
    IdentityKind,
    MalformedWebhook,
    Message,
    Operator,
    OperatorReplied,
    OperatorTypes,
    Origin,
    Place,
    Quote,
    ReactionChanged,
    Reading,
)

KINDS = {
    "picture": AttachmentKind.IMAGE,
    "file": AttachmentKind.FILE,
    "video": AttachmentKind.VIDEO,
    "voice": AttachmentKind.VOICE,
    "audio": AttachmentKind.AUDIO,
    "sticker": AttachmentKind.STICKER,
    "location": AttachmentKind.LOCATION,
    "contact": AttachmentKind.CONTACT,
}
_NAME = re.compile(r"[a-z_]{1,40}")


def read_chat(hook: Form, amojo_id: str) -> Reading:
    """Read what the Chats API told: a reply, a reaction, or something we do not relay."""
    if isinstance(hook.get("message"), dict):
        said = ChatMessage.model_validate(hook["message"])
        if said.conversation is None:
            return Reading(ignored=("chat.message_without_conversation",))
        return _as_reply(said, said.conversation.id, said.conversation.client_id, amojo_id)
    action = hook.get("action")
    if not isinstance(action, dict):
        return Reading(ignored=("chat.unknown",))
    if isinstance(action.get("reaction"), dict):
        reaction = Reaction.model_validate(action["reaction"])
        return _as_reaction(reaction, _seconds(hook.get("time")), amojo_id)
    if isinstance(action.get("typing"), dict):
        return _as_typing(action["typing"])
    named = sorted(name for name in action if _NAME.fullmatch(name))
    return Reading(ignored=tuple(f"chat.{name}" for name in named[:3]) or ("chat.unknown",))


def read_history(page: HistoryPage, amojo_id: str) -> Reading:
    """Read a page of history: what operators and bots said since then, oldest first.

    Whatever carries our own id was brought here by us: a customer's words, an employee's.
    """
    told: list[OperatorReplied] = []
    ignored: list[str] = []
    for raw in reversed(page.messages):
        try:
            said = ChatMessage.model_validate(raw)
        except ValidationError:
            # It has no id or no words: raising would hold up every reply after it for nothing.
            ignored.append("history.unreadable_message")
            continue
        is_ours = bool(said.message.client_id)
        is_to_customer = bool(said.receiver and said.receiver.client_id)
        if is_ours or (said.sender.client_id and not is_to_customer) or said.at_ms < page.since_ms:
            continue
        reading = _as_reply(said, page.conversation, page.ours, amojo_id, recovered=True)
        told.extend(each for each in reading.events if isinstance(each, OperatorReplied))
        ignored.extend(reading.ignored)
    told.sort(key=lambda reply: reply.message.sent_at)
    end: tuple[Event, ...] = (HistoryRead(conversation=page.conversation),) if page.is_last else ()
    return Reading(events=(*told, *end), ignored=tuple(ignored))


def _as_reply(
    said: ChatMessage, conversation: str, ours: str, amojo_id: str, *, recovered: bool = False
) -> Reading:
    content = said.message
    text = content.text or _rendered(content.template)
    buttons = tuple(_buttons(content.markup))
    attachments = _attachments(content)
    if not text and not attachments:
        # There is nothing to stand under, so the choices are what is said.
        text, buttons = "\n".join(each.label for row in buttons for each in row), ()
    if not text and not attachments:
        return Reading(ignored=("chat.empty_message",))
    quoted = content.reply_to.message if content.reply_to else None
    message = Message(
        origin=Origin("amocrm", amojo_id, content.id),
        conversation=conversation,
        author=said.sender.id,
        direction=Direction.OUTBOUND,
        sent_at=_moment(said.at_ms),
        text=text,
        attachments=attachments,
        buttons=buttons,
        quote=Quote(origin=Origin("amocrm", amojo_id, quoted.id), text=quoted.text)
        if quoted and quoted.id
        else None,
    )
    operator = Operator(id=said.sender.id, name=said.sender.name)
    reply = OperatorReplied(
        message=message,
        operator=operator,
        ours=ours,
        to=None if ours else _addressee(said),
        recovered=recovered,
    )
    return Reading(events=(reply,))


def _addressee(said: ChatMessage) -> Addressee | None:
    """Whom a message is for that begins a chat: amoCRM names a phone, and perhaps more."""
    if said.receiver is None:
        return None
    phone, email = e164(said.receiver.phone), said.receiver.email.strip().lower()
    known = (
        (IdentityKind.CHANNEL_USER, said.receiver.client_id),
        (IdentityKind.PHONE, phone),
        (IdentityKind.EMAIL, email),
    )
    return Addressee(
        user=said.receiver.id,
        identities=tuple(
            Identity(kind=kind, value=value, evidence="amocrm.receiver")
            for kind, value in known
            if value
        ),
        source=said.source.external_id if said.source else "",
    )


def _attachments(content: ChatContent) -> tuple[Attachment, ...]:
    """What the message shows. A file without an address still gets its honest line."""
    if content.type in ("", "text") and not content.media:
        return ()
    title, place, card = content.file_name, None, None
    if content.location:
        title = f"{content.location.lat}, {content.location.lon}"
        place = Place(latitude=content.location.lat, longitude=content.location.lon)
    elif content.contact:
        card = Card(name=content.contact.name, phone=content.contact.phone)
        title = " ".join(part for part in (content.contact.name, content.contact.phone) if part)
    kind = AttachmentKind.FILE if content.type in ("", "text") else AttachmentKind.OTHER
    return (
        Attachment(
            kind=KINDS.get(content.type, kind),
            handle=content.media,
            title=title or ("" if content.type in KINDS else content.type),
            size_bytes=content.file_size or None,
            duration_s=content.media_duration or None,
            place=place,
            card=card,
        ),
    )


def _buttons(markup: Any) -> Iterator[tuple[Button, ...]]:
    """Read a bot's buttons, row by row."""
    rows = markup.get("buttons") if isinstance(markup, dict) else None
    for row in rows if isinstance(rows, list) else ():
        given = row if isinstance(row, list) else ()
        shown = (_button(each) for each in given if isinstance(each, dict))
        if read := tuple(each for each in shown if each is not None):
            yield read


def _button(given: Form) -> Button | None:
    """An address that no browser opens is said beside the label instead of being opened."""
    label, url = given.get("text"), given.get("url")
    if not isinstance(label, str) or not label.strip():
        return None
    if not isinstance(url, str) or not url:
        return Button(label=label)
    if url.startswith(("https://", "http://")):
        return Button(label=label, url=url)
    return Button(label=f"{label}: {url}")


def _rendered(template: ChatTemplate | None) -> str:
    """Put a template's values in, for a hook whose `text` was left empty."""
    text = template.content if template else ""
    for param in template.params if template else ():
        text = text.replace(param.key, param.value) if param.key else text
    return text


def _as_reaction(reaction: Reaction, at: datetime, amojo_id: str) -> Reading:
    if not reaction.msgid:
        return Reading(ignored=("chat.reaction_to_nothing",))
    event = ReactionChanged(
        origin=Origin("amocrm", amojo_id, reaction.msgid),
        author=reaction.user.id,
        emoji="" if reaction.type == "unreact" else reaction.emoji,
        at=at,
    )
    return Reading(events=(event,))


def _as_typing(told: Form) -> Reading:
    """Nobody needs to know why a hint cannot be read: it is named, and that is all."""
    try:
        typing = Typing.model_validate(told)
    except ValidationError:
        return Reading(ignored=("chat.unreadable_typing",))
    where, until = typing.conversation, _seconds(typing.expired_at)
    event = OperatorTypes(conversation=where.id, ours=where.client_id, until=until)
    return Reading(events=(event,))


def _seconds(value: Any) -> datetime:
    return _moment(value * 1000 if isinstance(value, int) and 0 <= value < 2**40 else 0)


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise MalformedWebhook("the time is outside of all calendars") from None
