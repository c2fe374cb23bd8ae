"""Deals or tickets, whichever a portal means by a deal: finding and opening them.

Both are found again by a unique property that holds the key they were made under. What an empty
pipeline or stage means is the first one that the portal shows.

Source: developers.hubspot.com/docs/api/crm/{deals, tickets, pipelines}.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crm_clients.hubspot.cases import NAMES, Names
from crm_clients.hubspot.catalogue import read_pipelines
from crm_clients.hubspot.contacts import Contacts, moment_of, required_marker
from crm_clients.hubspot.objects import CONTACTS, Objects, is_conflict, tie
from crm_clients.hubspot.owners import require_active
from crm_clients.hubspot.rest import Rest, checked_id
from crm_clients.hubspot.stages import State, beginning, closing_stages
from crm_clients.hubspot.wire import CrmObject
from mappers.vocabulary import Deal, DealDraft, Permanent, ProviderError

UNTITLED = "Threadline"


@dataclass(frozen=True, slots=True)
class Deals:
    rest: Rest = field(repr=False)

    @property
    def kind(self) -> str:
        return self.rest.config.case

    @property
    def objects(self) -> Objects:
        return Objects(self.rest, self.kind, "record")

    @property
    def _names(self) -> Names:
        return NAMES[self.kind]

    @property
    def _properties(self) -> tuple[str, ...]:
        marker = self.rest.config.deal_marker
        return (*self._names.all, marker) if marker else self._names.all

    async def find_deals(self, record: str) -> tuple[Deal, ...]:
        """Return the newest hundred. Raises: `Permanent(gone="record")`."""
        contacts = Objects(self.rest, CONTACTS)
        tied = await contacts.tied_to(checked_id(record, "record"), self.kind, "record")
        newest = sorted(tied, key=lambda each: (len(each), each), reverse=True)
        cards = await self.objects.read(newest, self._properties)
        if not cards:
            return ()
        ends = dict(closing_stages(await read_pipelines(self.rest)))
        found = [self._deal(each, ends) for each in cards if not each.is_archived]
        return tuple(sorted(found, key=_age, reverse=True))

    async def get_deal(self, deal: str) -> Deal | None:
        card = await self._card(deal)
        if card is None:
            return None
        ends = dict(closing_stages(await read_pipelines(self.rest)))
        return self._deal(card, ends)

    async def create_deal(self, draft: DealDraft, *, key: str) -> str:
        marker = required_marker(self.rest.config.deal_marker)
        record = checked_id(draft.record, "record")
        if draft.responsible:
            await require_active(self.rest, draft.responsible)
        pipeline, stage = await self._begins(draft)
        wanted = {
            self._names.title: draft.title or UNTITLED,
            self._names.pipeline: pipeline,
            self._names.stage: stage,
            "hubspot_owner_id": draft.responsible,
            marker: key,
        }
        filled = {name: each for name, each in wanted.items() if each}
        try:
            made = await self.objects.create(filled, [tie(self.kind, CONTACTS, record)])
        except ProviderError as refused:
            if is_conflict(refused) and (there := await self._made(key)):
                return there
            raise
        return made.id

    async def find_created_deal(self, draft: DealDraft, key: str, since: datetime) -> str | None:  # noqa: ARG002  # exact without them
        return await self._made(key)

    async def responsible_for(self, record: str, deal: str) -> str:
        """Return whose a deal is or, without one, whose a record; empty when it is nobody's.

        Raises: `ProviderError`; `Permanent(gone=…)` when it is not there.
        """
        if not deal:
            return (await Contacts(self.rest).required(record)).of("hubspot_owner_id")
        card = await self._card(deal)
        if card is None:
            raise ProviderError(Permanent(code="hubspot.no_such_deal", gone="deal"))
        return card.of("hubspot_owner_id")

    async def _card(self, deal: str) -> CrmObject | None:
        found = await self.objects.get(checked_id(deal, "deal"), self._properties)
        return None if found is None or found.is_archived else found

    async def _made(self, key: str) -> str | None:
        marker = required_marker(self.rest.config.deal_marker)
        found = await self.objects.get(key, (marker,), by=marker)
        return found.id if found else None

    async def _begins(self, draft: DealDraft) -> tuple[str, str]:
        """Return where the deal begins: no deal is made without a stage."""
        if draft.pipeline and draft.stage:
            return draft.pipeline, draft.stage
        return beginning(await read_pipelines(self.rest), draft.pipeline, draft.stage)

    def _deal(self, card: CrmObject, ends: Mapping[str, State]) -> Deal:
        state = ends.get(card.of(self._names.stage), "open")
        return Deal(
            id=card.id,
            state=state,
            title=card.of(self._names.title),
            pipeline=card.of(self._names.pipeline),
            marker=card.of(self.rest.config.deal_marker),
            created_at=moment_of(card.of("createdate") or card.created),
            closed_at=None if state == "open" else moment_of(card.of(self._names.closed)),
        )


def _age(deal: Deal) -> tuple[bool, float, int, str]:
    """Order by the moment of creation, those of one moment by their numbers."""
    at = deal.created_at
    return at is not None, at.timestamp() if at else 0.0, len(deal.id), deal.id
