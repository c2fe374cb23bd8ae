"""Applying a document: facts and what the CRM holds in, every change with its reason out. Pure.

Rules are tried in order, and the first one that has a value for a place has it; lists take from
every rule. What a list holds is never taken away, and what a place holds is replaced only by a rule
that writes `always`. Applied to its own result, a document changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mappers.emails import is_address
from mappers.mapping.model import (
    Change,
    Condition,
    Current,
    Document,
    Facts,
    Origin,
    Outcome,
    Rule,
    Scalar,
    Value,
    When,
)
from mappers.mapping.targets import Place, places_of, stages_of
from mappers.mapping.transforms import apply_steps, number_of, spelt
from mappers.phones import e164
from mappers.vocabulary import Catalogue

NEEDLESS: Mapping[Outcome, str] = {
    "same": "It holds this already.",
    "if_empty": "It is filled, and the rule writes only where nothing is.",
    "once": "It was written once, or somebody filled it, and the rule writes once.",
    "when": "Its conditions do not hold.",
    "empty": "There is no value to write.",
    "no_such": "The account has no such value.",
    "no_deal": "There is no deal to write to.",
}


def zone_of(catalogue: Catalogue) -> ZoneInfo | None:
    """The account's time zone; None when its name is no zone's."""
    try:
        return ZoneInfo(catalogue.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def holds(when: When, facts: Facts) -> bool:
    """Say whether a rule applies to these facts."""
    if not when.conditions:
        return True
    judge = all if when.mode == "all" else any
    return judge(_answer(each, facts) for each in when.conditions)


def apply(
    document: Document, facts: Facts, current: Current, catalogue: Catalogue
) -> tuple[Change, ...]:
    """Decide what to write, rule by rule.

    A target that the account does not have is passed over, with `no_such`.
    """
    run = _Run(facts, catalogue, zone_of(catalogue) or ZoneInfo("UTC"), dict(current.values))
    changes, taken = [], set[str]()
    numbered = sorted(enumerate(document.rules, 1), key=lambda each: each[1].target == "stage")
    for number, rule in numbered:
        change = run.change(number, rule, current.written)
        if change.key in taken and change.outcome not in {"when", "empty"}:
            why = "An earlier rule has had its say."
            change = replace(change, outcome="same", after=change.before, why=why)
        if change.outcome == "written":
            run.values[change.key] = change.after
        if change.outcome not in {"when", "empty", "no_such"} and not run.is_list(rule):
            taken.add(change.key)
        changes.append(change)
    return tuple(sorted(changes, key=lambda each: each.rule))


def after(current: Current, changes: tuple[Change, ...]) -> Current:
    """What is there once the changes are written."""
    done = {change.key: change.after for change in changes if change.outcome == "written"}
    return Current(values={**current.values, **done}, written=current.written | set(done))


@dataclass(frozen=True, slots=True)
class _Run:
    facts: Facts
    catalogue: Catalogue
    zone: ZoneInfo
    values: dict[str, tuple[str, ...]]

    def is_list(self, rule: Rule) -> bool:
        places = places_of(rule.target, self.catalogue)
        return bool(places) and places[0].multiple

    def change(self, number: int, rule: Rule, written: frozenset[str]) -> Change:
        places = places_of(rule.target, self.catalogue)
        if len(places) != 1 or places[0].read_only or places[0].kind == "other":
            why = "The account has no such place to write to."
            return Change(
                target=rule.target, key=rule.target, rule=number, outcome="no_such", why=why
            )
        place = self._narrowed(places[0])
        before = self.values.get(place.key, ())
        outcome, wanted = self._decided(rule, place, before, is_ours=place.key in written)
        return Change(
            target=rule.target,
            key=place.key,
            rule=number,
            outcome=outcome,
            before=before,
            after=wanted if outcome == "written" else before,
            why=NEEDLESS.get(outcome, ""),
        )

    def _narrowed(self, place: Place) -> Place:
        """Stages are looked for in the pipeline where the deal is, or is going."""
        if place.key != "stage":
            return place
        known = self.values.get("pipeline", ()) or self._route_pipeline()
        return replace(place, choices=stages_of(self.catalogue, known[0] if known else ""))

    def _route_pipeline(self) -> tuple[str, ...]:
        named = self.facts.get("route.pipeline")
        return (named,) if isinstance(named, str) and named else ()

    def _decided(
        self, rule: Rule, place: Place, before: tuple[str, ...], *, is_ours: bool
    ) -> tuple[Outcome, tuple[str, ...]]:
        if not holds(rule.when, self.facts):
            return "when", ()
        value = apply_steps(rule.steps, value_of(rule.origin, self.facts), self.zone)
        if value is None or value in ("", ()):
            return "empty", ()
        wanted = canonical(value, place, self.zone)
        if not wanted:
            return "no_such", ()
        after = _joined(before, wanted, place) if place.multiple else wanted[:1]
        if before == after:
            return "same", ()
        return self._permitted(rule, place, before, is_ours=is_ours), after

    def _permitted(
        self, rule: Rule, place: Place, before: tuple[str, ...], *, is_ours: bool
    ) -> Outcome:
        write = rule.write or place.write
        if write == "if_empty" and before:
            return "if_empty"
        if write == "once" and (is_ours or (before and not place.multiple)):
            return "once"
        return "written"


def value_of(origin: Origin, facts: Facts) -> Value | None:
    """Take the value from where the rule says it comes from."""
    if origin.const is not None:
        return origin.const
    if not origin.template:
        return _first(origin.sources, facts)
    said = [
        part.words if not part.sources else _first(part.sources, facts) for part in origin.template
    ]
    is_told = any(
        word not in (None, "")
        for word, part in zip(said, origin.template, strict=True)
        if part.sources
    )
    has_sources = any(part.sources for part in origin.template)
    if has_sources and not is_told:
        return None
    return "".join(spelt(word) for word in said if word is not None).strip()


def _first(sources: tuple[str, ...], facts: Facts) -> Value | None:
    found = (facts.get(path) for path in sources)
    return next((value for value in found if value is not None and value not in ("", ())), None)


def _answer(condition: Condition, facts: Facts) -> bool:
    value = facts.get(condition.source)
    if condition.among is None:
        answer = value is None or value in ("", ())
    elif isinstance(value, tuple):
        answer = any(_is(each, asked) for each in value for asked in condition.among)
    else:
        answer = value is not None and any(_is(value, asked) for asked in condition.among)
    return answer != condition.negated


def _is(value: Value, asked: Scalar) -> bool:
    """Compare as people do: whatever the case, and `5` is `"5"`."""
    return spelt(value).strip().casefold() == spelt(asked).strip().casefold()


def canonical(value: Value, place: Place, zone: ZoneInfo) -> tuple[str, ...]:
    """Put a value as the place holds it; nothing when the place cannot hold it."""
    members = value if isinstance(value, tuple) and place.multiple else (value,)
    found = (_member(each, place, zone) for each in members)
    return tuple(dict.fromkeys(each for each in found if each))


def _member(value: Value, place: Place, zone: ZoneInfo) -> str:
    match place.kind:
        case "choice":
            return choice_of(spelt(value), place)
        case "number":
            number = value if isinstance(value, Decimal) else number_of(spelt(value))
            return "" if number is None else spelt(number)
        case "boolean":
            return spelt(value) if isinstance(value, bool) else ""
        case "date" | "moment":
            return _moment(value, place, zone)
        case _:
            told = spelt(value.astimezone(zone) if isinstance(value, datetime) else value).strip()
            return told if place.sort != "email" or is_address(told) else ""


def _moment(value: Value, place: Place, zone: ZoneInfo) -> str:
    """An ISO date, or an ISO moment in UTC. A date alone is the day's beginning there."""
    try:
        read = value if isinstance(value, datetime) else datetime.fromisoformat(spelt(value))
        local = read.replace(tzinfo=read.tzinfo or zone).astimezone(zone)
        return local.date().isoformat() if place.kind == "date" else spelt(local.astimezone(UTC))
    except (ValueError, OverflowError):
        return ""


def choice_of(label: str, place: Place) -> str:
    """Find the id of a choice by its label, or by itself; nothing when there is none."""
    asked = label.strip().casefold()
    by_label = (id_ for id_, title in place.choices if title.strip().casefold() == asked)
    return next(by_label, next((id_ for id_, _ in place.choices if id_ == label.strip()), ""))


def _joined(before: tuple[str, ...], wanted: tuple[str, ...], place: Place) -> tuple[str, ...]:
    known = {_norm(each, place) for each in before}
    found = list(before)
    for each in wanted:
        if (norm := _norm(each, place)) not in known:
            known.add(norm)
            found.append(each)
    return tuple(found)


def _norm(value: str, place: Place) -> str:
    if place.sort == "phone":
        return e164(value) or value
    return value.strip().casefold()
