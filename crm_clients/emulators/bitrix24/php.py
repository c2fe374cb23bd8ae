"""The bracketed keys of PHP forms: read from bodies and queries, written in events."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

KEY = re.compile(r"\[([^\]]*)\]")
WHOLE = re.compile(r"-?\d+")


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Read `a[b][0]=c` as PHP does: `a[]` counts on, keys 0…n-1 make a list, leaves are strings."""
    root: dict[str, Any] = {}
    for field, value in pairs:
        head, bracket, rest = field.partition("[")
        path = [head, *KEY.findall(bracket + rest)]
        node = root
        for key in path[:-1]:
            name = _key(node, key)
            if not isinstance(node.get(name), dict):
                node[name] = {}
            node = node[name]
        node[_key(node, path[-1])] = value
    return {key: _listed(value) for key, value in root.items()}


def whole(value: Any, default: int = 0) -> int:
    """Make a number of what was sent, as PHP's cast does: of nonsense, 0."""
    if value in (None, ""):
        return default
    if isinstance(value, int | float):
        return int(value)
    found = WHOLE.match(value.strip()) if isinstance(value, str) else None
    return int(found[0]) if found else 0


def maps(value: Any) -> list[dict[str, Any]]:
    """Return the maps in an array, by whatever keys they came."""
    items = list(value.values()) if isinstance(value, Mapping) else value
    found = items if isinstance(items, list) else []
    return [dict(item) for item in found if isinstance(item, Mapping)]


def query(text: str) -> dict[str, Any]:
    """Read an urlencoded text."""
    return nested(parse_qsl(text, keep_blank_values=True))


def form(value: Mapping[str, Any]) -> bytes:
    """Encode nested values as `a[b][0]=…`; null and empty arrays are left out."""
    return urlencode(list(_flat("", value))).encode()


def _key(node: Mapping[str, Any], key: str) -> str:
    if key:
        return key
    taken = [int(each) for each in node if each.isdigit()]
    return str(max(taken, default=-1) + 1)


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(each) for key, each in value.items()}
    is_list = list(inner) == [str(index) for index in range(len(inner))]
    return list(inner.values()) if is_list else inner


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _flat(f"{prefix}[{key}]" if prefix else str(key), inner)
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _flat(f"{prefix}[{index}]", inner)
        case bool():
            yield prefix, str(int(value))
        case None:
            pass
        case _:
            yield prefix, str(value)
