"""Adapters for a rehearsal: what reads is asked of the provider, what would write is taken down.

Steps that rest on one another can be rehearsed, too: whatever would be made is answered for by a
stand-in. An ability is had exactly when the adapter has it, and each is spelt out here: one that
this module does not know is not had, so nothing that it might write gets through.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast

from channel_clients.contract import Deletes, Edits, Probing, Reacts, ShowsTyping
from crm_clients.contract import (
    CreatesTasks,
    EditsEntries,
    HasCatalogue,
    HoldsFields,
    KnowsSources,
    MarksDeletions,
    ReadsHistory,
    ShowsReactions,
    TagsDeals,
    TakesRemarks,
    WritesInBulk,
)
from mappers.vocabulary import (
    Account,
    Arrival,
    Attachment,
    Catalogue,
    Deal,
    DealDraft,
    Entry,
    Failure,
    FetchedFile,
    Identity,
    MediaFile,
    OpenedConversation,
    Opening,
    Outgoing,
    Parcel,
    Reaction,
    Reading,
    Receipt,
    Record,
    RecordDraft,
    Remark,
    Source,
    StatusReport,
    TaskDraft,
)
from mappers.vocabulary.adapters import FetchesFiles
from middleware.connections.model import Connected, ConnectedChannel
from middleware.outbox.cards import Cards, spelt
from middleware.outbox.effects import Script, is_stand_in, stand_in

CONTACT, DEAL, CONVERSATION, ENTRY, TASK, MESSAGE = map(
    stand_in, ("contact", "deal", "conversation", "entry", "task", "message")
)
OF_RECORD = "contact:"
ConnectedT = TypeVar("ConnectedT", bound=Connected)


def rehearsed(to: ConnectedT, script: Script) -> ConnectedT:
    """Give out the connection with an adapter that writes nothing but the script."""
    channel = isinstance(to, ConnectedChannel)
    base, abilities = (_Channel, OF_CHANNELS) if channel else (_Crm, OF_CRMS)
    had = tuple(each for ability, each in abilities.items() if isinstance(to.adapter, ability))
    return replace(to, adapter=_class_of(base, had)(to.adapter, script))


@cache
def _class_of(base: type["_Rehearsed"], had: tuple[type["_Rehearsed"], ...]) -> Callable[..., Any]:
    return cast("Callable[..., Any]", type("Rehearsed", (*had, base), {"__slots__": ()}))


@dataclass(frozen=True, slots=True)
class _Rehearsed:
    adapter: Any = field(repr=False)
    script: Script = field(repr=False)
    cards: Cards = field(default_factory=Cards, repr=False)

    def read(self, arrival: Arrival) -> Reading:
        return cast("Reading", self.adapter.read(arrival))

    async def check(self) -> Account:
        return cast("Account", await self.adapter.check())


class _FetchesFiles(_Rehearsed):
    __slots__ = ()

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        return cast("FetchedFile", await self.adapter.fetch(attachment, limit_bytes))


# Channels.


class _Channel(_Rehearsed):
    __slots__ = ()

    async def send(self, outgoing: Outgoing) -> Receipt:
        self.script.made("send", outgoing.conversation, **_said(outgoing))
        return Receipt(provider_ids=(MESSAGE,))


class _Probing(_Rehearsed):
    __slots__ = ()

    async def find(self, outgoing: Outgoing, since: datetime) -> Receipt | None:
        return cast("Receipt | None", await self.adapter.find(outgoing, since))


class _Edits(_Rehearsed):
    __slots__ = ()

    async def edit(self, sent: str, outgoing: Outgoing) -> None:
        self.script.made("edit", sent, **_said(outgoing))


class _Deletes(_Rehearsed):
    __slots__ = ()

    async def delete(self, sent: str) -> None:
        self.script.changed("delete", sent, "message", (sent,), ())


class _ShowsTyping(_Rehearsed):
    __slots__ = ()

    async def show_typing(self, conversation: str) -> None:
        self.script.made("show_typing", conversation)


class _Reacts(_Rehearsed):
    __slots__ = ()

    async def react(self, name: str, emoji: str) -> None:
        self.script.made("react", name, emoji=emoji)


def _said(outgoing: Outgoing) -> dict[str, str | tuple[str, ...]]:
    return {"text": outgoing.text, **_shown(*outgoing.files), "quoted": outgoing.quoted}


def _shown(*files: MediaFile) -> dict[str, tuple[str, ...]]:
    sorts = tuple(f"{file.kind}, {file.mime}, {file.size_bytes} bytes" for file in files)
    return {"file": tuple(file.name for file in files), "sort": sorts}


# CRMs.


class _Crm(_Rehearsed):
    __slots__ = ()

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        return cast("tuple[Record, ...]", await self.adapter.find_records(identity))

    async def get_record(self, record: str) -> Record | None:
        if is_stand_in(record):
            return Record(id=record)
        return cast("Record | None", await self.adapter.get_record(record))

    async def find_survivor(self, record: str, conversations: Sequence[str]) -> str | None:
        return cast("str | None", await self.adapter.find_survivor(record, conversations))

    async def create_record(self, draft: RecordDraft, *, key: str) -> str:  # noqa: ARG002  # makes none
        self.script.made(
            "create_record",
            CONTACT,
            name=draft.name,
            phones=draft.phones,
            emails=draft.emails,
            responsible=draft.responsible,
        )
        self.cards.drafts[CONTACT] = draft
        return CONTACT

    async def find_created_record(self, key: str, since: datetime) -> str | None:
        return cast("str | None", await self.adapter.find_created_record(key, since))

    async def add_to_record(self, record: str, draft: RecordDraft) -> None:
        there = await self.get_record(record) or Record(id=record)
        for name, has, new in (
            ("phones", there.phones, draft.phones),
            ("emails", there.emails, draft.emails),
        ):
            self.script.changed("add_to_record", record, name, has, (*has, *new))
        self.cards.drafts[record] = draft

    async def find_deals(self, record: str) -> tuple[Deal, ...]:
        if is_stand_in(record):
            return ()
        return cast("tuple[Deal, ...]", await self.adapter.find_deals(record))

    async def get_deal(self, deal: str) -> Deal | None:
        if is_stand_in(deal):
            return Deal(id=deal, state="open")
        return cast("Deal | None", await self.adapter.get_deal(deal))

    async def create_deal(self, draft: DealDraft, *, key: str) -> str:  # noqa: ARG002  # makes none
        self.script.made(
            "create_deal",
            DEAL,
            record=draft.record,
            title=draft.title,
            pipeline=draft.pipeline,
            stage=draft.stage,
            responsible=draft.responsible,
            tags=draft.tags,
        )
        self.cards.drafts[DEAL] = draft
        return DEAL

    async def find_created_deal(self, draft: DealDraft, key: str, since: datetime) -> str | None:
        if is_stand_in(draft.record):
            return None
        return cast("str | None", await self.adapter.find_created_deal(draft, key, since))

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        customer = opening.person.name or opening.person.username
        self.script.made(
            "open_conversation", opening.ours, record=opening.record, customer=customer
        )
        return OpenedConversation(id=CONVERSATION)

    async def write(self, entry: Entry) -> Receipt:
        self.script.made("write", entry.conversation.id, **_written(entry))
        return Receipt(provider_ids=(ENTRY,))

    async def find_entry(self, entry: Entry, since: datetime) -> Receipt | None:
        if is_stand_in(entry.conversation.id):
            return None
        return cast("Receipt | None", await self.adapter.find_entry(entry, since))

    async def report(self, report: StatusReport) -> None:
        self.script.made(
            "report", report.reply, status=report.status, words=report.words, code=report.code
        )


def _written(entry: Entry) -> dict[str, str | tuple[str, ...]]:
    files = () if entry.file is None else (entry.file,)
    shows = tuple(each.kind for each in entry.message.attachments if not each.handle)
    return {"text": entry.text, "shows": shows, **_shown(*files), "quoted": entry.quoted}


class _MarksDeletions(_Rehearsed):
    __slots__ = ()

    async def mark_deleted(self, entry: Entry) -> None:
        self.script.made("mark_deleted", entry.key, **_written(entry))


class _TagsDeals(_Rehearsed):
    __slots__ = ()

    async def add_tags(self, deal: str, tags: Sequence[str]) -> None:
        self.script.made("add_tags", deal, tags=tuple(tags))


class _EditsEntries(_Rehearsed):
    __slots__ = ()

    async def edit_entry(self, entry: Entry) -> None:
        self.script.made("edit_entry", entry.key, **_written(entry))


class _ShowsReactions(_Rehearsed):
    __slots__ = ()

    async def react(self, reaction: Reaction) -> None:
        self.script.made("react", reaction.message, emoji=reaction.emoji)


class _TakesRemarks(_Rehearsed):
    __slots__ = ()

    async def remark(self, remark: Remark) -> None:
        self.script.made("remark", remark.reply, words=remark.words)


class _KnowsSources(_Rehearsed):
    __slots__ = ()

    async def keep_source(self, source: Source) -> bool:
        self.script.made("keep_source", source.id, title=source.title, pipeline=source.pipeline)
        return True

    async def drop_source(self, source: str) -> bool:
        self.script.changed("drop_source", source, "source", (source,), ())
        return True


class _WritesInBulk(_Crm):
    __slots__ = ()

    def may_join(self, entry: Entry) -> bool:
        return cast("bool", self.adapter.may_join(entry))

    async def write_many(self, entries: Sequence[Entry]) -> tuple[Receipt | Failure, ...]:
        return tuple([await self.write(entry) for entry in entries])


class _ReadsHistory(_Rehearsed):
    __slots__ = ()

    async def read_history(
        self, conversation: OpenedConversation, ours: str, since: datetime
    ) -> tuple[Parcel, ...]:
        if is_stand_in(conversation.id):
            return ()
        found = await self.adapter.read_history(conversation, ours, since)
        return cast("tuple[Parcel, ...]", found)


class _HasCatalogue(_Rehearsed):
    __slots__ = ()

    async def catalogue(self) -> Catalogue:
        return cast("Catalogue", await self.adapter.catalogue())


class _HoldsFields(_Rehearsed):
    __slots__ = ()

    async def read_fields(
        self, record: str, deal: str, keys: Collection[str], catalogue: Catalogue
    ) -> Mapping[str, tuple[str, ...]]:
        """Ask for what is there, and answer with what would be there by now."""
        real = ["" if is_stand_in(card) else card for card in (record, deal)]
        asked = [key for key in keys if not is_stand_in(_card(key, record, deal))]
        found = await self.adapter.read_fields(*real, asked, catalogue) if asked else {}
        return {
            key: self.cards.holds(_card(key, record, deal), key, found.get(key, ()), catalogue)
            for key in keys
        }

    async def write_fields(
        self, record: str, deal: str, values: Mapping[str, tuple[str, ...]], catalogue: Catalogue
    ) -> None:
        there = await self.read_fields(record, deal, values, catalogue)
        for key, value in values.items():
            card, name = _card(key, record, deal), spelt(key, catalogue)
            self.script.changed("write_fields", card, name, there[key], value)
            self.cards.values[card, key] = value


def _card(key: str, record: str, deal: str) -> str:
    return record if key.startswith(OF_RECORD) or not deal else deal


class _CreatesTasks(_Rehearsed):
    __slots__ = ()

    async def create_task(self, draft: TaskDraft, *, key: str) -> str:  # noqa: ARG002  # makes none
        self.script.made(
            "create_task",
            draft.deal or draft.record,
            text=draft.text,
            due_at=draft.due_at.isoformat(),
            responsible=draft.responsible,
        )
        return TASK

    async def find_created_task(self, draft: TaskDraft, key: str, since: datetime) -> str | None:
        if is_stand_in(draft.deal or draft.record):
            return None
        return cast("str | None", await self.adapter.find_created_task(draft, key, since))


OF_BOTH: Mapping[Any, type[_Rehearsed]] = {FetchesFiles: _FetchesFiles}
OF_CHANNELS: Mapping[Any, type[_Rehearsed]] = {
    **OF_BOTH,
    Probing: _Probing,
    Edits: _Edits,
    Deletes: _Deletes,
    Reacts: _Reacts,
    ShowsTyping: _ShowsTyping,
}
OF_CRMS: Mapping[Any, type[_Rehearsed]] = {
    **OF_BOTH,
    EditsEntries: _EditsEntries,
    MarksDeletions: _MarksDeletions,
    TagsDeals: _TagsDeals,
    ShowsReactions: _ShowsReactions,
    TakesRemarks: _TakesRemarks,
    KnowsSources: _KnowsSources,
    WritesInBulk: _WritesInBulk,
    ReadsHistory: _ReadsHistory,
    HasCatalogue: _HasCatalogue,
    HoldsFields: _HoldsFields,
    CreatesTasks: _CreatesTasks,
}
