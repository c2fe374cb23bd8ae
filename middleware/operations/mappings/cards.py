"""What the CRM's own cards hold of the contacts that a preview is about."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mappers.mapping.model import Current, Document
from mappers.vocabulary import Catalogue, ConnectionId, ContactId, ProviderError
from middleware.fields.ability import can_fill
from middleware.fields.rules import keys_of
from middleware.http.gateway import without_lease
from middleware.hub import Hub
from middleware.operations.accounts.flow import own
from middleware.operations.model import Caller
from middleware.pipeline.deals import Wish

MOST_CARDS = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose cards are asked for, in which CRM, and for which places."""

    crm: ConnectionId
    document: Document
    catalogue: Catalogue
    contacts: tuple[ContactId, ...]
    wish: Wish


async def held(hub: Hub, caller: Caller, asked: Asked) -> Mapping[ContactId, Current]:
    """Read the cards of the contacts that came last, and no more than a few.

    Whoever has no record there, or whose record could not be read, is left out.
    """
    row = await own(hub, caller, asked.crm)
    adapter = hub.directory.build(row, without_lease).adapter
    keys = keys_of(asked.document, asked.catalogue)
    if not can_fill(adapter) or not keys:
        return {}
    found: dict[ContactId, Current] = {}
    for contact in _latest(asked.contacts):
        async with hub.store.unit() as unit:
            link = await unit.link(contact, asked.crm)
            deal = asked.wish.choose(await unit.deals(contact, asked.crm))
        if link is None or not link.live:
            continue
        known = "" if deal is None else deal.deal
        try:
            values = await adapter.read_fields(link.record, known, keys, asked.catalogue)
        except ProviderError:
            continue
        found[contact] = Current(values=values)
    return found


def _latest(contacts: Collection[ContactId]) -> tuple[ContactId, ...]:
    return tuple(dict.fromkeys(reversed(tuple(contacts))))[:MOST_CARDS]
