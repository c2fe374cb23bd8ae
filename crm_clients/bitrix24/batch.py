"""`batch`: several calls in one, done in order, each judged for itself.

A batch is no transaction: what came before an error is done, and so is what comes after. A command
is a query, whatever surrounds it, so everything in it is escaped; only that a word looks like a
reference to an earlier result cannot be escaped. A call whose answer is neither among the results
nor among the refusals may have been done.

Source: apidocs.bitrix24.com/settings/how-to-call-rest-api/batch; queries and references inside of
them: bitrix kernel, as reported by integrators.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from mappers.vocabulary import Failure, Gone, ProviderError

MOST = 50
REFERENCE = "$result"
STOPS_NOWHERE = 0  # any word would stop it at the first refusal


@dataclass(frozen=True, slots=True)
class Command:
    """One call inside of a batch. `gone` says what it is that a refusal can miss."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    gone: Gone = ""

    def spelt(self) -> str:
        """Spell it as a query with the brackets of PHP; what is None is left out."""
        return f"{self.method}?{urlencode(list(_flat('', self.params)), quote_via=quote)}"

    @property
    def may_be_spelt(self) -> bool:
        """Say whether nothing in it would be taken for a reference."""
        return all(REFERENCE not in value for _, value in _flat("", self.params))


def key_of(at: int) -> str:
    """Name a command by its place: a word, since numbered keys would come back as a list."""
    return f"c{at}"


def result_of(at: int, *path: str) -> str:
    """Refer to what an earlier command brought. Where it failed, so does who refers to it."""
    return f"{REFERENCE}[{key_of(at)}]" + "".join(f"[{step}]" for step in path)


class Part(NamedTuple):
    """What became of one command: its result, or why there is none.

    `total` counts the rows of a list whose first page this is; `at` is the portal's time.
    """

    result: Any = None
    failure: Failure | None = None
    total: int = 0
    at: str = ""

    def told(self) -> Any:
        """Return the result. Raises: `ProviderError` when there is none."""
        if self.failure is not None:
            raise ProviderError(self.failure)
        return self.result


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _flat(f"{prefix}[{key}]" if prefix else str(key), inner)
        case list() | tuple():
            for at, inner in enumerate(value):
                yield from _flat(f"{prefix}[{at}]", inner)
        case bool():
            yield prefix, str(int(value))
        case None:
            pass
        case _:
            yield prefix, str(value)
