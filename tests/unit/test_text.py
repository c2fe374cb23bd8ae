"""Text between worlds: measured as the other side measures, cut kindly, nothing lost."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.text import (
    Language,
    Slice,
    Unit,
    clean,
    cut_spans,
    in_words,
    length,
    read_json,
    spell_out_links,
    split,
    timeline_text,
)
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Direction,
    Message,
    Origin,
    Span,
    SpanKind,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
THUMB = "\U0001f44d\U0001f3fd"
KEYCAP = "1\ufe0f\u20e3"
HEART = "\u2764\ufe0f"
SEEN_AS_ONE = (FAMILY, THUMB, KEYCAP, HEART, "я", "a", "\U0001f600", " ", "\n", ". ", "\n\n")
LONGEST_SEEN_AS_ONE = 18  # the family, in bytes
UNITS: tuple[Unit, ...] = ("code_points", "utf16", "bytes")

units = st.sampled_from(UNITS)
limits = st.integers(4, 60)
anything = st.text(st.characters(exclude_categories=()))


def parts(text: str, limit: int, unit: Unit) -> list[str]:
    return [text[part.start : part.end] for part in split(text, limit, unit)]


def message(**parts_of_it: object) -> Message:
    shown = {"text": "привет", **parts_of_it}
    return Message(
        origin=Origin("any", "1", "1"),
        conversation="7",
        author="7",
        direction=Direction.INBOUND,
        sent_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
        **shown,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("text", "code_points", "utf16", "in_bytes"),
    [
        ("", 0, 0, 0),
        ("abc", 3, 3, 3),
        ("где", 3, 3, 6),
        ("\U0001f600", 1, 2, 4),
        (FAMILY, 5, 8, 18),
        ("\ud83d", 1, 1, 3),
    ],
)
def test_each_unit_measures_in_its_own_way(
    text: str, code_points: int, utf16: int, in_bytes: int
) -> None:
    assert [length(text, unit) for unit in UNITS] == [code_points, utf16, in_bytes]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("привет", "привет"),
        ("a\0b", "a\ufffdb"),
        ("a\ud83db", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\ufeffa", "\ufeffa"),
    ],
)
def test_what_nobody_takes_is_replaced_and_nothing_else(said: str, kept: str) -> None:
    assert clean(said) == kept


@given(text=anything)
def test_what_was_cleaned_is_clean(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert "\0" not in cleaned
    assert cleaned.encode().decode() == cleaned


@given(text=anything, limit=limits, unit=units)
def test_parts_joined_are_the_text(text: str, limit: int, unit: Unit) -> None:
    cut = split(text, limit, unit)
    assert "".join(text[part.start : part.end] for part in cut) == text
    assert [part.start for part in cut[1:]] == [part.end for part in cut[:-1]]
    assert all(part.end > part.start for part in cut) or not text


@given(text=anything, limit=limits, unit=units)
def test_no_part_is_over_the_limit(text: str, limit: int, unit: Unit) -> None:
    assert all(length(part, unit) <= limit for part in parts(text, limit, unit))


@given(text=st.text(min_size=1), limit=st.integers(1, 3))
def test_a_limit_below_one_character_still_moves_on(text: str, limit: int) -> None:
    assert all(
        len(part) == 1 or length(part, "bytes") <= limit for part in parts(text, limit, "bytes")
    )


@given(
    atoms=st.lists(st.sampled_from(SEEN_AS_ONE)),
    limit=st.integers(LONGEST_SEEN_AS_ONE, 60),
    unit=units,
)
def test_what_is_seen_as_one_character_stays_whole(
    atoms: list[str], limit: int, unit: Unit
) -> None:
    within: set[int] = set()
    at = 0
    for atom in atoms:
        if atom.strip(" .\n"):
            within.update(range(at + 1, at + len(atom)))
        at += len(atom)
    cuts = {part.start for part in split("".join(atoms), limit, unit)} - {0}
    assert cuts.isdisjoint(within)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("", 10, [""]),
        ("коротко", 10, ["коротко"]),
        ("one\n\ntwo\nthree. four", 12, ["one\n\ntwo\n", "three. four"]),
        ("абвг\n\nдеж зик", 9, ["абвг\n\n", "деж зик"]),
        ("Да. Нет. Пока", 9, ["Да. Нет. ", "Пока"]),
        ("раз два три", 8, ["раз два ", "три"]),
        ("а длинноеслово", 8, ["а длинно", "еслово"]),
        ("абвгдежз", 3, ["абв", "где", "жз"]),
        ("аб" + THUMB, 3, ["аб", THUMB]),
        (FAMILY, 1, list(FAMILY)),
    ],
)
def test_a_text_is_cut_at_the_kindest_place(text: str, limit: int, expected: list[str]) -> None:
    assert parts(text, limit, "code_points") == expected


@pytest.mark.parametrize(
    ("attachment", "language", "words"),
    [
        (Attachment(kind=AttachmentKind.VOICE), "ru", "[Голосовое сообщение]"),
        (Attachment(kind=AttachmentKind.FILE, title="счёт.pdf"), "ru", "[Файл: счёт.pdf]"),
        (
            Attachment(kind=AttachmentKind.STICKER, title="\U0001f44d"),
            "en",
            "[Sticker: \U0001f44d]",
        ),
    ],
)
def test_what_is_shown_is_named(attachment: Attachment, language: Language, words: str) -> None:
    assert in_words(attachment, language) == words


@pytest.mark.parametrize("kind", AttachmentKind)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_kind_has_a_word_in_every_language(kind: AttachmentKind, language: Language) -> None:
    assert len(in_words(Attachment(kind=kind), language)) > len("[]")


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (message(), "привет"),
        (message(forwarded_from="Анна"), "[Переслано от Анна]\nпривет"),
        (message(text="", attachments=(Attachment(kind=AttachmentKind.IMAGE),)), "[Фото]"),
        (
            message(
                forwarded_from="Анна",
                attachments=(
                    Attachment(kind=AttachmentKind.IMAGE),
                    Attachment(kind=AttachmentKind.LOCATION, title="Тверская, 1"),
                ),
            ),
            "[Переслано от Анна]\n[Фото]\n[Местоположение: Тверская, 1]\nпривет",
        ),
        (
            message(
                text="наш сайт",
                spans=(Span(kind=SpanKind.LINK, start=4, end=8, url="https://x.example"),),
            ),
            "наш сайт (https://x.example)",
        ),
    ],
)
def test_a_whole_message_becomes_one_text(said: Message, line: str) -> None:
    assert timeline_text(said, "ru") == line


def test_only_hidden_addresses_are_spelled_out() -> None:
    text = "a и https://b.example"
    spans = (
        Span(kind=SpanKind.LINK, start=0, end=1, url="https://a.example"),
        Span(kind=SpanKind.LINK, start=4, end=21, url="https://b.example"),
        Span(kind=SpanKind.LINK, start=0, end=1),
        Span(kind=SpanKind.BOLD, start=0, end=1),
    )
    assert spell_out_links(text, spans) == "a (https://a.example) и https://b.example"


def test_several_hidden_addresses_do_not_shift_each_other() -> None:
    spans = tuple(
        Span(kind=SpanKind.LINK, start=at, end=at + 1, url=f"https://{at}.example")
        for at in range(3)
    )
    assert spell_out_links("абв", spans) == (
        "а (https://0.example)б (https://1.example)в (https://2.example)"
    )


@pytest.mark.parametrize(
    ("span", "kept"),
    [
        ((0, 5), None),
        ((0, 6), (0, 1)),
        ((6, 8), (1, 3)),
        ((0, 20), (0, 5)),
        ((9, 20), (4, 5)),
        ((10, 20), None),
    ],
)
def test_formatting_is_cut_with_its_text(
    span: tuple[int, int], kept: tuple[int, int] | None
) -> None:
    bold = Span(kind=SpanKind.BOLD, start=span[0], end=span[1])
    cut = [(piece.start, piece.end) for piece in cut_spans((bold,), Slice(5, 10))]
    assert cut == ([] if kept is None else [kept])


@given(
    start=st.integers(0, 80),
    size=st.integers(1, 80),
    text=st.text("аб. \n", min_size=1),
    data=limits,
)
def test_formatted_characters_stay_formatted(start: int, size: int, text: str, data: int) -> None:
    bold = Span(kind=SpanKind.BOLD, start=start, end=start + size)
    covered: list[int] = []
    for part in split(text, data, "code_points"):
        for piece in cut_spans((bold,), part):
            assert 0 <= piece.start < piece.end <= part.end - part.start
            covered += range(part.start + piece.start, part.start + piece.end)
    assert covered == list(range(start, min(start + size, len(text))))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": ["b", 1, null]}', {"a": ["b", 1, None]}),
        (rb'{"a\u0000": ["b\ud83d", 1]}', {"a\ufffd": ["b\ufffd", 1]}),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\u0416"', "Ж"),
    ],
)
def test_json_from_outside_holds_no_half_characters(body: bytes, value: object) -> None:
    assert read_json(body) == value


@pytest.mark.parametrize(("body", "error"), [(b"<html>", ValueError), (b"[" * 100_000, ValueError)])
def test_what_is_no_json_is_said_to_be_none(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_json(body)


@given(
    value=st.recursive(anything, lambda inner: st.lists(inner) | st.dictionaries(anything, inner))
)
def test_what_was_read_can_be_written(value: object) -> None:
    kept = json.dumps(read_json(json.dumps(value).encode()), ensure_ascii=False)
    assert kept.encode().decode() == kept
    assert read_json(kept.encode()) == json.loads(kept)
