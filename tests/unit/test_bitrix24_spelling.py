"""Values of a portal's fields, and answers to several questions, however PHP spells them."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from crm_clients.bitrix24 import Application, Config
from crm_clients.bitrix24.batch import Command
from crm_clients.bitrix24.field_wire import About
from crm_clients.bitrix24.questions import ask_every_page, ask_together
from crm_clients.bitrix24.rest import Rest
from crm_clients.bitrix24.spelling import shown, spelt
from mappers.vocabulary import Blocked, Field, FieldKind, Permanent, ProviderError
from tests.port import LoopbackHttp


@pytest.mark.parametrize(
    ("type_", "said", "held"),
    [
        ("string", "Опт", "Опт"),
        ("string", False, ""),
        ("string", None, ""),
        ("address", "Москва, Тверская 1|;|55.7;37.6|;|12", "Москва, Тверская 1"),
        ("money", "10.50|RUB", "10.5"),
        ("money", "|RUB", ""),
        ("double", 12.0, "12"),
        ("integer", "0", "0"),
        ("integer", "семь", ""),
        ("boolean", True, "true"),
        ("boolean", "Y", "true"),
        ("boolean", 0, "false"),
        ("boolean", "", ""),
        ("boolean", "может быть", ""),
        ("char", "N", "false"),
        ("date", "2026-03-29T03:00:00+03:00", "2026-03-29"),
        ("date", "2026-03-29", "2026-03-29"),
        ("date", "29.03.2026", ""),
        ("datetime", "2026-03-30T00:30:00+03:00", "2026-03-29T21:30:00+00:00"),
        ("datetime", "2026-03-30T00:30:00", ""),
        ("enumeration", 42, "42"),
        ("enumeration", 0, ""),
        ("employee", "7", "7"),
        ("file", {"id": 1}, ""),
    ],
)
def test_a_value_is_read(type_: str, said: Any, held: str) -> None:
    assert shown(type_, said) == held


@pytest.mark.parametrize(
    ("type_", "kind", "value", "sent"),
    [
        ("enumeration", "choice", "42", 42),
        ("crm_status", "choice", "CALL", "CALL"),
        ("integer", "number", "12.5", "13"),
        ("double", "number", "12.5", "12.5"),
        ("money", "number", "10.5", "10.5|EUR"),
        ("date", "date", "2026-03-29", "2026-03-29"),
        ("datetime", "moment", "2026-03-30T00:30:00+03:00", "2026-03-29T21:30:00+00:00"),
        ("boolean", "boolean", "false", 0),
    ],
)
def test_a_value_is_spelt(type_: str, kind: FieldKind, value: str, sent: Any) -> None:
    field = Field(id="UF_CRM_1", title="?", entity="deal", type=type_, kind=kind)
    assert spelt(field, value, {"currencyId": "EUR"}) == sent


def test_a_field_of_the_portals_own_is_answered_with_letters() -> None:
    field = Field(id="opened", title="?", entity="deal", type="char", kind="boolean")
    assert spelt(field, "true", {}) == "Y"


@pytest.mark.parametrize(("type_", "kind"), [("date", "date"), ("enumeration", "choice")])
def test_what_a_type_cannot_hold_is_no_value(type_: str, kind: FieldKind) -> None:
    field = Field(id="UF_CRM_1", title="?", entity="deal", type=type_, kind=kind)
    with pytest.raises(ValueError, match=r"."):
        spelt(field, "не то", {})


@pytest.mark.parametrize("items", [[], None, [{"ID": "1", "VALUE": "Да"}], {"0": {"ID": 1}}])
def test_choices_come_as_a_list_or_a_map(items: Any) -> None:
    about = About.model_validate({"type": "enumeration", "items": items, "settings": []})
    assert [each for each, _ in about.choices] == (["1"] if items else [])


def rest_that_says(*answers: Any) -> Rest:
    """A portal that answers a batch with each of these in turn."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"result": left.pop(0)})

    config = Config(
        base="https://acme.bitrix24.ru",
        member_id="0" * 32,
        access_token=SecretStr("a"),
        refresh_token=SecretStr("r"),
    )
    ours = Application(client_id="local.1", client_secret=SecretStr("s"))
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return Rest(config, ours, LoopbackHttp(client))


def told(result: Any, **parts: Any) -> dict[str, Any]:
    return {"result": result, "result_error": [], "result_total": [], "result_time": [], **parts}


async def test_each_question_fails_for_itself() -> None:
    errors = {
        "c1": {"error": "insufficient_scope", "error_description": "…"},
        "c2": {"error": "NOT_FOUND", "error_description": "…"},
    }
    rest = rest_that_says(told({"c0": {"item": {}}}, result_error=errors))
    names = ("good", "scope", "gone", "silent")
    asked = {name: Command("crm.item.get", gone="deal") for name in names}
    found = await ask_together(rest, asked)
    assert found["good"].told() == {"item": {}}
    assert isinstance(found["scope"].failure, Blocked)
    assert found["gone"].failure == Permanent(code="bitrix24.not_found", detail="…", gone="deal")
    assert getattr(found["silent"].failure, "kind", "") == "transient"
    with pytest.raises(ProviderError):
        found["silent"].told()


async def test_a_list_is_read_to_its_end() -> None:
    first = told({"c0": [1, 2]}, result_total={"c0": 120})
    pages = told({"c0": {"0": 3}, "c1": [4]})
    rest = rest_that_says(first, pages)
    question = Command("user.get")
    answers = await ask_together(rest, {"users": question})
    assert await ask_every_page(rest, question, answers["users"]) == (1, 2, 3, 4)


def test_what_stands_in_a_command_is_escaped() -> None:
    asked = Command("m", {"filter": {"=A": "1&b=2+3"}, "select": ["ID", "N"]})
    assert asked.spelt() == "m?filter%5B%3DA%5D=1%26b%3D2%2B3&select%5B0%5D=ID&select%5B1%5D=N"


async def test_half_an_answer_is_none() -> None:
    found = await ask_together(rest_that_says([]), {"a": Command("m")})
    with pytest.raises(ProviderError):
        found["a"].told()
