"""HTML of conversations and notes: what an employee's markup says, and text kept from being any.

HubSpot tells a text twice, plain and as HTML. Formatting is in the second alone; where the two do
not say the same, the plain one is believed.

Source: developers.hubspot.com/docs/api-reference/…/custom-channels/guide (rich text); the editor's
own tags: samples of the documentation.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from types import MappingProxyType

from mappers.vocabulary import Span, SpanKind

SPANS: Mapping[str, SpanKind] = MappingProxyType(
    {
        **dict.fromkeys(("b", "strong"), SpanKind.BOLD),
        **dict.fromkeys(("i", "em"), SpanKind.ITALIC),
        **dict.fromkeys(("u", "ins"), SpanKind.UNDERLINE),
        **dict.fromkeys(("s", "strike", "del"), SpanKind.STRIKE),
        "code": SpanKind.CODE,
        "pre": SpanKind.PRE,
        "blockquote": SpanKind.QUOTE,
    }
)
STYLES: Mapping[str, SpanKind] = MappingProxyType(
    {
        r"font-weight\s*:\s*(?:bold|[6-9]00)": SpanKind.BOLD,
        r"font-style\s*:\s*italic": SpanKind.ITALIC,
        r"text-decoration[^;]*:[^;]*underline": SpanKind.UNDERLINE,
        r"text-decoration[^;]*:[^;]*line-through": SpanKind.STRIKE,
    }
)
BLOCKS = frozenset(
    {
        *("p", "div", "ul", "ol", "li", "blockquote", "pre", "table", "tr", "hr", "section"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "article", "header", "footer"),
    }
)
ALONE = frozenset({"br", "img", "hr", "input", "meta", "link", "wbr"})
UNSEEN = frozenset({"script", "style", "head", "title", "template"})
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")


@dataclass(frozen=True, slots=True)
class Said:
    """A text with its formatting, and the addresses of pictures in it. Units: code points."""

    text: str = field(repr=False)
    spans: tuple[Span, ...] = ()
    pictures: tuple[str, ...] = field(default=(), repr=False)


def read(markup: str) -> Said:
    """Say what HTML shows. Nothing that somebody typed is lost."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader.said()


def meant(text: str, markup: str) -> Said:
    """Say what a message says that is told both ways."""
    if not markup.strip():
        return Said(text)
    said = read(markup)
    if text.strip() and (not said.text or _letters(text) != _letters(said.text)):
        return Said(text, pictures=said.pictures)
    return said


def escape(text: str) -> str:
    """Let a text be shown as it was typed where HTML is expected."""
    return html.escape(text, quote=False).replace("\n", "<br>")


@dataclass(frozen=True, slots=True)
class _Open:
    """A tag that has begun: where, and the formatting that it stands for."""

    tag: str
    start: int
    kinds: tuple[SpanKind, ...] = ()
    url: str = ""


class _Reader(HTMLParser):
    """Reads one text from left to right; tags without another half end where the text does."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._length = 0
        self._open: list[_Open] = []
        self._spans: list[Span] = []
        self._pictures: list[str] = []
        self._counts: list[int] = []

    def said(self) -> Said:
        while self._open:
            self._close(self._open.pop())
        return _trimmed("".join(self._out), self._spans, self._pictures)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in BLOCKS:
            self._break()
        if tag in {"ul", "ol"}:
            self._counts.append(int(tag == "ol"))
        if tag == "li":
            self._say(self._bullet())
        if tag == "br":
            self._say("\n")
        if tag == "img" and given.get("src"):
            self._pictures.append(given["src"])
        if tag not in ALONE:
            self._open.append(_Open(tag, self._length, _kinds(tag, given), given.get("href", "")))

    def handle_endtag(self, tag: str) -> None:
        at = next((i for i in range(len(self._open), 0, -1) if self._open[i - 1].tag == tag), 0)
        while at and len(self._open) >= at:
            self._close(self._open.pop())
        if tag in {"ul", "ol"} and self._counts:
            self._counts.pop()
        if tag in BLOCKS:
            self._break()

    def handle_data(self, data: str) -> None:
        inside = {each.tag for each in self._open}
        if inside & UNSEEN:
            return
        words = data if "pre" in inside else _SPACE.sub(" ", data)
        if words.startswith(" ") and self._is_at_line_start() and "pre" not in inside:
            words = words[1:]
        self._say(words)

    def _say(self, words: str) -> None:
        if words:
            self._out.append(words)
            self._length += len(words)

    def _break(self) -> None:
        if not self._is_at_line_start():
            self._say("\n")

    def _is_at_line_start(self) -> bool:
        return not self._out or self._out[-1].endswith("\n")

    def _bullet(self) -> str:
        if not self._counts or not self._counts[-1]:
            return "• "
        self._counts[-1] += 1
        return f"{self._counts[-1] - 1}. "

    def _close(self, begun: _Open) -> None:
        if begun.start == self._length:
            return
        self._spans += [
            Span(kind=kind, start=begun.start, end=self._length) for kind in begun.kinds
        ]
        if begun.tag == "a" and begun.url:
            self._link(begun)

    def _link(self, begun: _Open) -> None:
        """An address that no browser opens is said beside its words instead of being opened."""
        words = "".join(self._out)[begun.start :]
        if begun.url in {words.strip(), f"mailto:{words.strip()}", f"tel:{words.strip()}"}:
            return
        if begun.url.startswith(("https://", "http://")):
            link = Span(kind=SpanKind.LINK, start=begun.start, end=self._length, url=begun.url)
            self._spans.append(link)
        else:
            self._say(f" ({begun.url})")


def _kinds(tag: str, given: Mapping[str, str]) -> tuple[SpanKind, ...]:
    style = given.get("style", "").lower()
    styled = (kind for pattern, kind in STYLES.items() if style and re.search(pattern, style))
    return (*((SPANS[tag],) if tag in SPANS else ()), *styled)


def _trimmed(text: str, spans: Sequence[Span], pictures: Sequence[str]) -> Said:
    """Take white space off both ends and move the formatting along."""
    body = text.strip()
    before = text.index(body) if body else 0
    moved = (
        replace(
            each,
            start=max(each.start - before, 0),
            end=min(each.end - before, len(body)),
        )
        for each in spans
    )
    kept = sorted((each for each in moved if each.start < each.end), key=_order)
    return Said(body, tuple(kept), tuple(dict.fromkeys(pictures)))


def _order(span: Span) -> tuple[int, int]:
    return span.start, -span.end


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))
