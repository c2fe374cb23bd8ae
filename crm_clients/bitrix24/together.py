"""Several questions in one call, each answered for itself.

Values inside of a batch are spelt as in an address, even in a JSON body.

Source: apidocs.bitrix24.com/settings/how-to-call-rest-api/batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from crm_clients.bitrix24.rest import Rest, garbled, refusal
from mappers.vocabulary import Failure, Permanent, ProviderError

MOST = 50
Question = tuple[str, Mapping[str, Any]]


async def ask_each(
    rest: Rest, questions: Sequence[Question], *, skips_refused: bool = False
) -> tuple[Any, ...]:
    """Ask, as many at once as a portal takes; None in place of what is not there.

    For reading alone: after a lost answer nobody knows how many commands were done. With
    `skips_refused`, what is refused for good counts as not there: one odd thing stops no others.
    Raises: `ProviderError` for the first refusal that says anything else.
    """
    found: list[Any] = []
    for start in range(0, len(questions), MOST):
        found += await _ask(rest, questions[start : start + MOST], skips_refused=skips_refused)
    return tuple(found)


async def _ask(rest: Rest, questions: Sequence[Question], *, skips_refused: bool) -> Iterator[Any]:
    commands = {f"q{at}": _spelt(*question) for at, question in enumerate(questions)}
    answer = await rest.ask("batch", {"halt": 0, "cmd": commands})
    if not isinstance(answer, dict):
        raise ProviderError(garbled(repeatable=True))
    results, refusals = _named(answer.get("result")), _named(answer.get("result_error"))
    for body in refusals.values():
        failure = _failure_in(body)
        is_skipped = skips_refused and isinstance(failure, Permanent)
        if not (is_skipped or _is_absence(failure)):
            raise ProviderError(failure)
    if not results.keys() | refusals.keys() >= commands.keys():
        raise ProviderError(garbled(repeatable=True))
    return (results.get(name) for name in commands)


def _failure_in(body: Any) -> Failure:
    if not isinstance(body, dict) or "error" not in body:
        return garbled(repeatable=True)
    return refusal(body, 400, repeatable=True)


def _is_absence(failure: Failure) -> bool:
    """Some methods refuse what is not there by a code, and older ones by words alone."""
    is_told = failure.detail.strip().rstrip(".").lower() == "not found"
    return isinstance(failure, Permanent) and (failure.code == "bitrix24.not_found" or is_told)


def _named(value: Any) -> Mapping[str, Any]:
    """An empty map is an empty list."""
    return value if isinstance(value, dict) else {}


def _spelt(method: str, params: Mapping[str, Any]) -> str:
    return f"{method}?{urlencode(list(_pairs('', params)))}"


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Unfold nested values into bracketed names, as PHP reads them."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pairs(f"{name}[{key}]" if name else str(key), inner)
    elif isinstance(value, list | tuple):
        for at, inner in enumerate(value):
            yield from _pairs(f"{name}[{at}]", inner)
    else:
        yield name, str(value)
