"""Asking for answers among the notes.

Notes are searched by when they changed. The index of the search lags behind what was written, so
each question begins a while before the newest note that is known; which answers of that while were
brought stands in the cursor. Where one is found, its card is asked for others: of two answers the
index may show the later first. Only what is an answer to a customer is brought: the rest of what
people note is theirs.

Source: developers.hubspot.com/docs/api-reference/search/guide (limits, lag), …/crm-associations-v4.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ValidationError

from crm_clients.hubspot.files import describe
from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.objects import CONTACTS
from crm_clients.hubspot.rest import Rest, after, all_of
from crm_clients.hubspot.timeline import (
    CHANGED,
    NOTES,
    SOURCE,
    SOURCE_ID,
    Timeline,
    made_at,
    moment_in,
)
from crm_clients.hubspot.told_by_notes import answer_in, files_of
from crm_clients.hubspot.versions import OBJECTS, path
from crm_clients.hubspot.wire import CrmObject
from crm_clients.hubspot.wire_notes import FoundNote, KeptFile, NotesRead
from mappers.vocabulary import (
    OpenedConversation,
    Parcel,
    Permanent,
    Polled,
    ProviderError,
)

FORM, HISTORY_FORM = "note", "notes"
OFTEN = timedelta(seconds=5)
CLOCKS_DIFFER_BY = timedelta(minutes=1)
OVERLAP_MS = 300_000
PAGE, MOST_PAGES, MOST_DEALS = 200, 5, 20
# A search shows no more than this many, however it is paged.
MOST_FOUND = 10_000
OURS = "INTEGRATION"


class Cursor(BaseModel):
    """How far the notes have been read. Moments are in milliseconds.

    A round begins at `since` and ends with the newest note; `at` is where one that is not over goes
    on. `known` are answers that changed since the round's beginning and were brought, each in the
    state that it was in.
    """

    since: int
    at: int = 0
    known: list[str] = []


@dataclass(frozen=True, slots=True)
class Polling:
    """Answers on the cards of one portal."""

    rest: Rest = field(repr=False)

    @property
    def config(self) -> Config:
        return self.rest.config

    @property
    def _timeline(self) -> Timeline:
        return Timeline(self.rest)

    async def poll(self, cursor: str) -> Polled:
        at = read_cursor(cursor, self.rest.http.now())
        changed, is_all = await self._changed(at.at or at.since)
        fresh = [note for note in changed if stamp_of(note) not in at.known]
        answers = [note for note in fresh if self._is_answer(note)]
        found = await self._found(answers)
        found += await self._beside(found, at)
        told = [each.note for each in found]
        return Polled(
            parcels=tuple(parcel_of(each) for each in _by_age(found)),
            cursor=moved(at, changed, told, is_all=is_all).model_dump_json(),
            again_after=OFTEN if is_all else timedelta(),
        )

    async def history(self, conversation: OpenedConversation, since: datetime) -> Parcel:
        """Bring the answers on one customer's cards since then, oldest first.

        Raises: `ProviderError`, also when the contact is gone: then nobody knows whose to read.
        """
        record = conversation.user
        if not await self._timeline.is_there(CONTACTS, record):
            raise ProviderError(Permanent(code="hubspot.no_such_record", gone="record"))
        deals = await self._timeline.on_card(CONTACTS, record, self.config.case)
        newest = sorted(deals, key=int, reverse=True)[:MOST_DEALS]
        cards = [(CONTACTS, record), *((self.config.case, each) for each in newest)]
        floor = since.replace(microsecond=0)
        answers = [
            note
            async for note in self._timeline.written(NOTES, cards, since)
            if (made_at(note) or floor) >= floor and self._is_answer(note)
        ]
        told = [
            FoundNote(note=note, contact=record, files=await self._files(note))
            for note in sorted(answers, key=_age)
        ]
        page = NotesRead(conversation=conversation.id, notes=told)
        ends = ":".join(each.note.id for each in (*told[:1], *told[-1:]))
        stamp = round(since.timestamp() * 1000)
        key = f"notes:{conversation.id}:{stamp}:{len(told)}:{ends}"
        return Parcel(key=key, body=_body(page), form=HISTORY_FORM)

    def _is_answer(self, note: CrmObject) -> bool:
        ours = self.rest.application.app_id if self.rest.application is not None else ""
        is_ours = note.of(SOURCE) == OURS and note.of(SOURCE_ID) == ours
        return not is_ours and answer_in(note, self.config.reply_prefix) is not None

    async def _changed(self, since_ms: int) -> tuple[list[CrmObject], bool]:
        """Return what changed since then, the oldest change first, and whether that is all.

        A crowd of one moment, such as an import makes, is read to its end: there is no other place
        in it to go on from.
        """
        found: list[CrmObject] = []
        asked = question(since_ms)
        while len(found) < MOST_FOUND:
            reply = await self.rest.search(path(OBJECTS, NOTES.name, "search"), "notes.poll", asked)
            found += all_of(CrmObject, reply)
            if not (more := after(reply)):
                return found, True
            if len(found) >= PAGE * MOST_PAGES and changed_ms(found[-1]) > since_ms:
                break
            asked = {**asked, "after": more}
        return found, False

    async def _found(self, answers: Sequence[CrmObject]) -> list[FoundNote]:
        """Say whose cards the answers lie on."""
        found: list[FoundNote] = []
        for start in range(0, len(answers), PAGE):
            part = answers[start : start + PAGE]
            notes, ids = self._timeline.of(NOTES), [each.id for each in part]
            contacts = await notes.all_tied_to(ids, CONTACTS)
            deals = await notes.all_tied_to(ids, self.config.case)
            for note in part:
                files = await self._files(note)
                whose = meant(contacts.get(note.id, ()), deals.get(note.id, ()))
                found.append(FoundNote(note=note, files=files, **whose))
        return found

    async def _beside(self, found: Sequence[FoundNote], at: Cursor) -> list[FoundNote]:
        """Bring answers of the same cards that the index does not show yet.

        It may show the later of two first; the cards themselves lag behind nothing.
        """
        told = {*at.known, *(stamp_of(each.note) for each in found)}
        since = datetime.fromtimestamp(at.since / 1000, UTC)
        there: dict[str, CrmObject] = {}
        for card in dict.fromkeys(map(self._card, found)):
            async for note in self._timeline.written(NOTES, [card] if card[1] else [], since):
                is_news = changed_ms(note) >= at.since and stamp_of(note) not in told
                if is_news and self._is_answer(note):
                    there[note.id] = note
        return await self._found(list(there.values()))

    def _card(self, found: FoundNote) -> tuple[str, str]:
        return (CONTACTS, found.contact) if found.contact else (self.config.case, found.deal)

    async def _files(self, note: CrmObject) -> tuple[KeptFile, ...]:
        found = [await describe(self.rest, each) for each in files_of(note)]
        return tuple(each for each in found if each is not None)


def question(since_ms: int) -> dict[str, Any]:
    since = {"propertyName": CHANGED, "operator": "GTE", "value": str(since_ms)}
    return {
        "filterGroups": [{"filters": [since]}],
        "sorts": [{"propertyName": CHANGED, "direction": "ASCENDING"}],
        "properties": list(NOTES.properties),
        "limit": PAGE,
    }


def meant(contacts: Sequence[str], deals: Sequence[str]) -> Mapping[str, str]:
    """Say whom an answer is for: the one contact that it lies on, or else whoever has the deal.

    A note on a deal lies on all its contacts, and which of them is meant, only the deal tells.
    """
    if len(contacts) == 1:
        return {"contact": contacts[0]}
    return {"deal": deals[0]} if len(deals) == 1 else {}


def read_cursor(cursor: str, now: datetime) -> Cursor:
    """Read where to go on; what nobody understands any more begins now."""
    try:
        return Cursor.model_validate_json(cursor)
    except ValidationError:
        return Cursor(since=int((now - CLOCKS_DIFFER_BY).timestamp() * 1000))


def moved(
    at: Cursor, changed: Sequence[CrmObject], answers: Iterable[CrmObject], *, is_all: bool
) -> Cursor:
    """Where to go on: a while before the newest, or where a crowd of them was left."""
    begun = at.at or at.since
    newest = max((changed_ms(note) for note in changed), default=begun)
    since = max(at.since, newest - OVERLAP_MS) if is_all else at.since
    stamps = [*at.known, *map(stamp_of, answers)]
    known = [each for each in stamps if int(each.rpartition("@")[2]) >= since]
    return Cursor(since=since, at=0 if is_all else max(newest, begun + 1), known=known)


def changed_ms(note: CrmObject) -> int:
    moment = moment_in(note.of(CHANGED) or note.updated)
    return 0 if moment is None else round(moment.timestamp() * 1000)


def stamp_of(note: CrmObject) -> str:
    """Name one state of a note: a change makes it news again."""
    return f"{note.id}@{changed_ms(note)}"


def parcel_of(found: FoundNote) -> Parcel:
    key = f"note:{found.note.id}:{found.contact or found.deal}"
    return Parcel(key=key, body=_body(found), form=FORM, said_at=made_at(found.note))


def _body(page: BaseModel) -> bytes:
    return page.model_dump_json(by_alias=True).encode()


def _by_age(found: Iterable[FoundNote]) -> list[FoundNote]:
    return sorted(found, key=lambda each: _age(each.note))


def _age(note: CrmObject) -> tuple[float, int]:
    moment = made_at(note)
    return (0.0 if moment is None else moment.timestamp(), int(note.id) if note.id.isdigit() else 0)
