"""Many messages in one call: what became of each is read from the answer, never guessed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from crm_clients.hubspot.bulk import Bulk, trace_of
from crm_clients.hubspot.engagements import Engagements
from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import (
    Direction,
    Entry,
    Failure,
    HttpCall,
    HttpReply,
    Identity,
    IdentityKind,
    Message,
    OpenedConversation,
    Origin,
    Permanent,
    Person,
    ProviderError,
    Receipt,
)
from tests.conformance.crm_bench import refusal
from tests.port import NOON

VALUES = {"portal_id": "4411", "access_token": "hush", "timeline": "cards"}
PERSON = Person(
    identities=(Identity(kind=IdentityKind.CHANNEL_USER, value="telegram:1", evidence="x"),)
)
Answer = Callable[[HttpCall], tuple[int, Any]]


@dataclass(slots=True)
class Portal:
    """Answers each call by a function of it; keeps the calls."""

    answer: Answer
    calls: list[HttpCall] = field(default_factory=list)

    async def send(self, call: HttpCall) -> HttpReply:
        self.calls.append(call)
        status, body = self.answer(call)
        return HttpReply(status=status, body=json.dumps(body).encode() if body else b"")

    def now(self) -> datetime:
        return NOON


def bulk(answer: Answer, *, marked: bool = False) -> tuple[Bulk, Portal]:
    portal = Portal(answer)
    config = Config.model_validate({**VALUES, "marked": ("notes",) if marked else ()})
    return Bulk(Engagements(Rest(config, None, portal))), portal


def entries(count: int) -> list[Entry]:
    return [
        Entry(
            key=f"key-{number}",
            conversation=OpenedConversation(id=f"tg-{number}", user="5"),
            ours=f"tg-{number}",
            record=str(100 + number),
            person=PERSON,
            message=Message(
                origin=Origin("telegram", "7", str(number)),
                conversation="1",
                author="1",
                direction=Direction.INBOUND,
                sent_at=NOON,
                text="Да",
            ),
            text="Да",
        )
        for number in range(count)
    ]


def made(number: int, **more: Any) -> dict[str, Any]:
    return {"id": str(900 + number), "properties": {}, **more}


def inputs_of(call: HttpCall) -> list[Any]:
    return list(call.json["inputs"])


def receipt(number: int) -> Receipt:
    return Receipt(provider_ids=(f"notes/{900 + number}",))


def kinds(answers: tuple[Receipt | Failure, ...]) -> list[str]:
    return ["receipt" if isinstance(each, Receipt) else each.kind for each in answers]


async def test_results_are_told_apart_by_their_trace_whatever_their_order() -> None:
    there, portal = bulk(
        lambda _: (
            201,
            {"results": [made(n, objectWriteTraceId=trace_of(f"key-{n}")) for n in (2, 0, 1)]},
        )
    )
    assert await there.write(entries(3)) == (receipt(0), receipt(1), receipt(2))
    (call,) = portal.calls
    assert not call.repeatable
    traces = [each["objectWriteTraceId"] for each in inputs_of(call)]
    assert traces == [trace_of(f"key-{n}") for n in range(3)]


@pytest.mark.parametrize("is_marked", [True, False])
async def test_results_without_a_trace_are_told_apart_by_what_they_hold(is_marked: bool) -> None:
    def echo(call: HttpCall) -> tuple[int, Any]:
        told = [made(n, properties=each["properties"]) for n, each in enumerate(inputs_of(call))]
        return 201, {"results": told[::-1]}

    there, portal = bulk(echo, marked=is_marked)
    assert await there.write(entries(3)) == (receipt(0), receipt(1), receipt(2))
    assert portal.calls[0].repeatable == is_marked


async def test_of_some_that_were_refused_it_is_said_whose_card_is_gone() -> None:
    def some(call: HttpCall) -> tuple[int, Any]:
        if call.method == "GET":
            return (404, {}) if call.url.endswith("/101") else (200, made(0, id="102"))
        refused = [
            {"category": "VALIDATION_ERROR", "context": {"objectWriteTraceId": [trace_of(key)]}}
            for key in ("key-1", "key-2")
        ]
        ok = made(0, objectWriteTraceId=trace_of("key-0"))
        return 207, {"results": [ok], "numErrors": 2, "errors": refused}

    there, _ = bulk(some)
    first, second, third = await there.write(entries(3))
    assert first == receipt(0)
    assert isinstance(second, Permanent)
    assert (second.gone, second.code) == ("record", "hubspot.no_such_record")
    assert isinstance(third, Permanent)
    assert third.gone == ""


async def test_what_is_neither_done_nor_refused_is_in_doubt() -> None:
    ok = made(0, objectWriteTraceId=trace_of("key-0"))
    there, _ = bulk(lambda _: (207, {"results": [ok], "errors": []}))
    assert kinds(await there.write(entries(2))) == ["receipt", "ambiguous"]
    there, _ = bulk(lambda _: (201, {"results": [ok]}), marked=True)
    assert kinds(await there.write(entries(2))) == ["receipt", "transient"]


async def test_what_was_refused_without_saying_which_is_tried_by_itself() -> None:
    def shy(call: HttpCall) -> tuple[int, Any]:
        if call.method == "GET":
            return (404, {}) if call.url.endswith("/101") else (200, made(0, id="100"))
        if "inputs" not in call.json:
            return 400, {"category": "VALIDATION_ERROR"}
        ok = made(0, objectWriteTraceId=trace_of("key-0"))
        return 207, {"results": [ok], "errors": [{"category": "VALIDATION_ERROR"}]}

    there, _ = bulk(shy)
    assert kinds(await there.write(entries(2))) == ["receipt", "permanent"]


async def test_one_that_was_there_before_is_found_by_its_key() -> None:
    def taken(call: HttpCall) -> tuple[int, Any]:
        if call.method == "GET":
            return 200, made(7)
        refused = {"category": "VALIDATION_ERROR", "context": {}}
        refused["context"] = {"objectWriteTraceId": [trace_of("key-1")]}
        ok = made(0, objectWriteTraceId=trace_of("key-0"))
        return 207, {"results": [ok], "errors": [refused]}

    there, portal = bulk(taken, marked=True)
    assert await there.write(entries(2)) == (receipt(0), receipt(7))
    assert portal.calls[-1].params["idProperty"] == "threadline_key"


async def test_a_call_that_is_refused_as_a_whole_is_made_in_halves() -> None:
    """What one message is refused for holds up no others, and none is written twice."""

    def picky(call: HttpCall) -> tuple[int, Any]:
        if call.method == "GET":
            return 200, made(0, id=call.url.rpartition("/")[2])
        given = [call.json] if "inputs" not in call.json else inputs_of(call)
        records = [each["associations"][0]["to"]["id"] for each in given]
        if "102" in records:
            return 400, {"category": "VALIDATION_ERROR", "message": "no"}
        if "inputs" not in call.json:
            return 201, made(int(records[0]) - 100)
        results = [
            made(int(record) - 100, objectWriteTraceId=each["objectWriteTraceId"])
            for record, each in zip(records, given, strict=True)
        ]
        return 201, {"results": results}

    there, _ = bulk(picky)
    answers = await there.write(entries(4))
    assert [answers[n] for n in (0, 1, 3)] == [receipt(n) for n in (0, 1, 3)]
    assert isinstance(answers[2], Permanent)


async def test_a_doubt_in_one_half_is_no_doubt_of_the_other() -> None:
    def breaks(call: HttpCall) -> tuple[int, Any]:
        given = inputs_of(call)
        if len(given) == 4:
            return 400, {"message": "no"}
        if trace_of("key-2") in {each["objectWriteTraceId"] for each in given}:
            return 502, {}
        return 201, {
            "results": [
                made(n, objectWriteTraceId=each["objectWriteTraceId"])
                for n, each in enumerate(given)
            ]
        }

    there, _ = bulk(breaks)
    answers = await there.write(entries(4))
    assert kinds(answers) == ["receipt", "receipt", "ambiguous", "ambiguous"]


async def test_a_doubt_of_the_whole_call_is_everybodys() -> None:
    there, _ = bulk(lambda _: (502, {}))
    assert (await refusal(there.write(entries(2)))).failure.kind == "ambiguous"
    there, _ = bulk(lambda _: (502, {}), marked=True)
    error: ProviderError = await refusal(there.write(entries(2)))
    assert error.failure.kind == "transient"
