"""The bracketed keys of PHP forms: read from queries, written in account webhooks."""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

Pairs = Iterable[tuple[str, str]]


def chosen(query: Pairs, *names: str) -> list[str]:
    """Return the values under `a[b]`, `a[b][]` or `a[b][0]` for the path `a`, `b`."""
    path = names[0] + "".join(f"[{name}]" for name in names[1:])
    key = re.compile(re.escape(path) + r"(\[\d*\])?")
    return [value for name, value in query if key.fullmatch(name)]


def between(query: Pairs, *names: str) -> tuple[float, float]:
    """Return the range of `…[from]` and `…[to]`, open where it was not given."""
    query = tuple(query)
    lower, upper = chosen(query, *names, "from"), chosen(query, *names, "to")
    return (
        float(lower[0]) if lower else float("-inf"),
        float(upper[0]) if upper else float("inf"),
    )


def form(value: dict[str, Any]) -> bytes:
    """Encode nested values as `a[b][0]=…`; everything becomes a string."""
    return urlencode(list(_flat("", value))).encode()


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}[{key}]" if prefix else str(key), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flat(f"{prefix}[{index}]", inner)
    elif isinstance(value, bool):
        yield prefix, str(int(value))
    else:
        yield prefix, "" if value is None else str(value)
