"""A portal whose messages lie on cards: by an application without open lines, or by a webhook."""

from dataclasses import dataclass
from datetime import datetime

from crm_clients.bitrix24.adapter import Bitrix24Portal
from crm_clients.bitrix24.asking import SIGN, Asking
from crm_clients.bitrix24.comments import Comments
from crm_clients.bitrix24.diagnosis_of_cards import DiagnosisOfCards, DiagnosisOfWebhook
from crm_clients.bitrix24.entries import Activities, Entries, Remarks
from crm_clients.bitrix24.upkeep_of_cards import UpkeepOfCards
from mappers.vocabulary import (
    Entry,
    OpenedConversation,
    Opening,
    Parcel,
    Polled,
    Receipt,
    StatusReport,
)
from mappers.vocabulary.adapters import Finding


@dataclass(frozen=True, slots=True)
class Bitrix24OnCards(Bitrix24Portal):
    """Messages are activities, or comments; answers are comments."""

    @property
    def _comments(self) -> Comments:
        return Comments(self._rest)

    @property
    def _entries(self) -> Entries:
        if self.application is not None:
            return Activities(self._rest)
        return Remarks(self._rest, self._cards, self._comments)

    @property
    def _asking(self) -> Asking:
        return Asking(self.config, self._rest, self._cards)

    async def diagnose(self, address: str) -> tuple[Finding, ...]:
        if self.application is None:
            upkeep = UpkeepOfCards(self.config, None, self._rest)
            return await DiagnosisOfWebhook(upkeep).of(address)
        return await DiagnosisOfCards(self.config, self.application, self._rest).of(address)

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        """There is nothing to open; where answers are looked for by card, the contact is signed."""
        if not self.config.has_queue:
            await self._cards.add_messenger(opening.record, SIGN, "OTHER")
        return OpenedConversation(id=opening.ours, user=opening.record)

    async def write(self, entry: Entry) -> Receipt:
        return _receipt(await self._entries.put(entry))

    async def find_entry(self, entry: Entry, since: datetime) -> Receipt | None:
        found = await self._entries.find(entry, since)
        return _receipt(found) if found else None

    async def edit_entry(self, entry: Entry) -> None:
        await self._entries.rewrite(entry)

    async def mark_deleted(self, entry: Entry) -> None:
        await self._entries.rewrite(entry)

    async def report(self, report: StatusReport) -> None:
        await self._comments.mark(report)

    async def read_history(
        self,
        conversation: OpenedConversation,
        ours: str,  # noqa: ARG002  # the card is the customer's, not the conversation's
        since: datetime,
    ) -> tuple[Parcel, ...]:
        """Pack what was answered on the customer's cards since then."""
        return (await self._asking.history(conversation, since),)

    async def poll(self, cursor: str) -> Polled:
        return await self._asking.poll(cursor)


def _receipt(name: str) -> Receipt:
    return Receipt(provider_ids=(name,))
