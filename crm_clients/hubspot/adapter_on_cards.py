"""A portal whose messages lie on cards: by an application without a channel, or a service key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crm_clients.hubspot.adapter import HubSpotPortal
from crm_clients.hubspot.bulk import Bulk
from crm_clients.hubspot.diagnosis import Look
from crm_clients.hubspot.diagnosis_of_cards import DiagnosisOfCards
from crm_clients.hubspot.diagnosis_of_channel import DiagnosisOfChannel
from crm_clients.hubspot.engagements import Engagements
from crm_clients.hubspot.polling import Polling
from mappers.vocabulary import (
    Entry,
    Failure,
    OpenedConversation,
    Opening,
    Parcel,
    Polled,
    Receipt,
    StatusReport,
)


@dataclass(frozen=True, slots=True)
class HubSpotOnCards(HubSpotPortal):
    """Messages are notes, or communications; answers are notes."""

    @property
    def _looks(self) -> Sequence[Look]:
        looks = DiagnosisOfCards(self._rest).looks
        if self.application is None:
            return looks
        return (DiagnosisOfChannel(self.application, self._rest).about_hooks, *looks)

    @property
    def _engagements(self) -> Engagements:
        return Engagements(self._rest)

    @property
    def _polling(self) -> Polling:
        return Polling(self._rest)

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        """There is nothing to open: a note needs a card and no more."""
        return OpenedConversation(id=opening.ours, user=opening.record)

    async def write(self, entry: Entry) -> Receipt:
        return await self._engagements.write(entry)

    def may_join(self, entry: Entry) -> bool:
        return Bulk(self._engagements).may_join(entry)

    async def write_many(self, entries: Sequence[Entry]) -> tuple[Receipt | Failure, ...]:
        return await Bulk(self._engagements).write(entries)

    async def find_entry(self, entry: Entry, since: datetime) -> Receipt | None:
        return await self._engagements.find(entry, since)

    async def edit_entry(self, entry: Entry) -> None:
        await self._engagements.rewrite(entry)

    async def mark_deleted(self, entry: Entry) -> None:
        await self._engagements.rewrite(entry)

    async def report(self, report: StatusReport) -> None:
        await self._engagements.mark(report)

    async def read_history(
        self,
        conversation: OpenedConversation,
        ours: str,  # noqa: ARG002  # the card is the customer's, not the conversation's
        since: datetime,
    ) -> tuple[Parcel, ...]:
        """Pack what was answered on the customer's cards since then."""
        return (await self._polling.history(conversation, since),)

    async def poll(self, cursor: str) -> Polled:
        return await self._polling.poll(cursor)
