"""BBCode: what an operator's markup says, and how a customer's text is kept from being markup.

Bitrix24 documents no way to escape a bracket, so a zero-width space goes in where a tag would
begin; on the way back it is taken out again. What is not in the vocabulary of its chats is a
bracket that somebody typed, and stays as it is.

Source: apidocs.bitrix24.com/api-reference/chats/messages/formatting; quotes between lines of dashes
and what is done to a text on its way: bitrix kernel, as reported by integrators.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from mappers.vocabulary import Span, SpanKind

GAP = "\N{ZERO WIDTH SPACE}"
SPANS: Mapping[str, SpanKind] = MappingProxyType(
    {
        "b": SpanKind.BOLD,
        "i": SpanKind.ITALIC,
        "u": SpanKind.UNDERLINE,
        "s": SpanKind.STRIKE,
        "code": SpanKind.PRE,
        "quote": SpanKind.QUOTE,
    }
)
PLAIN_PAIRS = frozenset(
    {
        *("size", "color", "font", "left", "center", "right", "justify", "p", "list"),
        *("table", "tr", "td", "th", "user", "chat", "dialog", "context", "send", "put", "pch"),
    }
)
PAIRS = frozenset(SPANS) | PLAIN_PAIRS | {"url", "img", "call"}
ALONE = frozenset({"br", "*", "icon", "timestamp", "disk", "attach", "rating", "like", "dislike"})
# Inside of these only an address or code is expected: brackets there are no markup.
VERBATIM = frozenset({"code", "img"})
FURTHEST_TAG = 2048
_TAG = re.compile(
    rf"\[(?P<end>/)?(?P<name>{'|'.join(map(re.escape, sorted(PAIRS | ALONE)))})"
    rf"(?P<arg>[= ][^\[\]\n]{{0,{FURTHEST_TAG}}})?\]",
    re.IGNORECASE,
)
_CODE = re.compile(r"(\[code\].*?\[/code\])", re.IGNORECASE | re.DOTALL)
_QUOTED_LINES = re.compile(r"^>>(.*(?:\n>>.*)*)", re.MULTILINE)
_DASHES = r"^-{6,}[ \t]*$"
_QUOTED_BLOCK = re.compile(rf"{_DASHES}\n(.*?)\n{_DASHES}", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"\btitle=(.*?)(?= (?:size|height|width)=|$)", re.IGNORECASE)
# What begins a tag, a line break, a quote, a command of a bot, or a vote in a rating.
_MARKUP = re.compile(r"\[(?=[A-Za-z/*])|(?<=#)(?=BR#)|^>(?=>)|^-(?=-{5,}[ \t]*$)", re.MULTILINE)
_FIRST = re.compile(r"/|[01](?:\s|$)")
_GAPS = re.compile(
    rf"(?<=\[){GAP}(?=[A-Za-z/*])|(?<=#){GAP}(?=BR#)|(?<=^>){GAP}(?=>)"
    rf"|(?<=^-){GAP}(?=-{{5,}}[ \t]*$)|\A{GAP}(?=/|[01](?:\s|$))",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Said:
    """An operator's text with its formatting. Units: code points."""

    text: str = field(repr=False)
    spans: tuple[Span, ...] = ()


def escape(text: str) -> str:
    """Let a customer's text be no markup, no command and no vote, whatever they typed."""
    told = _MARKUP.sub(lambda found: f"{found.group()}{GAP}", text)
    return f"{GAP}{told}" if _FIRST.match(told) else told


def read(text: str) -> Said:
    """Say what an operator's text means. Nothing that somebody typed is lost."""
    parts = _CODE.split(text.replace("\r\n", "\n"))
    quoted = "".join(part if at % 2 else _with_quotes(part) for at, part in enumerate(parts))
    said = _Reader(quoted).read()
    return _without_gaps(said)


def _with_quotes(text: str) -> str:
    """Spell the two ways of quoting by lines as the tag that they mean."""
    text = text.replace("#BR#", "\n")
    text = _QUOTED_BLOCK.sub(lambda found: f"[quote]{found[1]}[/quote]", text)
    return _QUOTED_LINES.sub(_as_quote, text)


def _as_quote(found: re.Match[str]) -> str:
    lines = found[1].replace("\n>>", "\n").split("\n")
    return "[quote]" + "\n".join(line.removeprefix(" ") for line in lines) + "[/quote]"


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    arg: str
    is_end: bool
    start: int
    end: int


class _Reader:
    """Reads one text from left to right; tags that have no other half are left as they are."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._out: list[str] = []
        self._length = 0
        self._spans: list[Span] = []

    def read(self) -> Said:
        tags = list(_tags(self._text))
        halves = _halves(tags)
        open_at: dict[int, int] = {}
        position = 0
        for at, tag in enumerate(tags):
            if tag.name in PAIRS and at not in halves:
                continue
            self._say(self._text[position : tag.start])
            position = tag.end
            if tag.name in ALONE:
                self._say(_meaning(tag))
            elif tag.is_end:
                self._close(tags[halves[at]], open_at[halves[at]])
            else:
                open_at[at] = self._length
        self._say(self._text[position:])
        spans = sorted(self._spans, key=lambda span: (span.start, -span.end))
        return Said("".join(self._out), tuple(spans))

    def _say(self, words: str) -> None:
        self._out.append(words)
        self._length += len(words)

    def _close(self, begun: _Tag, start: int) -> None:
        inner = "".join(self._out)[start:]
        target = begun.arg.removeprefix("=").strip()
        if begun.name == "url" and target and inner.strip() != target:
            self._link(start, target, inner)
        elif begun.name in SPANS and inner:
            kind = SPANS[begun.name]
            self._spans.append(Span(kind=kind, start=start, end=self._length))
        elif begun.name == "call" and target and target != inner:
            self._say(f" ({target})")

    def _link(self, start: int, target: str, inner: str) -> None:
        """An address that no browser opens is said beside its words instead of being opened."""
        if inner and target.startswith(("https://", "http://")):
            self._spans.append(Span(kind=SpanKind.LINK, start=start, end=self._length, url=target))
        else:
            self._say(f" ({target})" if inner else target)


def _tags(text: str) -> Iterator[_Tag]:
    """Yield tags of the vocabulary; inside of what is verbatim, only the end of it."""
    inside, lowered = "", text.lower()
    for found in _TAG.finditer(text):
        name, is_end = found["name"].lower(), bool(found["end"])
        if inside and not (is_end and name == inside):
            continue
        is_shut = name in VERBATIM and not is_end and f"[/{name}]" in lowered[found.end() :]
        inside = name if is_shut else ""
        yield _Tag(name, found["arg"] or "", is_end, found.start(), found.end())


def _halves(tags: list[_Tag]) -> dict[int, int]:
    """Find for each tag that begins or ends something the other half of it."""
    begun: list[int] = []
    found: dict[int, int] = {}
    for at, tag in enumerate(tags):
        if tag.name not in PAIRS:
            continue
        if not tag.is_end:
            begun.append(at)
            continue
        depth = next(
            (d for d in range(len(begun), 0, -1) if tags[begun[d - 1]].name == tag.name), 0
        )
        if depth:
            found[at], found[begun[depth - 1]] = begun[depth - 1], at
            del begun[depth - 1 :]
    return found


def _meaning(tag: _Tag) -> str:
    if tag.is_end:
        return ""
    meaning = MEANINGS.get(tag.name)
    return meaning(tag.arg) if meaning else ""


def _title(arg: str) -> str:
    found = _TITLE.search(arg)
    return found[1].strip() if found else ""


def _moment(arg: str) -> str:
    try:
        seconds = int(arg.removeprefix("=").split()[0])
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (IndexError, ValueError, OverflowError, OSError):
        return arg.removeprefix("=")


MEANINGS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "br": lambda _: "\n",
        "*": lambda _: "• ",
        "icon": _title,
        "timestamp": _moment,
        "rating": lambda arg: f"{arg.removeprefix('=').strip()}★",
        "like": lambda _: "👍",
        "dislike": lambda _: "👎",
    }
)


def _without_gaps(said: Said) -> Said:
    """Take out what `escape` put in, and move the formatting along."""
    gone = [found.start() for found in _GAPS.finditer(said.text)]
    if not gone:
        return said

    def moved(position: int) -> int:
        return position - bisect_left(gone, position)

    spans = tuple(
        Span(kind=each.kind, start=moved(each.start), end=moved(each.end), url=each.url)
        for each in said.spans
    )
    return Said(_GAPS.sub("", said.text), spans)
