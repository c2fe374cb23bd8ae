"""Messages in the threads of a custom channel."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm_clients.hubspot.oauth import Application
from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import (
    Entry,
    OpenedConversation,
    Opening,
    Parcel,
    Receipt,
    Remark,
    StatusReport,
)


@dataclass(frozen=True, slots=True)
class Threads:
    application: Application
    rest: Rest = field(repr=False)

    async def open(self, opening: Opening) -> OpenedConversation:
        raise NotImplementedError

    async def write(self, entry: Entry) -> Receipt:
        raise NotImplementedError

    async def find(self, entry: Entry, since: datetime) -> Receipt | None:
        raise NotImplementedError

    async def report(self, report: StatusReport) -> None:
        raise NotImplementedError

    async def remark(self, remark: Remark) -> None:
        raise NotImplementedError

    async def survivor_of(self, record: str, conversations: Sequence[str]) -> str | None:
        """Return whom most of the conversations belong to now, if to anybody else."""
        raise NotImplementedError

    async def history(
        self, conversation: OpenedConversation, ours: str, since: datetime
    ) -> tuple[Parcel, ...]:
        raise NotImplementedError
