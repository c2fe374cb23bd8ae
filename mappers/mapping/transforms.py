"""Named transforms: what each takes, what it gives, and what its arguments may be. Pure.

A transform that can make nothing of a value gives None, and the rule then has no value. One that
takes text is applied to each member of a list.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from phonenumbers import SUPPORTED_REGIONS

from mappers.mapping.model import Kind, Step, Value
from mappers.mapping.patterns import extracted, problem_of_pattern
from mappers.phones import DEFAULT_REGION, e164

LONGEST_RESULT = 20_000
LARGEST_NUMBER = Decimal(10) ** 15
DIRECTIVES = re.compile(r"%[dmYyHMSj%]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """`kind` is the type that is written; `main` is meant when only a value is written."""

    kind: type
    about: str
    required: bool = False
    default: Any = None
    judge: Callable[[Any], str] = lambda _: ""
    main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """`run` is given one value of a kind in `takes`, the arguments, and the account's zone."""

    name: str
    takes: tuple[Kind, ...]
    gives: Kind
    about: str
    run: Callable[[Any, Mapping[str, Any], ZoneInfo], Value | None]
    arguments: Mapping[str, Argument] = field(default_factory=dict)


def apply_steps(steps: tuple[Step, ...], value: Value | None, zone: ZoneInfo) -> Value | None:
    """Carry a value through; None once a step can make nothing of it."""
    for step in steps:
        if value is None or value in ("", ()):
            return None
        value = _one(TRANSFORMS[step.name], value, step.arguments, zone)
    return value[:LONGEST_RESULT] if isinstance(value, str) else value


def _one(
    transform: Transform, value: Value, arguments: Mapping[str, Any], zone: ZoneInfo
) -> Value | None:
    if isinstance(value, tuple) and "texts" not in transform.takes:
        found = (_one(transform, each, arguments, zone) for each in value)
        return tuple(spelt(each) for each in found if each is not None and each != "")
    fitting = _fitting(value, transform.takes)
    return None if fitting is None else transform.run(fitting, arguments, zone)


def _fitting(value: Value, takes: tuple[Kind, ...]) -> Value | None:
    """Return the value as a transform takes it; None when it cannot be that."""
    if "text" in takes:
        return spelt(value)
    if isinstance(value, datetime):
        return value if "moment" in takes else None
    if isinstance(value, bool):
        return value if "boolean" in takes else None
    return value if isinstance(value, tuple) and "texts" in takes else None


def kind_after(steps: tuple[Step, ...], kind: Kind) -> tuple[Kind, int | None]:
    """Follow the kind of a value; stop at the step that cannot take it, and tell its position."""
    for position, step in enumerate(steps):
        transform = TRANSFORMS[step.name]
        each = "text" if kind == "texts" and "texts" not in transform.takes else kind
        if each not in transform.takes:
            return kind, position
        given = _gives(transform, step)
        kind = "texts" if each != kind and given == "text" else given
    return kind, None


def _gives(transform: Transform, step: Step) -> Kind:
    return "date" if transform.name == "date" and not step.arguments["format"] else transform.gives


def number_of(text: str) -> Decimal | None:
    """Read a number as people write it: `12 500,50`, `1 000 ₽`."""
    bare = _SPACES.sub("", text).rstrip("₽$€₸%").replace(",", ".")
    if not _NUMBER.fullmatch(bare):
        return None
    try:
        number = Decimal(bare)
    except InvalidOperation:
        return None
    return number if abs(number) < LARGEST_NUMBER else None


def spelt(value: Value) -> str:
    """Spell any value as text, the same for the same value."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value.normalize():f}"
        case datetime():
            return value.isoformat(timespec="seconds")
        case tuple():
            return ", ".join(value)
        case _:
            return value


def _lookup(value: Value, arguments: Mapping[str, Any], _: ZoneInfo) -> Value | None:
    table = _folded(tuple(arguments["table"].items()))
    found: Value | None = table.get(spelt(value).strip().casefold(), arguments["default"])
    return found


@lru_cache(maxsize=256)
def _folded(table: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return {key.strip().casefold(): value for key, value in table}


def _date(value: datetime, arguments: Mapping[str, Any], zone: ZoneInfo) -> str:
    local = value.astimezone(zone)
    written: str = arguments["format"]
    return local.strftime(written) if written else local.date().isoformat()


def _e164(value: str, arguments: Mapping[str, Any], _: ZoneInfo) -> str | None:
    return e164(value, arguments["region"])


def _split(value: str, arguments: Mapping[str, Any], _: ZoneInfo) -> tuple[str, ...]:
    return tuple(part for each in value.split(arguments["by"]) if (part := each.strip()))


def _bad_format(written: str) -> str:
    left = DIRECTIVES.sub("", written)
    return "A date is written with %d %m %Y %y %H %M %S %j only." if "%" in left else ""


def _bad_table(table: Mapping[str, str]) -> str:
    return "" if table else "The table is empty."


def _bad_region(region: str) -> str:
    return "" if region in SUPPORTED_REGIONS else "A region has two capital letters, such as RU."


def _positive(number: int) -> str:
    return "" if 0 < number <= LONGEST_RESULT else f"It is between 1 and {LONGEST_RESULT}."


def _nonempty(text: str) -> str:
    return "" if text else "It cannot be empty."


def _text_transform(name: str, about: str, run: Callable[[str], str]) -> Transform:
    return Transform(
        name=name, takes=("text",), gives="text", about=about, run=lambda value, _, __: run(value)
    )


_ALL = (
    _text_transform("trim", "Takes spaces off both ends.", str.strip),
    _text_transform("lower", "Writes in small letters.", str.lower),
    _text_transform("upper", "Writes in capital letters.", str.upper),
    Transform(
        name="e164",
        takes=("text",),
        gives="text",
        about="Writes a phone number in its international form; what is not one becomes nothing.",
        run=_e164,
        arguments={
            "region": Argument(
                kind=str,
                about="where numbers without a country code are from",
                default=DEFAULT_REGION,
                judge=_bad_region,
                main=True,
            )
        },
    ),
    Transform(
        name="join",
        takes=("texts",),
        gives="text",
        about="Makes one text of a list.",
        run=lambda value, arguments, _: str(arguments["by"]).join(value),
        arguments={"by": Argument(kind=str, about="what stands between", default=", ", main=True)},
    ),
    Transform(
        name="split",
        takes=("text",),
        gives="texts",
        about="Makes a list of one text.",
        run=_split,
        arguments={
            "by": Argument(
                kind=str, about="what stands between", default=",", judge=_nonempty, main=True
            )
        },
    ),
    Transform(
        name="lookup",
        takes=("text", "number", "boolean"),
        gives="text",
        about="Replaces a value by a table, whatever the case of its letters.",
        run=_lookup,
        arguments={
            "table": Argument(
                kind=dict, about="values and what they become", required=True, judge=_bad_table
            ),
            "default": Argument(kind=str, about="what any other value becomes; nothing if absent"),
        },
    ),
    Transform(
        name="date",
        takes=("moment",),
        gives="text",
        about="Tells the day, or writes it by a format, in the time zone of the CRM's account.",
        run=_date,
        arguments={
            "format": Argument(
                kind=str,
                about="such as `%d.%m.%Y %H:%M`",
                default="",
                judge=_bad_format,
                main=True,
            )
        },
    ),
    Transform(
        name="number",
        takes=("text", "number"),
        gives="number",
        about="Reads a number as people write it; what is not one becomes nothing.",
        run=lambda value, _, __: number_of(spelt(value)),
    ),
    Transform(
        name="max_length",
        takes=("text",),
        gives="text",
        about="Cuts a text.",
        run=lambda value, arguments, _: value[: arguments["length"]],
        arguments={
            "length": Argument(
                kind=int, about="characters kept", required=True, judge=_positive, main=True
            )
        },
    ),
    Transform(
        name="extract",
        takes=("text",),
        gives="text",
        about="Takes what a pattern finds in the first 256 characters: its group, or all of it.",
        run=lambda value, arguments, _: extracted(arguments["pattern"], value),
        arguments={
            "pattern": Argument(
                kind=str,
                about="a regular expression without alternatives and nested repeats",
                required=True,
                judge=problem_of_pattern,
                main=True,
            )
        },
    ),
    Transform(
        name="bool",
        takes=("boolean",),
        gives="text",
        about="Puts yes and no in words.",
        run=lambda value, arguments, _: str(arguments["true" if value else "false"]),
        arguments={
            "true": Argument(kind=str, about="the word for yes", required=True),
            "false": Argument(kind=str, about="the word for no", default=""),
        },
    ),
)
TRANSFORMS: Mapping[str, Transform] = {each.name: each for each in _ALL}
