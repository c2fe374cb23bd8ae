"""Contacts: finding, creating and completing them.

A contact is found again by a unique property that holds the key it was made under. It is one of a
kind by each of its e-mail addresses, too: who would make another is told whose it is. A phone is
nobody's alone.

Source: developers.hubspot.com/docs/api/crm/{contacts, search}; phones in the index, and the refusal
of a known address without its owner: integrators' code and HubSpot/hubspot-api-php #59.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from crm_clients.hubspot.addresses import (
    ADDRESSES,
    EMAIL,
    additions,
    as_allowed,
    emails_of,
    phones_of,
)
from crm_clients.hubspot.objects import CONTACTS, Objects, is_conflict
from crm_clients.hubspot.owners import require_active
from crm_clients.hubspot.rest import Rest, checked_id
from crm_clients.hubspot.wire import CrmObject
from mappers.emails import is_address
from mappers.phones import national
from mappers.vocabulary import (
    Blocked,
    Identity,
    IdentityKind,
    Permanent,
    ProviderError,
    Record,
    RecordDraft,
)

UNNAMED = "?"
MERGED = "hs_merged_object_ids"
OF_CONTACTS = ("firstname", "lastname", *ADDRESSES, "createdate", "hubspot_owner_id")
NOBODY = CrmObject(id="0")
_EXISTING = re.compile(r"Existing ID:\s*(\d{1,20})")


@dataclass(frozen=True, slots=True)
class Contacts:
    rest: Rest = field(repr=False)

    @property
    def objects(self) -> Objects:
        return Objects(self.rest, CONTACTS)

    @property
    def _properties(self) -> tuple[str, ...]:
        marker = self.rest.config.record_marker
        return (*OF_CONTACTS, marker) if marker else OF_CONTACTS

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        """Return every contact that may be meant; which of several has deals is told, too."""
        found: tuple[CrmObject, ...]
        match identity.kind:
            case IdentityKind.EMAIL:
                # A second address of somebody's is theirs as well.
                owner = await self.objects.get(identity.value, self._properties, by=EMAIL)
                found = (owner,) if owner else ()
            case IdentityKind.PHONE if bare := national(identity.value):
                groups = _with_phone(identity.value, bare)
                found = await self.objects.search(groups, self._properties)
            case _:
                return ()
        records = tuple(self._record(each) for each in found if not each.is_archived)
        return await self._with_deals(records) if len(records) > 1 else records

    async def get_record(self, record: str) -> Record | None:
        contact = await self._contact(record)
        return self._record(contact) if contact else None

    async def find_survivor(self, record: str) -> str | None:
        """An old number answers with whoever it was merged into, or with nothing at all."""
        found = await self.objects.get(checked_id(record, "record"), ("firstname",))
        if found is not None:
            return None if found.id == record else found.id
        for how in ("CONTAINS_TOKEN", "EQ"):
            for each in await self._with_merged(record, how):
                if record in each.of(MERGED).split(";"):
                    return each.id
        return None

    async def _with_merged(self, record: str, how: str) -> tuple[CrmObject, ...]:
        """Whether the numbers of merged contacts are words or choices is not documented."""
        asked = {"propertyName": MERGED, "operator": how, "value": record}
        try:
            return await self.objects.search([[asked]], (MERGED,))
        except ProviderError as refused:
            if isinstance(refused.failure, Permanent):
                return ()
            raise

    async def create_record(self, draft: RecordDraft, *, key: str) -> str:
        """Create a contact, or return the one that has the key, or the e-mail, already."""
        marker = required_marker(self.rest.config.record_marker)
        if draft.responsible:
            await require_active(self.rest, draft.responsible)
        first, _, rest = draft.name.partition(" ")
        wanted = {
            "firstname": first or next(iter(draft.phones), UNNAMED),
            "lastname": rest,
            **additions(NOBODY, draft.phones, _worth_adding(draft.emails)),
            "hubspot_owner_id": draft.responsible,
            marker: key,
        }
        try:
            told = {name: each for name, each in wanted.items() if each}
            made = await as_allowed(self.objects.create, told)
        except ProviderError as refused:
            if is_conflict(refused) and (there := await self._in_the_way(refused, draft, key)):
                return there
            raise
        return made.id

    async def find_created_record(self, key: str, since: datetime) -> str | None:  # noqa: ARG002  # exact without it
        marker = required_marker(self.rest.config.record_marker)
        found = await self.objects.get(key, (marker,), by=marker)
        return found.id if found else None

    async def add_to_record(self, record: str, draft: RecordDraft) -> None:
        """Fill what is free: there is room for two phones. An address of somebody else's stays."""
        contact = await self.required(record)
        try:
            await self._fill(contact, draft.phones, _worth_adding(draft.emails))
        except ProviderError as refused:
            if not is_conflict(refused):
                raise
            await self._fill(contact, draft.phones, ())

    async def required(self, record: str) -> CrmObject:
        """Raises: `ProviderError`; `Permanent(gone="record")` when the contact is not there."""
        contact = await self._contact(record)
        if contact is None:
            raise ProviderError(Permanent(code="hubspot.no_such_record", gone="record"))
        return contact

    async def _fill(self, contact: CrmObject, phones: Iterable[str], emails: Iterable[str]) -> None:
        if wanted := additions(contact, phones, emails):
            change = partial(self.objects.change, contact.id, gone="record")
            await as_allowed(change, wanted)

    async def _contact(self, record: str) -> CrmObject | None:
        found = await self.objects.get(checked_id(record, "record"), self._properties)
        return None if found is None or found.id != record or found.is_archived else found

    async def _in_the_way(self, refused: ProviderError, draft: RecordDraft, key: str) -> str | None:
        """Return who has our key already, or the address that we wanted to give away."""
        marker = self.rest.config.record_marker
        if ours := await self.objects.get(key, (marker,), by=marker):
            return ours.id
        named = _EXISTING.search(refused.failure.detail)
        if named and (there := await self.objects.get(named.group(1), (EMAIL,))):
            return there.id
        for address in draft.emails:
            if found := await self.objects.get(address, (EMAIL,), by=EMAIL):
                return found.id
        return None

    async def _with_deals(self, records: Sequence[Record]) -> tuple[Record, ...]:
        ids = [each.id for each in records]
        deals = await self.objects.all_tied_to(ids, self.rest.config.case)
        return tuple(replace(each, deals=deals.get(each.id, ())) for each in records)

    def _record(self, contact: CrmObject) -> Record:
        return Record(
            id=contact.id,
            name=" ".join(filter(None, (contact.of("firstname"), contact.of("lastname")))),
            phones=phones_of(contact),
            emails=_lowered(contact),
            marker=contact.of(self.rest.config.record_marker),
            responsible=contact.of("hubspot_owner_id"),
            created_at=moment_of(contact.created),
        )


def required_marker(name: str) -> str:
    """Without the property a creation could not be found again, so there is no creation."""
    if not name:
        raise ProviderError(Blocked(code="hubspot.no_marker", by="provider"))
    return name


def moment_of(told: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return None
    return moment if moment.utcoffset() is not None else None


def _with_phone(number: str, bare: str) -> list[list[dict[str, Any]]]:
    """The index holds phones without their country; what was typed may be spelt in any way."""
    of_phone = "hs_searchable_calculated_phone_number"
    of_mobile = "hs_searchable_calculated_mobile_number"
    wanted = (
        (of_phone, "EQ", bare),
        (of_phone, "CONTAINS_TOKEN", f"*{bare}"),
        (of_mobile, "CONTAINS_TOKEN", f"*{bare}"),
        ("phone", "EQ", number),
        ("mobilephone", "EQ", number),
    )
    return [
        [{"propertyName": name, "operator": how, "value": value}] for name, how, value in wanted
    ]


def _lowered(contact: CrmObject) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.lower() for each in emails_of(contact)))


def _worth_adding(emails: Iterable[str]) -> list[str]:
    """HubSpot refuses a whole card over an address that is none; phones it takes as they are."""
    return [each for each in dict.fromkeys(emails) if is_address(each)]
