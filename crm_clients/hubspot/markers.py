"""Our unique properties: what a card that we made is found again by.

A property of this name that somebody made by hand will do as well, as long as no two cards may hold
the same in it. Where the portal does not let us make one there is none.

Source: developers.hubspot.com/docs/api/crm/properties.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import Field

from crm_clients.hubspot.catalogue import read_pipelines
from crm_clients.hubspot.objects import CONTACTS, DEALS, TICKETS
from crm_clients.hubspot.rest import Rest, only_of
from crm_clients.hubspot.stages import closing_stages
from crm_clients.hubspot.versions import PROPERTIES, path
from crm_clients.hubspot.wire import Flag, Read, Text
from mappers.vocabulary import Blocked, ProviderError

MARKER, LABEL = "threadline_key", "Threadline key"
GROUPS: Mapping[str, str] = MappingProxyType(
    {CONTACTS: "contactinformation", DEALS: "dealinformation", TICKETS: "ticketinformation"}
)
ABOUT = "What Threadline made this card under. It is looked for by this: do not change it."
# Refusals of a name that is taken, and of a kind that takes no property of ours.
REFUSED = frozenset({400, 403, 409})


class Property(Read):
    name: Text = ""
    is_unique: Flag = Field(False, alias="hasUniqueValue")
    is_archived: Flag = Field(False, alias="archived")


async def keep_markers(rest: Rest) -> Mapping[str, Any]:
    """Find or make the properties of contacts and deals; return what a config keeps of them.

    Which stages end a deal is kept, too. Safe to repeat.
    """
    case = rest.config.case
    return {
        "closing_stages": closing_stages(await read_pipelines(rest)),
        "record_marker": await keep_marker(rest, CONTACTS, GROUPS[CONTACTS]),
        "deal_marker": await keep_marker(rest, case, GROUPS[case]),
    }


async def keep_marker(rest: Rest, kind: str, group: str) -> str:
    """Find or make the property of one kind of cards; return its name, empty where there is none.

    Raises: `ProviderError`, but for a refusal of the property itself.
    """
    if not await holds_marker(rest, kind):
        await _make(rest, kind, group)
        return MARKER if await holds_marker(rest, kind) else ""
    return MARKER


async def holds_marker(rest: Rest, kind: str) -> bool:
    try:
        reply = await rest.keeping(404).get(path(PROPERTIES, kind, MARKER), "properties.get")
    except ProviderError as refused:
        if isinstance(refused.failure, Blocked):
            return False
        raise
    if reply.status == 404:
        return False
    found = only_of(Property, reply.value())
    return found.is_unique and not found.is_archived


async def _make(rest: Rest, kind: str, group: str) -> None:
    """Somebody may be faster: what is there in the end decides."""
    wanted = {
        "name": MARKER,
        "label": LABEL,
        "description": ABOUT,
        "groupName": group,
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": True,
        "formField": False,
    }
    place = path(PROPERTIES, kind)
    await rest.keeping(*REFUSED).post(place, "properties.make", wanted, repeatable=True)
