"""Asking for replies among the notes: for plans without webhooks, and for hooks that were lost.

Notes are asked for by when they changed, a little further back than the newest that is known,
because amoCRM promises no order; which of those were brought already stands in the cursor. Only
what is an answer to a customer is brought: the rest of what people note is theirs.

Source: amocrm.ru/developers/content/crm_platform/events-and-notes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from crm_clients.amocrm.notes import LEADS, THEIRS, Notes, name_of
from crm_clients.amocrm.oauth import Config
from crm_clients.amocrm.rest import Rest, all_of, number, only_of
from crm_clients.amocrm.told_by_notes import reply_in
from crm_clients.amocrm.wire import LeadOfNote, Note, NotesRead, PolledNote
from mappers.vocabulary import OpenedConversation, Parcel, Permanent, Polled, ProviderError

FORM, HISTORY_FORM = "note", "notes"
OFTEN, NOW_AND_THEN = timedelta(seconds=5), timedelta(seconds=60)
OVERLAP_S = 60
PAGE, MOST_PAGES = 250, 20
KINDS: tuple[Literal["contacts"], Literal["leads"]] = ("contacts", "leads")


class Place(BaseModel):
    """How far one kind of card has been read: `since` in Unix seconds, and what changed about
    then and is known.
    """

    since: int
    known: list[str] = []


class Cursor(BaseModel):
    contacts: Place
    leads: Place


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed on one kind of card. `is_all`: nothing more is to be had now."""

    notes: tuple[Note, ...]
    is_all: bool


async def poll(rest: Rest, config: Config, cursor: str) -> Polled:
    """Bring the replies since then. Where hooks are set, this only catches what they lost."""
    at = read_cursor(cursor, rest.http.now())
    parcels: list[Parcel] = []
    is_all = True
    for kind in KINDS:
        place: Place = getattr(at, kind)
        changed = await _changed(rest, kind, place)
        replies = [
            note
            for note in changed.notes
            if stamp_of(note) not in place.known
            and reply_in(note.text, note.created_by, config.reply_prefix)
        ]
        parcels += [parcel_of(await _whose(rest, kind, note)) for note in replies]
        setattr(at, kind, moved(place, changed))
        is_all = is_all and changed.is_all
    is_told = bool(config.hook_address.get_secret_value())
    pause = NOW_AND_THEN if is_told else OFTEN
    return Polled(
        parcels=tuple(sorted(parcels, key=_said_at)),
        cursor=at.model_dump_json(),
        again_after=pause if is_all else timedelta(),
    )


async def history(
    notes: Notes, config: Config, conversation: OpenedConversation, since: datetime
) -> Parcel:
    """Bring the answers on one customer's cards since then, oldest first.

    Raises: `ProviderError`, also when the contact is gone: then nobody knows whose cards to read.
    """
    if await notes.cards.get_record(conversation.user) is None:
        raise ProviderError(Permanent(code="amocrm.no_such_record", gone="record"))
    found = [
        _polled(each.kind, each.note, int(conversation.user))
        async for each in notes.written((THEIRS,), conversation.user, "", since)
        if each.note.created_at >= int(since.timestamp())
        and reply_in(each.note.text, each.note.created_by, config.reply_prefix)
    ]
    told = sorted(found, key=lambda note: (note.created_at, note.id))
    page = NotesRead(conversation=conversation.id, notes=told)
    ends = ":".join(name_of(note.kind, note.id) for note in (*told[:1], *told[-1:]))
    key = f"notes:{conversation.id}:{round(since.timestamp() * 1000)}:{len(told)}:{ends}"
    return Parcel(key=key, body=page.model_dump_json().encode(), form=HISTORY_FORM)


def read_cursor(cursor: str, now: datetime) -> Cursor:
    """Read where to go on; what nobody understands any more begins now."""
    try:
        return Cursor.model_validate_json(cursor)
    except ValidationError:
        begin = Place(since=int(now.timestamp()))
        return Cursor(contacts=begin, leads=begin.model_copy())


def moved(place: Place, changed: Changed) -> Place:
    """Where to go on after these notes.

    A crowd that filled every page is not asked for again, lest nothing else ever be.
    """
    newest = max([place.since, *(note.updated_at for note in changed.notes)])
    if not changed.is_all:
        return Place(since=newest + OVERLAP_S)
    floor = newest - OVERLAP_S
    return Place(
        since=newest,
        known=[stamp_of(note) for note in changed.notes if note.updated_at >= floor],
    )


def stamp_of(note: Note) -> str:
    """Name one state of a note: a change makes it news again."""
    return f"{note.id}@{note.updated_at}"


def parcel_of(note: PolledNote) -> Parcel:
    said_at = datetime.fromtimestamp(note.created_at, UTC)
    key = f"note:{name_of(note.kind, note.id)}:{note.contact or ''}"
    return Parcel(key=key, body=note.model_dump_json().encode(), form=FORM, said_at=said_at)


def _said_at(parcel: Parcel) -> datetime:
    return parcel.said_at or datetime.max.replace(tzinfo=UTC)


async def _changed(rest: Rest, kind: str, place: Place) -> Changed:
    window: dict[str, Any] = {
        "filter[note_type][]": THEIRS,
        "filter[updated_at][from]": place.since - OVERLAP_S,
        "order[updated_at]": "asc",
        "limit": PAGE,
    }
    found: list[Note] = []
    for page in range(1, MOST_PAGES + 1):
        reply = await rest.get(f"{kind}/notes", "notes.poll", {**window, "page": page})
        found += all_of(Note, reply, "notes")
        if reply.at("_links", "next") is None:
            return Changed(tuple(found), is_all=True)
    return Changed(tuple(found), is_all=False)


async def _whose(rest: Rest, kind: Literal["contacts", "leads"], note: Note) -> PolledNote:
    """Say whose card a note lies on: of a deal, its main contact's."""
    contact: int | None = note.entity_id
    if kind == LEADS:
        contact = await _main_contact(rest, note.entity_id)
    return _polled(kind, note, contact)


def _polled(kind: str, note: Note, contact: int | None) -> PolledNote:
    told = note.model_dump(include={"id", "entity_id", "created_by", "created_at", "text"})
    return PolledNote.model_validate({**told, "kind": kind, "contact": contact})


async def _main_contact(rest: Rest, lead: int) -> int | None:
    path = f"leads/{number(str(lead), 'deal')}"
    try:
        reply = await rest.get(path, "leads.get", {"with": "contacts"})
    except ProviderError as error:
        if isinstance(error.failure, Permanent):
            return None
        raise
    if reply.status == 204:
        return None
    contacts = only_of(LeadOfNote, reply.value()).contacts
    main = [each.id for each in contacts if each.is_main] or [each.id for each in contacts]
    return main[0] if main else None
