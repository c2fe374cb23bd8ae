"""Facts of one message, as sources name them: from the vocabulary, or from somebody's file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mappers.mapping.model import BadMapping, Facts, Kind, Problem, Value
from mappers.mapping.sources import FORM, SOURCES, TEXT_KIND, closest, source_of
from mappers.mapping.transforms import number_of
from mappers.vocabulary import (
    Confidence,
    EntryPoint,
    IdentityKind,
    Message,
    Operator,
    Person,
)

UTM = ("source", "medium", "campaign", "content", "term")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Everything that is known when one message is mapped.

    `person` is the customer as the hub knows them. `pipeline` and `stage` are the route's.
    """

    provider: str
    channel: str
    connection: str
    account: str
    crm: str
    message: Message
    person: Person | None = None
    is_new: bool = False
    operator: Operator | None = None
    pipeline: str = ""
    stage: str = ""
    form: Mapping[str, str] = field(default_factory=dict, repr=False)


def facts_of(told: Told) -> Facts:
    """Name what is known. What is not known is absent."""
    said = told.message
    found: dict[str, Value] = {
        "channel.provider": told.provider,
        "channel.title": told.channel,
        "connection.title": told.connection,
        "connection.account": told.account,
        "contact.is_new": told.is_new,
        "message.text": said.text,
        "message.kind": said.attachments[0].kind.value if said.attachments else TEXT_KIND,
        "message.direction": said.direction.value,
        "message.sent_at": said.sent_at,
        "message.forwarded_from": said.forwarded_from,
        "message.automatic": said.automatic,
        "conversation.external": said.conversation,
        "route.crm": told.crm,
        "route.pipeline": told.pipeline,
        "route.stage": told.stage,
        **_of_person(told.person),
        **_of_entry_point(said.entry_point),
        **{f"{FORM}{name}": value for name, value in told.form.items()},
    }
    if told.operator is not None:
        found |= {"operator.id": told.operator.id, "operator.name": told.operator.name}
    return {path: value for path, value in found.items() if value not in ("", ())}


def _of_person(person: Person | None) -> dict[str, Value]:
    if person is None:
        return {}
    sure = [each for each in person.identities if each.confidence is Confidence.STRONG]
    phones = tuple(each.value for each in sure if each.kind is IdentityKind.PHONE)
    emails = tuple(each.value for each in sure if each.kind is IdentityKind.EMAIL)
    return {
        "contact.name": person.name,
        "contact.username": person.username,
        "contact.language": person.language,
        "contact.profile_url": person.profile_url,
        "contact.phone": phones[0] if phones else "",
        "contact.phones": phones,
        "contact.email": emails[0] if emails else "",
        "contact.emails": emails,
    }


def _of_entry_point(came: EntryPoint | None) -> dict[str, Value]:
    if came is None:
        return {}
    found: dict[str, Value] = {
        "entry_point.payload": came.payload,
        "entry_point.referral": came.referral,
        "entry_point.page": came.page,
    }
    try:
        query = parse_qs(urlsplit(came.page).query, max_num_fields=100)
    except ValueError:
        return found
    return found | {f"entry_point.utm_{n}": query.get(f"utm_{n}", [""])[0] for n in UTM}


def read_facts(data: Any) -> Facts:
    """Read facts that somebody wrote, nested (`contact: {name: …}`) or by their whole paths.

    Raises: `BadMapping` for what is no source, or is of another kind than its source.
    """
    if not isinstance(data, dict):
        raise BadMapping((_wrong("facts", "Facts are sources with values."),))
    found: dict[str, Value] = {}
    problems = []
    for path, given in _flat(data, ""):
        source = source_of(path)
        if source is None:
            what = f"“{path}” is not a source."
            problems.append(_wrong(path, what, closest(path, tuple(SOURCES))))
        elif given not in (None, "", []):
            value = _typed(given, source.kind)
            if value is None:
                problems.append(_wrong(path, f"“{path}” is a {source.kind}."))
            else:
                found[path] = value
    if problems:
        raise BadMapping(tuple(problems))
    return found


def _wrong(where: str, what: str, do: str = "") -> Problem:
    return Problem(level="error", where=where, what=what, do=do)


def _flat(data: Mapping[Any, Any], within: str) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        path = f"{within}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


def _typed(given: Any, kind: Kind) -> Value | None:
    match kind:
        case "boolean":
            return given if isinstance(given, bool) else None
        case "number":
            return number_of(str(given))
        case "moment":
            return _moment(given)
        case "texts":
            members = given if isinstance(given, list) else [given]
            return tuple(map(str, members)) if all(map(_is_text, members)) else None
        case _:
            return str(given) if _is_text(given) else None


def _is_text(given: Any) -> bool:
    return isinstance(given, str | int | float | Decimal) and not isinstance(given, bool)


def _moment(given: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError:
        return None
    return moment if moment.utcoffset() is not None else None
