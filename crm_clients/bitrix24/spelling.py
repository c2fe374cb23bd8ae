"""One value of a field, between a portal's spelling and the canonical one. Pure.

A day is told with the portal's midnight or its noon, so only the day is read. A sum has a currency
behind a bar, and an address what a map knows of it behind two signs.

Source: apidocs.bitrix24.com/{data-types, api-reference/crm/data-types}; addresses: bitrix kernel,
as reported by integrators.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crm_clients.bitrix24.catalogue import KINDS
from mappers.mapping.transforms import number_of
from mappers.mapping.transforms import spelt as plain
from mappers.vocabulary import Field

ISO_DATE = len("2026-03-29")
YES, NO = frozenset({"true", "1", "Y", "y"}), frozenset({"false", "0", "N", "n"})
ON_A_MAP = "|;|"


def shown(type_: str, said: Any) -> str:
    """Put a value as the hub spells it; nothing when it is none."""
    if said in (None, "") or isinstance(said, dict | list):
        return ""
    text = _bare(type_, str(said))
    match KINDS.get(type_):
        case "boolean":
            return _flag(str(said).lower() if isinstance(said, bool) else str(said))
        case "number":
            found = number_of(text)
            return "" if found is None else plain(found)
        case "date":
            return _day(text)
        case "moment":
            moment = _moment(text)
            return plain(moment) if moment else ""
        case "choice":
            return "" if text == "0" or said is False else text
        case _:
            return "" if said is False else text


def spelt(known: Field, value: str, card: Mapping[str, Any]) -> Any:
    """Put a canonical value as this type of field wants it.

    Raises: `ValueError` when it cannot be of this type.
    """
    match known.kind:
        case "choice":
            return value if known.type == "crm_status" else int(value)
        case "boolean":
            return _answer(known, value == "true")
        case "date":
            return date.fromisoformat(value).isoformat()
        case "moment":
            return datetime.fromisoformat(value).astimezone(UTC).isoformat(timespec="seconds")
        case "number" if known.type == "money":
            return f"{value}|{_currency(card.get(known.id)) or card.get('currencyId') or ''}"
        case "number" if known.type == "integer":
            return str((number_of(value) or Decimal(0)).quantize(Decimal(1), ROUND_HALF_UP))
        case "number" | "text":
            return value
        case _:
            raise ValueError(f"nothing can be written to a field of the type {known.type}")


def _bare(type_: str, text: str) -> str:
    match type_:
        case "money":
            return text.partition("|")[0]
        case "address":
            return text.partition(ON_A_MAP)[0]
        case _:
            return text


def _currency(held: Any) -> str:
    first = held[0] if isinstance(held, list) and held else held
    return str(first).partition("|")[2] if isinstance(first, str) else ""


def _flag(text: str) -> str:
    if text in YES:
        return "true"
    return "false" if text in NO else ""


def _answer(known: Field, is_yes: bool) -> Any:  # noqa: FBT001  # the value itself
    """Custom fields take numbers, the portal's own letters."""
    if known.id.startswith("UF_"):
        return int(is_yes)
    return "Y" if is_yes else "N"


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text[:ISO_DATE]).isoformat()
    except ValueError:
        return ""


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.utcoffset() is not None else None
