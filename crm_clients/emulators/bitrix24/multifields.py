"""Phones, addresses and other fields that a card has several of, and how writes change them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .crm_model import MULTI_TYPES, Card, Json, MultiField
from .model import Portal
from .problems import Refused
from .world import World

VALUE_TYPES = {
    "PHONE": {"WORK", "MOBILE", "FAX", "HOME", "PAGER", "MAILING", "OTHER"},
    "EMAIL": {"WORK", "HOME", "MAILING", "OTHER"},
    "WEB": {"WORK", "HOME", "VK", "LIVEJOURNAL", "TWITTER", "OTHER"},
    "IM": {
        *("TELEGRAM", "VK", "SKYPE", "VIBER", "BITRIX24", "OPENLINE", "IMOL", "ICQ", "MSN"),
        *("JABBER", "OTHER"),
    },
    "LINK": {"USER"},
}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def write(world: World, portal: Portal, card: Card, sent: Mapping[str, Any]) -> None:
    """Take the multifields of an old write, which adds whatever carries no id."""
    for type_id in MULTI_TYPES:
        for item in _items(sent.get(type_id)):
            put(world, portal, card, (type_id, item))


def _items(sent: Any) -> Iterable[Json]:
    values = list(sent.values()) if isinstance(sent, Mapping) else sent
    if not isinstance(values, list):
        return []
    return [item if isinstance(item, dict) else {"VALUE": item} for item in values]


def put(world: World, portal: Portal, card: Card, what: tuple[str, Json]) -> None:
    """Add one, change the one of the same `ID`, or remove it when it says so or is empty."""
    type_id, item = what
    value = str(item.get("VALUE") or "").strip()
    kept = next((each for each in card.multi if str(each.id) == str(item.get("ID"))), None)
    if kept is not None and (item.get("DELETE") == "Y" or ("VALUE" in item and not value)):
        card.multi.remove(kept)
        return
    check(world, type_id, item)
    if kept is not None:
        kept.value = value or kept.value
        kept.value_type = str(item.get("VALUE_TYPE") or kept.value_type)
    elif value:
        kind = str(item.get("VALUE_TYPE") or "WORK")
        new = MultiField(
            id=portal.number("multifield"), type_id=type_id, value=value, value_type=kind
        )
        card.multi.append(new)


def check(world: World, type_id: str, item: Json) -> None:
    """Refuse an address that is none; phones are taken as they are."""
    value = str(item.get("VALUE") or "").strip()
    if type_id == "EMAIL" and value and not EMAIL.fullmatch(value):
        raise Refused(400, "ERROR_CORE", "Поле «E-mail» содержит некорректный адрес.<br>")
    kind = str(item.get("VALUE_TYPE") or "WORK")
    is_known = kind in VALUE_TYPES[type_id]
    if not is_known and world.switches.unknown_value_type == "refuse":
        raise Refused(400, "ERROR_CORE", f"Unknown VALUE_TYPE {kind}<br>")


def told(card: Card, type_id: str) -> list[Json]:
    """Tell the multifields of a type as old methods do."""
    return [
        {
            "ID": str(each.id),
            "VALUE_TYPE": each.value_type,
            "VALUE": each.value,
            "TYPE_ID": each.type_id,
        }
        for each in card.multi
        if each.type_id == type_id
    ]


def told_to_items(card: Card) -> list[Json]:
    return [
        {"id": each.id, "typeId": each.type_id, "valueType": each.value_type, "value": each.value}
        for each in card.multi
    ]
