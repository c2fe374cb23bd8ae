"""Words between worlds, as properties: nothing lost, no limit passed, every look where it was."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from channel_clients.contract import Can
from channel_clients.telegram.spans import entities_for, spans_in
from channel_clients.telegram.wire import Entity
from mappers.text import WORDS, Language, Unit, clean, cut_spans, length, split, timeline_text
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Direction,
    Message,
    Origin,
    Span,
    SpanKind,
)
from middleware.pipeline.rules import reply_parts

# Whatever phones send: beyond the first plane, joined, combined, from right to left, or nothing.
ATOMS = (
    *("а", "b", " ", "\n", ". ", "😀", "👨‍👩‍👧", "👍🏽", "1️⃣", "❤️", "é", "שלום", "مرحبا"),
    *("\u202e", "\u200f", "\0", "\ud83d", "\udc00", "𝒳", "🇷🇺", "\ufeff"),
)
LIMITS: tuple[tuple[Unit, int], ...] = (("utf16", 20), ("code_points", 20), ("bytes", 60))
wild = st.lists(st.sampled_from(ATOMS), max_size=60).map("".join)
tame = wild.map(clean)
languages: st.SearchStrategy[Language] = st.sampled_from(("ru", "en"))
attachments = st.builds(
    Attachment, kind=st.sampled_from(AttachmentKind), handle=st.just("h"), title=tame
)


@st.composite
def spans_of(draw: st.DrawFn, text: str) -> tuple[Span, ...]:
    ends = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    drawn = draw(st.lists(st.tuples(ends, st.sampled_from(SpanKind)), max_size=6))
    return tuple(
        Span(
            kind=kind,
            start=start,
            end=end,
            url=f"https://{number}.example/" if kind is SpanKind.LINK else "",
        )
        for number, ((start, end), kind) in enumerate(drawn)
        if start < end
    )


@st.composite
def messages(draw: st.DrawFn) -> Message:
    text, shown = draw(st.tuples(tame, st.lists(attachments, max_size=5)).filter(any))
    return Message(
        origin=Origin("any", "1", "1"),
        conversation="7",
        author="7",
        direction=Direction.INBOUND,
        sent_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
        text=text,
        spans=draw(spans_of(text)),
        attachments=tuple(shown),
        forwarded_from=draw(st.sampled_from(("", "Зоя", "😀 \u202e"))),
    )


@given(text=wild)
def test_cleaning_moves_nothing_that_can_be_said(text: str) -> None:
    kept = clean(text)
    kept.encode()
    assert [char for char in kept if char != "\ufffd"] == [
        char for char in clean(text.replace("\0", "\ufffd")) if char != "\ufffd"
    ]
    assert length(kept, "utf16") == length(text, "utf16")


@given(said=messages(), language=languages, data=st.data())
def test_a_timeline_leaves_nothing_out(said: Message, language: Language, data: Any) -> None:
    positions = range(len(said.attachments))
    shown = data.draw(st.sets(st.sampled_from(positions))) if positions else set()
    text = timeline_text(said, language, without=shown)
    at = 0
    if said.forwarded_from:
        assert text.startswith("[")
        at = text.index(said.forwarded_from)
    for position in positions:
        if position not in shown:
            attachment = said.attachments[position]
            at = text.index(f"[{WORDS[language][attachment.kind]}", at) + 1
            at = text.index(attachment.title, at)
    assert all(char in text for char in said.text)
    urls = [span.url for span in said.spans if span.url]
    assert all(url in text for url in urls)
    for url in urls:
        text = text.replace(f" ({url})", "")
    assert text.endswith(said.text)


@given(text=tame, limit=st.sampled_from(LIMITS), data=st.data())
@settings(max_examples=300)
def test_a_look_survives_being_cut_and_told_in_another_sides_units(
    text: str, limit: tuple[Unit, int], data: Any
) -> None:
    """Bold here, bold there: through cutting, to Telegram's entities, and back."""
    spans = data.draw(spans_of(text))
    back: list[set[tuple[str, str]]] = []
    for part in split(text, limit[1], limit[0]):
        words = text[part.start : part.end]
        assert length(words, limit[0]) <= limit[1]
        entities = entities_for(words, cut_spans(spans, part))
        assert all(0 <= each["offset"] < length(words, "utf16") for each in entities)
        wire = [Entity.model_validate(each) for each in entities]
        looks: list[set[tuple[str, str]]] = [set() for _ in words]
        for span in spans_in(words, wire):
            for place in range(span.start, span.end):
                looks[place].add((span.kind, span.url))
        back += looks
    wanted = [
        {(span.kind, span.url) for span in spans if span.start <= place < span.end}
        for place in range(len(text))
    ]
    assert back == wanted


@given(
    said=messages(),
    language=languages,
    unit=st.sampled_from(("utf16", "code_points", "bytes")),
    album=st.integers(1, 3),
    data=st.data(),
)
def test_a_reply_in_parts_is_the_whole_reply(
    said: Message, language: Language, unit: Unit, album: int, data: Any
) -> None:
    positions = range(len(said.attachments))
    chosen = data.draw(st.sets(st.sampled_from(positions))) if positions else set()
    files = tuple(sorted(chosen))
    can = Can(text_limit=40, caption_limit=25, text_unit=unit, album=album)
    text = timeline_text(said, language, without=files)
    parts = reply_parts(said, can, language, files)
    assert "".join(text[part.text.start : part.text.end] for part in parts) == text
    assert tuple(position for part in parts for position in part.files) == files
    for part in parts:
        words = text[part.text.start : part.text.end]
        assert length(words, unit) <= (can.caption_limit if part.files else can.text_limit)
        assert len(part.files) <= album
        assert len({said.attachments[position].kind for position in part.files}) <= 1
