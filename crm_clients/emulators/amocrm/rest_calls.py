"""REST: calls that a telephony adds; the card is found by the phone's last ten digits."""

import re

from channel_clients.emulators.stage import Response

from . import fields, webhooks
from .call import Call, sound
from .model import Contact, Json, Note
from .problems import hal, invalid, mistake, wrong_type

NOTE_TYPES = {"inbound": "call_in", "outbound": "call_out"}
SINGULAR = {"contacts": "contact", "leads": "lead"}
PARAMS = ("uniq", "duration", "source", "link", "phone", "call_result", "call_status")
DIGITS = 10


def create_calls(call: Call) -> Response:
    """Add calls; those that match no card are told of beside the others."""
    added, errors = [], []
    for name, item in sound(call, call.batch(), _mistakes):
        contact = _owner(call, str(item["phone"]))
        if contact is None:
            title = {"title": "Entity not found", "detail": "No entity has this phone."}
            errors.append({"request_id": name, **title})
            continue
        note = _add(call, item, contact)
        added.append(
            {
                "id": note.id,
                "entity_id": note.entity_id,
                "entity_type": SINGULAR[note.entity],
                "account_id": call.account.id,
                "request_id": name,
                "_embedded": {"entity": {"id": note.entity_id}},
            }
        )
    if errors and not added and call.world.switches.unmatched_call_status == 400:
        found = [mistake("phone", "No entity has this phone.", "EntityNotFound")]
        return invalid([{"request_id": each["request_id"], "errors": found} for each in errors])
    calls = {"_total_items": len(added), "errors": errors, "_embedded": {"calls": added}}
    return hal(calls)


def _mistakes(item: Json) -> list[dict[str, str]]:
    kinds = (("duration", int, "int"), ("source", str, "string"), ("phone", str, "string"))
    found = [
        wrong_type(name, word) for name, kind, word in kinds if type(item.get(name)) is not kind
    ]
    return found if item.get("direction") in NOTE_TYPES else [*found, mistake("direction")]


def _owner(call: Call, phone: str) -> Contact | None:
    wanted = _digits(phone)
    for contact in call.account.contacts.values():
        phones = fields.values_of(call.account, contact, "PHONE")
        if not contact.is_deleted and wanted and wanted in map(_digits, phones):
            return contact
    return None


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)[-DIGITS:]


def _add(call: Call, item: Json, contact: Contact) -> Note:
    """Exactly one open lead takes the call; otherwise the contact keeps it."""
    account, now = call.account, call.world.unix()
    uniq = item.get("uniq")
    if uniq and call.world.switches.calls_compared:
        for known in account.notes.values():
            if known.params.get("uniq") == uniq:
                return known
    leads = [lead for lead in account.leads_of(contact.id) if lead.is_open]
    card = leads[0] if len(leads) == 1 else contact
    note = Note(
        id=call.world.number(),
        entity=card.entity,
        entity_id=card.id,
        note_type=NOTE_TYPES[item["direction"]],
        params={name: item[name] for name in PARAMS if name in item},
        created_by=item.get("created_by", call.token.user_id),
        responsible_user_id=item.get("responsible_user_id", call.token.user_id),
        created_at=item.get("created_at") or now,
        updated_at=now,
    )
    account.notes[note.id] = note
    webhooks.note_added(call.world, account, note)
    return note
