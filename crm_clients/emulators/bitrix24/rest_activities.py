"""`crm.activity.*`: records of what happened with a customer, and things to do."""

from collections.abc import Mapping
from typing import Any

from . import activities, fetching
from .call import Call, Handler, Page, is_yes, methods, no_application
from .crm_model import ENTITY_NAMES, Activity, Json
from .filters import known_only, listed
from .php import maps, whole
from .problems import Refused, invalid

MEETING, PHONE_CALL, LETTER, PROVIDED = 1, 2, 4, 6
REST_APP, CONFIGURABLE, TO_DO = "REST_APP", "CONFIGURABLE_REST_APP", "CRM_TODO"
MOST_BINDINGS = 100
BESIDE = ("COMMUNICATIONS", "FILES", "BINDINGS")


def add(call: Call) -> int:
    """Add an activity. The same ORIGIN_ID twice makes two."""
    sent = _sent(call)
    _check(call, sent)
    by = call.caller.user.id
    kind = whole(sent.get("TYPE_ID"), PROVIDED)
    told = {**sent, "TYPE_ID": kind}
    told.setdefault("RESPONSIBLE_ID", _responsible(call, sent))
    if sent.get("PROVIDER_ID") == REST_APP:
        told["ASSOCIATED_ENTITY_ID"] = call.installation.id
    if kind == LETTER and str(sent.get("DIRECTION")) == "2" and is_yes(sent.get("COMPLETED")):
        call.world.warnings.append("an outgoing letter that is complete was sent for real")
    made = activities.create(call.world, call.portal, told, by=by)
    made.application = call.caller.name if sent.get("PROVIDER_ID") == REST_APP else ""
    made.communications = maps(sent.get("COMMUNICATIONS"))
    made.files = _files(call, sent.get("FILES"))
    return made.id


def _sent(call: Call) -> Mapping[str, Any]:
    sent = call.get("fields")
    if not isinstance(sent, Mapping):
        raise invalid("Parameter 'fields' must be array.")
    return sent


def _check(call: Call, sent: Mapping[str, Any]) -> None:
    kind = whole(sent.get("TYPE_ID"), PROVIDED if sent.get("PROVIDER_ID") else 0)
    if not str(sent.get("SUBJECT") or "").strip():
        raise invalid("The field SUBJECT is not defined or empty.")
    if not kind:
        raise invalid("The field TYPE_ID is not defined or invalid.")
    _owner(call, sent.get("OWNER_TYPE_ID"), sent.get("OWNER_ID"))
    if kind == PROVIDED:
        _check_provider(call, str(sent.get("PROVIDER_ID") or ""))
        _check_type(call, str(sent.get("PROVIDER_TYPE_ID") or ""))
        return
    people = maps(sent.get("COMMUNICATIONS"))
    if not people:
        raise invalid("The field COMMUNICATIONS is not defined or invalid.")
    if kind in {MEETING, PHONE_CALL} and len(people) > 1:
        raise invalid("The only one communication is allowed for activity of specified type.")


def _check_provider(call: Call, provider: str) -> None:
    if provider == CONFIGURABLE:
        raise invalid("Use crm.activity.configurable.add for this activity provider")
    if provider != REST_APP:
        text = "The custom activity without provider is not supported in current context."
        raise invalid(text)
    if call.caller.installation is None:
        raise invalid("Application context required.")


def _check_type(call: Call, type_id: str) -> None:
    """Whether a type has to be registered before it is used is not documented."""
    is_known = (call.caller.name, type_id) in call.portal.crm.activity_types
    if not is_known and call.world.switches.unknown_activity_type == "refuse":
        raise invalid("The custom activity type is not found.")


def _owner(call: Call, kind: Any, number: Any) -> tuple[int, int]:
    if not whole(kind) or not whole(number):
        raise invalid("Could not build binding. Please ensure that owner fields are defined.")
    ref = whole(kind), whole(number)
    if call.portal.crm.card(*ref) is None:
        name = ENTITY_NAMES.get(ref[0], ref[0])
        raise invalid(f"Could not find '{name}' with ID: {number}")
    return ref


def _responsible(call: Call, sent: Mapping[str, Any]) -> int:
    card = call.portal.crm.card(whole(sent["OWNER_TYPE_ID"]), whole(sent["OWNER_ID"]))
    theirs = whole(card.fields.get("ASSIGNED_BY_ID")) if card else 0
    return theirs or call.caller.user.id


def _files(call: Call, sent: Any) -> list[Json]:
    pairs = [item["fileData"] for item in maps(sent) if "fileData" in item]
    return [fetching.keep_sent(call, pair) for pair in pairs]


def _found(call: Call, number: Any) -> Activity:
    activity = call.portal.crm.activities.get(whole(number))
    if activity is None or activity.is_deleted or call.world.switches.rights_lost:
        raise invalid("Activity is not found.")
    return activity


def _own(call: Call) -> Activity:
    """Return an activity that this caller may change: another application's it may not."""
    activity = _found(call, call.get("id"))
    if activity.application and activity.application != call.caller.name:
        raise invalid("Application context required.")
    return activity


def update(call: Call) -> bool:
    activity = _own(call)
    by = call.caller.user.id
    activities.update(call.world, call.portal, activity, _sent(call), by=by)
    return True


def delete(call: Call) -> bool:
    activities.delete(call.world, call.portal, _own(call), by=call.caller.user.id)
    return True


def get(call: Call) -> Json:
    activity = _found(call, call.get("id"))
    if activity.fields["PROVIDER_ID"] == CONFIGURABLE:
        raise invalid("Use crm.activity.configurable.get for this activity provider")
    return {**activities.row(activity), **_beside(activity, set(BESIDE) - {"BINDINGS"})}


def list_all(call: Call) -> Page:
    """List activities; `BINDINGS` in the filter asks for those that hang on certain cards."""
    asked = call.choice("filter")
    wanted = {
        (whole(each.get("OWNER_TYPE_ID")), whole(each.get("OWNER_ID")))
        for each in maps(asked.get("BINDINGS"))
    }
    kept = [] if call.world.switches.rights_lost else call.portal.crm.activities.values()
    there = {each.id: each for each in kept if not each.is_deleted}
    rows = [
        activities.row(each) for each in there.values() if not wanted or wanted & {*each.bindings}
    ]
    select = {*(call.words("select") or ["*"])}

    def show(row: Json) -> Json:
        whole = "*" in select
        shown = row if whole else {key: row[key] for key in row if key in {"ID", *select}}
        return {**shown, **_beside(there[int(row["ID"])], select & set(BESIDE))}

    plain = known_only(call, asked, activities.FILTERED)
    return listed(call, rows, wanted=plain, by="START_TIME", show=show)


def _beside(activity: Activity, names: set[str]) -> Json:
    bindings = [{"OWNER_TYPE_ID": kind, "OWNER_ID": number} for kind, number in activity.bindings]
    every = {
        "COMMUNICATIONS": activity.communications,
        "FILES": activity.files,
        "BINDINGS": bindings,
    }
    return {name: every[name] for name in every if name in names}


def bind(call: Call) -> bool:
    """Hang an activity on one more card."""
    activity = _found(call, call.exact("activityId"))
    ref = _target(call, "entityTypeId", "entityId")
    if len(activity.bindings) >= MOST_BINDINGS:
        raise Refused(400, "BINDING_LIMIT", "Too many bindings")
    if ref not in activity.bindings:
        activity.bindings.append(ref)
    return True


def unbind(call: Call) -> bool:
    activity = _found(call, call.exact("activityId"))
    ref = _target(call, "entityTypeId", "entityId")
    if ref not in activity.bindings:
        raise Refused(400, "BINDING_NOT_FOUND", "The binding was not found")
    if len(activity.bindings) == 1:
        raise Refused(400, "LAST_BINDING_CANNOT_BE_DELETED", "The last binding stays")
    activity.bindings.remove(ref)
    return True


def bindings_of(call: Call) -> list[Json]:
    activity = _found(call, call.exact("activityId"))
    return [{"entityTypeId": kind, "entityId": number} for kind, number in activity.bindings]


def _target(call: Call, kind: str, number: str) -> tuple[int, int]:
    ref = whole(call.exact(kind)), whole(call.exact(number))
    if call.portal.crm.card(*ref) is None:
        raise Refused(400, "OWNER_NOT_FOUND", "Владелец не найден")
    return ref


def add_configurable(call: Call) -> Json:
    """Add a card with a layout of its own; an incoming one has no deadline."""
    if call.caller.installation is None:
        raise Refused(400, "ERROR_WRONG_CONTEXT", no_application().body["error_description"])
    kind, number = _target(call, "ownerTypeId", "ownerId")
    layout = call.get("layout")
    if not isinstance(layout, Mapping) or not layout:
        raise Refused(400, "ERROR_EMPTY_LAYOUT", "The layout is empty")
    sent = dict(call.choice("fields"))
    is_incoming = is_yes(sent.get("isIncomingChannel"))
    if is_incoming and sent.get("deadline"):
        code = "INCOMING_ACTIVITY_CAN_NOT_BE_WITH_DEADLINE"
        raise Refused(400, code, "An incoming activity cannot have a deadline")
    told = {
        "OWNER_TYPE_ID": kind,
        "OWNER_ID": number,
        "PROVIDER_ID": CONFIGURABLE,
        "PROVIDER_TYPE_ID": sent.get("typeId") or "CONFIGURABLE",
        "COMPLETED": "Y" if is_yes(sent.get("completed")) else "N",
        "DEADLINE": sent.get("deadline"),
        "RESPONSIBLE_ID": sent.get("responsibleId") or call.caller.user.id,
        "ORIGINATOR_ID": sent.get("originatorId"),
        "ORIGIN_ID": sent.get("originId"),
        "IS_INCOMING_CHANNEL": "Y" if is_incoming else "N",
        "ASSOCIATED_ENTITY_ID": call.installation.id,
    }
    made = activities.create(call.world, call.portal, told, by=call.caller.user.id)
    made.application, made.layout = call.caller.name, dict(layout)
    return {"activity": {"id": made.id}}


def add_todo(call: Call) -> Json:
    """Add a thing to do; it needs a deadline."""
    kind, number = _target(call, "ownerTypeId", "ownerId")
    deadline = str(call.exact("deadline"))
    if not deadline[:4].isdigit():
        raise Refused(400, "WRONG_DATETIME_FORMAT", "The date is in a wrong format")
    told = {
        "OWNER_TYPE_ID": kind,
        "OWNER_ID": number,
        "PROVIDER_ID": TO_DO,
        "PROVIDER_TYPE_ID": TO_DO.removeprefix("CRM_"),
        "SUBJECT": call.get("title") or "Дело",
        "DESCRIPTION": call.get("description") or "",
        "DEADLINE": deadline,
        "END_TIME": deadline,
        "RESPONSIBLE_ID": call.get("responsibleId") or call.caller.user.id,
    }
    made = activities.create(call.world, call.portal, told, by=call.caller.user.id)
    return {"id": made.id}


def add_type(call: Call) -> bool:
    """Register the name and the icon of an application's own activities."""
    sent = _sent(call)
    type_id = str(sent.get("TYPE_ID") or "")
    if not type_id:
        raise invalid("TYPE_ID is not defined or invalid")
    key = (call.caller.name, type_id)
    if key in call.portal.crm.activity_types:
        raise invalid(f"Type '{type_id}' already exists")
    call.portal.crm.activity_types[key] = dict(sent)
    return True


TABLE: dict[str, Handler] = {
    "crm.activity.add": add,
    "crm.activity.update": update,
    "crm.activity.get": get,
    "crm.activity.list": list_all,
    "crm.activity.delete": delete,
    "crm.activity.binding.add": bind,
    "crm.activity.binding.delete": unbind,
    "crm.activity.binding.list": bindings_of,
    "crm.activity.todo.add": add_todo,
    "crm.activity.configurable.add": add_configurable,
}
OF_ADMINS: dict[str, Handler] = {"crm.activity.type.add": add_type}
METHODS = {
    **methods(TABLE, "crm"),
    **methods(OF_ADMINS, "crm", is_for_applications=True, is_for_admins=True),
}
