"""Messages on cards: notes, or communications."""

from dataclasses import dataclass, field
from datetime import datetime

from crm_clients.hubspot.contacts import Contacts
from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import Entry, Receipt, StatusReport


@dataclass(frozen=True, slots=True)
class Engagements:
    rest: Rest = field(repr=False)
    contacts: Contacts

    async def write(self, entry: Entry) -> Receipt:
        raise NotImplementedError

    async def find(self, entry: Entry, since: datetime) -> Receipt | None:
        raise NotImplementedError

    async def rewrite(self, entry: Entry) -> None:
        raise NotImplementedError

    async def mark(self, report: StatusReport) -> None:
        """Say under a note that is an answer what became of it."""
        raise NotImplementedError
