"""What a property may hold: how values are read, and how wrong ones are refused."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from .crm_model import Json, Property
from .kinds import COMMUNICATION, CONTACT, DEAL, TICKET, Kind
from .model import Portal
from .problems import Refused, invalid
from .switches import Switches
from .world import iso

LONGEST = 65_536
EMAIL = re.compile(r"[^@\s;,<>]+@[^@\s;,<>.]+(\.[^@\s;,<>.]+)+")
STAGES = {DEAL: ("pipeline", "dealstage"), TICKET: ("hs_pipeline", "hs_pipeline_stage")}
LIFECYCLE = "lifecyclestage"


@dataclass(frozen=True, slots=True)
class Wrong:
    """One property that was refused: HubSpot's code, and its words."""

    name: str
    code: str
    message: str

    def told(self, hub_id: int) -> Json:
        return {
            "isValid": False,
            "message": self.message,
            "error": self.code,
            "name": self.name,
            "localizedErrorMessage": self.message,
            "portalId": hub_id,
        }


class Unreadable(Exception):
    """A value is not of its property's type. Its arguments are a code and words."""


def refusal(portal: Portal, wrong: list[Wrong]) -> Refused:
    """Refuse properties as HubSpot does: a JSON array inside of the message."""
    told = json.dumps([each.told(portal.hub_id) for each in wrong], separators=(",", ":"))
    errors = [
        {"message": each.message, "code": each.code, "context": {"propertyName": [each.name]}}
        for each in wrong
    ]
    return invalid(f"Property values were not valid: {told}", errors=errors)


def checked(
    portal: Portal, kind: Kind, sent: Mapping[str, Any], held: Mapping[str, str], rules: Switches
) -> dict[str, str]:
    """Return what is to be written, "" for what is cleared, or refuse all of it.

    `held` is what the record has already; without anything it is a new one.
    """
    known = portal.crm.properties[kind.id]
    wrong: list[Wrong] = []
    read: dict[str, str] = {}
    for name, value in sent.items():
        try:
            definition = _writable(known.get(name), name, rules)
            read[name] = _value(portal, definition, value, held.get(name, ""))
        except Unreadable as reason:
            code, words = reason.args
            wrong.append(Wrong(name, code, words))
    wrong += _wrong_stage(portal, kind, read, held)
    wrong += _wrong_channel(kind, read, rules)
    if wrong:
        raise refusal(portal, wrong)
    return _forward_only(kind, read, held)


def _writable(definition: Property | None, name: str, rules: Switches) -> Property:
    if definition is None or definition.archived_at is not None:
        raise Unreadable("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    is_shut = name == "hs_additional_emails" and not rules.more_emails_writable
    if definition.is_read_only or is_shut:
        words = f'"{name}" is a read only property; its value cannot be set'
        raise Unreadable("READ_ONLY_VALUE", words)
    return definition


def _value(portal: Portal, definition: Property, value: Any, held: str) -> str:
    text = _text(value)
    if not text:
        return ""
    if definition.body.get("referencedObjectType") == "OWNER":
        return _owner(portal, text)
    match definition.type:
        case "enumeration":
            return _option(definition, text, held)
        case "number":
            return _number(text)
        case "bool":
            return _bool(text)
        case "datetime":
            return iso(moment(text))
        case "date":
            return _date(text)
        case _:
            return _string(definition, text)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case _:
            raise Unreadable("INVALID_STRING", "The value is not a string")


def _string(definition: Property, text: str) -> str:
    if len(text) > LONGEST:
        raise Unreadable("INVALID_LENGTH", f"The value is longer than {LONGEST} characters")
    if definition.name != "email":
        return text
    address = text.strip().lower()
    if not EMAIL.fullmatch(address):
        raise Unreadable("INVALID_EMAIL", f"Email address {address} is invalid")
    return address


def _option(definition: Property, text: str, held: str) -> str:
    allowed = {each["value"] for each in definition.options}
    is_many = definition.field_type == "checkbox"
    parts = [part for part in text.split(";") if part] if is_many else [text]
    for part in parts:
        if allowed and part not in allowed:
            words = f"{part} was not one of the allowed options: {sorted(allowed)}"
            raise Unreadable("INVALID_OPTION", words)
    if is_many and text.startswith(";"):
        parts = [*filter(None, held.split(";")), *parts]
    return ";".join(dict.fromkeys(parts))


def _owner(portal: Portal, text: str) -> str:
    if not text.isdigit() or portal.owner(int(text)) is None:
        raise Unreadable("INVALID_OPTION", f"{text} is not a valid owner")
    return text


def _number(text: str) -> str:
    try:
        float(text)
    except ValueError:
        raise Unreadable("INVALID_INTEGER", f"{text} was not a valid number.") from None
    return text


def _bool(text: str) -> str:
    if text.lower() not in {"true", "false"}:
        raise Unreadable("INVALID_OPTION", f"{text} was not one of the allowed options")
    return text.lower()


def moment(text: str) -> float:
    """Read a moment: milliseconds since the epoch, or ISO 8601. Raises `Unreadable`."""
    try:
        if text.lstrip("-").isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC).timestamp()
        told = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise Unreadable("INVALID_DATE", f"{text} was not a valid date") from None
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        at = moment(text)
    if at % 86400:
        raise Unreadable("INVALID_DATE", f"{text} is not midnight UTC")
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _wrong_stage(
    portal: Portal, kind: Kind, read: dict[str, str], held: Mapping[str, str]
) -> Iterator[Wrong]:
    """A stage has to be one of its pipeline's; without one named, of the first."""
    if kind.id not in STAGES:
        return
    of_pipeline, of_stage = STAGES[kind.id]
    pipelines = [each for each in portal.crm.pipelines[kind.id] if not each.archived]
    name = read.get(of_pipeline) or held.get(of_pipeline) or pipelines[0].id
    pipeline = next((each for each in pipelines if each.id == name), None)
    if pipeline is None:
        yield Wrong(of_pipeline, "INVALID_OPTION", f"{name} was not one of the allowed options")
        return
    stage = read.get(of_stage) or held.get(of_stage)
    if stage and stage not in {each.id for each in pipeline.stages if not each.archived}:
        yield Wrong(of_stage, "INVALID_OPTION", f"{stage} is no stage of the pipeline {name}")
        return
    if of_stage in read or of_pipeline in read:
        read.setdefault(of_pipeline, name)


def _wrong_channel(kind: Kind, read: dict[str, str], rules: Switches) -> Iterator[Wrong]:
    name = "hs_communication_channel_type"
    if kind.id == COMMUNICATION and not rules.channel_conversation_type:
        value = read.get(name, "")
        if value == "CUSTOM_CHANNEL_CONVERSATION":
            yield Wrong(name, "INVALID_OPTION", f"{value} was not one of the allowed options")


def _forward_only(kind: Kind, read: dict[str, str], held: Mapping[str, str]) -> dict[str, str]:
    """A life cycle does not go back: what would do so is quietly left as it is."""
    if kind.id != CONTACT or not read.get(LIFECYCLE) or not held.get(LIFECYCLE):
        return read
    order = (
        *("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead"),
        *("opportunity", "customer", "evangelist", "other"),
    )
    if order.index(read[LIFECYCLE]) < order.index(held[LIFECYCLE]):
        return {name: value for name, value in read.items() if name != LIFECYCLE}
    return read
