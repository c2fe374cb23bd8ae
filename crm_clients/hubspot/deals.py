"""Deals or tickets, whichever a portal means by a deal: finding and opening them."""

from dataclasses import dataclass, field
from datetime import datetime

from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import Deal, DealDraft


@dataclass(frozen=True, slots=True)
class Deals:
    rest: Rest = field(repr=False)

    async def find_deals(self, record: str) -> tuple[Deal, ...]:
        raise NotImplementedError

    async def get_deal(self, deal: str) -> Deal | None:
        raise NotImplementedError

    async def create_deal(self, draft: DealDraft, *, key: str) -> str:
        raise NotImplementedError

    async def find_created_deal(self, draft: DealDraft, key: str, since: datetime) -> str | None:
        raise NotImplementedError

    async def responsible_for(self, record: str, deal: str) -> str:
        """Return whose a deal is or, without one, whose a record; empty when it is nobody's."""
        raise NotImplementedError
