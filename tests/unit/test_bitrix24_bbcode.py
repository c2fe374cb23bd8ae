"""BBCode read, and a customer's text kept from being any."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_clients.bitrix24.bbcode import ALONE, GAP, PAIRS, escape, read
from mappers.vocabulary import Span, SpanKind

DASHES = "-" * 54
NAMES = sorted(PAIRS | ALONE)
typed = st.text(alphabet=st.sampled_from("[]/=>-#BRbuilcode*01 \nя")) | st.text()
typed = typed.map(lambda text: text.replace(GAP, "").replace("\r", ""))
tags = st.builds(
    "[{}{}{}]".format,
    st.sampled_from(["", "/"]),
    st.sampled_from(NAMES),
    st.sampled_from(["", "=1", "=https://x.example", " size=2"]),
)
wrought = st.lists(typed | tags).map("".join)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[b]Да[/b], [I]завтра[/I]", "Да, завтра"),
        ("[size=20][color=#ff0000]Важно[/color][/size]", "Важно"),
        ("Раз[br]Два#BR#Три", "Раз\nДва\nТри"),
        ("[USER=27]Ольга[/USER], ответьте", "Ольга, ответьте"),
        ("[user=all]Все[/user]", "Все"),
        ("[chat=imol|323]диалог[/chat]", "диалог"),
        ("[context=chat5/7]тут[/context]", "тут"),
        ("[url]https://a.example[/url]", "https://a.example"),
        ("[url=https://a.example]https://a.example[/url]", "https://a.example"),
        ("[url=/crm/deal/1/]сделка[/url]", "сделка (/crm/deal/1/)"),
        ("[url=https://a.example][/url]", "https://a.example"),
        ("[call=+7915]Пётр[/call]", "Пётр (+7915)"),
        ("[call]+7915[/call]", "+7915"),
        ("[send=/start]Начать[/send] [put=да]Да[/put]", "Начать Да"),
        ("[img size=medium]https://a.example/1.png [/img]", "https://a.example/1.png "),
        ("[icon=https://a.example/i.png size=20 title=Улыбка]", "Улыбка"),
        ("[icon=https://a.example/i.png title=Ура height=20]", "Ура"),
        ("[timestamp=1773759161 format=SHORT]", "2026-03-17 14:52 UTC"),
        ("[timestamp=never]", "never"),
        ("См.[disk=5437][attach=1]", "См."),
        ("[rating=5] [like][dislike]", "5★ 👍👎"),
        ("[list][*]раз\n[*]два[/list]", "• раз\n• два"),
        ("[code][b]x[/b] >> y[/code]", "[b]x[/b] >> y"),
        ("[b]не закрыто", "[b]не закрыто"),
        ("закрыто[/b] зря", "закрыто[/b] зря"),
        ("[b][i]накрест[/b][/i]", "[i]накрест[/i]"),
        ("[слово] и [bold] и []", "[слово] и [bold] и []"),
        (f"{DASHES}\nПётр [11:02]\nКогда?\n{DASHES}\nЗавтра", "Пётр [11:02]\nКогда?\nЗавтра"),
        (">>Когда?\n>>Где?\nЗавтра", "Когда?\nГде?\nЗавтра"),
        ("", ""),
    ],
)
def test_what_an_operator_writes_is_read(written: str, meant: str) -> None:
    assert read(written).text == meant


@pytest.mark.parametrize(
    ("written", "spans"),
    [
        ("Я [b]жду[/b]!", (Span(kind=SpanKind.BOLD, start=2, end=5),)),
        (
            "[b][u]а[/u]б[/b]",
            (
                Span(kind=SpanKind.BOLD, start=0, end=2),
                Span(kind=SpanKind.UNDERLINE, start=0, end=1),
            ),
        ),
        (
            "[url=https://a.example]сайт[/url]",
            (Span(kind=SpanKind.LINK, start=0, end=4, url="https://a.example"),),
        ),
        ("[code]x=1[/code]", (Span(kind=SpanKind.PRE, start=0, end=3),)),
        (">> Когда?\nЗавтра", (Span(kind=SpanKind.QUOTE, start=0, end=6),)),
        (
            f"[b]а[/b] [{GAP}b]б [s]в[/s]",
            (
                Span(kind=SpanKind.BOLD, start=0, end=1),
                Span(kind=SpanKind.STRIKE, start=7, end=8),
            ),
        ),
    ],
)
def test_formatting_stays_where_it_was(written: str, spans: tuple[Span, ...]) -> None:
    assert read(written).spans == spans


@given(typed)
@example("[b]x[/b]")
@example("#BR#")
@example(">>a\n>>b")
@example(f"{DASHES}\nx\n{DASHES}")
@example("/start")
@example("1")
@example("0 спасибо")
def test_what_a_customer_types_comes_back_as_it_was(text: str) -> None:
    assert read(escape(text)).text == text
    assert not read(escape(text)).spans


@given(wrought)
def test_nothing_that_a_customer_types_is_markup(text: str) -> None:
    told = escape(text)
    assert not re.search(r"\[[A-Za-z/*]", told)
    assert "#BR#" not in told
    assert not re.search(r"^>>|^-{6,}[ \t]*$", told, re.MULTILINE)
    assert not re.match(r"/|[01](?:\s|$)", told)
    assert told.replace(GAP, "") == text.replace(GAP, "")


@given(wrought)
def test_reading_never_fails_and_its_formatting_fits(text: str) -> None:
    said = read(text)
    assert all(0 <= span.start < span.end <= len(said.text) for span in said.spans)


@given(st.text(alphabet="абв [](){}\n"), st.sampled_from(["b", "i", "u", "s", "size", "user"]))
def test_words_inside_of_tags_are_not_lost(words: str, name: str) -> None:
    assert read(f"до [{name}=1]{words}[/{name}] после").text == f"до {words} после"


def test_a_long_text_full_of_brackets_is_read_in_time() -> None:
    for text in ("[code]" * 3000, "[b]" * 6000 + "[/b]" * 3000, "[" * 20000, f"[{GAP}b" * 5000):
        assert read(text).text
