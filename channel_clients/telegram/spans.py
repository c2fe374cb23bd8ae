"""Formatting, between our code points and Telegram's UTF-16 code units.

Source: Bot API, MessageEntity.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from channel_clients.telegram.wire import Entity
from mappers.vocabulary import Span, SpanKind

ENTITY_OF: dict[SpanKind, str] = {
    SpanKind.BOLD: "bold",
    SpanKind.ITALIC: "italic",
    SpanKind.UNDERLINE: "underline",
    SpanKind.STRIKE: "strikethrough",
    SpanKind.CODE: "code",
    SpanKind.PRE: "pre",
    SpanKind.QUOTE: "blockquote",
    SpanKind.SPOILER: "spoiler",
    SpanKind.LINK: "text_link",
}
# Mentions, hashtags, bare addresses and the like are visible in the text as they are.
SPAN_OF: dict[str, SpanKind] = {
    **{entity: kind for kind, entity in ENTITY_OF.items()},
    "expandable_blockquote": SpanKind.QUOTE,
}


def spans_in(text: str, entities: Sequence[Entity]) -> tuple[Span, ...]:
    """Read formatting. What points outside the text is cut; half a surrogate pair is widened."""
    if not entities:
        return ()
    units = _units(text)
    spans = (_span(units, entity) for entity in entities if entity.type in SPAN_OF)
    return tuple(span for span in spans if span.start < span.end)


def entities_for(text: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Write formatting as `sendMessage` takes it."""
    if not spans:
        return []
    units = _units(text)
    entities: list[dict[str, Any]] = []
    for span in spans:
        start, end = (units[min(max(at, 0), len(text))] for at in (span.start, span.end))
        if start < end:
            entity = {"type": ENTITY_OF[span.kind], "offset": start, "length": end - start}
            entities.append(entity | ({"url": span.url} if span.kind is SpanKind.LINK else {}))
    return entities


def _units(text: str) -> list[int]:
    """How many UTF-16 units stand before each code point, and before the end."""
    return list(accumulate((1 + (char > "\uffff") for char in text), initial=0))


def _span(units: list[int], entity: Entity) -> Span:
    kind = SPAN_OF[entity.type]
    return Span(
        kind=kind,
        start=max(bisect_right(units, entity.offset) - 1, 0),
        end=min(bisect_left(units, entity.offset + entity.length), len(units) - 1),
        url=entity.url if kind is SpanKind.LINK else "",
    )
