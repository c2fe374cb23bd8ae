"""REST: what is written beside a card — notes, tasks — and the journal of events."""

from typing import Any

from channel_clients.emulators.stage import Response

from . import php, webhooks
from .call import Call, created, page, request_id, sound
from .model import Json, Note, Task
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
ORDERS = ("updated_at", "created_at", "complete_till", "id")


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
    return page(call, "notes", _ordered(call, found), lambda note: _shown_note(call, note))


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


def _ordered(call: Call, found: list[Any]) -> list[Any]:
    for name in ORDERS:
        for direction in php.chosen(call.request.query, "order", name):
            found = sorted(
                found, key=lambda each: getattr(each, name, 0), reverse=direction == "desc"
            )
    return found


def create_tasks(call: Call) -> Response:
    answers = []
    now = call.world.unix()
    for name, item in sound(call, call.batch(), _mistakes_in_task):
        task = Task(
            id=call.world.number(),
            text=item["text"],
            complete_till=item["complete_till"],
            task_type_id=item.get("task_type_id", 1),
            entity_id=item.get("entity_id"),
            entity_type=item.get("entity_type"),
            responsible_user_id=item.get("responsible_user_id", call.token.user_id),
            created_by=item.get("created_by", call.token.user_id),
            created_at=item.get("created_at") or now,
            updated_at=now,
            is_completed=bool(item.get("is_completed")),
            result=item.get("result"),
        )
        call.account.tasks[task.id] = task
        webhooks.task_changed(call.world, call.account, "add", task)
        answers.append({"id": task.id, "request_id": name})
    return created(call, "tasks", answers)


def _mistakes_in_task(item: Json) -> list[dict[str, str]]:
    kinds = (("text", str, "string"), ("complete_till", int, "int"))
    return [
        wrong_type(name, word) for name, kind, word in kinds if type(item.get(name)) is not kind
    ]


def list_tasks(call: Call) -> Response:
    found = list(call.account.tasks.values())
    for name in ("id", "entity_id", "entity_type", "responsible_user_id", "task_type_id"):
        wanted = php.chosen(call.request.query, "filter", name)
        found = [task for task in found if not wanted or str(getattr(task, name)) in wanted]
    for done in php.chosen(call.request.query, "filter", "is_completed"):
        found = [task for task in found if str(int(task.is_completed)) == done]
    return page(call, "tasks", _ordered(call, found), lambda task: _shown_task(call, task))


def get_task(call: Call) -> Response:
    task = call.account.tasks.get(int(call.args[0]))
    return empty() if task is None else hal(_shown_task(call, task))


def update_task(call: Call) -> Response:
    task = call.account.tasks.get(int(call.args[0]))
    if task is None:
        return problem(404, "Requested entity not found")
    item = call.one()
    for name in ("text", "complete_till", "is_completed", "result", "responsible_user_id"):
        if name in item:
            setattr(task, name, item[name])
    task.updated_at = call.world.unix()
    webhooks.task_changed(call.world, call.account, "update", task)
    return hal({"id": task.id, "updated_at": task.updated_at, "_links": call.link(call.path)})


def _shown_task(call: Call, task: Task) -> Json:
    return {
        "id": task.id,
        "created_by": task.created_by,
        "updated_by": task.created_by,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "responsible_user_id": task.responsible_user_id,
        "group_id": 0,
        "entity_id": task.entity_id,
        "entity_type": task.entity_type,
        "is_completed": task.is_completed,
        "task_type_id": task.task_type_id,
        "text": task.text,
        "duration": 0,
        "complete_till": task.complete_till,
        # amoCRM renders an empty result as a PHP array.
        "result": task.result or [],
        "account_id": call.account.id,
        "_links": call.link(f"/tasks/{task.id}"),
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
