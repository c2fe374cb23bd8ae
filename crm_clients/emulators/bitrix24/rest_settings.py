"""Lists, categories, custom fields and the mode of a CRM."""

from collections.abc import Mapping
from typing import Any

from .call import Call, Handler, Page, methods
from .crm_model import ENTITY_IDS, ENTITY_NAMES, Json, UserField
from .filters import chosen, listed, ordered
from .php import maps, whole
from .problems import Refused, invalid, not_found

TYPES = {
    *("string", "integer", "double", "boolean", "datetime", "date", "money", "url", "address"),
    *("enumeration", "file", "employee", "crm_status", "iblock_section", "iblock_element", "crm"),
}
LONGEST_NAME = 50
PREFIX = "UF_CRM_"
DEAL = ENTITY_IDS["DEAL"]


def list_statuses(call: Call) -> Page:
    """List the rows of reference lists, all at once."""
    rows = chosen(call.portal.crm.statuses, call.choice("filter"))
    rows = ordered(rows, call.choice("order") or {"SORT": "ASC"})
    return Page(value=rows, total=len(rows))


def mode(call: Call) -> int:
    return call.portal.crm.mode


def list_categories(call: Call) -> Page:
    if whole(call.exact("entityTypeId")) != DEAL:
        raise Refused(400, "ENTITY_TYPE_NOT_SUPPORTED", "Categories are not supported")
    rows = list(call.portal.crm.categories.values())
    return Page(value={"categories": rows}, total=len(rows))


def _entity(call: Call) -> int:
    return ENTITY_IDS[call.method.split(".")[1].upper()]


def add_field(call: Call) -> int:
    """Add a custom field; its name gets the prefix, and has to be a new one."""
    crm, entity = call.portal.crm, _entity(call)
    sent = _sent(call)
    type_id = str(sent.get("USER_TYPE_ID") or "")
    if type_id not in TYPES:
        raise invalid("USER_TYPE_ID is not defined or invalid")
    name = str(sent.get("FIELD_NAME") or f"{int(call.world.now())}").upper()
    name = name if name.startswith(PREFIX) else PREFIX + name
    is_good = name.replace("_", "").isalnum() and name.isascii() and len(name) <= LONGEST_NAME
    if not is_good or any(each.name == name for each in crm.fields_of(entity)):
        raise Refused(400, "ERROR_CORE", f"Поле {name} не может быть добавлено.<br>")
    new = UserField(
        id=call.portal.number("user_field"),
        entity=entity,
        name=name,
        type_id=type_id,
        body={key: value for key, value in sent.items() if key != "LIST"},
    )
    _take_choices(call, new, sent.get("LIST"))
    crm.user_fields[new.id] = new
    return new.id


def _sent(call: Call) -> Mapping[str, Any]:
    sent = call.get("fields")
    if not isinstance(sent, Mapping):
        raise invalid("Parameter 'fields' must be array.")
    return sent


def _take_choices(call: Call, field: UserField, sent: Any) -> None:
    for item in maps(sent):
        number = str(item.get("ID") or "")
        kept = next((each for each in field.choices if each["ID"] == number), None)
        if kept is None:
            new_id = str(call.portal.number("choice"))
            field.choices.append({"SORT": "500", "DEF": "N", **item, "ID": new_id})
        elif item.get("DEL") == "Y":
            field.choices.remove(kept)
        else:
            kept |= item


def _field(call: Call) -> UserField:
    field = call.portal.crm.user_fields.get(whole(call.get("id")))
    if field is None or field.entity != _entity(call):
        raise not_found()
    return field


def update_field(call: Call) -> bool:
    field, sent = _field(call), _sent(call)
    field.body |= {key: value for key, value in sent.items() if key != "LIST"}
    _take_choices(call, field, sent.get("LIST"))
    return True


def get_field(call: Call) -> Json:
    return _shown(_field(call))


def list_fields(call: Call) -> Page:
    return listed(call, [_shown(each) for each in call.portal.crm.fields_of(_entity(call))])


def delete_field(call: Call) -> bool:
    field = _field(call)
    del call.portal.crm.user_fields[field.id]
    for card in call.portal.crm.cards.values():
        if card.entity == field.entity:
            card.fields.pop(field.name, None)
    return True


def _shown(field: UserField) -> Json:
    shown: Json = {
        "ID": str(field.id),
        "ENTITY_ID": f"CRM_{ENTITY_NAMES[field.entity]}",
        "FIELD_NAME": field.name,
        "USER_TYPE_ID": field.type_id,
        "XML_ID": str(field.body.get("XML_ID") or ""),
        "SORT": str(field.body.get("SORT") or 100),
        "MULTIPLE": "Y" if field.is_multiple else "N",
        "MANDATORY": str(field.body.get("MANDATORY") or "N"),
        "SHOW_FILTER": str(field.body.get("SHOW_FILTER") or "N"),
        "SETTINGS": field.body.get("SETTINGS") or [],
        "EDIT_FORM_LABEL": field.body.get("LABEL"),
    }
    return {**shown, "LIST": field.choices} if field.type_id == "enumeration" else shown


FIELDS = {
    "add": add_field,
    "update": update_field,
    "get": get_field,
    "list": list_fields,
    "delete": delete_field,
}
OF_ADMINS: dict[str, Handler] = {
    f"crm.{name.lower()}.userfield.{verb}": handler
    for name in ENTITY_NAMES.values()
    for verb, handler in FIELDS.items()
}
TABLE: dict[str, Handler] = {
    "crm.status.list": list_statuses,
    "crm.settings.mode.get": mode,
    "crm.category.list": list_categories,
}
METHODS = {**methods(TABLE, "crm"), **methods(OF_ADMINS, "crm", is_for_admins=True)}
