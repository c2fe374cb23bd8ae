"""Contacts: finding, creating and completing them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import Identity, Record, RecordDraft


@dataclass(frozen=True, slots=True)
class Contacts:
    rest: Rest = field(repr=False)

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        raise NotImplementedError

    async def get_record(self, record: str) -> Record | None:
        raise NotImplementedError

    async def find_survivor(self, record: str, conversations: Sequence[str]) -> str | None:
        raise NotImplementedError

    async def create_record(self, draft: RecordDraft, *, key: str) -> str:
        raise NotImplementedError

    async def find_created_record(self, key: str, since: datetime) -> str | None:
        raise NotImplementedError

    async def add_to_record(self, record: str, draft: RecordDraft) -> None:
        raise NotImplementedError
