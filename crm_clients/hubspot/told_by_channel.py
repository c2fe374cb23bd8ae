"""What the events of a custom channel mean, and the messages of a thread that were read back.

What an integration wrote in nobody's name was brought here by us. A comment is for employees alone
and goes to no customer, whatever brings it.

Source: developers.hubspot.com/docs/api-reference/…/custom-channels/guide; the shape of a reply's
event, and identifiers as plain strings: reported by integrators.
"""

import re
from collections.abc import Iterator
from mimetypes import guess_type
from typing import Any

from pydantic import ValidationError

from crm_clients.hubspot import media, richtext
from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.wire_conversations import (
    INTEGRATION,
    MESSAGE,
    OUTGOING,
    ChannelEvent,
    HistoryPage,
    Part,
    ThreadMessage,
)
from mappers.vocabulary import (
    AccessRevoked,
    Attachment,
    AttachmentKind,
    Button,
    Card,
    Direction,
    Event,
    HistoryRead,
    MalformedWebhook,
    Message,
    Operator,
    OperatorReplied,
    Origin,
    Place,
    Reading,
)

PROVIDER = "hubspot"
EMPLOYEE = "A-"
PURGED, UNAUTHORIZED = "hubspot.account_purged", "hubspot.account_unauthorized"
USAGES = {
    "IMAGE": AttachmentKind.IMAGE,
    "AUDIO": AttachmentKind.AUDIO,
    "VOICE_RECORDING": AttachmentKind.VOICE,
    "STICKER": AttachmentKind.STICKER,
}
MIMES = {
    "image": AttachmentKind.IMAGE,
    "video": AttachmentKind.VIDEO,
    "audio": AttachmentKind.AUDIO,
}
_NAME = re.compile(r"[A-Za-z_]{1,60}")


def read_channel(told: dict[str, Any], config: Config) -> Reading:
    """Read one event."""
    event = ChannelEvent.model_validate(told)
    if config.channel_id and event.channel not in ("", config.channel_id):
        return _ignored("another_channel")
    match event.type:
        case "OUTGOING_CHANNEL_MESSAGE_CREATED":
            said = ThreadMessage.model_validate(event.message)
            return _reply(said, next(filter(None, event.threads), event.thread), config)
        case "CHANNEL_ACCOUNT_PURGED" if _is_ours(event.account, config):
            return Reading(events=(AccessRevoked(reason=PURGED, heals=True),))
        case "CHANNEL_ACCOUNT_UPDATED" if _is_ours(event.account, config) and _is_shut(event):
            return Reading(events=(AccessRevoked(reason=UNAUTHORIZED, heals=True),))
        case name:
            return _ignored(name.lower() if _NAME.fullmatch(name) else "unknown")


def read_history(told: dict[str, Any], config: Config) -> Reading:
    """Read back what employees said since then, oldest first."""
    page = HistoryPage.model_validate(told)
    events: list[OperatorReplied] = []
    ignored: list[str] = []
    for raw in page.messages:
        try:
            said = ThreadMessage.model_validate(raw)
        except ValidationError:
            # Raising would hold up every reply after it for nothing.
            ignored.append("history.unreadable_message")
            continue
        reading = _reply(said, page.ours, config, since_ms=page.since)
        events += [each for each in reading.events if isinstance(each, OperatorReplied)]
        ignored += reading.ignored
    events.sort(key=lambda reply: reply.message.sent_at)
    end: Event = HistoryRead(conversation=page.ours)
    return Reading(events=(*events, end), ignored=tuple(ignored))


def is_reply(said: ThreadMessage) -> bool:
    """Say whether a message is for the customer, and not from us."""
    return said.type == MESSAGE and said.direction == OUTGOING and not _is_told_by_us(said)


def _reply(
    said: ThreadMessage, ours: str, config: Config, *, since_ms: int | None = None
) -> Reading:
    if said.type != MESSAGE:
        return _ignored("comment" if said.type == "COMMENT" else "no_message")
    if said.direction != OUTGOING:
        return _ignored("customers_message")
    if _is_told_by_us(said):
        return _ignored("told_by_us")
    if said.account and not _is_ours(said.account, config):
        return _ignored("another_account")
    if said.at is None:
        raise MalformedWebhook("the message tells no time")
    ours = ours or said.customer
    content = richtext.meant(said.text, said.rich)
    attachments = (*_attachments(said.parts), *map(_picture, content.pictures))
    buttons = tuple(_buttons(said.parts))
    text = content.text or "\n".join(each.label for row in buttons for each in row)
    if not ours or not (text.strip() or attachments):
        return _ignored("empty_message" if ours else "reply_to_nobody")
    if since_ms is not None and said.at.timestamp() * 1000 < since_ms:
        return Reading()
    author = said.sender.actor or said.author
    message = Message(
        origin=Origin(PROVIDER, config.portal_id, said.id),
        conversation=ours,
        author=author,
        direction=Direction.OUTBOUND,
        sent_at=said.at,
        text=text,
        spans=content.spans,
        attachments=attachments,
        buttons=buttons if content.text or attachments else (),
        automatic=not author.startswith(EMPLOYEE),
    )
    reply = OperatorReplied(
        message=message,
        operator=Operator(id=author, name=said.sender.name),
        ours=ours,
        recovered=since_ms is not None,
    )
    return Reading(events=(reply,))


def _is_told_by_us(said: ThreadMessage) -> bool:
    """An integration that answers for an employee has to name one; we name nobody."""
    return said.client.type == INTEGRATION and not said.sender.actor.startswith(EMPLOYEE)


def _is_ours(account: str, config: Config) -> bool:
    return account == config.channel_account_id


def _is_shut(event: ChannelEvent) -> bool:
    return event.is_archived or not (event.is_active and event.is_authorized)


def _attachments(parts: list[Part]) -> Iterator[Attachment]:
    for part in parts:
        match part.type:
            case "FILE":
                yield _file(part)
            case "LOCATION" if part.latitude is not None and part.longitude is not None:
                place = Place(latitude=part.latitude, longitude=part.longitude)
                title = part.name or part.address
                yield Attachment(kind=AttachmentKind.LOCATION, title=title, place=place)
            case "CONTACT":
                yield _contact(part.profile)
            case "QUICK_REPLIES":
                continue
            case _:
                yield Attachment(kind=AttachmentKind.OTHER, title=part.text or part.name)


def _file(part: Part) -> Attachment:
    mime = guess_type(part.name)[0] or ""
    by_name = MIMES.get(mime.partition("/")[0], AttachmentKind.FILE)
    return Attachment(
        kind=USAGES.get(part.usage, by_name),
        handle=media.handle_of(part.file, part.url),
        title=part.name,
        mime=mime,
    )


def _picture(url: str) -> Attachment:
    return Attachment(kind=AttachmentKind.IMAGE, handle=media.handle_of("", url))


def _contact(profile: dict[str, Any]) -> Attachment:
    named = profile.get("name")
    words = named if isinstance(named, dict) else {}
    names = (str(words.get(key) or "") for key in ("firstName", "middleName", "lastName"))
    phones = profile.get("phones")
    first = phones[0] if isinstance(phones, list) and phones else {}
    phone = str(first.get("phone") or "") if isinstance(first, dict) else ""
    card = Card(name=" ".join(filter(None, names)), phone=phone)
    title = " ".join(filter(None, (card.name, card.phone)))
    return Attachment(kind=AttachmentKind.CONTACT, title=title, card=card)


def _buttons(parts: list[Part]) -> Iterator[tuple[Button, ...]]:
    """Each choice is a row of its own. An address that no browser opens is said, not opened."""
    for each in (reply for part in parts for reply in part.replies):
        label = each.label or each.value
        is_link = each.type == "URL" and each.value.startswith(("https://", "http://"))
        if label.strip():
            yield (Button(label=label, url=each.value if is_link else ""),)


def _ignored(what: str) -> Reading:
    return Reading(ignored=(f"channel.{what}",))
