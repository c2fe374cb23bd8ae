"""How lists choose, order and cut their rows: prefixes of filters, `order`, `select`."""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import datetime
from typing import Any

from .call import Call, Page, paged
from .crm_model import Json

KEY = re.compile(r"(!=|!@|!%|=%|%=|>=|<=|!|=|>|<|@|%)?(.+)")


def chosen(rows: Iterable[Json], wanted: Mapping[str, Any]) -> list[Json]:
    """Keep the rows that fit every condition."""
    return [row for row in rows if fits(row, wanted)]


def known_only(call: Call, wanted: Mapping[str, Any], names: Container[str]) -> Json:
    """Leave out conditions on fields that do not exist, as old lists do: so all rows fit them."""
    if call.world.switches.unknown_filter == "no_rows":
        return dict(wanted)
    named = ((key, KEY.fullmatch(str(key))) for key in wanted)
    return {key: wanted[key] for key, found in named if found and found[2] in names}


def fits(row: Json, wanted: Mapping[str, Any]) -> bool:
    """Decide about one row. A nested map is a group of its own, joined by its `logic`."""
    for key, value in wanted.items():
        if key == "logic":
            continue
        if isinstance(value, Mapping) and str(key).isdigit():
            if not _group(row, value):
                return False
        elif not _fits_one(row, str(key), value):
            return False
    return True


def _group(row: Json, value: Mapping[str, Any]) -> bool:
    if str(value.get("logic", "AND")).upper() != "OR":
        return fits(row, value)
    parts = [{key: inner} for key, inner in value.items() if key != "logic"]
    single = [part[key] if str(key).isdigit() else part for part in parts for key in part]
    return any(fits(row, part) for part in single)


def _fits_one(row: Json, key: str, value: Any) -> bool:
    found = KEY.fullmatch(key)
    if found is None:
        return True
    sign, name = found[1] or "", found[2]
    held = row.get(name)
    holds = held if isinstance(held, list) else [held]
    if sign.startswith("!"):
        return not any(_compare(sign[1:], each, value) for each in holds)
    return any(_compare(sign, each, value) for each in holds)


def _compare(sign: str, held: Any, value: Any) -> bool:
    if isinstance(value, list):
        return any(_compare(sign.replace("@", "="), held, each) for each in value)
    match sign:
        case "" | "=" | "@":
            return _text(held) == _text(value)
        case "%" | "=%" | "%=":
            return _like(_text(held), _text(value), sign)
        case _:
            return _ordered(sign, held, value)


def _like(held: str, value: str, sign: str) -> bool:
    if sign == "%":
        return value.lower() in held.lower()
    pattern = ".*".join(re.escape(part) for part in value.lower().split("%"))
    return re.fullmatch(pattern, held.lower()) is not None


def _ordered(sign: str, held: Any, value: Any) -> bool:
    if held in (None, ""):
        return False
    left, right = _key(held), _key(value)
    if type(left[0]) is not type(right[0]):
        left, right = (str(held),), (str(value),)
    match sign:
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "<":
            return left < right
        case _:
            return left <= right


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "Y" if value else "N"
    return "" if value is None else str(value)


def _key(value: Any) -> tuple[Any, ...]:
    """Numbers go by size, moments by time whatever their zones, anything else by its letters."""
    text = _text(value)
    try:
        return (float(text),)
    except ValueError:
        return (_moment(text) or text,)


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return moment.timestamp() if moment.utcoffset() is not None else 0.0


def ordered(rows: list[Json], order: Mapping[str, Any]) -> list[Json]:
    """Sort by several fields, the first named counting most."""
    for name, direction in reversed(list(order.items())):
        rows.sort(key=_sorting(str(name)), reverse=str(direction).upper().startswith("DESC"))
    return rows


def _sorting(name: str) -> Callable[[Json], tuple[int, float, str]]:
    def key(row: Json) -> tuple[int, float, str]:
        found = _key(row.get(name))[0]
        if isinstance(found, float):
            return 0, found, ""
        return 1, 0.0, found

    return key


def listed(
    call: Call,
    rows: Iterable[Json],
    *,
    wanted: Mapping[str, Any] | None = None,
    by: str = "ID",
    show: Callable[[Json], Json] | None = None,
) -> Page:
    """Answer one page of a list as the call's `filter`, `order`, `select` and `start` ask.

    `wanted` is another filter than the call's, `by` the order when none is asked for; `show`
    renders a chosen row.
    """
    found = chosen(rows, call.choice("filter") if wanted is None else wanted)
    found = ordered(found, call.choice("order") or {by: "ASC"})
    page = paged(call, found)
    shown = [show(row) if show else row for row in page.value]
    return Page(value=shown, total=page.total, next=page.next)
