"""REST: the notes beside a card, and the journal of events."""

from channel_clients.emulators.stage import Response

from . import php, webhooks
from .call import Call, created, ordered, page, request_id, sound
from .model import Json, Note
from .problems import empty, hal, invalid_item, mistake, problem, wrong_type

PARAMS: dict[str, tuple[str, ...]] = {
    "common": ("text",),
    "call_in": ("uniq", "duration", "source", "link", "phone"),
    "call_out": ("uniq", "duration", "source", "link", "phone"),
    "service_message": ("service", "text"),
    "extended_service_message": ("service", "text"),
    "message_cashier": ("status", "text"),
    "geolocation": ("text", "address", "longitude", "latitude"),
    "sms_in": ("text", "phone"),
    "sms_out": ("text", "phone"),
    "attachment": ("file_uuid", "file_name"),
}


def create_notes(call: Call) -> Response:
    """Add notes to the card in the path, or to the one that each item names."""
    entity = call.args[0]
    items = call.batch()
    for index, item in enumerate(items):
        if call.account.card(entity, _card_id(call, item)) is None:
            if call.world.switches.note_on_missing_status == 404:
                return problem(404, "Requested entity not found")
            return invalid_item(request_id(item, index), "entity_id", "Entity not found.")
    answers = []
    for name, item in sound(call, items, _mistakes_in_note):
        note = _add_note(call, item)
        answers.append({"id": note.id, "entity_id": note.entity_id, "request_id": name})
    return created(call, "notes", answers)


def _card_id(call: Call, item: Json) -> int:
    given = call.args[1] if len(call.args) > 1 else item.get("entity_id")
    return int(given) if isinstance(given, int | str) and str(given).isdigit() else 0


def _mistakes_in_note(item: Json) -> list[dict[str, str]]:
    kind, params = item.get("note_type"), item.get("params")
    if kind not in PARAMS:
        return [mistake("note_type")]
    if not isinstance(params, dict):
        return [wrong_type("params", "array")]
    return [
        mistake(f"params.{name}", "This field is missing.", "FieldMissing")
        for name in PARAMS[kind]
        if name not in params
    ]


def _add_note(call: Call, item: Json) -> Note:
    now = call.world.unix()
    made = now
    if call.world.switches.note_created_at_honoured:
        made = item.get("created_at") or now
    note = Note(
        id=call.world.number(),
        entity="contacts" if call.args[0] == "contacts" else "leads",
        entity_id=_card_id(call, item),
        note_type=item["note_type"],
        params=item["params"],
        created_by=item.get("created_by", call.token.user_id),
        responsible_user_id=item.get("responsible_user_id", call.token.user_id),
        created_at=made,
        updated_at=now,
    )
    call.account.notes[note.id] = note
    webhooks.note_added(call.world, call.account, note)
    return note


def list_notes(call: Call) -> Response:
    """List the notes of a kind of card, or of one card; these filters cost nothing extra."""
    query = call.request.query
    found = [note for note in call.account.notes.values() if note.entity == call.args[0]]
    owners = set(call.args[1:]) or set(php.chosen(query, "filter", "entity_id"))
    wanted = (
        (owners, lambda note: str(note.entity_id)),
        (set(php.chosen(query, "filter", "note_type")), lambda note: note.note_type),
        (set(php.chosen(query, "filter", "id")), lambda note: str(note.id)),
    )
    for values, of in wanted:
        found = [note for note in found if not values or of(note) in values]
    lower, upper = php.between(query, "filter", "updated_at")
    found = [note for note in found if lower <= note.updated_at <= upper]
    return page(call, "notes", ordered(call, found), lambda note: _shown_note(call, note))


def get_note(call: Call) -> Response:
    note = call.account.notes.get(int(call.args[-1]))
    return empty() if note is None else hal(_shown_note(call, note))


def update_note(call: Call) -> Response:
    note = call.account.notes.get(int(call.args[-1]))
    if note is None:
        return problem(404, "Requested entity not found")
    item = {"note_type": note.note_type, **call.one()}
    found = _mistakes_in_note(item)
    if found:
        return invalid_item("0", found[0]["path"], found[0]["detail"], found[0]["code"])
    note.params, note.updated_at = item["params"], call.world.unix()
    return hal(_shown_note(call, note))


def _shown_note(call: Call, note: Note) -> Json:
    return {
        "id": note.id,
        "entity_id": note.entity_id,
        "created_by": note.created_by,
        "updated_by": note.created_by,
        "created_at": note.created_at,
        "updated_at": note.updated_at,
        "responsible_user_id": note.responsible_user_id,
        "group_id": 0,
        "note_type": note.note_type,
        "params": note.params,
        "account_id": call.account.id,
        "_links": call.link(f"/{note.entity}/{note.entity_id}/notes/{note.id}"),
    }


def list_events(call: Call) -> Response:
    call.number("limit", 50, 100)
    query = call.request.query
    found = list(reversed(call.account.events))
    types = {kind for given in php.chosen(query, "filter", "type") for kind in given.split(",")}
    owners = set(php.chosen(query, "filter", "entity_id"))
    lower, upper = php.between(query, "filter", "created_at")
    found = [
        event
        for event in found
        if (not types or event["type"] in types)
        and (not owners or str(event["entity_id"]) in owners)
        and lower <= event["created_at"] <= upper
    ]
    return page(call, "events", found, lambda event: event)
