"""Tasks: something for an employee to do."""

from dataclasses import dataclass, field
from datetime import datetime

from crm_clients.hubspot.deals import Deals
from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import TaskDraft


@dataclass(frozen=True, slots=True)
class Tasks:
    rest: Rest = field(repr=False)
    deals: Deals

    async def create(self, draft: TaskDraft, *, key: str) -> str:
        raise NotImplementedError

    async def find(self, draft: TaskDraft, key: str, since: datetime) -> str | None:
        raise NotImplementedError
