"""Several questions in one call: a batch that only reads.

A batch succeeds by itself, each question fails for itself. What stands in a command is parsed as a
query even where the body is JSON, and an empty map comes back as a list.

Source: apidocs.bitrix24.com/settings/how-to-call-rest-api/batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from crm_clients.bitrix24.rest import PAGE, Rest, garbled, refusal_in
from mappers.vocabulary import Failure, Gone, ProviderError

MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A method with its parameters. `gone` says what it is that a refusal can miss."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    gone: Gone = ""

    @property
    def command(self) -> str:
        return f"{self.method}?{urlencode(list(_flat(self.params)))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`total` counts the rows of a list whose first page this is; `at` is the portal's time."""

    value: Any = field(default=None, repr=False)
    failure: Failure | None = None
    total: int = 0
    at: str = ""

    def told(self) -> Any:
        """Return the answer. Raises: `ProviderError` when there is none."""
        if self.failure is not None:
            raise ProviderError(self.failure)
        return self.value


async def ask_together(rest: Rest, questions: Mapping[str, Question]) -> dict[str, Answer]:
    """Ask up to fifty questions. Raises: `ProviderError` for the call as a whole."""
    commands = {name: each.command for name, each in questions.items()}
    told = await rest.ask("batch", {"halt": 0, "cmd": commands})
    if not isinstance(told, dict):
        raise ProviderError(garbled(repeatable=True))
    return {name: _answer(told, name, each) for name, each in questions.items()}


async def ask_every_page(rest: Rest, question: Question, first: Answer) -> tuple[Any, ...]:
    """Return all rows of a list whose first page was asked already."""
    rows = list(all_of_list(first.told()))
    starts = range(PAGE, first.total, PAGE)
    for begin in range(0, len(starts), MOST):
        pages = {
            f"from{start}": Question(
                method=question.method, params={**question.params, "start": start}
            )
            for start in starts[begin : begin + MOST]
        }
        for answer in (await ask_together(rest, pages)).values():
            rows += all_of_list(answer.told())
    return tuple(rows)


def all_of_list(value: Any) -> tuple[Any, ...]:
    """Return the members of a list, which may be a map by its indexes."""
    if not isinstance(value, list | dict):
        raise ProviderError(garbled(repeatable=True))
    return tuple(value.values() if isinstance(value, dict) else value)


def _answer(told: Mapping[str, Any], name: str, question: Question) -> Answer:
    refusal = _part(told, "result_error").get(name)
    if isinstance(refusal, dict):
        return Answer(failure=refusal_in(refusal, repeatable=True, gone=question.gone))
    results = _part(told, "result")
    if name not in results:
        return Answer(failure=garbled(repeatable=True))
    total, time = str(_part(told, "result_total").get(name)), _part(told, "result_time").get(name)
    return Answer(
        value=results[name],
        total=int(total) if total.isdecimal() else 0,
        at=str(time.get("date_start") or "") if isinstance(time, dict) else "",
    )


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Names of questions are words, so what comes as a list is empty."""
    part = told.get(name)
    return part if isinstance(part, dict) else {}


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _flat(inner, f"{prefix}[{key}]" if prefix else str(key))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _flat(inner, f"{prefix}[{index}]")
        case _:
            yield prefix, str(value)
