"""Cards of an account: how a contact or a lead becomes a record or a deal, and the way back.

The key that proves "we created this" lies in a technical text field of ours, `THREADLINE_KEY`,
which people cannot edit in the interface. Phones are compared by their digits, since a card keeps
them as somebody typed them.

Source: amocrm.ru/developers/content/crm_platform/{contacts-api, leads-api, custom-fields}.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from crm_clients.amocrm.rest import number
from crm_clients.amocrm.wire import Contact, FilledField, Lead
from mappers.vocabulary import Deal, Identity, IdentityKind, Record, RecordDraft

MARKER_CODE = "THREADLINE_KEY"
WON, LOST = "142", "143"  # the same two in every pipeline of every account
_NOT_DIGITS = re.compile(r"\D")


def state_of(status: int | str | None) -> Literal["open", "won", "lost"]:
    if str(status) == WON:
        return "won"
    return "lost" if str(status) == LOST else "open"


def as_record(contact: Contact, marker_field: int | None) -> Record:
    return Record(
        id=str(contact.id),
        name=contact.name,
        phones=_texts(contact.custom_fields_values, "PHONE"),
        emails=_texts(contact.custom_fields_values, "EMAIL"),
        marker=marker_of(contact.custom_fields_values, marker_field),
        responsible=str(contact.responsible_user_id or ""),
        deals=tuple(str(lead.id) for lead in newest_first(contact)),
        created_at=_moment(contact.created_at),
    )


def as_deal(lead: Lead, marker_field: int | None) -> Deal:
    return Deal(
        id=str(lead.id),
        state="deleted" if lead.is_deleted else state_of(lead.status_id),
        title=lead.name,
        pipeline=str(lead.pipeline_id or ""),
        marker=marker_of(lead.custom_fields_values, marker_field),
        created_at=_moment(lead.created_at),
        closed_at=_moment(lead.closed_at),
    )


def newest_first(contact: Contact) -> list[Any]:
    """Ids only ever grow, so they tell the order without a call for each lead."""
    return sorted(contact.leads, key=lambda lead: lead.id, reverse=True)


def responsible(user: str) -> dict[str, int]:
    """Whose a card is to be; nothing when amoCRM decides. Raises: `ProviderError`."""
    return {"responsible_user_id": number(user, "responsible")} if user else {}


def tags(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def marker_of(filled: Iterable[FilledField], marker_field: int | None) -> str:
    for each in filled:
        if each.field_id == marker_field or each.field_code == MARKER_CODE:
            return str(each.values[0].value or "") if each.values else ""
    return ""


def marker(field_id: int, key: str) -> dict[str, Any]:
    return {"field_id": field_id, "values": [{"value": key}]}


def reachable_by(draft: RecordDraft) -> list[dict[str, Any]]:
    """The phones and e-mails of a draft, as `custom_fields_values` wants them."""
    return [
        {"field_code": code, "values": [work(value) for value in values]}
        for code, values in (("PHONE", draft.phones), ("EMAIL", draft.emails))
        if values
    ]


def additions(contact: Contact, draft: RecordDraft) -> list[dict[str, Any]]:
    """What to write so that the card also has the draft's phones and e-mails.

    amoCRM replaces a multitext field as a whole, so what is there is sent back beside the new.
    """
    sorts: tuple[tuple[str, tuple[str, ...], Callable[[str], str]], ...] = (
        ("PHONE", draft.phones, _end_of_number),
        ("EMAIL", draft.emails, str.casefold),
    )
    found = []
    for code, wanted, norm in sorts:
        held = [each for each in contact.custom_fields_values if each.field_code == code]
        known = {norm(str(value.value)) for each in held for value in each.values}
        fresh = [value for value in wanted if norm(value) not in known]
        if fresh:
            there = [kept(value) for each in held for value in each.values]
            found.append({"field_code": code, "values": there + [work(item) for item in fresh]})
    return found


def query_for(identity: Identity) -> str:
    """What to ask the full-text search for; empty when amoCRM cannot be asked.

    A card may hold `8 (915) …` where we know `+7915…`, so a phone is asked for by the end that
    all spellings share: ten digits where numbers are that long everywhere (+7, +1), nine elsewhere.
    """
    match identity.kind:
        case IdentityKind.PHONE:
            number = digits(identity.value)
            return number[-10:] if number.startswith(("7", "1")) else number[-9:]
        case IdentityKind.EMAIL:
            return identity.value
        case _:
            return ""


def digits(text: str) -> str:
    return _NOT_DIGITS.sub("", text)


def _end_of_number(text: str) -> str:
    return digits(text)[-10:]


def _texts(filled: Sequence[FilledField], code: str) -> tuple[str, ...]:
    values = [value.value for each in filled if each.field_code == code for value in each.values]
    return tuple(str(value) for value in values if value)


def work(value: str) -> dict[str, Any]:
    return {"value": value, "enum_code": "WORK"}


def kept(value: Any) -> dict[str, Any]:
    """A value as it must be sent back; ids of kinds are exact, codes may be absent."""
    kind = {"enum_id": value.enum_id} if value.enum_id else {"enum_code": value.enum_code or "WORK"}
    return {"value": value.value, **kind}


def _moment(seconds: int | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (OverflowError, ValueError, OSError):
        return None
