"""Conversations on cards, where a CRM shows no chats of ours: how what is written there reads.

A message is shown under a title; an answer is what an employee writes on a card behind a prefix,
and its last line is ours: what became of it. Every CRM that works so shares these words.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b

from mappers.vocabulary import Entry, Status, StatusReport

PREFIX, LONGEST_PREFIX = "//", 10
LATE = timedelta(minutes=10)
LONGEST_QUOTE = 200
SENT_MARK, FAILED_MARK = "✓", "✗"
_MARKED = re.compile(rf"\n(?:{SENT_MARK}|{FAILED_MARK} [^\n]*)\s*\Z")


def checked_prefix(value: str) -> str:
    """Raises: `ValueError` for a prefix that nobody types on purpose."""
    prefix = value.strip()
    if not 1 <= len(prefix) <= LONGEST_PREFIX or len(prefix.splitlines()) > 1:
        raise ValueError("reply_prefix is one to ten characters on one line")
    return prefix


def answer_in(text: str, prefix: str) -> str:
    """What of a text goes to the customer; nothing when it is none of their business.

    Capitals do not matter: a phone's keyboard sets them by itself. What carries a word of ours
    about its fate has been dealt with.
    """
    said = text.strip()
    if is_marked(text) or not said.casefold().startswith(prefix.casefold()):
        return ""
    return said[len(prefix) :].strip()


def with_mark(text: str, report: StatusReport) -> str:
    """Say under an answer what became of it, in place of what was said before."""
    words = " ".join((report.words or report.code).split())
    mark = f"{FAILED_MARK} {words}" if report.status is Status.FAILED else SENT_MARK
    return f"{unmarked(text)}\n{mark}"


def unmarked(text: str) -> str:
    """What an operator wrote, without what we said of it."""
    return _MARKED.sub("", text)


def is_marked(text: str) -> bool:
    return _MARKED.search(text) is not None


def mark_of(key: str) -> str:
    """Shorten a key of ours to what may stand on a card; forty bits tell a card's entries apart."""
    return f"#{blake2b(key.encode(), digest_size=5).hexdigest()}"


def title_of(entry: Entry, now: datetime) -> str:
    """Say who wrote, by which channel and, when that was a while ago, at what time."""
    return " · ".join(_title(entry, now))


def quote_of(said: str) -> str:
    """What is answered, as one line; empty when nothing is."""
    line = " ".join(said.split())
    short = line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1]}…"
    return f"> {short}" if short else ""


def _title(entry: Entry, now: datetime) -> Iterator[str]:
    person = entry.person
    name = " ".join((person.name or person.username or entry.ours).split())
    channel = entry.channel or entry.message.origin.provider
    if entry.author is None:
        yield from (channel, name)
    else:
        yield f"{channel} → {name}"
    if now - entry.message.sent_at > LATE:
        # Whether a CRM keeps the time that we give is often not documented.
        yield f"{entry.message.sent_at:%d.%m %H:%M} UTC"
