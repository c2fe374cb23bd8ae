"""Cards of any kind: reading one, reading many, and who is associated with whom.

What is read here comes from where HubSpot writes, not from the index that searches ask.

Source: developers.hubspot.com/docs/api/crm/{contacts, deals, tickets, associations}; the numbers of
kinds and of associations: …/docs/api/crm/understanding-the-crm.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from crm_clients.hubspot.rest import Rest, all_of, only_of
from crm_clients.hubspot.versions import ASSOCIATIONS, OBJECTS, path
from crm_clients.hubspot.wire import Associated, CrmObject
from mappers.vocabulary import Gone, Permanent, ProviderError

CONTACTS, DEALS, TICKETS = "contacts", "deals", "tickets"
NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        CONTACTS: "0-1",
        DEALS: "0-3",
        TICKETS: "0-5",
        "communications": "0-18",
        "tasks": "0-27",
        "notes": "0-46",
        "calls": "0-48",
        "emails": "0-49",
    }
)
# From the kind that is made to the one that is there.
TIES: Mapping[tuple[str, str], int] = MappingProxyType(
    {
        (DEALS, CONTACTS): 3,
        (TICKETS, CONTACTS): 16,
        ("communications", CONTACTS): 81,
        ("communications", DEALS): 85,
        ("communications", TICKETS): 83,
        ("notes", CONTACTS): 202,
        ("notes", DEALS): 214,
        ("notes", TICKETS): 228,
        ("calls", CONTACTS): 194,
        ("calls", DEALS): 206,
        ("calls", TICKETS): 220,
        ("emails", CONTACTS): 198,
        ("emails", DEALS): 210,
        ("emails", TICKETS): 224,
        ("tasks", CONTACTS): 204,
        ("tasks", DEALS): 216,
        ("tasks", TICKETS): 230,
    }
)
MOST_READ, PAGE = 100, 500


@dataclass(frozen=True, slots=True)
class Objects:
    """One kind of cards, as `kind` names it in paths."""

    rest: Rest
    kind: str
    gone: Gone = ""

    async def get(self, name: str, properties: Iterable[str], *, by: str = "") -> CrmObject | None:
        """Read a card by its id, or by a property `by` that is unique; None when it is not there.

        Of one that was merged away another may be returned: its id says so.
        """
        asked: dict[str, Any] = {"properties": ",".join(properties)}
        asked |= {"idProperty": by} if by else {}
        place = path(OBJECTS, self.kind, name)
        reply = await self.rest.keeping(404).get(place, f"{self.kind}.get", asked)
        return None if reply.status == 404 else only_of(CrmObject, reply.value())

    async def read(self, ids: Sequence[str], properties: Iterable[str]) -> tuple[CrmObject, ...]:
        """Read those of up to a hundred cards that are there."""
        if not ids:
            return ()
        wanted = [{"id": each} for each in ids[:MOST_READ]]
        asked = {"inputs": wanted, "properties": list(properties), "propertiesWithHistory": []}
        place = path(OBJECTS, self.kind, "batch", "read")
        reply = await self.rest.post(place, f"{self.kind}.read", asked, repeatable=True)
        return all_of(CrmObject, reply)

    async def create(self, properties: Mapping[str, str], ties: Sequence[Any] = ()) -> CrmObject:
        """Make a card, tied in the same call. Refusals of conflicts are for the caller."""
        asked = {"properties": dict(properties), "associations": list(ties)}
        place = path(OBJECTS, self.kind)
        reply = await self.rest.post(place, f"{self.kind}.create", asked, gone=self.gone)
        return only_of(CrmObject, reply.value(), repeatable=False)

    async def change(self, card: str, properties: Mapping[str, str], gone: Gone = "") -> None:
        asked = {"properties": dict(properties)}
        place = path(OBJECTS, self.kind, card)
        await self.rest.patch(place, f"{self.kind}.change", asked, gone=gone)

    async def search(
        self, groups: Sequence[Sequence[Mapping[str, Any]]], properties: Iterable[str]
    ) -> tuple[CrmObject, ...]:
        """Return one page of those that any group of filters holds for, the oldest first."""
        asked = {
            "filterGroups": [{"filters": list(group)} for group in groups],
            "properties": list(properties),
            "sorts": [{"propertyName": "createdate", "direction": "ASCENDING"}],
            "limit": MOST_READ,
        }
        place = path(OBJECTS, self.kind, "search")
        return all_of(CrmObject, await self.rest.search(place, f"{self.kind}.search", asked))

    async def tied_to(self, card: str, kind: str, gone: Gone = "") -> tuple[str, ...]:
        """Return the ids of one page of cards of a kind that a card is associated with.

        Raises: `ProviderError`; `Permanent(gone=…)` when the card is not there.
        """
        place = path(OBJECTS, self.kind, card, "associations", kind)
        reply = await self.rest.get(place, f"{self.kind}.tied", {"limit": PAGE}, gone=gone)
        return tuple(dict.fromkeys(each.id for each in all_of(Associated, reply)))

    async def all_tied_to(self, cards: Sequence[str], kind: str) -> Mapping[str, tuple[str, ...]]:
        """Return the same of several cards in one call; one without any may be missing."""
        place = path(ASSOCIATIONS, self.kind, kind, "batch", "read")
        asked = {"inputs": [{"id": each} for each in cards]}
        reply = await self.rest.post(place, f"{self.kind}.all_tied", asked, repeatable=True)
        found = reply.at("results")
        rows = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        return {
            str(_id(each.get("from"), "id")): tuple(
                str(_id(to, "toObjectId")) for to in each.get("to") or ()
            )
            for each in rows
        }


def tie(kind: str, to_kind: str, to: str) -> dict[str, Any]:
    """Say in the making of a card of a kind what it is associated with."""
    of = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TIES[kind, to_kind]}
    return {"to": {"id": to}, "types": [of]}


def is_conflict(refused: ProviderError) -> bool:
    """Tell that somebody else has an address or a unique value from any other refusal."""
    failure = refused.failure
    if not isinstance(failure, Permanent):
        return False
    is_named = failure.code.endswith(("hubspot.conflict", ".CONFLICTING_UNIQUE_VALUE"))
    return is_named or "already exists" in failure.detail


def _id(value: Any, name: str) -> Any:
    return value.get(name, "") if isinstance(value, dict) else ""
