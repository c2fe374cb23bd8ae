"""Fields of a contact and of its lead, between amoCRM's spellings and canonical values.

A field's type decides how it is spelt, and a day is the account's own: both stand in the
catalogue. amoCRM replaces a list as a whole, so what a card holds is sent back beside the new;
tags alone can be added by themselves.

Source: amocrm.ru/developers/content/crm_platform/{contacts-api, leads-api, custom-fields}.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from crm_clients.amocrm.fields import kept, work
from crm_clients.amocrm.rest import Rest, number, only_of
from crm_clients.amocrm.sdk import KINDS
from crm_clients.amocrm.wire import Contact, FieldValue, Lead
from mappers.mapping.engine import zone_of
from mappers.mapping.transforms import number_of, spelt
from mappers.phones import e164
from mappers.vocabulary import Catalogue, Field, Gone, Permanent, ProviderError

Values = Mapping[str, tuple[str, ...]]
NO_SUCH_FIELD = Permanent(code="amocrm.no_such_field")
GONE_RECORD = Permanent(code="amocrm.no_such_record", gone="record")
GONE_DEAL = Permanent(code="amocrm.no_such_deal", gone="deal")
OF_CONTACT = frozenset({"responsible"})
OF_LEAD = frozenset({"pipeline", "stage", "tags", "responsible"})
# What is no field of the account's own: each has a name of its own on a card.
OWN = frozenset({"contact:name", "deal:title", "deal:price", *OF_CONTACT, *OF_LEAD})


@dataclass(frozen=True, slots=True)
class FieldValues:
    """One account's fields, as its catalogue describes them."""

    rest: Rest = field(repr=False)
    catalogue: Catalogue

    async def read(self, record: str, deal: str, keys: Collection[str]) -> Values:
        """Read each card that a key asks for, once. Raises: `ProviderError`."""
        found: dict[str, tuple[str, ...]] = {}
        about_contact, about_lead = _of_contact(keys), _of_lead(keys) if deal else set()
        if about_contact:
            contact = await self._contact(record)
            found |= {key: self._held(contact, key) for key in about_contact}
        if about_lead:
            lead = await self._lead(deal)
            for key in about_lead:
                told = (*self._held(lead, key), *found.get(key, ()))
                found[key] = tuple(dict.fromkeys(told)) if key == "responsible" else told
        return {key: found.get(key, ()) for key in keys}

    async def write(self, record: str, deal: str, values: Values) -> None:
        """Change each card that is meant, with one call. Raises: `ProviderError`."""
        told = {key: wanted for key, wanted in values.items() if wanted}
        about_contact, about_lead = _of_contact(told), _of_lead(told) if deal else set()
        bodies = []
        if about_contact:
            lists = any(self._is_list(key) for key in about_contact)
            held = await self._contact(record) if lists else None
            bodies.append(("contacts", record, self._body(held, told, about_contact)))
        if about_lead:
            lists = any(self._is_list(key) for key in about_lead)
            lead = await self._lead(deal) if lists else None
            bodies.append(("leads", deal, self._body(lead, told, about_lead)))
        for entity, card, body in bodies:
            gone: Gone = "record" if entity == "contacts" else "deal"
            path = f"{entity}/{number(card, gone)}"
            if body:
                await self.rest.patch(path, f"{entity}.fill", body, gone=gone)

    async def _contact(self, record: str) -> Contact:
        path = f"contacts/{number(record, 'record')}"
        reply = await self.rest.get(path, "contacts.get", gone="record")
        contact = None if reply.status == 204 else only_of(Contact, reply.value())
        if contact is None or contact.is_deleted:
            raise ProviderError(GONE_RECORD)
        return contact

    async def _lead(self, deal: str) -> Lead:
        reply = await self.rest.get(f"leads/{number(deal, 'deal')}", "leads.get", gone="deal")
        lead = None if reply.status == 204 else only_of(Lead, reply.value())
        if lead is None or lead.is_deleted:
            raise ProviderError(GONE_DEAL)
        return lead

    # What a card holds.

    def _held(self, card: Contact | Lead, key: str) -> tuple[str, ...]:
        own = {
            "contact:name": card.name,
            "deal:title": card.name,
            "responsible": card.responsible_user_id or "",
        }
        if isinstance(card, Lead):
            own |= {"deal:price": card.price or "", "pipeline": card.pipeline_id or ""}
            own |= {"stage": card.status_id or ""}
        if key == "tags":
            return tuple(tag.name for tag in card.tags)
        if key in own:
            return (str(own[key]),) if own[key] else ()
        known = self._field(key)
        held = [each for each in card.custom_fields_values if str(each.field_id) == known.id]
        shown = (self._shown(known, value) for each in held for value in each.values)
        return tuple(each for each in shown if each)

    def _shown(self, known: Field, held: FieldValue) -> str:
        """Put a value as the hub spells it; nothing when it is none."""
        said = held.value
        match KINDS.get(known.type):
            case "choice":
                return str(held.enum_id or "")
            case "boolean":
                return "true" if said in (True, 1, "1", "true") else "false"
            case "number":
                found = number_of(str(said))
                return "" if found is None else spelt(found)
            case "date":
                moment = _moment(said)
                return moment.astimezone(self._zone).date().isoformat() if moment else ""
            case "moment":
                moment = _moment(said)
                return spelt(moment) if moment else ""
            case _:
                return "" if said is None else str(said)

    # What a card is to hold.

    def _body(self, card: Contact | Lead | None, values: Values, keys: set[str]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        fields = []
        for key in sorted(keys):
            match key:
                case "contact:name" | "deal:title":
                    body["name"] = values[key][0]
                case "deal:price":
                    body["price"] = _whole(values[key][0])
                case "pipeline" | "stage" | "responsible":
                    body[_IDS[key]] = number(values[key][0], "")
                case "tags":
                    body["tags_to_add"] = [{"name": name} for name in values[key]]
                case _:
                    fields += self._filled(card, self._field(key), values[key])
        return {**body, **({"custom_fields_values": fields} if fields else {})}

    def _filled(
        self, card: Contact | Lead | None, known: Field, wanted: tuple[str, ...]
    ) -> list[dict[str, Any]]:
        """Say what the field is to hold; nothing when its list lacks nothing."""
        if not known.multiple:
            return [{"field_id": int(known.id), "values": [self._spelt(known, wanted[0])]}]
        held = [] if card is None else card.custom_fields_values
        values = [v for each in held if str(each.field_id) == known.id for v in each.values]
        if known.type == "multitext":
            norm = _phone if known.code == "PHONE" else str.casefold
            there = {norm(str(each.value)) for each in values}
            fresh = [work(each) for each in wanted if norm(each) not in there]
            told = [kept(each) for each in values]
        else:
            there = {str(each.enum_id) for each in values}
            fresh = [self._spelt(known, each) for each in wanted if each not in there]
            told = [{"enum_id": each.enum_id} for each in values if each.enum_id]
        return [{"field_id": int(known.id), "values": told + fresh}] if fresh else []

    def _spelt(self, known: Field, value: str) -> dict[str, Any]:
        """Put a canonical value as this type of field wants it.

        Raises: `ProviderError` when it cannot: the field is of another type than was thought.
        """
        try:
            match KINDS.get(known.type):
                case "choice":
                    return {"enum_id": int(value)}
                case "boolean":
                    return {"value": value == "true"}
                case "date":
                    midnight = datetime.combine(date.fromisoformat(value), time(), self._zone)
                    return {"value": int(midnight.timestamp())}
                case "moment":
                    return {"value": int(datetime.fromisoformat(value).timestamp())}
                case "number" | "text":
                    return {"value": value}
                case _:
                    raise ProviderError(NO_SUCH_FIELD)
        except (ValueError, OverflowError):
            raise ProviderError(NO_SUCH_FIELD) from None

    def _field(self, key: str) -> Field:
        entity, _, name = key.partition(":")
        for each in self.catalogue.fields:
            if (each.entity, each.id) == (entity, name) and name.isdecimal():
                return each
        raise ProviderError(NO_SUCH_FIELD)

    def _is_list(self, key: str) -> bool:
        return key not in OWN and self._field(key).multiple

    @property
    def _zone(self) -> ZoneInfo:
        return zone_of(self.catalogue) or ZoneInfo("UTC")


_IDS = {
    "pipeline": "pipeline_id",
    "stage": "status_id",
    "responsible": "responsible_user_id",
}


def _of_contact(keys: Collection[str]) -> set[str]:
    return {key for key in keys if key in OF_CONTACT or key.startswith("contact:")}


def _of_lead(keys: Collection[str]) -> set[str]:
    return {key for key in keys if key not in _of_contact(keys) or key in OF_LEAD}


def _phone(value: str) -> str:
    """What two spellings of one phone have in common."""
    return e164(value) or value


def _moment(said: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(said), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _whole(value: str) -> int:
    """A lead's price has no kopecks."""
    found = number_of(value) or Decimal(0)
    return int(found.quantize(Decimal(1), ROUND_HALF_UP))
