"""An operator's reply as one call of the Bot API: which method, which form, which files.

Source: Bot API, sendPhoto, sendVideo, sendAudio, sendVoice, sendDocument, sendMediaGroup,
sendVenue; read 2026-11. A picture goes as a photo up to 10 MB, a video or a tune as itself in the
formats that Telegram plays. Everything else, and whatever is refused as itself, is a document.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from channel_clients.telegram.api import (
    SEND_AUDIO,
    SEND_CONTACT,
    SEND_DOCUMENT,
    SEND_GROUP,
    SEND_LOCATION,
    SEND_MESSAGE,
    SEND_PHOTO,
    SEND_VENUE,
    SEND_VIDEO,
    SEND_VOICE,
    BotApi,
    Method,
)
from channel_clients.telegram.chats import ChatAddress, number_in
from channel_clients.telegram.failures import MEDIA_REFUSED
from channel_clients.telegram.spans import entities_for
from channel_clients.telegram.wire import Sent
from mappers.multipart import FilePart
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Button,
    Card,
    MediaFile,
    Outgoing,
    Permanent,
    Place,
    ProviderError,
)

PHOTO_LIMIT_BYTES = 10_000_000
DATA_LIMIT_BYTES, WIDEST_ROW = 64, 8
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})
TUNES = frozenset({"audio/mpeg", "audio/mp3", "audio/mp4", "audio/m4a", "audio/x-m4a"})
SPEECH = TUNES | {"audio/ogg", "audio/opus"}
FILMS = frozenset({"video/mp4"})
UNSHOWABLE = Permanent(code="telegram.attachment_unsupported")


@dataclass(frozen=True, slots=True)
class Way:
    """How a file is shown: `name` is both the parameter of `method` and a kind of album item."""

    name: str
    method: Method[Sent]


PHOTO = Way("photo", SEND_PHOTO)
VIDEO = Way("video", SEND_VIDEO)
AUDIO = Way("audio", SEND_AUDIO)
VOICE = Way("voice", SEND_VOICE)
DOCUMENT = Way("document", SEND_DOCUMENT)


def ways_of(files: Sequence[MediaFile]) -> tuple[Way, ...]:
    """Choose how files are shown. An album holds pictures and films, or tunes, or documents."""
    ways = tuple(_way(file) for file in files)
    kinds = set(ways)
    if len(files) == 1 or kinds <= {PHOTO, VIDEO} or kinds == {AUDIO}:
        return ways
    return (DOCUMENT,) * len(files)


def _way(file: MediaFile) -> Way:
    match file.kind:
        case AttachmentKind.IMAGE | AttachmentKind.STICKER if file.mime in PICTURES:
            return PHOTO if file.size_bytes <= PHOTO_LIMIT_BYTES else DOCUMENT
        case AttachmentKind.VIDEO if file.mime in FILMS:
            return VIDEO
        case AttachmentKind.VOICE if file.mime in SPEECH:
            return VOICE
        case AttachmentKind.AUDIO if file.mime in TUNES:
            return AUDIO
        case _:
            return DOCUMENT


async def say(api: BotApi, outgoing: Outgoing) -> tuple[int, ...]:
    """Send what is to be said and return the numbers of the messages that it became.

    Raises: `ProviderError`.
    """
    at = ChatAddress.of(outgoing.conversation)
    head = {**at.form, **_reply(outgoing), **keyboard(outgoing.buttons)}
    if outgoing.files:
        return await _show(api, head, outgoing)
    if alone := _alone(outgoing):
        method, form = alone
    else:
        method, form = SEND_MESSAGE, words_for(outgoing, "text")
    sent = await api.call(method, {**head, **form}, budgets=at.budgets)
    return (sent.message_id,)


def words_for(outgoing: Outgoing, name: str) -> dict[str, Any]:
    """Say the words under the parameter `name`, which is `text` or `caption`.

    A place or a card has no words of its own in Telegram: beside words it is written out.
    """
    lines = (_line(attachment) for attachment in outgoing.attachments)
    text = "\n".join(part for part in (outgoing.text, *lines) if part)
    entities = entities_for(outgoing.text, outgoing.spans)
    marks = "entities" if name == "text" else "caption_entities"
    return {name: text} | ({marks: entities} if entities else {})


async def _show(api: BotApi, head: dict[str, Any], outgoing: Outgoing) -> tuple[int, ...]:
    ways = ways_of(outgoing.files)
    parts = [await _part(number, file) for number, file in enumerate(outgoing.files)]
    try:
        return await _upload(api, head, outgoing, ways, parts)
    except ProviderError as error:
        if error.failure.code != MEDIA_REFUSED or set(ways) == {DOCUMENT}:
            raise
    return await _upload(api, head, outgoing, (DOCUMENT,) * len(ways), parts)


async def _part(number: int, file: MediaFile) -> FilePart:
    body = await file.read()
    return FilePart(key=f"file{number}", name=file.name, mime=file.mime, body=body)


async def _upload(
    api: BotApi,
    head: dict[str, Any],
    outgoing: Outgoing,
    ways: Sequence[Way],
    parts: Sequence[FilePart],
) -> tuple[int, ...]:
    budgets = ChatAddress.of(outgoing.conversation).budgets
    caption = words_for(outgoing, "caption")
    items = [_item(way, file) for way, file in zip(ways, outgoing.files, strict=True)]
    if len(items) > 1:
        media = [
            {"type": way.name, "media": f"attach://{part.key}", **item}
            for way, part, item in zip(ways, parts, items, strict=True)
        ]
        media[0] |= caption  # an album shows the words of its first item as its own
        sent = await api.call(SEND_GROUP, {**head, "media": media}, parts, budgets=budgets)
        return tuple(one.message_id for one in sent)
    (way,), (item,), (part,) = ways, items, parts
    form = {**head, way.name: f"attach://{part.key}", **item, **caption}
    one = await api.call(way.method, form, parts, budgets=budgets)
    return (one.message_id,)


def _item(way: Way, file: MediaFile) -> dict[str, Any]:
    lasts = way in {VOICE, AUDIO, VIDEO} and file.duration_s is not None
    return {"duration": file.duration_s} if lasts else {}


def _reply(outgoing: Outgoing) -> dict[str, Any]:
    quoted = number_in(outgoing.conversation, outgoing.quoted)
    if not quoted:
        return {}
    # The quoted message may be gone by now; the answer matters more than the link.
    return {"reply_parameters": {"message_id": quoted, "allow_sending_without_reply": True}}


def keyboard(rows: Sequence[Sequence[Button]]) -> dict[str, Any]:
    """Show buttons under the message. What a pressed one tells us is its label, if that fits."""
    wide = [row[at : at + WIDEST_ROW] for row in rows for at in range(0, len(row), WIDEST_ROW)]
    numbers = count(1)
    shown = [[_button(button, next(numbers)) for button in row] for row in wide]
    return {"reply_markup": {"inline_keyboard": shown}} if shown else {}


def _button(button: Button, number: int) -> dict[str, str]:
    if button.url:
        return {"text": button.label, "url": button.url}
    label = button.label.encode()
    if len(label) > DATA_LIMIT_BYTES:
        # Told apart by the number; the label itself is read from the message that was pressed.
        tail = f"… {number}"
        label = label[: DATA_LIMIT_BYTES - len(tail.encode())]
        return {"text": button.label, "callback_data": label.decode("utf-8", "ignore") + tail}
    return {"text": button.label, "callback_data": button.label}


def _alone(outgoing: Outgoing) -> tuple[Method[Sent], dict[str, Any]] | None:
    """Show one place or one card as itself, when nothing is said with it."""
    if outgoing.text or len(outgoing.attachments) != 1:
        return None
    (attachment,) = outgoing.attachments
    if attachment.place:
        return _place(attachment.place, attachment.title)
    if attachment.card and attachment.card.phone:
        return SEND_CONTACT, _card(attachment.card)
    return None


def _place(place: Place, title: str) -> tuple[Method[Sent], dict[str, Any]]:
    form = {"latitude": place.latitude, "longitude": place.longitude}
    spelt = _spelt(place)
    if title in {"", spelt}:
        return SEND_LOCATION, form
    name, _, address = title.partition(", ")
    return SEND_VENUE, {**form, "title": name, "address": address or spelt}


def _card(card: Card) -> dict[str, Any]:
    return {"phone_number": card.phone, "first_name": card.name or card.phone}


def _line(attachment: Attachment) -> str:
    """Write out what cannot be shown beside words.

    Raises: `ProviderError` for what is neither a place nor a card.
    """
    match attachment:
        case Attachment(place=Place() as place, title=title):
            address = f"https://maps.google.com/?q={place.latitude},{place.longitude}"
            return f"{title} {address}".strip()
        case Attachment(card=Card() as card):
            return f"{card.name} {card.phone}".strip()
        case _:
            raise ProviderError(UNSHOWABLE)


def _spelt(place: Place) -> str:
    return f"{place.latitude}, {place.longitude}"
