"""The new family `crm.item.*`: the same cards, with camelCase names, numbers and coded errors."""

from collections.abc import Mapping
from typing import Any

from . import cards, fields, multifields, values
from .call import Call, Handler, Page, is_yes, methods
from .crm_model import ENTITY_NAMES, Card, Json
from .filters import KEY, listed
from .php import whole
from .problems import Refused
from .rest_cards import visible_cards

MULTI_ALIASES = {"phone": "PHONE", "email": "EMAIL", "imol": "IM", "im": "IM", "web": "WEB"}
NEW = "n"


def entity_of(call: Call) -> int:
    entity = whole(call.exact("entityTypeId"))
    if entity not in ENTITY_NAMES:
        raise Refused(400, "NOT_FOUND", "Смарт-процесс не найден")
    return entity


def card_of(call: Call) -> Card:
    entity, number = entity_of(call), whole(call.exact("id"))
    card = call.portal.crm.card(entity, number)
    if card is None or call.world.switches.rights_lost:
        raise Refused(400, "NOT_FOUND", "Элемент не найден")
    return card


def add(call: Call) -> Json:
    entity, by = entity_of(call), call.caller.user.id
    sent = call.exact("fields")
    old, multi = _read(call, entity, sent)
    for _, type_id, item in multi:
        multifields.check(call.world, type_id, item)
    card = cards.create(call.world, call.portal, entity, old, by=by)
    _write_multi(call, card, multi)
    return {"item": show(call, card)}


def update(call: Call) -> Json:
    card = card_of(call)
    old, multi = _read(call, card.entity, call.exact("fields"))
    by = call.caller.user.id
    cards.update(call.world, call.portal, card, old, by=by)
    _write_multi(call, card, multi)
    return {"item": show(call, card)}


def _read(call: Call, entity: int, sent: Any) -> tuple[Json, list[tuple[str, str, Json]]]:
    """Return the fields by their old names, and the multifields as (id, type, item)."""
    if not isinstance(sent, Mapping):
        raise Refused(400, "100", "Invalid value {fields} to match with parameter {array}.")
    names = fields.by_camel(call.portal.crm, entity)
    custom = {each.name: each for each in call.portal.crm.fields_of(entity)}
    old = {}
    for name, value in sent.items():
        known = name if name in custom else names.get(name)
        if known is None:
            continue
        if known in custom and custom[known].is_multiple and not isinstance(value, list):
            text = f"Expected iterable value for multiple field, but got {type(value).__name__}."
            raise Refused(400, "100", text)
        old[known] = value
    return old, _multi(sent.get("fm"))


def _multi(sent: Any) -> list[tuple[str, str, Json]]:
    is_map = isinstance(sent, Mapping)
    pairs = list(sent.items() if is_map else enumerate(sent if isinstance(sent, list) else []))
    found = []
    for key, item in ((key, item) for key, item in pairs if isinstance(item, Mapping)):
        number = str(item.get("id") or (key if is_map else ""))
        told = {"VALUE": item.get("value"), "VALUE_TYPE": item.get("valueType")}
        kept = {name: value for name, value in told.items() if value is not None}
        found.append((number, str(item.get("typeId") or ""), kept))
    return found


def _write_multi(call: Call, card: Card, multi: list[tuple[str, str, Json]]) -> None:
    types = {str(each.id): each.type_id for each in card.multi}
    for number, type_id, item in multi:
        kind = types.get(number, type_id)
        if kind in multifields.VALUE_TYPES:
            what = {**item, "ID": number} if not number.startswith(NEW) else item
            multifields.put(call.world, call.portal, card, (kind, what))


def get(call: Call) -> Json:
    return {"item": show(call, card_of(call))}


def delete(call: Call) -> list[Any]:
    cards.delete(call.world, call.portal, card_of(call), by=call.caller.user.id)
    return []


def list_all(call: Call) -> Page:
    """List cards; multifields are told only when everything is asked for."""
    entity = entity_of(call)
    visible = visible_cards(call, entity)
    by_id = {card.id: card for card in visible}
    _check_filter(call, entity)
    select = call.words("select") or ["*"]
    rows = [_row(call, card) for card in visible]
    page = listed(call, rows, by="id", show=lambda row: _shown(call, by_id[row["id"]], select))
    return Page(value={"items": page.value}, total=page.total, next=page.next)


def _row(call: Call, card: Card) -> Json:
    aliases = {name: card.values_of(kind) for name, kind in MULTI_ALIASES.items()}
    return {**show(call, card), **aliases}


def _shown(call: Call, card: Card, select: list[str]) -> Json:
    item = show(call, card)
    return item if "*" in select else {key: item[key] for key in item if key in {"id", *select}}


def _check_filter(call: Call, entity: int) -> None:
    known = {*fields.by_camel(call.portal.crm, entity), *MULTI_ALIASES, "logic"}
    custom = {each.name for each in call.portal.crm.fields_of(entity)}
    for key in _keys(call.choice("filter")):
        found = KEY.fullmatch(key)
        if found and found[2] not in known | custom and not found[2].isdigit():
            text = f"Invalid filter: field '{found[2]}' is not allowed in filter"
            raise Refused(400, "INVALID_ARG_VALUE", text)


def _keys(wanted: Mapping[str, Any]) -> list[str]:
    inner = [key for value in wanted.values() if isinstance(value, Mapping) for key in _keys(value)]
    return [*map(str, wanted), *inner]


def show(call: Call, card: Card) -> Json:
    """Tell a card with typed values; custom fields by their old names if that was asked for."""
    crm = call.portal.crm
    keeps = is_yes(call.get("useOriginalUfNames"))
    item: Json = {}
    for name, kind in fields.known(crm, card.entity).items():
        value = card.fields.get(name)
        is_custom = name.startswith("UF_")
        is_empty = value in (None, [])
        if is_custom and is_empty and call.world.switches.empty_fields == "left_out":
            continue
        shown = name if keeps and is_custom else fields.camel(name)
        told = values.told(call.world, kind, value) if is_custom else fields.typed(kind, value)
        item[shown] = told
    for name in fields.LISTS[card.entity]:
        item[fields.camel(name)] = list(card.fields.get(name) or [])
    item |= {"id": card.id, "entityTypeId": card.entity}
    if card.entity in fields.WITH_MULTI:
        item["fm"] = multifields.told_to_items(card)
    return item


def describe(call: Call) -> Json:
    entity = entity_of(call)
    old = fields.described(call.portal.crm, entity)
    kept = {name: about for name, about in old.items() if name not in multifields.VALUE_TYPES}
    keeps = is_yes(call.get("useOriginalUfNames"))
    shown = {
        name if keeps and about["isDynamic"] else fields.camel(name): {
            **about,
            "title": about.get("formLabel", about["title"]),
            "upperName": name,
        }
        for name, about in kept.items()
    }
    if entity in fields.WITH_MULTI:
        shown["fm"] = {"type": "crm_multifield", "isMultiple": True, "title": "fm"}
    return {"fields": shown}


TABLE: dict[str, Handler] = {
    "crm.item.add": add,
    "crm.item.update": update,
    "crm.item.get": get,
    "crm.item.list": list_all,
    "crm.item.delete": delete,
    "crm.item.fields": describe,
}
METHODS = methods(TABLE, "crm")
