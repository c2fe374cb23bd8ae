"""Answers on cards, asked for: since a moment for all, or on one customer's cards."""

from dataclasses import dataclass, field
from datetime import datetime

from crm_clients.hubspot.contacts import Contacts
from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import OpenedConversation, Parcel, Polled


@dataclass(frozen=True, slots=True)
class Polling:
    rest: Rest = field(repr=False)
    contacts: Contacts

    async def history(self, conversation: OpenedConversation, since: datetime) -> Parcel:
        raise NotImplementedError

    async def poll(self, cursor: str) -> Polled:
        raise NotImplementedError
