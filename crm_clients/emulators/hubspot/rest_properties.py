"""Properties of types of objects: what there is, and what may be added."""

import re
from typing import Any

from channel_clients.emulators.stage import Response

from .built_in import choices
from .call import Call, Route
from .crm_model import Json, Property
from .kinds import DEAL, DEFINED, TICKET, Kind
from .problems import Refused, conflict, invalid, missing_scopes, not_found
from .rest_batch import finished
from .rest_objects import kind_of
from .values import STAGES
from .world import iso

PLACE = f"properties/({DEFINED})"
NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
FIELDS = {
    "bool": {"booleancheckbox", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date"},
    "enumeration": {"booleancheckbox", "checkbox", "radio", "select"},
    "number": {"number", "calculation_equation"},
    "string": {"file", "html", "phonenumber", "text", "textarea", "calculation_equation"},
    "phone_number": {"phonenumber"},
}
MOST_UNIQUE = 10
FAILED = "Properties.PROPERTY_CREATE_FAILED_VALIDATION"


def sees(call: Call) -> frozenset[str]:
    kind = kind_of(call)
    schemas = {name.replace(".write", ".read") for name in kind.schema_scopes}
    return kind.reads | kind.schema_scopes | schemas


def makes(call: Call) -> frozenset[str]:
    return kind_of(call).schema_scopes


def _refuse_making(call: Call) -> None:
    """No scope is written down that would let anybody make properties of engagements."""
    kind, rules = kind_of(call), call.world.switches
    is_closed = kind.is_engagement and rules.engagement_properties == "refused"
    if is_closed or not rules.schemas_writable:
        raise missing_scopes(frozenset({f"crm.schemas.{kind.name}.write"}))


def told(call: Call, kind: Kind, each: Property) -> Json:
    shown: Json = {
        "name": each.name,
        "label": each.label,
        "type": each.type,
        "fieldType": each.field_type,
        "description": each.body.get("description", ""),
        "groupName": each.group,
        "options": _options(call, kind, each),
        "displayOrder": each.body.get("displayOrder", -1),
        "calculated": each.is_calculated,
        "externalOptions": bool(each.body.get("externalOptions")),
        "hasUniqueValue": each.is_unique,
        "hidden": bool(each.body.get("hidden")),
        "hubspotDefined": each.is_ours,
        "formField": bool(each.body.get("formField")),
        "dataSensitivity": each.body.get("dataSensitivity", "non_sensitive"),
        "archived": each.archived_at is not None,
        "createdAt": iso(each.created),
        "updatedAt": iso(each.updated),
        "modificationMetadata": {
            "archivable": not each.is_ours,
            "readOnlyDefinition": each.is_ours,
            "readOnlyOptions": each.is_ours,
            "readOnlyValue": each.is_read_only,
        },
    }
    if each.body.get("referencedObjectType"):
        shown["referencedObjectType"] = each.body["referencedObjectType"]
    return shown


def _options(call: Call, kind: Kind, each: Property) -> list[Json]:
    """Pipelines and their stages are options, too."""
    if kind.id not in {DEAL, TICKET} or each.name not in STAGES[kind.id]:
        return each.options
    pipelines = call.portal.crm.pipelines[kind.id]
    if each.name == STAGES[kind.id][0]:
        held: list[Any] = list(pipelines)
    else:
        held = [stage for pipeline in pipelines for stage in pipeline.stages]
    rows = choices([one.id for one in held])
    return [{**row, "label": one.label} for row, one in zip(rows, held, strict=True)]


def _found(call: Call, name: str, *, archived: bool = False) -> Property:
    each = call.portal.crm.properties[kind_of(call).id].get(name)
    if each is None or (each.archived_at is not None) != archived:
        raise not_found(f"Property {name} does not exist", "Properties.PROPERTY_DOESNT_EXIST")
    return each


def list_all(call: Call) -> Response:
    kind, archived = kind_of(call), call.flag("archived")
    held = call.portal.crm.properties[kind.id].values()
    rows = [told(call, kind, each) for each in held if (each.archived_at is not None) == archived]
    return Response.of({"results": rows})


def get_one(call: Call) -> Response:
    each = _found(call, call.args[1], archived=call.flag("archived"))
    return Response.of(told(call, kind_of(call), each))


def create_one(call: Call) -> Response:
    _refuse_making(call)
    made = _made(call, call.one())
    return Response.of(told(call, kind_of(call), made), 201)


def _made(call: Call, sent: Json) -> Property:
    kind = kind_of(call)
    held = call.portal.crm.properties[kind.id]
    _refuse_wrong(call, kind, sent)
    known = held.get(sent["name"])
    is_free = known is None or (
        known.archived_at is not None and call.world.switches.archived_name_free
    )
    if not is_free:
        name = sent["name"]
        raise conflict(
            f'A property named "{name}" already exists.',
            "Properties.PROPERTY_EXISTS",
            "OBJECT_ALREADY_EXISTS",
        )
    now = call.world.now()
    held[sent["name"]] = Property(
        name=sent["name"],
        label=str(sent["label"]),
        type=sent["type"],
        field_type=sent["fieldType"],
        group=sent["groupName"],
        is_unique=bool(sent.get("hasUniqueValue")),
        options=list(sent.get("options") or []),
        body=dict(sent),
        created=now,
        updated=now,
    )
    return held[sent["name"]]


def _refuse_wrong(call: Call, kind: Kind, sent: Json) -> None:
    missing = [
        key for key in ("name", "label", "groupName", "type", "fieldType") if not sent.get(key)
    ]
    if missing:
        raise invalid(f"Some required fields were not set: {missing}", FAILED)
    if not NAME.fullmatch(str(sent["name"])):
        raise invalid("Property name must be lower-case letters, numbers and underscores", FAILED)
    if sent["fieldType"] not in FIELDS.get(str(sent["type"]), set()):
        raise invalid(f"{sent['fieldType']} is no field of the type {sent['type']}", FAILED)
    if sent["groupName"] not in call.portal.crm.groups[kind.id]:
        raise invalid(f"Property group {sent['groupName']} does not exist", FAILED)
    if sent.get("hasUniqueValue"):
        _refuse_unique(call, kind, sent)


def _refuse_unique(call: Call, kind: Kind, sent: Json) -> None:
    if sent["type"] not in {"string", "number"}:
        raise invalid("Only strings and numbers can be unique", FAILED)
    if kind.is_engagement and call.world.switches.engagement_properties != "unique":
        raise invalid(f"Unique properties are not supported for {kind.id}", FAILED)
    ours = [
        each
        for each in call.portal.crm.properties[kind.id].values()
        if each.is_unique and not each.is_ours and each.archived_at is None
    ]
    if len(ours) >= MOST_UNIQUE:
        raise invalid(f"There may be {MOST_UNIQUE} unique properties", FAILED)


def update_one(call: Call) -> Response:
    """Change a definition; whether values are unique was said once and for all."""
    _refuse_making(call)
    sent, each = call.one(), _found(call, call.args[1])
    if each.is_ours:
        raise invalid("A property of HubSpot's cannot be changed")
    if sent.get("hasUniqueValue") not in (None, each.is_unique):
        raise invalid("hasUniqueValue cannot be changed")
    each.label = str(sent.get("label") or each.label)
    each.group = str(sent.get("groupName") or each.group)
    each.options = list(sent.get("options") or each.options)
    each.body.update(sent)
    each.updated = call.world.now()
    return Response.of(told(call, kind_of(call), each))


def archive_one(call: Call) -> Response:
    _refuse_making(call)
    each = _found(call, call.args[1])
    if each.is_ours:
        raise invalid("A property of HubSpot's cannot be archived")
    each.archived_at = call.world.now()
    return Response(status=204)


def create_many(call: Call) -> Response:
    """Make properties; those that are there already are told as errors."""
    _refuse_making(call)
    rows: list[Json] = []
    errors: list[Json] = []
    for sent in call.inputs():
        try:
            rows.append(told(call, kind_of(call), _made(call, sent)))
        except Refused as refused:
            errors.append({**refused.body, "context": {"name": [str(sent.get("name"))]}})
    return finished(call, rows, errors, 201)


def read_many(call: Call) -> Response:
    held, kind = call.portal.crm.properties[kind_of(call).id], kind_of(call)
    names = [str(each.get("name") or "") for each in call.inputs()]
    there = [name for name in names if name in held and held[name].archived_at is None]
    errors = [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": f"Property {name} does not exist",
            "context": {"name": [name]},
        }
        for name in names
        if name not in there
    ]
    return finished(call, [told(call, kind, held[name]) for name in there], errors, 200)


def list_groups(call: Call) -> Response:
    return Response.of({"results": list(call.portal.crm.groups[kind_of(call).id].values())})


def create_group(call: Call) -> Response:
    _refuse_making(call)
    sent, groups = call.one(), call.portal.crm.groups[kind_of(call).id]
    name = str(sent.get("name") or "")
    if not NAME.fullmatch(name) or not sent.get("label"):
        raise invalid("name and label are required")
    if name in groups:
        words = f'A property group named "{name}" already exists.'
        raise conflict(words, category="OBJECT_ALREADY_EXISTS")
    order = sent.get("displayOrder")
    groups[name] = {
        "name": name,
        "label": str(sent["label"]),
        "displayOrder": order if isinstance(order, int) else -1,
        "archived": False,
    }
    return Response.of(groups[name], 201)


def get_group(call: Call) -> Response:
    group = call.portal.crm.groups[kind_of(call).id].get(call.args[1])
    if group is None:
        raise not_found(f"Property group {call.args[1]} does not exist")
    return Response.of(group)


ROUTES = (
    Route("GET", PLACE, list_all, sees),
    Route("POST", PLACE, create_one, makes),
    Route("POST", f"{PLACE}/batch/create", create_many, makes),
    Route("POST", f"{PLACE}/batch/read", read_many, sees),
    Route("GET", f"{PLACE}/groups", list_groups, sees),
    Route("POST", f"{PLACE}/groups", create_group, makes),
    Route("GET", f"{PLACE}/groups/([^/]+)", get_group, sees),
    Route("GET", f"{PLACE}/([^/]+)", get_one, sees),
    Route("PATCH", f"{PLACE}/([^/]+)", update_one, makes),
    Route("DELETE", f"{PLACE}/([^/]+)", archive_one, makes),
)
