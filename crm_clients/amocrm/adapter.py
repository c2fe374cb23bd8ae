"""amoCRM and Kommo: what the hub may ask of an account.

A record and a deal are found again by a technical field that holds their key. Messages live in the
Chats API under ids of ours, which makes a lost answer findable: an entry is looked for in the
chat's history. Where no chat channel is registered they are notes on cards, with our key in their
title, and replies are notes that begin with a prefix.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_clients.amocrm import chats, media, oauth, polling, reading
from crm_clients.amocrm.cards import Cards
from crm_clients.amocrm.chats import Chats
from crm_clients.amocrm.diagnosis import Diagnosis
from crm_clients.amocrm.field_values import FieldValues
from crm_clients.amocrm.logbook import Logbook
from crm_clients.amocrm.notes import Notes
from crm_clients.amocrm.oauth import Application, Config
from crm_clients.amocrm.rest import Rest, garbled, number
from crm_clients.amocrm.sdk import read_catalogue
from crm_clients.amocrm.sources import Sources
from crm_clients.amocrm.tasks import Tasks
from crm_clients.amocrm.upkeep import Upkeep
from crm_clients.amocrm.wire import HistoryPage
from crm_clients.forms import storable
from mappers.vocabulary import (
    Account,
    Ambiguous,
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
    Permanent,
    Polled,
    ProviderError,
    Reaction,
    Reading,
    Receipt,
    Record,
    RecordDraft,
    Source,
    StatusReport,
    TaskDraft,
)
from mappers.vocabulary.adapters import Finding, SetUp


@dataclass(frozen=True, slots=True)
class AmoCrmAccount:
    """What an account is asked for however its messages are shown."""

    config: Config
    application: Application | None
    http: Http = field(repr=False)

    @property
    def _rest(self) -> Rest:
        client_id = "" if self.application is None else self.application.client_id
        return Rest(self.config, client_id, self.http)

    @property
    def _cards(self) -> Cards:
        return Cards(self.config, self._rest)

    @property
    def _notes(self) -> Notes:
        return Notes(self._rest, self._cards)

    @property
    def _logbook(self) -> Logbook:
        return Logbook(self._rest, self._notes)

    @property
    def _tasks(self) -> Tasks:
        return Tasks(self._rest, self._cards)

    @property
    def _upkeep(self) -> Upkeep:
        return Upkeep(self.config, self.application, self.http, self._rest)

    def read(self, arrival: Arrival) -> Reading:
        return reading.read(arrival, self.config)

    async def check(self) -> Account:
        return await self._upkeep.check()

    async def has_passed(self, reason: str) -> bool:  # noqa: ARG002  # as it says
        """An account that answers at all is paid, and does not keep us out, whatever it was."""
        await self.check()
        return True

    def is_stale(self, now: datetime) -> bool:
        return oauth.is_stale(self.config, now)

    async def refresh(self) -> Mapping[str, Any]:
        return await oauth.renew(self.http, self.application, self.config)

    async def set_up(self, address: str, *, take_over: bool) -> SetUp:  # noqa: ARG002  # as it says
        """Nobody is ever in the way: an account calls a hundred addresses at once."""
        return await self._upkeep.set_up(address)

    async def tear_down(self) -> None:
        await self._upkeep.tear_down()

    async def diagnose(self, address: str) -> tuple[Finding, ...]:
        return await Diagnosis(self._upkeep).of(address)

    async def catalogue(self) -> Catalogue:
        return await read_catalogue(self._rest)

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        return await self._cards.find_records(identity)

    async def get_record(self, record: str) -> Record | None:
        return await self._cards.get_record(record)

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

    async def find_created_deal(self, draft: DealDraft, key: str, since: datetime) -> str | None:
        return await self._cards.find_created_deal(draft, key, since)

    async def read_fields(
        self, record: str, deal: str, keys: Collection[str], catalogue: Catalogue
    ) -> Mapping[str, tuple[str, ...]]:
        return await FieldValues(self._rest, catalogue).read(record, deal, keys)

    async def write_fields(
        self, record: str, deal: str, values: Mapping[str, tuple[str, ...]], catalogue: Catalogue
    ) -> None:
        await FieldValues(self._rest, catalogue).write(record, deal, values)

    async def add_tags(self, deal: str, tags: Sequence[str]) -> None:
        await self._cards.add_tags(deal, tags)

    async def create_task(self, draft: TaskDraft, *, key: str) -> str:
        return await self._tasks.create(draft, key=key)

    async def find_created_task(self, draft: TaskDraft, key: str, since: datetime) -> str | None:  # noqa: ARG002  # no place for it
        return await self._tasks.find(draft, since)

    async def write_call(self, draft: CallDraft, *, key: str) -> Receipt:
        return await self._logbook.write_call(draft, key)

    async def find_call(self, draft: CallDraft, key: str, since: datetime) -> Receipt | None:
        return await self._logbook.find_call(draft, key, since)

    async def write_email(self, draft: EmailDraft, *, key: str) -> Receipt:
        return await self._logbook.write_email(draft, key)

    async def find_email(self, draft: EmailDraft, key: str, since: datetime) -> Receipt | None:
        return await self._logbook.find_email(draft, key, since)


@dataclass(frozen=True, slots=True)
class AmoCrm(AmoCrmAccount):
    """An account with a chat channel of ours."""

    application: Application

    @property
    def _chats(self) -> Chats:
        return Chats(self.config, self.application, self.http)

    @property
    def _sources(self) -> Sources:
        return Sources(self.application, self._rest)

    async def find_survivor(self, record: str, conversations: Sequence[str]) -> str | None:
        return await self._cards.find_survivor(record, conversations)

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        """Create the chat, then give it to the record before amoCRM makes one of its own.

        One that amoCRM began is there already. A chat that has another owner changes hands, so
        both steps may be repeated.
        """
        opened = opening.begun or await self._chats.open(opening)
        owner = {"contact_id": number(opening.record, "record"), "chat_id": opened.id}
        await self._rest.post(
            "contacts/chats", "contacts.bind", [owner], repeatable=True, gone="record"
        )
        return opened

    async def keep_source(self, source: Source) -> bool:
        return await self._sources.keep(source)

    async def drop_source(self, source: str) -> bool:
        return await self._sources.drop(source)

    async def write(self, entry: Entry) -> Receipt:
        """Write a message under our key.

        amoCRM takes one key once. How it refuses the second time is not documented: with the
        first message's ids, or with an error. So a refusal is checked against the history.
        """
        body = chats.new_message(entry, self.application)
        try:
            reply = await self._chats.send(body, "write", repeatable=False)
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent):
                raise
            if earlier := await self._written_before(entry):
                return earlier
            raise
        accepted = reply.at("new_message", "msgid")
        if not isinstance(accepted, str) or not accepted:
            raise ProviderError(garbled(repeatable=False))
        return Receipt(provider_ids=(accepted,))

    async def _written_before(self, entry: Entry) -> Receipt | None:
        try:
            return await self.find_entry(entry, entry.message.sent_at)
        except ProviderError as unknown:
            raise ProviderError(Ambiguous(code="amocrm.refused_or_repeated")) from unknown

    async def find_entry(self, entry: Entry, since: datetime) -> Receipt | None:
        """A message lies in the history at the time when it was said, perhaps long before us."""
        floor = min(since, entry.message.sent_at)
        found = await self._chats.find(entry.conversation.id, entry.key, floor)
        return Receipt(provider_ids=(found,)) if found else None

    async def edit_entry(self, entry: Entry) -> None:
        body = chats.edited_message(entry, self.http.now())
        await self._chats.send(body, "edit", repeatable=True)

    async def react(self, reaction: Reaction) -> None:
        await self._chats.react(reaction)

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        return await media.fetch(attachment, self.application, self.http, limit_bytes)

    async def report(self, report: StatusReport) -> None:
        if report.status in chats.CODES:
            await self._chats.report(report)

    async def read_history(
        self, conversation: OpenedConversation, ours: str, since: datetime
    ) -> tuple[Parcel, ...]:
        """Pack the pages since then, oldest first; the last one tells that it is the last."""
        newest_first = [page async for page in self._chats.history(conversation.id, since)] or [[]]
        pages = [
            HistoryPage(
                conversation=conversation.id,
                ours=ours,
                since_ms=chats.milliseconds(since),
                is_last=index == 0,
                messages=messages,
            )
            for index, messages in enumerate(newest_first)
        ]
        return tuple(_parcel(page) for page in reversed(pages))


@dataclass(frozen=True, slots=True)
class AmoCrmNotes(AmoCrmAccount):
    """An account without one: messages are notes on cards, and so are replies."""

    async def find_survivor(self, record: str, conversations: Sequence[str]) -> str | None:  # noqa: ARG002  # as it says
        """Without chats nothing tells whom a contact was merged into; it is searched for anew."""
        return None

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        """There is nothing to open: a note needs a card and no more."""
        return OpenedConversation(id=opening.ours, user=opening.record)

    async def write(self, entry: Entry) -> Receipt:
        return Receipt(provider_ids=(await self._notes.write(entry),))

    async def find_entry(self, entry: Entry, since: datetime) -> Receipt | None:
        found = await self._notes.find(entry, since)
        return Receipt(provider_ids=(found.name,)) if found else None

    async def edit_entry(self, entry: Entry) -> None:
        await self._notes.rewrite(entry)

    async def mark_deleted(self, entry: Entry) -> None:
        await self._notes.rewrite(entry)

    async def report(self, report: StatusReport) -> None:
        await self._notes.mark(report)

    async def read_history(
        self,
        conversation: OpenedConversation,
        ours: str,  # noqa: ARG002  # the card is the customer's, not the conversation's
        since: datetime,
    ) -> tuple[Parcel, ...]:
        """Pack what was answered on the customer's cards since then."""
        return (await polling.history(self._notes, self.config, conversation, since),)

    async def poll(self, cursor: str) -> Polled:
        return await polling.poll(self._rest, self.config, cursor)


def _parcel(page: HistoryPage) -> Parcel:
    """Name a page by its ends and by the question: asked again later, it is news again."""
    ids = [str(_id_in(each)) for each in (*page.messages[:1], *page.messages[-1:])]
    words = (page.conversation, *ids, str(page.since_ms), "last" if page.is_last else "")
    key = f"history:{':'.join(storable(word)[:64] for word in words)}"
    return Parcel(key=key, body=chats.history_body(page), form=reading.HISTORY)


def _id_in(message: Any) -> Any:
    inner = message.get("message") if isinstance(message, dict) else None
    return inner.get("id") if isinstance(inner, dict) else ""
