"""Finding contacts by a phone or an e-mail.

The portal's index of duplicates compares spellings, not numbers: ten digits without a country are
another phone to it. It stops at twenty cards unless it is told of which kind, and may name one that
was deleted since. What it finds is compared by the hub.

A lead keeps the phone that somebody came by, and names the contact that it was turned into, who may
have lost the phone since. One that was not turned into anybody is no customer yet.

Source: apidocs.bitrix24.com/api-reference/crm/{duplicates, leads}; spellings in the index: bitrix
kernel, as reported by integrators.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_clients.bitrix24.batch import Command
from crm_clients.bitrix24.field_wire import ContactsDeal, Lead
from crm_clients.bitrix24.questions import all_of_list, ask_together
from crm_clients.bitrix24.rest import WITHOUT_COUNTING, Rest, only_of
from crm_clients.bitrix24.wire import Contact
from mappers.phones import national
from mappers.vocabulary import Identity, IdentityKind

SEARCHED = {IdentityKind.PHONE: "PHONE", IdentityKind.EMAIL: "EMAIL"}
OF_CONTACTS = (
    *("ID", "NAME", "SECOND_NAME", "LAST_NAME", "ASSIGNED_BY_ID", "DATE_CREATE"),
    *("ORIGINATOR_ID", "ORIGIN_ID", "PHONE", "EMAIL", "IM"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A contact, its newest deals where several contacts were found, and the lead it was."""

    contact: Contact
    deals: tuple[str, ...] = ()
    lead: Lead | None = None


@dataclass(frozen=True, slots=True)
class Search:
    rest: Rest = field(repr=False)

    async def find(self, identity: Identity) -> tuple[Found, ...]:
        """Return every contact that may be meant. Raises: `ProviderError`."""
        if identity.kind not in SEARCHED:
            return ()
        contacts, leads = await self._reached(identity)
        if not contacts and leads:
            followed = await self._became(leads)
            found = await self._contacts(followed)
            return tuple(
                Found(each.contact, each.deals, followed[each.contact.id]) for each in found
            )
        return await self._contacts(contacts) if contacts else ()

    async def _reached(self, identity: Identity) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the ids of contacts and of leads, each kind asked for by itself."""
        kinds = ("CONTACT", "LEAD")
        told = await ask_together(self.rest, {kind: _duplicates(identity, kind) for kind in kinds})
        contacts, leads = (_ids(told[kind].told(), kind) for kind in kinds)
        return contacts, leads

    async def _became(self, leads: Iterable[str]) -> Mapping[str, Lead]:
        """Return the leads by the contacts that they were turned into."""
        asked = _listing(
            "crm.lead.list", {"@ID": list(leads)}, ("ID", "CONTACT_ID", "PHONE", "EMAIL")
        )
        told = (await ask_together(self.rest, {"leads": asked}))["leads"].told()
        found = (only_of(Lead, each) for each in all_of_list(told))
        return {each.contact: each for each in found if each.contact not in ("", "0")}

    async def _contacts(self, ids: Iterable[str]) -> tuple[Found, ...]:
        """Read those that are there. Which of several has deals is asked in the same call."""
        wanted = list(ids)
        if not wanted:
            return ()
        asked = {"contacts": _listing("crm.contact.list", {"@ID": wanted}, OF_CONTACTS)}
        if len(wanted) > 1:
            theirs = {"@CONTACT_ID": wanted}
            asked["deals"] = _listing("crm.deal.list", theirs, ("ID", "CONTACT_ID"))
        told = await ask_together(self.rest, asked)
        rows = all_of_list(told["deals"].told()) if "deals" in told else ()
        deals = [only_of(ContactsDeal, each) for each in rows]
        contacts = (only_of(Contact, each) for each in all_of_list(told["contacts"].told()))
        return tuple(
            Found(each, tuple(deal.id for deal in deals if deal.contact == each.id))
            for each in contacts
        )


def _duplicates(identity: Identity, kind: str) -> Command:
    values = [identity.value]
    if identity.kind is IdentityKind.PHONE and (bare := national(identity.value)):
        values.append(bare)
    asked: dict[str, Any] = {
        "type": SEARCHED[identity.kind],
        "values": values,
        "entity_type": kind,
    }
    return Command("crm.duplicate.findbycomm", asked)


def _listing(method: str, wanted: Mapping[str, Any], select: Iterable[str]) -> Command:
    """Ask for one page, the newest first; counting all would cost more than the page."""
    asked = {
        "filter": wanted,
        "select": list(select),
        "order": {"ID": "DESC"},
        "start": WITHOUT_COUNTING,
    }
    return Command(method, asked)


def _ids(told: Any, kind: str) -> tuple[str, ...]:
    """Nobody at all is an empty list, where there would be a map."""
    named = told.get(kind) if isinstance(told, dict) else None
    return tuple(str(each) for each in all_of_list(named or []))
