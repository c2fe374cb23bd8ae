"""The ledger keeps what explains an exchange, and no secret and no customer's word."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mappers.vocabulary import HttpReply
from middleware.http.ledger import (
    ERROR_NAMES,
    STRUCTURAL_NAMES,
    Exchange,
    Ledger,
    Outcome,
    Question,
    collecting,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
KEY = b"a key of the hub"

tokens = st.text("abcdefABCDEF0123456789-_.", min_size=20, max_size=60).filter(
    lambda text: any(sign.isdecimal() for sign in text)
)
phones = st.from_regex(r"\A(\+?7|8)9[0-9]{9}\Z")
addresses = st.emails()
words = st.sampled_from(["Мария", "адрес", "Тверская", "5", "where", "is", "my", "order"])
sentences = st.lists(words)
secrets = st.one_of(
    tokens, phones, addresses, sentences.map(" ".join).filter(lambda text: text.count(" ") > 2)
)


def hiding(secret: str) -> st.SearchStrategy[Any]:
    """JSON that has the secret in it somewhere: a value, a name, a number, deep inside."""
    here = st.sampled_from(
        [secret, f"{secret} ", {secret: 1}, [secret], int(secret) if secret.isdecimal() else secret]
    )
    names = st.sampled_from(sorted(STRUCTURAL_NAMES) + list(ERROR_NAMES)) | st.just(secret)
    return st.recursive(
        here,
        lambda inner: st.dictionaries(names, inner, min_size=1) | st.lists(inner),
        max_leaves=6,
    )


def ledger(*sink: list[Exchange]) -> Ledger:
    return Ledger(KEY, sink[0].append if sink else None)


def question(content: bytes = b"", label: str = "send a message") -> Question:
    return Question(
        connection="c-1", label=label, method="POST", host="api.example.com", content=content
    )


def outcome(content: bytes | None = b"", failure: str = "", status: int = 200) -> Outcome:
    return Outcome(
        number=1,
        started_at=NOON,
        duration_s=0.0421,
        begun=True,
        failure=failure,
        reply=None if content is None else HttpReply(status=status, body=content),
    )


def replied(content: bytes) -> HttpReply:
    return HttpReply(status=200, body=content)


def noted(asked: Question, ended: Outcome) -> Exchange:
    with collecting() as exchanges:
        ledger().note(asked, ended)
    return exchanges[0]


def everything_shown(exchange: Exchange) -> Iterator[str]:
    yield str(exchange)
    yield repr(exchange)
    yield str(asdict(exchange))
    yield json.dumps(exchange.row(), ensure_ascii=False)


@settings(deadline=None)
@given(data=st.data(), secret=secrets)
def test_no_secret_is_ever_shown(data: st.DataObject, secret: str) -> None:
    assume(secret not in "c-1 send a message POST api.example.com 2026-01-05T12:00:00+00:00")
    asked = json.dumps(data.draw(hiding(secret)), ensure_ascii=False).encode()
    answered = json.dumps(data.draw(hiding(secret)), ensure_ascii=False).encode()
    for content in (answered, answered[:-1], f"<html>{secret}</html>".encode()):
        exchange = noted(question(asked), outcome(content))
        assert not [shown for shown in everything_shown(exchange) if secret in shown]


@settings(deadline=None)
@given(secret=secrets)
def test_nothing_on_its_way_to_the_ledger_shows_a_secret(secret: str) -> None:
    shown = f"{question(secret.encode())!r} {outcome(secret.encode())!r}"
    assume(secret not in f"{question()!r} {outcome()!r}")
    assert secret not in shown


def test_what_stays() -> None:
    answer = b'{"ok":false,"error_code":403,"description":"Forbidden: Ivan","79161234567":1}'
    exchange = noted(question(b'{"text":"hi"}'), outcome(answer, status=403))
    assert exchange.row() == {
        "connection": "c-1",
        "label": "send a message",
        "method": "POST",
        "host": "api.example.com",
        "number": 1,
        "started_at": "2026-01-05T12:00:00+00:00",
        "duration_ms": 42,
        "begun": True,
        "status": 403,
        "failure": "",
        "question": {
            "size_bytes": 13,
            "digest": exchange.question.digest,
            "names": ("text",),
            "errors": (),
        },
        "answer": {
            "size_bytes": len(answer),
            "digest": exchange.answer.digest if exchange.answer else "",
            "names": ("description", "error_code", "ok"),
            "errors": (("error_code", "403"),),
        },
    }


@pytest.mark.parametrize(
    ("answer", "errors"),
    [
        ({"error": "QUERY_LIMIT_EXCEEDED"}, (("error", "QUERY_LIMIT_EXCEEDED"),)),
        ({"error": "invalid_grant"}, (("error", "invalid_grant"),)),
        ({"category": "VALIDATION_ERROR"}, (("category", "VALIDATION_ERROR"),)),
        ({"error": {"code": 190}}, (("error.code", "190"),)),
        ({"error": {"error_code": 9}}, (("error.error_code", "9"),)),
        ({"error": "No such chat"}, ()),
        ({"error": "ivan"}, ()),
        ({"error": 79161234567}, ()),
        ({"error": True}, ()),
        ({"code": 1234}, ()),
        ([{"error": "invalid_grant"}], ()),
    ],
)
def test_errors_stay_when_a_machine_wrote_them(answer: Any, errors: Any) -> None:
    assert ledger().answer(replied(json.dumps(answer).encode())).errors == errors


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{" * 100_000, b'{"a":' * 50_000, b"[1]"])
def test_nonsense_has_a_size_and_nothing_else(content: bytes) -> None:
    body = ledger().answer(replied(content))
    assert (body.size_bytes, body.names, body.errors) == (len(content), (), ())


def test_of_a_question_it_makes_no_difference_whether_a_value_or_its_bytes_were_given() -> None:
    said = {"text": "Мария", "79161234567": 1}
    content = json.dumps(said).encode()
    given_bytes = ledger().question(question(content))
    assert given_bytes == ledger().question(replace(question(content), json=said))
    assert given_bytes.names == ("text",)


def test_a_digest_tells_whether_two_bodies_are_the_same_to_those_who_have_the_key() -> None:
    digests = [
        Ledger(key).answer(replied(b"+79161234567")).digest for key in (KEY, KEY, b"another")
    ]
    assert digests[0] == digests[1] != digests[2]


def test_the_sink_gets_everything_and_an_attempt_its_own() -> None:
    kept: list[Exchange] = []
    book = ledger(kept)
    book.note(question(label="before"), outcome())
    with collecting() as exchanges:
        book.note(question(label="inside"), outcome())
    book.note(question(label="after"), outcome())
    assert [exchange.label for exchange in exchanges] == ["inside"]
    assert [exchange.label for exchange in kept] == ["before", "inside", "after"]


async def test_attempts_side_by_side_do_not_see_each_other() -> None:
    book = ledger()

    async def attempt(label: str) -> list[str]:
        with collecting() as exchanges:
            await asyncio.sleep(0)
            book.note(question(label=label), outcome())
            await asyncio.to_thread(book.note, question(label=f"{label}, a thread"), outcome())
        return [exchange.label for exchange in exchanges]

    one, two = await asyncio.gather(attempt("one"), attempt("two"))
    assert one == ["one", "one, a thread"]
    assert two == ["two", "two, a thread"]
