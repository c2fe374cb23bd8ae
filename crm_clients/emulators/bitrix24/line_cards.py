"""What a line does in the CRM: whom it takes a stranger for, and which cards it makes.

A card is looked for by the dialog itself, the stranger, the full name, the address, the phone; the
name comes before the phone, so namesakes are taken for each other.
"""

import re
from collections.abc import Iterator

from . import activities, cards, duplicates
from .crm_model import CONTACT, DEAL, ENTITY_NAMES, LEAD, Card, Json
from .lines_model import Dialog, Session, Stranger
from .model import Portal
from .php import whole
from .world import World

IM_VALUE = "imol|{code}"
PROVIDER = "IMOPENLINES_SESSION"
PHONE = re.compile(r"\+?\d[\d\s()-]{8,}\d")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
SEARCHED = (CONTACT, LEAD)


async def begin_later(world: World, portal: Portal, dialog: Dialog, session: Session) -> None:
    await world.stage.clock.sleep(world.switches.crm_delay_s)
    begin(world, portal, dialog, session)


def begin(world: World, portal: Portal, dialog: Dialog, session: Session) -> None:
    """Bind a new session to cards, made if nobody is found, and put its activity on them."""
    line = portal.lines.lines[dialog.line_id]
    if line.config["CRM"] != "Y" or portal.lines.connectors[dialog.connector].is_group:
        return
    stranger = portal.lines.strangers[dialog.stranger_id]
    found = find(portal, dialog, stranger)
    creates = str(line.config["CRM_CREATE"])
    if creates == "lead" and portal.crm.mode == 2:
        creates = "deal"
    by = session.operator_id or portal.user().id
    if found is None and creates != "none":
        kind = LEAD if creates == "lead" else CONTACT
        found = cards.create(world, portal, kind, _described(portal, dialog, stranger), by=by)
    if found is None:
        return
    dialog.cards = {ENTITY_NAMES[found.entity]: found.id}
    if creates == "deal" and found.entity == CONTACT:
        dialog.cards["DEAL"] = _deal(world, portal, dialog, (found, by)).id
    _make_activity(world, portal, dialog, session)


def find(portal: Portal, dialog: Dialog, stranger: Stranger) -> Card | None:
    """Return the card that the line takes for the stranger's, by the first thing that fits."""
    for fits in (_by_dialog, _by_link, _by_name):
        for kind in SEARCHED:
            for card in portal.crm.all_of(kind):
                if fits(card, dialog, stranger):
                    return card
    shelves = {kind: portal.crm.all_of(kind) for kind in SEARCHED}
    for type_id, value in (("EMAIL", stranger.email), ("PHONE", stranger.phone)):
        matches = duplicates.find(shelves, type_id, [value]) if value else {}
        for kind in SEARCHED:
            if matches.get(kind):
                return portal.crm.card(kind, matches[kind][0])
    return None


def _by_dialog(card: Card, dialog: Dialog, stranger: Stranger) -> bool:
    del stranger
    return IM_VALUE.format(code=dialog.code) in card.values_of("IM")


def _by_link(card: Card, dialog: Dialog, stranger: Stranger) -> bool:
    del dialog
    return str(stranger.id) in card.values_of("LINK")


def _by_name(card: Card, dialog: Dialog, stranger: Stranger) -> bool:
    del dialog
    has_both = bool(stranger.name and stranger.last_name)
    names = (card.fields.get("NAME"), card.fields.get("LAST_NAME"))
    return has_both and names == (stranger.name, stranger.last_name)


def _described(portal: Portal, dialog: Dialog, stranger: Stranger) -> Json:
    line = portal.lines.lines[dialog.line_id]
    source = str(line.config["CRM_SOURCE"])
    return {
        "TITLE": dialog.title,
        "NAME": stranger.name,
        "LAST_NAME": stranger.last_name,
        "SOURCE_ID": f"{line.id}|{dialog.connector.upper()}" if source == "create" else source,
        "PHONE": _values("WORK", stranger.phone),
        "EMAIL": _values("WORK", stranger.email if EMAIL.fullmatch(stranger.email) else ""),
        "IM": _values("IMOL", IM_VALUE.format(code=dialog.code)),
        "LINK": _values("USER", str(stranger.id)),
    }


def _values(kind: str, value: str) -> list[Json]:
    return [{"VALUE": value, "VALUE_TYPE": kind}] if value else []


def _deal(world: World, portal: Portal, dialog: Dialog, of: tuple[Card, int]) -> Card:
    """Make a deal for a contact; an open one of theirs will do, unless the line wants a new one."""
    contact, by = of
    config = portal.lines.lines[dialog.line_id].config
    theirs = [
        deal
        for deal in portal.crm.all_of(DEAL)
        if whole(deal.fields.get("CONTACT_ID")) == contact.id and deal.fields.get("CLOSED") == "N"
    ]
    if theirs and config["CRM_CREATE_THIRD"] != "N":
        return theirs[-1]
    category = whole(config["CRM_CREATE_SECOND"])
    told = {
        "TITLE": dialog.title,
        "CONTACT_ID": contact.id,
        "CATEGORY_ID": category if category in portal.crm.categories else 0,
    }
    return cards.create(world, portal, DEAL, told, by=by)


def _make_activity(world: World, portal: Portal, dialog: Dialog, session: Session) -> None:
    refs = [(kind, number) for kind, number in _refs(dialog)]
    line = portal.lines.lines[dialog.line_id]
    owner = refs[-1]
    value = IM_VALUE.format(code=dialog.code)
    activity = activities.create(
        world,
        portal,
        {
            "TYPE_ID": 6,
            "PROVIDER_ID": PROVIDER,
            "PROVIDER_TYPE_ID": str(line.id),
            "SUBJECT": f"{dialog.title} - {line.config['LINE_NAME']}",
            "ORIGIN_ID": f"IMOL_{session.id}",
            "ASSOCIATED_ENTITY_ID": session.id,
            "PROVIDER_PARAMS": {"USER_CODE": dialog.code},
            "COMPLETED": "N",
            "DIRECTION": 1,
            "RESPONSIBLE_ID": session.operator_id,
            "OWNER_TYPE_ID": owner[0],
            "OWNER_ID": owner[1],
        },
        by=session.operator_id or portal.user().id,
    )
    activity.bindings = refs
    activity.communications = [
        {"TYPE": "IM", "VALUE": value, "ENTITY_TYPE_ID": str(kind), "ENTITY_ID": str(number)}
        for kind, number in refs
        if kind != DEAL
    ]
    session.activity_id = activity.id


def _refs(dialog: Dialog) -> Iterator[tuple[int, int]]:
    for kind, name in ENTITY_NAMES.items():
        if name in dialog.cards:
            yield kind, dialog.cards[name]


def finish(world: World, portal: Portal, session: Session) -> None:
    """Complete the activity of a session that was closed."""
    activity = portal.crm.activities.get(session.activity_id or 0)
    if activity is not None and not activity.is_deleted:
        activities.update(world, portal, activity, {"COMPLETED": "Y"}, by=session.operator_id)


def track(world: World, portal: Portal, dialog: Dialog, text: str) -> None:
    """Read phones and addresses out of a customer's words, and add them to their card."""
    line = portal.lines.lines[dialog.line_id]
    if line.config["CRM"] != "Y" or line.config["CRM_CHAT_TRACKER"] != "Y":
        return
    card = next((portal.crm.card(kind, number) for kind, number in _refs(dialog)), None)
    if card is None:
        return
    said = {"PHONE": PHONE.findall(text), "EMAIL": EMAIL.findall(text)}
    new = {
        kind: [{"VALUE": each, "VALUE_TYPE": "WORK"} for each in values if not _has(card, each)]
        for kind, values in said.items()
    }
    if any(new.values()):
        cards.update(world, portal, card, new, by=portal.user().id)


def _has(card: Card, value: str) -> bool:
    return any(duplicates.phone(each.value) == duplicates.phone(value) for each in card.multi)
