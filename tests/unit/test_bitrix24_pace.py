"""What answers of Bitrix24 say of its patience, and what becomes of the parts of a batch."""

import json
from datetime import timedelta
from typing import Any

import pytest

from crm_clients.bitrix24.batch import Command
from crm_clients.bitrix24.pace import (
    OPERATING_LIMIT_S,
    budgets_of,
    careful_wait_s,
    is_enterprise,
    terms_of,
    terms_of_batch,
)
from crm_clients.bitrix24.rest import part_in
from crm_clients.bitrix24.wire import Spent
from mappers.vocabulary import HttpReply, Terms

SEND = "imconnector.send.messages"
MINUTE = timedelta(minutes=1)


def reply(body: object, status: int = 200) -> HttpReply:
    return HttpReply(status=status, body=json.dumps(body).encode())


def spent(operating: float, *, resets_in: float = 300, duration: float = 1) -> dict[str, Any]:
    return {
        "operating": operating,
        "operating_reset_at": 1000 + resets_in,
        "finish": 1000,
        "duration": duration,
    }


@pytest.mark.parametrize(
    ("told", "calls", "wait_s"),
    [
        (spent(0), 1, 0),
        (spent(OPERATING_LIMIT_S / 2 - 1), 1, 0),
        (spent(OPERATING_LIMIT_S - 100), 1, 3),
        (spent(OPERATING_LIMIT_S - 100), 10, 30),
        (spent(OPERATING_LIMIT_S - 1), 1, 300),
        (spent(OPERATING_LIMIT_S - 5), 10, 300),
        (spent(OPERATING_LIMIT_S + 50), 1, 300),
        (spent(OPERATING_LIMIT_S + 50, resets_in=-5), 1, 0),
        (spent(OPERATING_LIMIT_S + 50, resets_in=10**6), 1, 600),
        (spent(OPERATING_LIMIT_S - 100, duration=0), 1, 0),
    ],
)
def test_what_is_left_of_a_methods_time_is_spread_until_it_comes_back(
    told: dict[str, Any], calls: int, wait_s: float
) -> None:
    assert careful_wait_s(Spent.model_validate(told), calls) == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("status", "body", "terms"),
    [
        (200, {"result": 1, "time": spent(10)}, ()),
        (200, {"result": 1}, ()),
        (200, {"result": 1, "time": {"operating": "?"}}, ()),
        (
            200,
            {"result": 1, "time": spent(500)},
            (Terms(budget=f"time:{SEND}", wait=timedelta(seconds=300)),),
        ),
        (
            429,
            {"error": "OPERATION_TIME_LIMIT"},
            (Terms(budget=f"time:{SEND}", wait=MINUTE, refused=True),),
        ),
        (
            503,
            {"error": "QUERY_LIMIT_EXCEEDED"},
            (Terms(budget="rest", wait=timedelta(seconds=2), refused=True),),
        ),
        (503, {"error": "OVERLOAD_LIMIT"}, ()),
        (429, [], (Terms(budget="rest", wait=timedelta(seconds=2), refused=True),)),
        (502, "<html>", ()),
    ],
)
def test_each_refusal_is_told_to_the_budget_that_was_meant(
    status: int, body: object, terms: tuple[Terms, ...]
) -> None:
    assert terms_of(SEND)(reply(body, status), budgets_of([SEND])) == terms


def test_a_batch_tells_the_time_of_each_method_inside() -> None:
    methods = {"c0": SEND, "c1": "crm.contact.get", "c2": SEND, "c3": "crm.deal.get"}
    result = {
        "result": {"c0": 1, "c1": 1},
        "result_error": {"c2": {"error": "OPERATION_TIME_LIMIT"}},
        "result_time": {"c0": spent(OPERATING_LIMIT_S - 100), "c1": spent(1)},
    }
    told = terms_of_batch(methods)(reply({"result": result}), budgets_of(methods.values()))
    assert told == (
        Terms(budget=f"time:{SEND}", wait=MINUTE, refused=True),
        Terms(budget=f"time:{SEND}", wait=timedelta(seconds=6)),
    )


def test_a_batch_draws_on_every_method_inside_once() -> None:
    assert budgets_of([SEND, "crm.deal.get", SEND]) == (
        "rest",
        "time:crm.deal.get",
        f"time:{SEND}",
    )


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"result": {"c0": False}, "result_error": []}, ""),
        ({"result": {"c0": []}}, ""),
        ({"result": [], "result_error": []}, "ambiguous"),
        ({"result": {"c1": 1}}, "ambiguous"),
        ([], "ambiguous"),
        (None, "ambiguous"),
        ({"result": [], "result_error": {"c0": {"error": "NOT_ACTIVE_LINE"}}}, "blocked"),
        ({"result": [], "result_error": {"c0": {"error": ""}}}, "permanent"),
        ({"result": [], "result_error": {"c0": "NOT_FOUND"}}, "ambiguous"),
        ({"result": [], "result_error": {"c0": {"error": "OPERATION_TIME_LIMIT"}}}, "rate_limited"),
        ({"result": [], "result_error": {"c0": {"error": "INTERNAL_SERVER_ERROR"}}}, "ambiguous"),
        ({"result": [], "result_error": {"c0": {"error": "ERROR_CORE"}}}, "ambiguous"),
    ],
)
def test_each_part_of_a_batch_has_its_class(told: object, kind: str) -> None:
    failure = part_in(told, "c0", repeatable=False).failure
    assert (failure.kind if failure else "") == kind


def test_a_command_is_a_query_and_nothing_in_it_is_read_as_more() -> None:
    said = {"MESSAGES": [{"text": "a&b=c+d #1%", "n": 0, "on": True, "off": None}], "LINE": 7}
    assert Command("m.x", said).spelt() == (
        "m.x?MESSAGES%5B0%5D%5Btext%5D=a%26b%3Dc%2Bd%20%231%25"
        "&MESSAGES%5B0%5D%5Bn%5D=0&MESSAGES%5B0%5D%5Bon%5D=1&LINE=7"
    )


@pytest.mark.parametrize(
    ("plan", "larger"),
    [("ru_ent250", True), ("ent500", True), ("com_enterprise", True), ("ru_basic", False)],
)
def test_a_plan_that_cannot_be_read_has_the_smaller_limit(plan: str, *, larger: bool) -> None:
    assert is_enterprise(plan) is larger
    assert not is_enterprise("")
