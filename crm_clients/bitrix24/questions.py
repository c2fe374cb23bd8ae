"""Several questions in few calls: batches that only read.

A batch succeeds by itself, each question fails for itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_clients.bitrix24.batch import Command, Part
from crm_clients.bitrix24.rest import PAGE, Rest, garbled
from mappers.vocabulary import Failure, Permanent, ProviderError


async def ask_together(rest: Rest, questions: Mapping[str, Command]) -> dict[str, Part]:
    """Ask questions by names of theirs. Raises: `ProviderError` for a call as a whole."""
    parts = await rest.ask_all(tuple(questions.values()))
    return dict(zip(questions, parts, strict=True))


async def ask_each(
    rest: Rest, questions: Sequence[Command], *, skips_refused: bool = False
) -> tuple[Any, ...]:
    """Return what each brings; None in place of what is not there.

    With `skips_refused`, what is refused for good counts as not there: one odd thing stops no
    others. Raises: `ProviderError` for the first refusal that says anything else.
    """
    parts = await rest.ask_all(questions)
    return tuple(None if _is_absent(each, skips_refused) else each.told() for each in parts)


async def ask_every_page(rest: Rest, question: Command, first: Part) -> tuple[Any, ...]:
    """Return all rows of a list whose first page was asked already."""
    pages = [
        Command(question.method, {**question.params, "start": start})
        for start in range(PAGE, first.total, PAGE)
    ]
    parts = (first, *await rest.ask_all(pages))
    return tuple(row for part in parts for row in all_of_list(part.told()))


def all_of_list(value: Any) -> tuple[Any, ...]:
    """Return the members of a list, which may be a map by its indexes."""
    if not isinstance(value, list | dict):
        raise ProviderError(garbled(repeatable=True))
    return tuple(value.values() if isinstance(value, dict) else value)


def _is_absent(part: Part, skips_refused: bool) -> bool:  # noqa: FBT001  # named where it is asked
    match part.failure:
        case Permanent() as failure:
            return skips_refused or _is_absence(failure)
        case _:
            return False


def _is_absence(failure: Failure) -> bool:
    """Some methods refuse what is not there by a code, and older ones by words alone."""
    is_told = failure.detail.strip().rstrip(".").lower() == "not found"
    return failure.code == "bitrix24.not_found" or is_told
