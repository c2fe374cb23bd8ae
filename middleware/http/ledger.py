"""The ledger: what was exchanged with a provider, fit to be stored, shown and exported.

Redaction is by what may stay, not by what must go; nothing is looked for and cut out.

- Of an address the host stays. Paths and queries hold tokens, phones and names of files, and a
  template of the path would have to be right for every provider; the call's label says which
  call it was.
- Of a body its size stays, a keyed digest (did we send the same thing twice?), those of its
  top-level names that every API uses (names can be phone numbers, too), and the values of error
  names as far as they look made for machines: a short number, or words joined by underscores.
- Headers and the provider's sentences do not stay at all. Sentences quote customers.

An attempt wants its own exchanges only, yet one adapter, and so one port, serves many attempts at
once. So `collecting` keeps the list in a context variable: it belongs to the attempt's task and to
the tasks and threads that the attempt starts, and to nobody else.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from mappers.vocabulary import HttpReply

# fmt: off
STRUCTURAL_NAMES = frozenset((
    "access_token", "category", "code", "content", "data", "description", "detail", "details",
    "error", "error_code", "error_description", "error_msg", "error_subcode", "errorCode", "errors",
    "event", "events", "expires_in", "id", "items", "message", "messages", "meta", "method", "next",
    "ok", "page", "paging", "parameters", "params", "properties", "refresh_token", "response",
    "result", "results", "status", "subCategory", "success", "text", "title", "token_type", "total",
    "type", "_embedded", "_links",
))
# fmt: on
ERROR_NAMES = ("error", "error_code", "errorCode", "error_subcode", "category", "subCategory")
NAMES_INSIDE_ERROR = (*ERROR_NAMES, "code")
WORDS_OF_A_MACHINE = re.compile(r"[A-Z]{2,}(?:_[A-Z]+)*|[a-z]+(?:_[a-z]+)+")
LONGEST_CODE = 48
LARGEST_NUMBER = 9999
PARSED_UP_TO_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`names` are sorted; `errors` are names with values, e.g. `("error", "invalid_grant")`."""

    size_bytes: int
    digest: str
    names: tuple[str, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request that was tried, and how it ended.

    Shape: `failure` is a code when no answer came, and then `status` and `answer` are None.
    `number` counts the tries of one call from 1. `begun` says whether any of the request was on
    its way: where it was not, nothing can have happened.
    """

    connection: str
    label: str
    method: str
    host: str
    number: int
    started_at: datetime
    duration_ms: int
    begun: bool
    status: int | None
    failure: str
    question: Body
    answer: Body | None

    def row(self) -> Mapping[str, Any]:
        """Return it as JSON values, as it is stored beside the attempt."""
        return {**asdict(self), "started_at": self.started_at.isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked, in full; never stored. `json` is what the content spells, where known."""

    connection: str
    label: str
    method: str
    host: str
    content: bytes = field(repr=False)
    json: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one try ended, in full; never stored. `reply` is None when no answer came."""

    number: int
    started_at: datetime
    duration_s: float
    begun: bool
    failure: str = ""
    reply: HttpReply | None = field(default=None, repr=False)


Sink = Callable[[Exchange], None]

_collected: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


@contextmanager
def collecting() -> Iterator[list[Exchange]]:
    """Yield a list that fills with the exchanges made inside the block, in order of their end."""
    exchanges: list[Exchange] = []
    token = _collected.set(exchanges)
    try:
        yield exchanges
    finally:
        _collected.reset(token)


def also(exchanges: Iterable[Exchange]) -> None:
    """Give whoever is collecting exchanges that another attempt made for both."""
    if (collected := _collected.get()) is not None:
        collected.extend(exchanges)


class Ledger:
    """Redacts each exchange and hands it on: to the attempt that is collecting, and to `sink`.

    `key` makes the digests: without it nobody can find a phone number by trying them all.
    """

    def __init__(self, key: bytes, sink: Sink | None = None) -> None:
        self._key = blake2b(key).digest()
        self._sink = sink

    def note(self, question: Question, outcome: Outcome) -> None:
        reply = outcome.reply
        exchange = Exchange(
            connection=question.connection,
            label=question.label,
            method=question.method,
            host=question.host,
            number=outcome.number,
            started_at=outcome.started_at,
            duration_ms=round(outcome.duration_s * 1000),
            begun=outcome.begun,
            status=None if reply is None else reply.status,
            failure=outcome.failure,
            question=self.question(question),
            answer=None if reply is None else self.answer(reply),
        )
        if (exchanges := _collected.get()) is not None:
            exchanges.append(exchange)
        if self._sink is not None:
            self._sink(exchange)

    def question(self, asked: Question) -> Body:
        value = _parsed(asked.content) if asked.json is None else asked.json
        return self._body(asked.content, value if isinstance(value, dict) else {})

    def answer(self, reply: HttpReply) -> Body:
        value = reply.value() if _may_be_an_object(reply.body) else None
        members = value if isinstance(value, dict) else {}
        return self._body(reply.body, members, tuple(_errors(members)))

    def _body(
        self, content: bytes, value: Mapping[str, Any], errors: tuple[tuple[str, str], ...] = ()
    ) -> Body:
        return Body(
            size_bytes=len(content),
            digest=blake2b(content, key=self._key, digest_size=12).hexdigest() if content else "",
            names=tuple(sorted(STRUCTURAL_NAMES & value.keys())),
            errors=errors,
        )


def _parsed(content: bytes) -> Any:
    return HttpReply(status=0, body=content).value() if _may_be_an_object(content) else None


def _may_be_an_object(content: bytes) -> bool:
    """Say whether it is worth reading: a file is not."""
    return len(content) <= PARSED_UP_TO_BYTES and content.lstrip().startswith(b"{")


def _errors(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ERROR_NAMES:
        if code := _code(value.get(name)):
            yield name, code
    inner = value.get("error")
    if isinstance(inner, dict):
        for name in NAMES_INSIDE_ERROR:
            if code := _code(inner.get(name)):
                yield f"error.{name}", code


def _code(value: object) -> str:
    match value:
        case bool():
            return ""
        case int() if abs(value) <= LARGEST_NUMBER:
            return str(value)
        case str() if len(value) <= LONGEST_CODE and WORDS_OF_A_MACHINE.fullmatch(value):
            return value
        case _:
            return ""
