"""What the fields of cards hold: taken as they are written, and told as each family tells them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from .call import is_yes
from .crm_model import Json, UserField
from .problems import Refused
from .world import ZONE, World

EMPTY: tuple[Any, ...] = (None, "", [], False)
NUMBERS = {"integer": int, "double": float}
BOUND = {"enumeration", "employee"}  # the value is an id


def taken(world: World, kind: str, field: UserField | None, value: Any) -> Any:
    """Return what a field keeps of what was written. Raises `Refused`."""
    if field is None or not field.is_multiple:
        return _one(world, kind, field, value)
    values = value if isinstance(value, list) else [value]
    kept = (_one(world, kind, field, each) for each in values)
    return [each for each in kept if each is not None]


def _one(world: World, kind: str, field: UserField | None, value: Any) -> Any:
    if value in EMPTY and not isinstance(value, int):
        return None
    try:
        match kind:
            case "date" | "datetime":
                return world.iso(_moment(str(value)).timestamp())
            case "integer" | "double":
                return str(NUMBERS[kind](str(value)))
            case "enumeration" if field is not None:
                return _choice(field, str(value))
            case "boolean":
                return "1" if is_yes(value) else "0"
            case "money":
                return _money(str(value))
            case _:
                return value
    except ValueError:
        raise Refused(400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", f"Wrong value: {kind}") from None


def _moment(text: str) -> datetime:
    """A day is its midnight in the portal's zone, and so is a time that names no zone."""
    read = datetime.fromisoformat(text)
    if len(text) == len("2026-03-29"):
        read = datetime.combine(date.fromisoformat(text), time())
    return read.replace(tzinfo=read.tzinfo or ZONE).astimezone(UTC)


def _choice(field: UserField, value: str) -> str:
    """Keep the id of a choice; there is no other way to name one."""
    if value not in {each["ID"] for each in field.choices}:
        raise ValueError(value)
    return value


def _money(value: str) -> str:
    amount, _, currency = value.partition("|")
    try:
        return f"{Decimal(amount).normalize():f}|{currency}"
    except InvalidOperation:
        raise ValueError(amount) from None


def told(world: World, kind: str, value: Any) -> Any:
    """Tell a value of a custom field as new methods do."""
    if isinstance(value, list):
        return [told(world, kind, each) for each in value]
    if value is None:
        return None
    if kind == "boolean":
        return BOOLEANS[world.switches.item_booleans][value == "1"]
    if kind in BOUND and str(value).isdigit():
        return int(value)
    return NUMBERS[kind](value) if kind in NUMBERS else value


BOOLEANS: Mapping[str, tuple[Any, Any]] = {
    "letters": ("N", "Y"),
    "numbers": ("0", "1"),
    "json": (False, True),
}


def described(field: UserField) -> Json:
    """Describe a custom field beside what every field is described by."""
    label = str(field.body.get("LABEL") or field.name)
    shown: Json = {
        "isMultiple": field.is_multiple,
        "isRequired": field.body.get("MANDATORY") == "Y",
        "isDynamic": True,
        "title": field.name,
        "listLabel": label,
        "formLabel": label,
        "settings": field.body.get("SETTINGS") or [],
    }
    if field.choices:
        shown["items"] = [{"ID": str(e["ID"]), "VALUE": e["VALUE"]} for e in field.choices]
    return shown
