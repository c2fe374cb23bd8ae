"""How a message reads on a card, as HTML, and what an operator's note says under the same eyes.

Ours begin with a title; where nothing else tells them apart they end in a small mark. What became
of an answer stands in a paragraph of its own at its end: the editor may wrap the whole, so it is
known wherever only ends of tags follow it.

Source: developers.hubspot.com/docs/api-reference/crm-notes-v3/guide: HTML is rendered, up to 65 536
characters.
"""

import html
import re
from collections.abc import Iterable

from crm_clients.hubspot import richtext
from crm_clients.hubspot.richtext import Said, escape
from crm_clients.on_cards import FAILED_MARK, SENT_MARK, mark_of, unmarked
from crm_clients.on_cards import with_mark as text_with_mark
from mappers.text import Slice, cut_spans
from mappers.vocabulary import StatusReport

_TAG = re.compile(r"<(?:/?[A-Za-z]|!)")
_MARK = re.compile(
    rf"<p[^<>]*>\s*(?:{SENT_MARK}|{FAILED_MARK} [^<]*)\s*</p>(?=(?:\s*</[a-z]+>)*\s*\Z)"
)
_TITLE, _TAIL = re.compile(r"\A<p><strong>"), re.compile(r"\n#[0-9a-f]{10}\Z")


def body_of(title: str, said: Iterable[str], key: str) -> str:
    """Put HTML lines under a title; with a `key`, above the mark that it is found by."""
    tail = tail_of(key) if key else ""
    return f"<p><strong>{escape(title)}</strong></p><p>{'<br>'.join(said)}</p>{tail}"


def tail_of(key: str) -> str:
    return f'<p style="font-size:8px;color:#cbd6e2">{mark_of(key)}</p>'


def link(url: str, name: str) -> str:
    return f'<a href="{html.escape(url)}">{escape(name)}</a>'


def said_in(body: str) -> Said:
    """Say what a body says. One without any tag is plain text, whose lines are its own."""
    if _TAG.search(body) is None:
        return after(Said(html.unescape(body.replace("\r\n", "\n"))), 0)
    return richtext.read(body)


def after(said: Said, start: int) -> Said:
    """What is said from `start` on, without blanks around it."""
    rest = said.text[start:]
    first = start + len(rest) - len(rest.lstrip())
    part = Slice(first, max(first, len(said.text.rstrip())))
    return Said(said.text[part.start : part.end], cut_spans(said.spans, part))


def words_in(body: str) -> str:
    """What was said in a message of ours, or in anybody's note, without what we said of it."""
    text = said_in(body).text
    if _TITLE.match(body):
        return _TAIL.sub("", text.partition("\n")[2]).strip()
    return unmarked(text)


def with_mark(body: str, report: StatusReport) -> str:
    """Say under an answer what became of it, in place of what was said before.

    A body that says so already is left as it is, however it is spelt.
    """
    text = said_in(body).text
    marked = text_with_mark(text, report)
    if marked == text:
        return body
    mark = marked.rpartition("\n")[2]
    said = body if _TAG.search(body) else f"<p>{escape(html.unescape(body))}</p>"
    return f"{_MARK.sub('', said)}<p>{escape(mark)}</p>"
