"""REST: tasks. Nothing keeps two equal ones apart, and nothing in them is ours."""

from collections.abc import Iterator
from typing import Any

from channel_clients.emulators.stage import Response

from . import cards, php, webhooks
from .call import Call, created, ordered, page, sound
from .model import Json, Task
from .problems import Refused, empty, hal, invalid, mistake, problem, wrong_type

TYPES: dict[str, tuple[type, str]] = {
    "text": (str, "string"),
    "complete_till": (int, "int"),
    "task_type_id": (int, "int"),
    "entity_id": (int, "int"),
    "entity_type": (str, "string"),
    "responsible_user_id": (int, "int"),
    "duration": (int, "int"),
    "is_completed": (bool, "bool"),
    "result": (dict, "array"),
    "created_by": (int, "int"),
    "created_at": (int, "int"),
}
REQUIRED = ("text", "complete_till")
FILTERS = ("id", "entity_id", "entity_type", "responsible_user_id")


def create_tasks(call: Call) -> Response:
    """Write tasks; without a user they are for whoever's token it is."""
    items = call.batch()
    if call.world.switches.task_on_missing_status == 404 and any(_hangs(call, i) for i in items):
        return problem(404, "Requested entity not found")
    answers = []
    now = call.world.unix()
    for name, item in sound(call, items, lambda each: _mistakes(call, each)):
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


def _mistakes(call: Call, item: Json) -> Iterator[dict[str, str]]:
    yield from _wrong_types(item)
    if item.get("text") == "":
        yield mistake("text", "This value should not be blank.", "NotBlank")
    if item.get("entity_type") not in (None, "contacts", "leads"):
        yield mistake("entity_type")
    elif _hangs(call, item):
        yield mistake("entity_id")
    responsible = item.get("responsible_user_id")
    if responsible is not None and not cards.may_be_responsible(
        call.world, call.account, responsible
    ):
        yield mistake("responsible_user_id")


def _wrong_types(item: Json) -> Iterator[dict[str, str]]:
    for name, (kind, word) in TYPES.items():
        value = item.get(name)
        if value is None and name in REQUIRED:
            yield mistake(name, "This field is missing.", "FieldMissing")
        elif value is not None and type(value) is not kind:
            yield wrong_type(name, word)


def _hangs(call: Call, item: Json) -> bool:
    """Is the task about a card that is not there?"""
    entity, number = item.get("entity_type"), item.get("entity_id")
    if entity is None and number is None:
        return False
    known = entity in ("contacts", "leads") and isinstance(number, int)
    return not (known and call.account.card(str(entity), int(number or 0)))


def list_tasks(call: Call) -> Response:
    """List tasks. Whether the filters cost extra, as those of cards do, is not documented."""
    found = list(call.account.tasks.values())
    if call.world.switches.task_filters:
        found = [task for task in found if _passes(call, task)]
    return page(call, "tasks", ordered(call, found), lambda task: _shown(call, task))


def _passes(call: Call, task: Task) -> bool:
    query = call.request.query
    wanted = {name: php.chosen(query, "filter", name) for name in FILTERS}
    held: dict[str, Any] = {name: str(getattr(task, name)) for name in FILTERS}
    wanted["task_type"] = php.chosen(query, "filter", "task_type")
    wanted["is_completed"] = php.chosen(query, "filter", "is_completed")
    held["task_type"] = str(task.task_type_id)
    held["is_completed"] = str(int(task.is_completed))
    lower, upper = php.between(query, "filter", "updated_at")
    is_wanted = all(not values or held[name] in values for name, values in wanted.items())
    return is_wanted and lower <= task.updated_at <= upper


def get_task(call: Call) -> Response:
    task = call.account.tasks.get(int(call.args[0]))
    return empty() if task is None else hal(_shown(call, task))


def update_task(call: Call) -> Response:
    task = call.account.tasks.get(int(call.args[0]))
    if task is None:
        return problem(404, "Requested entity not found")
    item = call.one()
    changed = {"text": task.text, "complete_till": task.complete_till, **item}
    if found := list(_mistakes(call, changed)):
        raise Refused(invalid([{"request_id": "0", "errors": found}]))
    for name in ("text", "complete_till", "is_completed", "result", "responsible_user_id"):
        if name in item:
            setattr(task, name, item[name])
    task.updated_at = call.world.unix()
    webhooks.task_changed(call.world, call.account, "update", task)
    return hal({"id": task.id, "updated_at": task.updated_at, "_links": call.link(call.path)})


def _shown(call: Call, task: Task) -> Json:
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
