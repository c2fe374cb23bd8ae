"""The search index: what it knows by now, and what its filters mean."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .crm_model import Json, Property, Record
from .kinds import NAMES, Kind
from .model import Portal
from .problems import invalid
from .values import Unreadable, moment
from .world import World

TOKEN = re.compile(r"[^\W_]+")
TIED = "associations."
HIDDEN = {"hs_body_preview_html", "hs_email_html", "hs_body_preview"}
ORDERED = {"number", "datetime", "date"}
Values = Mapping[str, str]


def known(world: World, portal: Portal, kind: Kind) -> list[tuple[Record, Values]]:
    """What search knows by now: records as they were when it last looked."""
    found: list[tuple[Record, Values]] = []
    for record in portal.crm.of(kind.id).values():
        seen = [each for each in record.versions if each.visible_at <= world.now()]
        if seen and not seen[-1].archived:
            found.append((record, seen[-1].properties))
    return found


class Filter:
    """One condition. Raises `Refused` for one that makes no sense."""

    def __init__(self, world: World, portal: Portal, kind: Kind, sent: Json) -> None:
        self._world, self._portal = world, portal
        self._name = str(sent.get("propertyName") or "")
        self._operator = str(sent.get("operator") or "")
        self._sent = sent
        self._tied_to = _other_end(self._name)
        self._definition = portal.crm.properties[kind.id].get(self._name)
        if self._operator not in OPERATORS:
            raise invalid(f"Invalid operator {self._operator!r}")
        if self._tied_to is None and (self._definition is None or self._name in HIDDEN):
            raise invalid(f"There was a problem with the request: no property {self._name!r}")
        self._test = OPERATORS[self._operator]

    def holds(self, record: Record, held: Values) -> bool:
        if self._tied_to is not None:
            return self._is_tied(record)
        if self._definition is None:
            return False
        return self._test(_Asked(self._definition, self._sent), held.get(self._name, ""))

    def _is_tied(self, record: Record) -> bool:
        tied = {
            str(number)
            for (kind, number), links in self._portal.crm.links.get(record.ref, {}).items()
            if kind == self._tied_to and any(link.visible_at <= self._world.now() for link in links)
        }
        match self._operator:
            case "EQ":
                return str(self._sent.get("value")) in tied
            case "IN":
                return not tied.isdisjoint(map(str, self._sent.get("values") or []))
            case "HAS_PROPERTY":
                return bool(tied)
            case "NOT_HAS_PROPERTY":
                return not tied
            case _:
                raise invalid(f"{self._operator} is not supported for {self._name}")


def _other_end(name: str) -> str | None:
    kind = NAMES.get(name.removeprefix(TIED)) if name.startswith(TIED) else None
    return kind.id if kind else None


class _Asked:
    """What a filter compares with, read as the type of its property wants it."""

    def __init__(self, definition: Property, sent: Json) -> None:
        self.definition = definition
        self._sent = sent

    @property
    def is_ordered(self) -> bool:
        return self.definition.type in ORDERED

    def text(self, name: str = "value") -> str:
        value = self._sent.get(name)
        if value is None:
            raise invalid(f"A filter of {self.definition.name} needs {name}")
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    def texts(self) -> list[str]:
        values = self._sent.get("values")
        if not isinstance(values, list) or not values:
            raise invalid(f"A filter of {self.definition.name} needs values")
        return [str(value) for value in values]

    def number(self, text: str) -> float:
        return _number(self.definition, text)


def _number(definition: Property, text: str) -> float:
    try:
        return float(text) if definition.type == "number" else moment(text)
    except (ValueError, Unreadable):
        raise invalid(f"{text} is not a valid value of {definition.name}") from None


def _equal(asked: _Asked, held: str, text: str) -> bool:
    if asked.is_ordered:
        return asked.number(held) == asked.number(text)
    if asked.definition.type == "enumeration":
        return text in held.split(";")
    return held.casefold() == text.casefold()


def _is(asked: _Asked, held: str) -> bool:
    return bool(held) and _equal(asked, held, asked.text())


def _is_not(asked: _Asked, held: str) -> bool:
    return not held or not _equal(asked, held, asked.text())


def _compared(test: Callable[[float], bool]) -> "Test":
    def holds(asked: _Asked, held: str) -> bool:
        if not held:
            return False
        if asked.is_ordered:
            return test(asked.number(held) - asked.number(asked.text()))
        mine, theirs = held.casefold(), asked.text().casefold()
        return test(float((mine > theirs) - (mine < theirs)))

    return holds


def _between(asked: _Asked, held: str) -> bool:
    if not held:
        return False
    low, high = asked.number(asked.text()), asked.number(asked.text("highValue"))
    return low <= asked.number(held) <= high


def _is_one_of(asked: _Asked, held: str) -> bool:
    """Compare with a list: whoever asks for strings has to write them in small letters."""
    if not held:
        return False
    if asked.is_ordered or asked.definition.type == "enumeration":
        return any(_equal(asked, held, text) for text in asked.texts())
    return held.lower() in asked.texts()


def _is_none_of(asked: _Asked, held: str) -> bool:
    return not held or not _is_one_of(asked, held)


def _has_token(asked: _Asked, held: str) -> bool:
    wanted = re.escape(asked.text().casefold()).replace(r"\*", ".*")
    wanted = re.sub(r"^(?:\\\+)+", "", wanted)
    return any(re.fullmatch(wanted, token) for token in _tokens(held))


def _tokens(text: str) -> list[str]:
    return [*TOKEN.findall(text.casefold()), text.casefold()]


Test = Callable[[_Asked, str], bool]
OPERATORS: Mapping[str, Test] = {
    "EQ": _is,
    "NEQ": _is_not,
    "LT": _compared(lambda apart: apart < 0),
    "LTE": _compared(lambda apart: apart <= 0),
    "GT": _compared(lambda apart: apart > 0),
    "GTE": _compared(lambda apart: apart >= 0),
    "BETWEEN": _between,
    "IN": _is_one_of,
    "NOT_IN": _is_none_of,
    "HAS_PROPERTY": lambda _, held: bool(held),
    "NOT_HAS_PROPERTY": lambda _, held: not held,
    "CONTAINS_TOKEN": _has_token,
    "NOT_CONTAINS_TOKEN": lambda asked, held: not _has_token(asked, held),
}


def has_words(kind: Kind, held: Values, query: str) -> bool:
    """Whether every word of a query begins a word of the properties that are searched."""
    text = " ".join(held.get(name, "") for name in kind.words)
    tokens = _tokens(text)
    return all(
        any(token.startswith(word) for token in tokens) for word in TOKEN.findall(query.casefold())
    )


def ordered(
    portal: Portal, kind: Kind, rows: Iterable[tuple[Record, Values]], rule: Any
) -> list[tuple[Record, Values]]:
    """Sort by one rule; without any, the oldest come first."""
    by_age = sorted(rows, key=lambda row: (row[0].created, row[0].id))
    if not rule:
        return by_age
    name = str(rule.get("propertyName") or "") if isinstance(rule, dict) else str(rule)
    definition = portal.crm.properties[kind.id].get(name.lstrip("-"))
    if definition is None:
        raise invalid(f"Cannot sort by {name!r}")
    falls = name.startswith("-") or (
        isinstance(rule, dict) and rule.get("direction") == "DESCENDING"
    )

    def key(row: tuple[Record, Values]) -> tuple[float, str]:
        held = row[1].get(definition.name, "")
        if definition.type in ORDERED:
            return (_number(definition, held) if held else float("-inf")), ""
        return 0.0, held.casefold()

    return sorted(by_age, key=key, reverse=falls)
