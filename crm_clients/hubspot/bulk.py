"""Many entries of different cards in one call."""

from collections.abc import Sequence
from dataclasses import dataclass

from crm_clients.hubspot.engagements import Engagements
from mappers.vocabulary import Entry, Failure, Receipt

MOST = 100


@dataclass(frozen=True, slots=True)
class Bulk:
    engagements: Engagements

    def may_join(self, entry: Entry) -> bool:
        raise NotImplementedError

    async def write(self, entries: Sequence[Entry]) -> tuple[Receipt | Failure, ...]:
        raise NotImplementedError
