"""Calls and e-mails on cards."""

from dataclasses import dataclass, field
from datetime import datetime

from crm_clients.hubspot.contacts import Contacts
from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import CallDraft, EmailDraft, Receipt


@dataclass(frozen=True, slots=True)
class Logbook:
    rest: Rest = field(repr=False)
    contacts: Contacts

    async def write_call(self, draft: CallDraft, key: str) -> Receipt:
        raise NotImplementedError

    async def find_call(self, draft: CallDraft, key: str, since: datetime) -> Receipt | None:
        raise NotImplementedError

    async def write_email(self, draft: EmailDraft, key: str) -> Receipt:
        raise NotImplementedError

    async def find_email(self, draft: EmailDraft, key: str, since: datetime) -> Receipt | None:
        raise NotImplementedError
