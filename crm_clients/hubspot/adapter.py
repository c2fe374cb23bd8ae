"""HubSpot: what the hub may ask of a portal.

A contact and a deal are found again by a unique property that holds their key. Messages live in
threads of a custom channel of ours, which operators answer in their inbox; where the portal's plan
or a token made by hand does not allow that, they lie on cards.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_clients.hubspot import media, oauth, reading, recovery
from crm_clients.hubspot.catalogue import read_catalogue
from crm_clients.hubspot.contacts import Contacts
from crm_clients.hubspot.deals import Deals
from crm_clients.hubspot.diagnosis import Diagnosis, Look
from crm_clients.hubspot.diagnosis_of_channel import DiagnosisOfChannel
from crm_clients.hubspot.field_values import FieldValues
from crm_clients.hubspot.joining import finish_joining
from crm_clients.hubspot.logbook import Logbook
from crm_clients.hubspot.oauth import Application, Config
from crm_clients.hubspot.rest import Rest
from crm_clients.hubspot.tasks import Tasks
from crm_clients.hubspot.threads import Threads
from crm_clients.hubspot.upkeep import Upkeep
from crm_clients.hubspot.upkeep_of_cards import UpkeepOfCards
from mappers.vocabulary import (
    Account,
    Arrival,
    Attachment,
    CallDraft,
    Catalogue,
    Deal,
    DealDraft,
    EmailDraft,
    Entry,
    FetchedFile,
    Http,
    Identity,
    OpenedConversation,
    Opening,
    Parcel,
    Reading,
    Receipt,
    Record,
    RecordDraft,
    Remark,
    StatusReport,
    TaskDraft,
)
from mappers.vocabulary.adapters import Finding, SetUp


@dataclass(frozen=True, slots=True)
class HubSpotPortal:
    """What a portal is asked for however its messages are shown."""

    config: Config
    application: Application | None
    http: Http = field(repr=False)

    @property
    def _upkeep(self) -> Upkeep | UpkeepOfCards:
        return UpkeepOfCards(self.application, self._rest)

    @property
    def _rest(self) -> Rest:
        return Rest(self.config, self.application, self.http)

    @property
    def _looks(self) -> Sequence[Look]:
        """What else the diagnosis looks at, as messages are shown."""
        return ()

    @property
    def _contacts(self) -> Contacts:
        return Contacts(self._rest)

    @property
    def _deals(self) -> Deals:
        return Deals(self._rest)

    @property
    def _tasks(self) -> Tasks:
        return Tasks(self._rest, self._deals)

    @property
    def _logbook(self) -> Logbook:
        return Logbook(self._rest, self._contacts)

    def read(self, arrival: Arrival) -> Reading:
        return reading.read(arrival, self.config)

    def is_stale(self, now: datetime) -> bool:
        return oauth.is_stale(self.config, now)

    async def refresh(self) -> Mapping[str, Any]:
        return await oauth.renew(self.http, self.application, self.config)

    async def check(self) -> Account:
        return await self._upkeep.check()

    async def set_up(self, address: str, *, take_over: bool) -> SetUp:  # noqa: ARG002  # as it says
        """Nobody is ever in the way; what is told comes to the registration's address."""
        return await self._upkeep.set_up()

    async def tear_down(self) -> None:
        await self._upkeep.tear_down()

    async def has_passed(self, reason: str) -> bool:
        return await recovery.has_passed(reason, self.application, self._rest)

    async def is_set_up(self, address: str) -> bool:  # noqa: ARG002  # as above
        return await self._upkeep.is_set_up()

    async def diagnose(self, address: str) -> tuple[Finding, ...]:
        return await Diagnosis(self.application, self._rest, self._looks).of(address)

    async def catalogue(self) -> Catalogue:
        return await read_catalogue(self._rest)

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        return await self._contacts.find_records(identity)

    async def get_record(self, record: str) -> Record | None:
        return await self._contacts.get_record(record)

    async def find_survivor(self, record: str, conversations: Sequence[str]) -> str | None:  # noqa: ARG002  # the portal itself tells
        return await self._contacts.find_survivor(record)

    async def create_record(self, draft: RecordDraft, *, key: str) -> str:
        return await self._contacts.create_record(draft, key=key)

    async def find_created_record(self, key: str, since: datetime) -> str | None:
        return await self._contacts.find_created_record(key, since)

    async def add_to_record(self, record: str, draft: RecordDraft) -> None:
        await self._contacts.add_to_record(record, draft)

    async def find_deals(self, record: str) -> tuple[Deal, ...]:
        return await self._deals.find_deals(record)

    async def get_deal(self, deal: str) -> Deal | None:
        return await self._deals.get_deal(deal)

    async def create_deal(self, draft: DealDraft, *, key: str) -> str:
        return await self._deals.create_deal(draft, key=key)

    async def find_created_deal(self, draft: DealDraft, key: str, since: datetime) -> str | None:
        return await self._deals.find_created_deal(draft, key, since)

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

    async def write_call(self, draft: CallDraft, *, key: str) -> Receipt:
        return await self._logbook.write_call(draft, key)

    async def find_call(self, draft: CallDraft, key: str, since: datetime) -> Receipt | None:
        return await self._logbook.find_call(draft, key, since)

    async def write_email(self, draft: EmailDraft, *, key: str) -> Receipt:
        return await self._logbook.write_email(draft, key)

    async def find_email(self, draft: EmailDraft, key: str, since: datetime) -> Receipt | None:
        return await self._logbook.find_email(draft, key, since)

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        return await media.fetch(attachment, self._rest, limit_bytes)


@dataclass(frozen=True, slots=True)
class HubSpot(HubSpotPortal):
    """A portal where our application is installed, with a custom channel of ours."""

    application: Application

    @property
    def _threads(self) -> Threads:
        return Threads(self.application, self._rest)

    @property
    def _upkeep(self) -> Upkeep:
        return Upkeep(self.application, self._rest)

    @property
    def _looks(self) -> Sequence[Look]:
        return DiagnosisOfChannel(self.application, self._rest).looks

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        return await self._threads.open(opening)

    async def write(self, entry: Entry) -> Receipt:
        return await self._threads.write(entry)

    async def find_entry(self, entry: Entry, since: datetime) -> Receipt | None:
        return await self._threads.find(entry, since)

    async def report(self, report: StatusReport) -> None:
        await self._threads.report(report)

    async def remark(self, remark: Remark) -> None:
        await self._threads.remark(remark)

    async def read_history(
        self, conversation: OpenedConversation, ours: str, since: datetime
    ) -> tuple[Parcel, ...]:
        return await self._threads.history(conversation, ours, since)

    async def finish_joining(self, query: Mapping[str, str]) -> str:
        return await finish_joining(self.application, self._rest, query)
