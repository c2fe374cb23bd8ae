"""Formatted text: `parse_mode` to plain text and entities, with Telegram's own complaints.

Entities count UTF-16 units; complaints count bytes of UTF-8. HTML and MarkdownV2 are understood,
the legacy Markdown is refused as unsupported. Source: https://core.telegram.org/bots/api
#formatting-options, and the wording of tdlib's `MessageEntity.cpp`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from channel_clients.emulators.telegram.markup_html import parse_html
from channel_clients.emulators.telegram.markup_v2 import parse_markdown_v2
from channel_clients.emulators.telegram.refusals import bad_request
from channel_clients.emulators.telegram.spans import Entity, Unparsable, units

_FOUND_BY_TELEGRAM = re.compile(
    r"(?P<url>https?://[^\s<>]+)"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<bot_command>(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?)"
    r"|(?P<mention>(?<!\w)@[A-Za-z]\w{3,31})"
    r"|(?P<hashtag>(?<!\w)#\w+)"
)


@dataclass(frozen=True, slots=True)
class Formatted:
    text: str
    entities: tuple[Entity, ...] = ()

    @property
    def length(self) -> int:
        return units(self.text)


def formatted(text: str, parse_mode: str = "", entities: Iterable[Entity] = ()) -> Formatted:
    """Parse and trim a text as Telegram stores it. `entities` count only without a `parse_mode`.

    Raises: `Refused` when it cannot be parsed.
    """
    try:
        match parse_mode.lower():
            case "" | "none":
                found = [dict(entity) for entity in entities]
            case "html":
                text, found = parse_html(text)
            case "markdownv2":
                text, found = parse_markdown_v2(text)
            case _:
                raise bad_request("unsupported parse_mode")
    except Unparsable as reason:
        raise bad_request(f"can't parse entities: {reason}") from None
    return _trimmed(text, found)


def _trimmed(text: str, entities: list[Entity]) -> Formatted:
    lead = units(text) - units(text.lstrip())
    kept = text.strip()
    size = units(kept)
    fitted = []
    for entity in entities:
        start = max(0, int(entity["offset"]) - lead)
        end = min(size, int(entity["offset"]) + int(entity["length"]) - lead)
        if start < end:
            fitted.append({**entity, "offset": start, "length": end - start})
    fitted.extend(_unasked(kept, fitted))
    fitted.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return Formatted(kept, tuple(fitted))


def _unasked(text: str, entities: list[Entity]) -> Iterator[dict[str, Any]]:
    """Find what Telegram marks by itself: links, commands, mentions, hashtags."""
    taken = [(entity["offset"], entity["offset"] + entity["length"]) for entity in entities]
    for match in _FOUND_BY_TELEGRAM.finditer(text):
        start = units(text[: match.start()])
        end = start + units(match.group())
        if all(end <= other_start or other_end <= start for other_start, other_end in taken):
            yield {"type": match.lastgroup, "offset": start, "length": end - start}
