"""What people give for a policy, read by the policy's own type. Values in, problems out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from middleware.store.policy import Policy

HINTS: Mapping[str, Any] = get_type_hints(Policy)
DEFAULTS: Mapping[str, Any] = {each.name: each.default for each in fields(Policy)}
UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
LONGEST = timedelta(days=3650)
_SHORT = re.compile(r"(\d{1,10})\s*([dhms])")
_DURATION = TypeAdapter(timedelta)


def duration(given: Any) -> timedelta | None:
    """Read `3d`, `12h`, `30m`, `45s`, seconds, or ISO 8601; None for what is no duration."""
    short = _SHORT.fullmatch(given.strip().lower()) if isinstance(given, str) else None
    try:
        if short:
            return timedelta(**{UNITS[short[2]]: int(short[1])})
        return None if isinstance(given, bool) else _DURATION.validate_python(given)
    except (ValidationError, OverflowError):
        return None


def spelt_duration(value: timedelta) -> str:
    """Spell a duration as it is given: in the largest unit that leaves no rest."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def problems_of_values(policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Say what is not a policy at all, and what cannot be the value of one."""
    found = [
        f"“{name}” is not something a route decides; it decides {', '.join(HINTS)}."
        for name in policy
        if name not in HINTS
    ]
    for name, hint in HINTS.items():
        if name in policy and (problem := _problem(hint, policy[name])):
            found.append(f"{name} {problem}")
    return tuple(found)


def _problem(hint: Any, value: Any) -> str:
    """Say what a value should be, as the end of a sentence; empty when it is that."""
    checks: Mapping[Any, Callable[[], str]] = {
        Literal: lambda: _choice(get_args(hint), value),
        tuple: lambda: "" if _is_list(value) else "is a list of text.",
        timedelta: lambda: _length(value),
        bool: lambda: "" if isinstance(value, bool) else f"is true or false, not “{value}”.",
        str: lambda: "" if isinstance(value, str) else "is written as text.",
    }
    return checks[get_origin(hint) or hint]()


def _choice(choices: tuple[str, ...], value: Any) -> str:
    named = ", ".join(choice or "nothing" for choice in choices)
    return "" if value in choices else f"is one of {named}, not “{value}”."


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _length(value: Any) -> str:
    read = duration(value)
    if read is None:
        return f"is a duration such as 3d, 12h, 30m or PT30M, not “{value}”."
    if not timedelta() <= read <= LONGEST:
        return "is not negative, and ten years at most."
    return ""


def typed(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Read durations by what they say. What has problems may not get here."""
    return {
        name: duration(value) if HINTS[name] is timedelta else value
        for name, value in policy.items()
    }


def changed_from_usual(policy: Policy) -> dict[str, Any]:
    """What a route decides otherwise than routes usually do."""
    values = {each.name: getattr(policy, each.name) for each in fields(policy)}
    return {name: value for name, value in values.items() if value != DEFAULTS[name]}
