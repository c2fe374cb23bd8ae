"""HTML of conversations read, and a text kept from being any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_clients.hubspot.richtext import BLOCKS, SPANS, escape, meant, read
from mappers.vocabulary import Span, SpanKind

TAGS = sorted({*SPANS, *BLOCKS, "a", "span", "br", "img", "script"})
tags = st.builds(
    "<{}{}{}>".format,
    st.sampled_from(["", "/"]),
    st.sampled_from(TAGS),
    st.sampled_from(["", " href='x:y'", " style='font-weight:bold'", " src=https://x.example/p"]),
)
wrought = st.lists(tags | st.text(max_size=5)).map("".join)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<p>It ships today.</p>", "It ships today."),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("<div><div>one<br>two</div></div>", "one\ntwo"),
        ("<ul><li>tea</li><li>milk</li></ul>after", "• tea\n• milk\nafter"),
        ("<ol><li>tea</li><li>milk</li></ol>", "1. tea\n2. milk"),
        ("<p>a &lt;b&gt; &amp; c&nbsp;d</p>", "a <b> & c d"),
        ("<style>p{}</style>seen<script>x()</script>", "seen"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("plain   text\nwith breaks", "plain text with breaks"),
        ("<a href='mailto:o@example.com'>o@example.com</a>", "o@example.com"),
        ("<a href='/deals/1'>deal</a>", "deal (/deals/1)"),
        ("<b>never closed", "never closed"),
        ("</p>never begun", "never begun"),
        ("", ""),
    ],
)
def test_markup_says_what_it_shows(written: str, shown: str) -> None:
    assert read(written).text == shown


@pytest.mark.parametrize(
    ("written", "kind", "marked"),
    [
        ("<p>on <strong>Monday</strong></p>", SpanKind.BOLD, "Monday"),
        ("<p>on <em>Monday</em></p>", SpanKind.ITALIC, "Monday"),
        ("<p> <s>old</s> new</p>", SpanKind.STRIKE, "old"),
        ('<span style="text-decoration: underline;">x</span>', SpanKind.UNDERLINE, "x"),
        ('<span style="font-weight:700">x</span> y', SpanKind.BOLD, "x"),
        ("<blockquote>said</blockquote>so", SpanKind.QUOTE, "said"),
        ("see <code>x</code>", SpanKind.CODE, "x"),
    ],
)
def test_formatting_covers_its_words(written: str, kind: SpanKind, marked: str) -> None:
    said = read(written)
    (span,) = said.spans
    assert (span.kind, said.text[span.start : span.end].strip()) == (kind, marked)


def test_a_link_is_kept_with_its_address() -> None:
    said = read("<p>see <a href='https://shop.example/1'>here</a>!</p>")
    assert said.text == "see here!"
    assert said.spans == (Span(kind=SpanKind.LINK, start=4, end=8, url="https://shop.example/1"),)
    assert read("<a href='https://a.example'>https://a.example</a>").spans == ()


def test_pictures_are_named_once_and_said_nowhere() -> None:
    said = read("<p>look<img src='https://x.example/1'><img src='https://x.example/1'></p>")
    assert (said.text, said.pictures) == ("look", ("https://x.example/1",))


@pytest.mark.parametrize(
    ("text", "markup", "shown"),
    [
        ("It ships today.", "<p>It <b>ships</b> today.</p>", "It ships today."),
        ("It ships today.", "<p>It ships</p>", "It ships today."),
        ("", "<p>only here</p>", "only here"),
        ("only here", "", "only here"),
        ("• tea", "<ul><li>tea</li></ul>", "• tea"),
        ("👍", "<div></div>", "👍"),
    ],
)
def test_the_plain_text_is_believed_where_both_differ(text: str, markup: str, shown: str) -> None:
    assert meant(text, markup).text == shown


@given(markup=wrought)
def test_anything_is_read_and_formatting_stays_inside(markup: str) -> None:
    said = read(markup)
    assert all(0 <= span.start < span.end <= len(said.text) for span in said.spans)
    assert said.text == said.text.strip()


@given(text=st.text(alphabet=st.characters(categories=["L", "N", "P", "S"])))
def test_what_is_escaped_is_read_as_it_was_typed(text: str) -> None:
    assert read(escape(text)).text == text
