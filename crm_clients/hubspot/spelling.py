"""One value of a property, between HubSpot's spelling and the canonical one. Pure.

Values are strings, whatever they hold; days and moments come as ISO or in milliseconds. A list of
choices is parted by semicolons.

Source: developers.hubspot.com/docs/api-reference/crm/properties.
"""

from datetime import UTC, date, datetime

from mappers.mapping.transforms import number_of
from mappers.mapping.transforms import spelt as plain
from mappers.vocabulary import Field

ISO_DATE = len("2026-03-29")


def shown(known: Field, said: str) -> tuple[str, ...]:
    """Put what a property holds as the hub spells it; nothing when it holds none."""
    if known.multiple:
        return tuple(dict.fromkeys(filter(None, (each.strip() for each in said.split(";")))))
    value = _one(known, said.strip() if known.kind != "text" else said)
    return (value,) if value else ()


def _one(known: Field, said: str) -> str:
    match known.kind:
        case "number":
            found = number_of(said)
            return "" if found is None else plain(found)
        case "boolean":
            return said.lower() if said.lower() in {"true", "false"} else ""
        case "date":
            return _day(said)
        case "moment":
            moment = moment_of(said)
            return "" if moment is None else plain(moment.replace(microsecond=0))
        case _:
            return said


def spelt(known: Field, value: str) -> str:
    """Put a canonical value as this type of property wants it.

    Raises: `ValueError` when it cannot be of this type.
    """
    match known.kind:
        case "number":
            found = number_of(value)
            if found is None:
                raise ValueError("no number")
            return plain(found)
        case "boolean":
            return "true" if value == "true" else "false"
        case "date":
            return date.fromisoformat(value).isoformat()
        case "moment":
            at = datetime.fromisoformat(value).astimezone(UTC)
            return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case "choice" | "text":
            return value
        case _:
            raise ValueError(f"nothing can be written to a property of the type {known.type}")


def _day(said: str) -> str:
    """Read a day. Told as a moment it is midnight of UTC, wherever the portal is."""
    try:
        return date.fromisoformat(said[:ISO_DATE]).isoformat()
    except ValueError:
        moment = moment_of(said)
        return moment.date().isoformat() if moment else ""


def moment_of(said: str) -> datetime | None:
    """Read a moment, ISO or in milliseconds."""
    try:
        if said.lstrip("-").isdecimal():
            return datetime.fromtimestamp(int(said) / 1000, UTC)
        moment = datetime.fromisoformat(said)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.astimezone(UTC) if moment.utcoffset() is not None else None
