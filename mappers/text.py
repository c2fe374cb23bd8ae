"""Text between worlds: what may be said in how many units, and how a thing shown is put in words.

Pure. Lengths are counted as the other side counts them (`unit`), positions in code points.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from mappers.vocabulary import Attachment, AttachmentKind, Button, Message, Span, SpanKind

Unit: TypeAlias = Literal["code_points", "utf16", "bytes"]
Language: TypeAlias = Literal["ru", "en"]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
SOFT_ENDS = ("\n\n", "\n", ". ", "! ", "? ", " ")
JOINERS = "\N{ZERO WIDTH JOINER}\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}"
SKIN_TONES = range(0x1F3FB, 0x1F400)

WORDS: dict[Language, dict[AttachmentKind, str]] = {
    "ru": {
        AttachmentKind.IMAGE: "Фото",
        AttachmentKind.FILE: "Файл",
        AttachmentKind.VOICE: "Голосовое сообщение",
        AttachmentKind.AUDIO: "Аудио",
        AttachmentKind.VIDEO: "Видео",
        AttachmentKind.STICKER: "Стикер",
        AttachmentKind.LOCATION: "Местоположение",
        AttachmentKind.CONTACT: "Контакт",
        AttachmentKind.OTHER: "Вложение",
    },
    "en": {
        AttachmentKind.IMAGE: "Photo",
        AttachmentKind.FILE: "File",
        AttachmentKind.VOICE: "Voice message",
        AttachmentKind.AUDIO: "Audio",
        AttachmentKind.VIDEO: "Video",
        AttachmentKind.STICKER: "Sticker",
        AttachmentKind.LOCATION: "Location",
        AttachmentKind.CONTACT: "Contact",
        AttachmentKind.OTHER: "Attachment",
    },
}
FORWARDED: dict[Language, str] = {"ru": "Переслано от", "en": "Forwarded from"}


def clean(text: str) -> str:
    """Replace what no provider and no database will take: NUL and lone surrogates."""
    return (
        text.replace("\0", REPLACEMENT)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "replace")
    )


def length(text: str, unit: Unit) -> int:
    """Measure a text in the other side's units."""
    match unit:
        case "code_points":
            return len(text)
        case "utf16":
            return len(text.encode("utf-16-le", "surrogatepass")) // 2
        case "bytes":
            return len(text.encode("utf-8", "surrogatepass"))


def in_words(attachment: Attachment, language: Language) -> str:
    """Say honestly that something was shown which this road does not carry."""
    word, title = WORDS[language][attachment.kind], _title(attachment)
    return f"[{word}: {title}]" if title else f"[{word}]"


def _title(attachment: Attachment) -> str:
    """A place without a name is named by where it is; a card, by what it says."""
    match attachment:
        case Attachment(title="", place=place) if place is not None:
            return f"{place.latitude:.6f}, {place.longitude:.6f}"
        case Attachment(title="", card=card) if card is not None:
            return f"{card.name} {card.phone}".strip()
        case _:
            return attachment.title


def timeline_text(
    message: Message,
    language: Language,
    *,
    without: Collection[int] = (),
    with_buttons: bool = True,
) -> str:
    """Put a whole message into one plain text: links spelled out, things shown put in words.

    `without` are the attachments, by position, that are shown as themselves. Buttons are lines,
    unless they are shown as such.
    """
    shown = enumerate(message.attachments)
    lines = [in_words(each, language) for position, each in shown if position not in without]
    if message.forwarded_from:
        lines.insert(0, f"[{FORWARDED[language]} {message.forwarded_from}]")
    if message.text:
        lines.append(spell_out_links(message.text, message.spans))
    if with_buttons:
        lines += [_choice(button) for row in message.buttons for button in row]
    return "\n".join(lines)


def _choice(button: Button) -> str:
    return f"• {button.label}: {button.url}" if button.url else f"• {button.label}"


def spell_out_links(text: str, spans: tuple[Span, ...]) -> str:
    """Keep the addresses that formatting hides: `site` linked to x becomes `site (x)`."""
    hidden = [s for s in spans if s.kind is SpanKind.LINK and s.url and s.url not in text]
    for span in sorted(hidden, key=lambda s: s.end, reverse=True):
        text = f"{text[: span.end]} ({span.url}){text[span.end :]}"
    return text


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a longer text: `text[start:end]`, in code points."""

    start: int
    end: int


def split(text: str, limit: int, unit: Unit) -> tuple[Slice, ...]:
    """Cut a text into parts that the other side will take, at the kindest places.

    Nothing is lost and nothing is added: the parts joined are the text. Blank text is one part.
    """
    return tuple(_slices(text, limit, unit)) or (Slice(0, len(text)),)


def _slices(text: str, limit: int, unit: Unit) -> Iterator[Slice]:
    start = 0
    while start < len(text):
        end = _furthest(text, start, limit, unit)
        if end < len(text):
            end = _kind_place(text, start, end)
        yield Slice(start, end)
        start = end


def _furthest(text: str, start: int, limit: int, unit: Unit) -> int:
    """Find the largest end such that `text[start:end]` fits. At least one character moves."""
    low, high = start + 1, min(len(text), start + limit)
    while low < high:
        middle = (low + high + 1) // 2
        if length(text[start:middle], unit) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _kind_place(text: str, start: int, end: int) -> int:
    """Step back to a paragraph, a line, a sentence or a word, unless that wastes half the part."""
    for mark in SOFT_ENDS:
        found = text.rfind(mark, start, end)
        if found >= start + (end - start) // 2:
            return found + len(mark)
    while end > start + 1 and _holds_together(text, end):
        end -= 1
    return end


def _holds_together(text: str, at: int) -> bool:
    """Say whether a cut before `text[at]` would break what is seen as one character."""
    after, before = text[at], text[at - 1]
    return after in JOINERS or before == JOINERS[0] or ord(after) in SKIN_TONES


def cut_spans(spans: tuple[Span, ...], part: Slice) -> tuple[Span, ...]:
    """Keep the formatting of one part, counted from that part's beginning."""
    kept = (
        replace(
            span,
            start=max(span.start, part.start) - part.start,
            end=min(span.end, part.end) - part.start,
        )
        for span in spans
        if span.start < part.end and span.end > part.start
    )
    return tuple(kept)


def moved(spans: tuple[Span, ...], by: int) -> tuple[Span, ...]:
    """Put the formatting where it belongs after `by` characters were said before it."""
    return tuple(replace(span, start=span.start + by, end=span.end + by) for span in spans)


def read_json(body: bytes) -> Any:
    """Read JSON from outside. Escapes that spell half a character become U+FFFD, as does NUL.

    Raises: `ValueError` for what is not JSON, or is nested beyond reason.
    """
    try:
        value = json.loads(body)
        return _cleaned(value) if b"\\u" in body else value
    except RecursionError:
        raise ValueError("the JSON is nested beyond reason") from None


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case list():
            return [_cleaned(item) for item in value]
        case dict():
            return {clean(key): _cleaned(item) for key, item in value.items()}
        case _:
            return value
