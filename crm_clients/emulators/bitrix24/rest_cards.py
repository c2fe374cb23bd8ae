"""The old families `crm.lead|deal|contact|company.*`, and the search for duplicates."""

from collections.abc import Callable, Mapping
from typing import Any

from . import cards, duplicates, fields, multifields
from .call import Call, Handler, Page, methods
from .crm_model import ENTITY_IDS, ENTITY_NAMES, MULTI_TYPES, Card, Json
from .filters import known_only, listed
from .php import whole
from .problems import invalid, not_found

MOST_VALUES = 20
SENT_AS = ("fields", "arFields")
CUSTOM = "UF_*"


def entity_of(call: Call) -> int:
    """Tell which kind of cards a method is about, by the second part of its name."""
    return ENTITY_IDS[call.method.split(".")[1].upper()]


def sent_fields(call: Call) -> Mapping[str, Any]:
    sent = call.get(*SENT_AS)
    if not isinstance(sent, Mapping):
        raise invalid("Parameter 'fields' must be array.")
    return sent


def card_of(call: Call) -> Card:
    number = whole(call.get("id"))
    if number < 1:
        raise invalid("ID is not defined or invalid.")
    card = call.portal.crm.card(entity_of(call), number)
    if card is None or call.world.switches.rights_lost:
        raise not_found()
    return card


def add(call: Call) -> int:
    sent, by = sent_fields(call), call.caller.user.id
    return cards.create(call.world, call.portal, entity_of(call), sent, by=by).id


def update(call: Call) -> bool:
    """Change a card. The old methods leave a deal in its category."""
    card, by = card_of(call), call.caller.user.id
    sent = {name: value for name, value in sent_fields(call).items() if name != "CATEGORY_ID"}
    cards.update(call.world, call.portal, card, sent, by=by)
    return True


def delete(call: Call) -> bool:
    cards.delete(call.world, call.portal, card_of(call), by=call.caller.user.id)
    return True


def get(call: Call) -> Json:
    """Tell a card with its multifields; those it has none of are left out."""
    card = card_of(call)
    row = fields.row(call.portal.crm, card)
    told = {kind: multifields.told(card, kind) for kind in MULTI_TYPES}
    return {**row, **{kind: values for kind, values in told.items() if values}}


def list_all(call: Call) -> Page:
    """List cards; without `select`, all standard fields and neither custom ones nor phones."""
    entity = entity_of(call)
    visible = visible_cards(call, entity)
    asked = call.choice("filter")
    kinds = {kind for kind in MULTI_TYPES if any(key.endswith(kind) for key in asked)}
    rows = [_row(call, card, kinds) for card in visible]
    by_id = {card.id: card for card in visible}
    select = _selected(call, entity)
    wanted = known_only(call, asked, {*fields.known(call.portal.crm, entity), *MULTI_TYPES})
    return listed(call, rows, wanted=wanted, show=lambda row: _shown(row, by_id, select))


def visible_cards(call: Call, entity: int) -> list[Card]:
    """Return what the caller may see by now."""
    if call.world.switches.rights_lost:
        return []
    lag = call.world.stage.take(call.request, {"search_lag"})
    now = call.world.now() - (lag.seconds if lag else 0.0)
    return [card for card in call.portal.crm.all_of(entity) if card.visible_at <= now]


def _row(call: Call, card: Card, kinds: set[str]) -> Json:
    row = fields.row(call.portal.crm, card)
    return {**row, **{kind: card.values_of(kind) for kind in kinds}}


def _selected(call: Call, entity: int) -> set[str]:
    select = call.words("select")
    every = set(fields.FIELDS[entity])
    custom = {each.name for each in call.portal.crm.fields_of(entity)}
    chosen = {"ID", *select}
    if not select or "*" in select:
        chosen |= every
    if CUSTOM in select:
        chosen |= custom
    return chosen


def _shown(row: Json, by_id: Mapping[int, Card], select: set[str]) -> Json:
    card = by_id[int(row["ID"])]
    shown = {name: row[name] for name in row if name in select and name not in MULTI_TYPES}
    told = {kind: multifields.told(card, kind) for kind in MULTI_TYPES if kind in select}
    return {**shown, **{kind: values for kind, values in told.items() if values}}


def describe(call: Call) -> Json:
    return fields.described(call.portal.crm, entity_of(call))


def find_duplicates(call: Call) -> dict[str, list[int]] | list[Any]:
    """Find cards by a phone or an address; an empty list when there are none."""
    type_id = str(call.get("type") or "").upper()
    if not type_id:
        raise invalid("Communication type is not defined.")
    if type_id not in duplicates.NORMAL:
        text = f"Communication type '{type_id}' is not supported in current context."
        raise invalid(text)
    sent = call.get("values")
    listed_values = list(sent.values()) if isinstance(sent, Mapping) else sent
    if not isinstance(listed_values, list) or not listed_values:
        raise invalid("Communication values is not defined.")
    values = [each for each in listed_values if isinstance(each, str)][:MOST_VALUES]
    kind = str(call.get("entity_type") or "").upper()
    kinds = (ENTITY_IDS[kind],) if kind in ENTITY_IDS else duplicates.ORDER
    shelves = {each: visible_cards(call, each) for each in kinds}
    return duplicates.named(duplicates.find(shelves, type_id, values)) or []


def bind_contacts(call: Call) -> bool:
    """Add a contact to a deal, or to a lead."""
    card, sent = card_of(call), sent_fields(call)
    number = whole(sent.get("CONTACT_ID"))
    if call.portal.crm.card(ENTITY_IDS["CONTACT"], number) is None:
        raise invalid("The parameter 'CONTACT_ID' is invalid or not defined.")
    theirs = card.fields.get("CONTACT_IDS") or []
    together = list(dict.fromkeys([*theirs, number]))
    change = {"CONTACT_IDS": together}
    cards.update(call.world, call.portal, card, change, by=call.caller.user.id)
    return True


def contacts_of(call: Call) -> list[Json]:
    ids = card_of(call).fields.get("CONTACT_IDS") or []
    return [
        {
            "CONTACT_ID": number,
            "SORT": 10 * place,
            "ROLE_ID": 0,
            "IS_PRIMARY": "Y" if place == 1 else "N",
        }
        for place, number in enumerate(ids, 1)
    ]


FAMILY: Mapping[str, Callable[[Call], Any]] = {
    "add": add,
    "update": update,
    "delete": delete,
    "get": get,
    "list": list_all,
    "fields": describe,
}
TABLE: dict[str, Handler] = {
    f"crm.{name.lower()}.{verb}": handler
    for name in ENTITY_NAMES.values()
    for verb, handler in FAMILY.items()
} | {
    "crm.duplicate.findbycomm": find_duplicates,
    "crm.deal.contact.add": bind_contacts,
    "crm.deal.contact.items.get": contacts_of,
    "crm.lead.contact.add": bind_contacts,
    "crm.lead.contact.items.get": contacts_of,
}
METHODS = methods(TABLE, "crm")
