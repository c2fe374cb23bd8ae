"""Custom fields: what a card may hold, what is wrong with what was sent, how values are shown."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .model import Account, Card, Choice, CustomField, Json
from .problems import mistake, wrong_type
from .world import World

TYPES = frozenset(
    {
        "text",
        "numeric",
        "checkbox",
        "select",
        "multiselect",
        "date",
        "url",
        "textarea",
        "radiobutton",
        "streetaddress",
        "smart_address",
        "birthday",
        "legal_entity",
        "date_time",
        "price",
        "category",
        "items",
        "tracking_data",
        "linked_entity",
        "chained_list",
        "monetary",
        "file",
        "payer",
        "supplier",
    }
)
LISTS = frozenset({"select", "multiselect", "radiobutton", "category"})
PHONE_KINDS = ("WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER")
EMAIL_KINDS = ("WORK", "PRIV", "OTHER")
_VALUE_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "string"),
    "textarea": ((str,), "string"),
    "url": ((str,), "string"),
    "streetaddress": ((str,), "string"),
    "tracking_data": ((str,), "string"),
    "multitext": ((str,), "string"),
    "numeric": ((str, int, float), "numeric"),
    "price": ((str, int, float), "numeric"),
    "monetary": ((str, int, float), "numeric"),
    "checkbox": ((bool,), "bool"),
    "date": ((int, str), "int"),
    "date_time": ((int, str), "int"),
    "birthday": ((int, str), "int"),
}


def predefined(ids: Iterator[int]) -> dict[str, dict[int, CustomField]]:
    """The fields that every account has from birth."""

    def multitext(code: str, name: str, kinds: tuple[str, ...]) -> CustomField:
        choices = [Choice(id=next(ids), value=kind, code=kind) for kind in kinds]
        return CustomField(
            id=next(ids),
            name=name,
            type="multitext",
            code=code,
            choices=choices,
            is_predefined=True,
        )

    fields = (
        multitext("PHONE", "Телефон", PHONE_KINDS),
        multitext("EMAIL", "Email", EMAIL_KINDS),
        CustomField(
            id=next(ids), name="Должность", type="text", code="POSITION", is_predefined=True
        ),
    )
    return {"contacts": {item.id: item for item in fields}, "leads": {}}


def add(world: World, account: Account, entity: str, item: Json) -> CustomField:
    """Add a field of the account's own; `item` as REST sends it."""
    choices = [
        Choice(id=world.number(), value=str(each.get("value")), code=each.get("code"))
        for each in item.get("enums") or ()
    ]
    known = CustomField(
        id=world.number(),
        name=item["name"],
        type=item["type"],
        code=item.get("code"),
        choices=choices,
        is_api_only=bool(item.get("is_api_only")),
        sort=item.get("sort", 500),
    )
    account.fields[entity][known.id] = known
    return known


def find(account: Account, entity: str, given: Json) -> CustomField | None:
    """Find the field that an element of `custom_fields_values` means, by id or by code."""
    fields = account.fields[entity]
    if given.get("field_id") is not None:
        number = given["field_id"]
        return fields.get(number) if isinstance(number, int) else None
    code = given.get("field_code")
    return next((item for item in fields.values() if code and item.code == code), None)


def mistakes(account: Account, entity: str, given: Any) -> Iterator[dict[str, str]]:
    """Say everything that is wrong with a `custom_fields_values`."""
    if given is None:
        return
    if not isinstance(given, list):
        yield wrong_type("custom_fields_values", "array")
        return
    for index, element in enumerate(given):
        path = f"custom_fields_values.{index}"
        if not isinstance(element, dict):
            yield wrong_type(path, "array")
            continue
        known = find(account, entity, element)
        if known is None:
            key = "field_id" if element.get("field_id") is not None else "field_code"
            yield mistake(f"{path}.{key}")
            continue
        yield from _mistakes_in_values(known, element.get("values"), f"{path}.values")


def _mistakes_in_values(known: CustomField, values: Any, path: str) -> Iterator[dict[str, str]]:
    if values is None:
        return
    if not isinstance(values, list):
        yield wrong_type(path, "array")
        return
    for index, value in enumerate(values):
        place = f"{path}.{index}"
        if not isinstance(value, dict):
            yield wrong_type(place, "array")
            continue
        if known.type in LISTS:
            if _choice(known, value) is None:
                key = next((key for key in ("enum_id", "enum_code") if key in value), "value")
                yield mistake(f"{place}.{key}")
            continue
        if known.type == "multitext" and _names_choice(value) and _choice(known, value) is None:
            yield mistake(f"{place}.{'enum_id' if 'enum_id' in value else 'enum_code'}")
        kinds, name = _VALUE_TYPES.get(known.type, ((object,), ""))
        said = value.get("value")
        is_stray_bool = isinstance(said, bool) and not {bool, object} & set(kinds)
        is_no_number = name == "numeric" and isinstance(said, str) and not _is_number(said)
        if not isinstance(said, kinds) or is_stray_bool or is_no_number:
            yield wrong_type(f"{place}.value", name)


def _is_number(said: str) -> bool:
    return not said or re.fullmatch(r"-?\d+(\.\d+)?", said) is not None


def _names_choice(value: Json) -> bool:
    return value.get("enum_id") is not None or value.get("enum_code") is not None


def _choice(known: CustomField, value: Json) -> Choice | None:
    for choice in known.choices:
        if value.get("enum_id") is not None:
            if choice.id == value["enum_id"]:
                return choice
        elif value.get("enum_code") is not None:
            if choice.code == value["enum_code"]:
                return choice
        elif choice.value == value.get("value"):
            return choice
    return None


def store(account: Account, entity: str, card: Card, given: list[Json], *, replace: bool) -> None:
    """Write checked values into a card. A field that is mentioned loses what it held.

    With `replace` off, a multitext field keeps its old values beside the new ones.
    """
    for element in given:
        known = find(account, entity, element)
        if known is None:
            continue
        values = [_as_read(known, value) for value in element.get("values") or ()]
        values = [value for value in values if value["value"] not in ("", None)]
        if not replace and known.type == "multitext":
            old = card.fields.get(known.id, [])
            values = old + [value for value in values if value not in old]
        if values:
            card.fields[known.id] = values
        else:
            card.fields.pop(known.id, None)


def _as_read(known: CustomField, value: Json) -> Json:
    if known.type not in LISTS and known.type != "multitext":
        return {"value": value.get("value")}
    choice = _choice(known, value) if known.type in LISTS or _names_choice(value) else None
    if choice is None:
        choice = next((item for item in known.choices if item.code == "WORK"), known.choices[0])
    said = choice.value if known.type in LISTS else value.get("value")
    return {"value": said, "enum_id": choice.id, "enum_code": choice.code}


def shown(account: Account, entity: str, card: Card) -> list[Json] | None:
    """Render as in the REST answer: None, not an empty list, when nothing is filled."""
    fields = account.fields[entity]
    rendered = [
        {
            "field_id": number,
            "field_name": fields[number].name,
            "field_code": fields[number].code,
            "field_type": fields[number].type,
            "values": [dict(value) for value in values],
        }
        for number, values in card.fields.items()
        if number in fields
    ]
    return rendered or None


def shown_in_hook(account: Account, entity: str, card: Card) -> list[Json]:
    """Render in the older manner of account webhooks."""
    fields = account.fields[entity]
    rendered = []
    for number, values in card.fields.items():
        if number not in fields:
            continue
        known = fields[number]
        old = [
            {"value": value["value"], **({"enum": value["enum_id"]} if "enum_id" in value else {})}
            for value in values
        ]
        code = {"code": known.code} if known.code else {}
        rendered.append({"id": number, "name": known.name, "values": old, **code})
    return rendered


def filled(card: Card, fields: Iterable[CustomField]) -> Iterator[str]:
    """Everything about a card that the full-text search looks into."""
    yield card.name
    for known in fields:
        for value in card.fields.get(known.id, ()):
            yield str(value["value"])
            if known.code == "PHONE":
                yield re.sub(r"\D", "", str(value["value"]))


def values_of(account: Account, card: Card, code: str) -> list[str]:
    """Return the values of a contact's field with this code."""
    known = find(account, "contacts", {"field_code": code})
    return [str(value["value"]) for value in card.fields.get(known.id, ())] if known else []


def model(known: CustomField, entity: str) -> Json:
    choices = [
        {"id": choice.id, "value": choice.value, "code": choice.code, "sort": index * 10}
        for index, choice in enumerate(known.choices, 1)
    ]
    return {
        "id": known.id,
        "name": known.name,
        "type": known.type,
        "account_id": None,
        "code": known.code,
        "sort": known.sort,
        "is_api_only": known.is_api_only,
        "enums": choices or None,
        "group_id": None,
        "required_statuses": [],
        "is_deletable": not known.is_predefined,
        "is_predefined": known.is_predefined,
        "entity_type": entity,
        "tracking_callback": None,
        "remind": None,
        "chained_lists": None,
        "currency": None,
    }
