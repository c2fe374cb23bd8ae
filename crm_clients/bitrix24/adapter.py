"""Bitrix24: what the hub may ask of a portal.

A record and a deal are found again by where they came from. Messages are those of an open line,
under names of ours, so an entry whose answer was lost is looked for in the history of its dialog.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_clients.bitrix24 import lines, media, oauth, reading
from crm_clients.bitrix24.bulk import Bulk
from crm_clients.bitrix24.cards import Cards
from crm_clients.bitrix24.catalogue import read_catalogue
from crm_clients.bitrix24.diagnosis import Diagnosis
from crm_clients.bitrix24.doors import HISTORY
from crm_clients.bitrix24.field_values import FieldValues
from crm_clients.bitrix24.lines import Lines, connector_of
from crm_clients.bitrix24.logbook import Logbook
from crm_clients.bitrix24.oauth import Application, Config
from crm_clients.bitrix24.recovered import files_of
from crm_clients.bitrix24.rest import Rest
from crm_clients.bitrix24.sessions import Sessions
from crm_clients.bitrix24.tasks import Tasks
from crm_clients.bitrix24.upkeep import Upkeep
from crm_clients.bitrix24.upkeep_of_cards import UpkeepOfCards
from crm_clients.bitrix24.wire import HistoryPage
from crm_clients.forms import storable
from mappers.vocabulary import (
    Account,
    Arrival,
    Attachment,
    Blocked,
    CallDraft,
    Catalogue,
    Deal,
    DealDraft,
    EmailDraft,
    Entry,
    Failure,
    FetchedFile,
    Http,
    Identity,
    OpenedConversation,
    Opening,
    Parcel,
    ProviderError,
    Reading,
    Receipt,
    Record,
    RecordDraft,
    Remark,
    Status,
    StatusReport,
    TaskDraft,
)
from mappers.vocabulary.adapters import Finding, SetUp

REACHED = frozenset({Status.SENT, Status.DELIVERED})


@dataclass(frozen=True, slots=True)
class Bitrix24Portal:
    """What a portal is asked for however its messages are shown."""

    config: Config
    application: Application | None
    http: Http = field(repr=False)

    @property
    def _upkeep(self) -> Upkeep | UpkeepOfCards:
        return UpkeepOfCards(self.config, self.application, self._rest)

    @property
    def _rest(self) -> Rest:
        return Rest(self.config, self.application, self.http)

    @property
    def _cards(self) -> Cards:
        return Cards(self._rest)

    @property
    def _tasks(self) -> Tasks:
        return Tasks(self._rest, self._cards)

    @property
    def _logbook(self) -> Logbook:
        return Logbook(self._rest, self._cards)

    def read(self, arrival: Arrival) -> Reading:
        ours = self.application
        return reading.read(arrival, self.config, connector_of(ours) if ours else "")

    def is_stale(self, now: datetime) -> bool:
        return oauth.is_stale(self.config, now)

    async def refresh(self) -> Mapping[str, Any]:
        return await oauth.renew(self.http, self.application, self.config)

    async def check(self) -> Account:
        return await self._upkeep.check()

    async def set_up(self, address: str, *, take_over: bool) -> SetUp:  # noqa: ARG002  # as it says
        """Nobody is ever in the way: a portal calls as many addresses as it is told to."""
        return await self._upkeep.set_up(address)

    async def tear_down(self) -> None:
        await self._upkeep.tear_down()

    async def has_passed(self, reason: str) -> bool:
        return await self._upkeep.has_passed(reason)

    async def is_set_up(self, address: str) -> bool:
        return await self._upkeep.is_set_up(address)

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        return await self._cards.find_records(identity)

    async def get_record(self, record: str) -> Record | None:
        return await self._cards.get_record(record)

    async def find_survivor(self, record: str, conversations: Sequence[str]) -> str | None:  # noqa: ARG002  # as it says
        """Nothing tells whom a contact was merged into; it is searched for anew."""
        return None

    async def create_record(self, draft: RecordDraft, *, key: str) -> str:
        return await self._cards.create_record(draft, key=key)

    async def find_created_record(self, key: str, since: datetime) -> str | None:
        return await self._cards.find_created_record(key, since)

    async def add_to_record(self, record: str, draft: RecordDraft) -> None:
        await self._cards.add_to_record(record, draft)

    async def find_deals(self, record: str) -> tuple[Deal, ...]:
        return await self._cards.find_deals(record)

    async def get_deal(self, deal: str) -> Deal | None:
        return await self._cards.get_deal(deal)

    async def create_deal(self, draft: DealDraft, *, key: str) -> str:
        return await self._cards.create_deal(draft, key=key)

    async def find_created_deal(self, draft: DealDraft, key: str, since: datetime) -> str | None:  # noqa: ARG002  # exact without them
        return await self._cards.find_created_deal(key)

    async def catalogue(self) -> Catalogue:
        return await read_catalogue(self._rest)

    async def read_fields(
        self, record: str, deal: str, keys: Collection[str], catalogue: Catalogue
    ) -> Mapping[str, tuple[str, ...]]:
        return await FieldValues(self._rest, catalogue).read(record, deal, keys)

    async def write_fields(
        self, record: str, deal: str, values: Mapping[str, tuple[str, ...]], catalogue: Catalogue
    ) -> None:
        await FieldValues(self._rest, catalogue).write(record, deal, values)

    async def create_task(self, draft: TaskDraft, *, key: str) -> str:
        return await self._tasks.create(draft, key=key)

    async def find_created_task(self, draft: TaskDraft, key: str, since: datetime) -> str | None:
        return await self._tasks.find(draft, key, since)

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        return await media.fetch(attachment, self.config, self.http, limit_bytes)

    async def write_call(self, draft: CallDraft, *, key: str) -> Receipt:
        return await self._logbook.write_call(draft, key)

    async def find_call(self, draft: CallDraft, key: str, since: datetime) -> Receipt | None:  # noqa: ARG002  # exact without them
        return await self._logbook.find_call(key)

    async def write_email(self, draft: EmailDraft, *, key: str) -> Receipt:
        return await self._logbook.write_email(draft, key)

    async def find_email(self, draft: EmailDraft, key: str, since: datetime) -> Receipt | None:  # noqa: ARG002  # as above
        return await self._logbook.find_email(draft, key)


@dataclass(frozen=True, slots=True)
class Bitrix24(Bitrix24Portal):
    """A portal where our application is installed, with an open line of its own."""

    application: Application

    @property
    def _lines(self) -> Lines:
        return Lines(self.config, self.application, self._rest)

    @property
    def _upkeep(self) -> Upkeep:
        return Upkeep(self.config, self.application, self._rest)

    async def diagnose(self, address: str) -> tuple[Finding, ...]:
        return await Diagnosis(self.config, self.application, self._rest).of(address)

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        """Learn who the customer is to the portal, and tie the dialog to the record by its code.

        A line looks for that code before it looks for anything else: a namesake would do, too. A
        portal that does not say who the customer is before the first message says it then, and
        what it put on cards until then is hung on the right ones.
        """
        customer = opening.user or await self._lines.learn_customer(opening.ours, opening.person)
        if customer:
            address = f"imol|{self._lines.code_of(opening.ours, customer)}"
            await self._cards.add_messenger(opening.record, address)
        if opening.user:
            codes = self._lines.codes_of(opening.ours, opening.user)
            await Sessions(self._rest).hang(codes, opening.record, opening.deal)
        return OpenedConversation(id=opening.ours, user=customer)

    async def write(self, entry: Entry) -> Receipt:
        sent = await self._lines.send(lines.message_of(entry))
        return lines.receipt_of(entry, sent.user)

    def may_join(self, entry: Entry) -> bool:
        return Bulk(self._lines).may_join(entry)

    async def write_many(self, entries: Sequence[Entry]) -> tuple[Receipt | Failure, ...]:
        return await Bulk(self._lines).write(entries)

    async def find_entry(self, entry: Entry, since: datetime) -> Receipt | None:  # noqa: ARG002  # a history is read whole
        customer = entry.conversation.user or await self._lines.find_customer(entry.ours)
        if not customer:
            raise ProviderError(Blocked(code="bitrix24.nameless_customer", by="provider"))
        codes = self._lines.codes_of(entry.ours, customer)
        is_there = await self._lines.history.holds(codes, lines.name_of(entry.key))
        return lines.receipt_of(entry, customer) if is_there else None

    async def edit_entry(self, entry: Entry) -> None:
        await self._lines.edit(lines.correction_of(entry))

    async def mark_deleted(self, entry: Entry) -> None:
        await self._lines.edit(lines.correction_of(entry))

    async def report(self, report: StatusReport) -> None:
        if report.status is Status.FAILED:
            await self._lines.note_failure(report)
        elif report.status in REACHED:
            await self._lines.mark_delivered(report)

    async def remark(self, remark: Remark) -> None:
        await self._lines.remark(remark)

    async def read_history(
        self, conversation: OpenedConversation, ours: str, since: datetime
    ) -> tuple[Parcel, ...]:
        """Pack the messages of the dialog's last sessions. The portal tells the time in seconds."""
        since = since.replace(microsecond=0)
        customer = conversation.user or await self._lines.find_customer(ours)
        codes = self._lines.codes_of(ours, customer)
        said = await self._lines.history.said_in(codes) if customer else ()
        messages = [each.model_dump(by_alias=True) for each in said]
        page = HistoryPage(
            ours=ours,
            customer=customer,
            since=since.isoformat(),
            messages=messages,
            files=await files_of(self._rest, said, customer, since),
        )
        ends = [str(each["id"]) for each in (*messages[:1], *messages[-1:])]
        words = (ours, *ends, page.since)
        key = f"history:{':'.join(storable(word)[:64] for word in words)}"
        body = json.dumps(page.model_dump(by_alias=True)).encode()
        return (Parcel(key=key, body=body, form=HISTORY),)
