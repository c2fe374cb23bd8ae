"""How cards come to be, change, become one, and end; and which events tell of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from . import events, fields, multifields, values
from .crm_model import COMPANY, CONTACT, DEAL, ENTITY_NAMES, LEAD, Activity, Card, Comment, Json
from .model import Portal
from .php import whole
from .problems import Refused
from .world import World

LIMITED = ("ORIGIN_ID", "ORIGINATOR_ID")
SEMANTICS = {LEAD: ("STATUS_ID", "STATUS_SEMANTIC_ID"), DEAL: ("STAGE_ID", "STAGE_SEMANTIC_ID")}
EMPTY_STAGES = {LEAD: "NEW", DEAL: "NEW"}


def create(world: World, portal: Portal, entity: int, sent: Mapping[str, Any], *, by: int) -> Card:
    """Add a card. Fields that do not exist are passed over. Raises `Refused`."""
    now = world.iso()
    card = Card(
        entity=entity, id=portal.number(ENTITY_NAMES[entity]), fields=_defaults(portal, entity)
    )
    card.fields |= {
        "ASSIGNED_BY_ID": by,
        "CREATED_BY_ID": by,
        "MODIFY_BY_ID": by,
        "DATE_CREATE": now,
        "DATE_MODIFY": now,
        "LAST_ACTIVITY_TIME": now,
    }
    multifields.write(world, portal, card, sent)
    _take(world, portal, card, sent)
    if not card.fields.get("TITLE") and entity in (LEAD, DEAL, COMPANY):
        card.fields["TITLE"] = f"{ENTITY_NAMES[entity].capitalize()} #{card.id}"
    card.visible_at = world.now() + world.switches.search_lag_s
    portal.crm.cards[card.ref] = card
    tell(world, portal, card, "ADD", by=by)
    return card


def update(world: World, portal: Portal, card: Card, sent: Mapping[str, Any], *, by: int) -> None:
    """Change a card. What is refused changes nothing. Raises `Refused`."""
    before = dict(card.fields)
    try:
        _take(world, portal, card, _moved(world, card, sent))
    except Refused:
        card.fields = before
        raise
    multifields.write(world, portal, card, sent)
    card.fields |= {"MODIFY_BY_ID": by, "DATE_MODIFY": world.iso()}
    tell(world, portal, card, "UPDATE", by=by)


def _moved(world: World, card: Card, sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """A deal that comes to another category begins at its first stage, unless one is named."""
    there = whole(card.fields.get("CATEGORY_ID"))
    if card.entity != DEAL or whole(sent.get("CATEGORY_ID"), there) == there or "STAGE_ID" in sent:
        return sent
    if world.switches.category_alone == "refuse":
        raise Refused(400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", "The stage is of another category")
    return {**sent, "STAGE_ID": ""}


def delete(world: World, portal: Portal, card: Card, *, by: int) -> None:
    card.is_deleted = True
    tell(world, portal, card, "DELETE", by=by)


def merge(world: World, portal: Portal, survivor: Card, gone: Card) -> None:
    """Make two cards one: what the survivor lacks is taken over, and everything hung on the other.

    It is told as a deletion and an update.
    """
    user = portal.user()
    kept = {(each.type_id, each.value) for each in survivor.multi}
    survivor.multi += [each for each in gone.multi if (each.type_id, each.value) not in kept]
    for name, value in gone.fields.items():
        if survivor.fields.get(name) in (None, ""):
            survivor.fields[name] = value
    hung: list[Activity | Comment] = [*portal.crm.activities.values()]
    hung += portal.crm.comments.values()
    for each in hung:
        moved = [survivor.ref if ref == gone.ref else ref for ref in each.bindings]
        each.bindings = list(dict.fromkeys(moved))
    for card in portal.crm.cards.values():
        _name_instead(card, gone, survivor)
    for dialog in portal.lines.dialogs.values():
        kind = ENTITY_NAMES[gone.entity]
        if dialog.cards.get(kind) == gone.id:
            dialog.cards[kind] = survivor.id
    gone.merged_into = survivor.id
    delete(world, portal, gone, by=user.id)
    update(world, portal, survivor, {}, by=user.id)


def _name_instead(card: Card, gone: Card, survivor: Card) -> None:
    kind = ENTITY_NAMES[gone.entity]
    if str(card.fields.get(f"{kind}_ID") or "") == str(gone.id):
        card.fields[f"{kind}_ID"] = survivor.id
    listed = card.fields.get(f"{kind}_IDS")
    if isinstance(listed, list):
        moved = [survivor.id if each == gone.id else each for each in listed]
        card.fields[f"{kind}_IDS"] = list(dict.fromkeys(moved))


def convert(world: World, portal: Portal, lead: Card) -> tuple[Card, Card]:
    """Turn a lead into a contact and a deal, as an operator does; return both."""
    user = portal.user()
    person = {key: lead.fields.get(key) for key in fields.PERSON} | {"LEAD_ID": lead.id}
    contact = create(world, portal, CONTACT, {**person, **_copied(lead)}, by=user.id)
    told = {"TITLE": lead.fields.get("TITLE"), "CONTACT_ID": contact.id, "LEAD_ID": lead.id}
    deal = create(world, portal, DEAL, told, by=user.id)
    lead.fields["CONTACT_ID"] = contact.id
    update(world, portal, lead, {"STATUS_ID": "CONVERTED"}, by=user.id)
    return contact, deal


def _copied(card: Card) -> Json:
    kinds = {each.type_id for each in card.multi}
    return {
        kind: [
            {"VALUE": each.value, "VALUE_TYPE": each.value_type}
            for each in card.multi
            if each.type_id == kind
        ]
        for kind in kinds
    }


def tell(world: World, portal: Portal, card: Card, what: str, *, by: int) -> None:
    event = f"ONCRM{ENTITY_NAMES[card.entity]}{what}"
    events.tell(world, portal, events.Event(event, {"FIELDS": {"ID": card.id}}, by=by))


def _defaults(portal: Portal, entity: int) -> Json:
    blank: Json = {"OPENED": "N"}
    if entity == LEAD:
        blank |= {"STATUS_ID": "NEW", "STATUS_SEMANTIC_ID": "P", "OPPORTUNITY": "0.00"}
    elif entity == DEAL:
        blank |= {"CATEGORY_ID": 0, "STAGE_SEMANTIC_ID": "P", "CLOSED": "N", "OPPORTUNITY": "0.00"}
    elif entity == CONTACT:
        blank |= {"EXPORT": "Y"}
    if entity in (LEAD, DEAL):
        blank["CURRENCY_ID"] = "RUB"
    for each in portal.crm.fields_of(entity):
        blank[each.name] = [] if each.is_multiple else None
    return blank


def _take(world: World, portal: Portal, card: Card, sent: Mapping[str, Any]) -> None:
    known = fields.known(portal.crm, card.entity)
    custom = {each.name: each for each in portal.crm.fields_of(card.entity)}
    _check_responsible(world, portal, sent)
    for name, value in sent.items():
        if name in fields.LISTS[card.entity]:
            card.fields[name] = [int(each) for each in _listed(value)]
            card.fields[name.removesuffix("S")] = next(iter(card.fields[name]), None)
        elif name in known and name not in fields.READ_ONLY:
            kept = values.taken(world, known[name], custom.get(name), value)
            card.fields[name] = _cut(world, name, kept)
    for name in fields.LISTS[card.entity]:
        first = name.removesuffix("S")
        if sent.get(first) and name not in sent:
            card.fields[name] = [whole(sent[first])]
    if card.entity in SEMANTICS:
        _place(portal, card)


def _check_responsible(world: World, portal: Portal, sent: Mapping[str, Any]) -> None:
    """Whether somebody who left may be responsible is not documented."""
    user = portal.users.get(whole(sent.get("ASSIGNED_BY_ID")))
    is_away = "ASSIGNED_BY_ID" in sent and (user is None or not user.is_active)
    if is_away and world.switches.inactive_responsible == "refuse":
        raise Refused(400, "ERROR_CORE", "Ответственный не найден.<br>")


def _listed(value: Any) -> Iterable[Any]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if str(each).isdigit()]


def _cut(world: World, name: str, value: Any) -> Any:
    if name in LIMITED and value is not None:
        return str(value)[: world.switches.origin_limit]
    return value


def _place(portal: Portal, card: Card) -> None:
    """Keep the stage in the category of the card, and derive what the stage means."""
    stage, meaning = SEMANTICS[card.entity]
    if not card.fields.get(stage):
        category = whole(card.fields.get("CATEGORY_ID"))
        card.fields[stage] = f"C{category}:NEW" if category else EMPTY_STAGES[card.entity]
    row = next(
        (row for row in portal.crm.statuses if _is_stage(row, card, str(card.fields[stage]))), None
    )
    if row is None:
        text = f"Status {card.fields[stage]} does not exist"
        raise Refused(400, "", text)
    card.fields[meaning] = row["SEMANTICS"] or "P"
    if card.entity == DEAL:
        card.fields["CLOSED"] = "Y" if row["SEMANTICS"] else "N"


def _is_stage(row: Json, card: Card, status: str) -> bool:
    if row["STATUS_ID"] != status:
        return False
    if card.entity == LEAD:
        return bool(row["ENTITY_ID"] == "STATUS")
    category = whole(card.fields.get("CATEGORY_ID"))
    return bool(row["ENTITY_ID"] == (f"DEAL_STAGE_{category}" if category else "DEAL_STAGE"))
