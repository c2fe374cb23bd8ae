"""Notes on cards: how a message is written, found again, changed and marked where chats are not.

amoCRM keeps no key of a note's maker, so ours stands in the title, shortened: there it disturbs
least, and a lost answer is found by it. A message lies on the person's open deal, where amoCRM
puts calls and chats of its own, and without one on the contact. Notes of people are `common`;
ours are another type, in the name of nobody, so that neither is ever taken for the other.

Source: amocrm.ru/developers/content/crm_platform/events-and-notes.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_clients.amocrm.cards import Cards
from crm_clients.amocrm.rest import Rest, all_of, created_id, number, only_of
from crm_clients.amocrm.wire import Note
from crm_clients.on_cards import mark_of, quote_of, title_of, unmarked, with_mark
from mappers.vocabulary import Entry, Gone, Permanent, ProviderError, StatusReport

OURS, THEIRS = "extended_service_message", "common"
NOBODY = 0  # shown as the system itself
CONTACTS, LEADS = "contacts", "leads"
PAGE, MOST_PAGES = 250, 40
# Whose clock stamps what is not said: a window that is read back begins this much earlier.
SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Found:
    """A note and the kind of card that it lies on."""

    kind: str
    note: Note = field(repr=False)

    @property
    def name(self) -> str:
        return name_of(self.kind, self.note.id)


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of one account."""

    rest: Rest
    cards: Cards

    async def write(self, entry: Entry) -> str:
        """Put a message on its card; return the name of the note."""
        kind, card, gone = card_of(entry.record, entry.deal)
        note = {
            "entity_id": card,
            "note_type": OURS,
            "params": {
                "service": f"{title_of(entry, self.rest.http.now())} · {mark_of(entry.key)}",
                "text": await self._text(entry),
            },
            "created_by": NOBODY,
            "created_at": round(entry.message.sent_at.timestamp()),
        }
        reply = await self.rest.post(f"{kind}/notes", "notes.create", [note], gone=gone)
        return name_of(kind, int(created_id(reply, "notes")))

    async def find(self, entry: Entry, since: datetime) -> Found | None:
        """Look for our key on every card where the message may lie."""
        mark = mark_of(entry.key)
        async for found in self.written((OURS,), entry.record, entry.deal, since):
            if found.note.service.endswith(mark):
                return found
        return None

    async def rewrite(self, entry: Entry) -> None:
        """Let the note say what the entry says now, under the title that it has."""
        found = await self.find(entry, entry.message.sent_at)
        if found is None:
            raise ProviderError(Permanent(code="amocrm.no_such_note", gone="message"))
        params = {"service": found.note.service, "text": await self._text(entry)}
        await self._change(found.name, OURS, params)

    async def mark(self, report: StatusReport) -> None:
        """Say on an operator's own note what became of it, in place of what was said before."""
        note = await self.get(report.reply)
        if note is None:
            raise ProviderError(Permanent(code="amocrm.no_such_note", gone="message"))
        text = with_mark(note.text, report)
        if text != note.text:
            await self._change(report.reply, THEIRS, {"text": text})

    async def get(self, name: str) -> Note | None:
        kind, _, note = name.partition("/")
        if kind not in (CONTACTS, LEADS):
            raise ProviderError(Permanent(code="amocrm.not_an_id", gone="message"))
        path = f"{kind}/notes/{number(note, 'message')}"
        reply = await self.rest.get(path, "notes.get", gone="message")
        return None if reply.status == 204 else only_of(Note, reply.value())

    async def _change(self, name: str, kind: str, params: dict[str, str]) -> None:
        note_kind, _, note = name.partition("/")
        body = {"note_type": kind, "params": params}
        await self.rest.patch(f"{note_kind}/notes/{note}", "notes.change", body, gone="message")

    async def _text(self, entry: Entry) -> str:
        quote = await self._quote(entry)
        file = entry.file
        link = f"{file.name}: {file.url}" if file is not None else ""
        return "\n".join(line for line in (quote, entry.text, link) if line)

    async def _quote(self, entry: Entry) -> str:
        """What is answered, in words: a note cannot point at another one."""
        said = entry.message.quote.text if entry.message.quote is not None else ""
        if not said and entry.quoted:
            said = await self._said_in(entry.quoted)
        return quote_of(said)

    async def _said_in(self, name: str) -> str:
        try:
            note = await self.get(name)
        except ProviderError as error:
            if isinstance(error.failure, Permanent):
                return ""
            raise
        return "" if note is None else unmarked(note.text)

    async def written(
        self, types: Sequence[str], record: str, deal: str, since: datetime
    ) -> AsyncIterator[Found]:
        """List notes of some types about a person since then; everybody's, if nobody is named.

        A deal may have been closed since, and the contact merged away: then it is everybody's, too.
        """
        known = await self.cards.get_record(record) if record else None
        places: dict[str, list[str]] = {CONTACTS: [], LEADS: []}
        if known is not None:
            deals = sorted({*known.deals, deal} - {""})
            places = {CONTACTS: [known.id], **({LEADS: deals} if deals else {})}
        for kind, cards in places.items():
            window: dict[str, Any] = {
                "filter[note_type][]": list(types),
                "filter[updated_at][from]": round((since - SLACK).timestamp()),
                "order[id]": "desc",
                "limit": PAGE,
                **({"filter[entity_id][]": cards} if cards else {}),
            }
            async for note in self._list(kind, window):
                yield Found(kind, note)

    async def _list(self, kind: str, window: dict[str, Any]) -> AsyncIterator[Note]:
        for page in range(1, MOST_PAGES + 1):
            reply = await self.rest.get(f"{kind}/notes", "notes.find", {**window, "page": page})
            for note in all_of(Note, reply, "notes"):
                yield note
            if reply.at("_links", "next") is None:
                return
        raise ProviderError(Permanent(code="amocrm.too_many_notes"))


def name_of(kind: str, note: int) -> str:
    """Name a note so that it can be found again: its id, and on which kind of card it lies."""
    return f"{kind}/{note}"


def card_of(record: str, deal: str) -> tuple[str, int, Gone]:
    """Choose the card that people look at, and what is gone when it is."""
    if deal:
        return LEADS, number(deal, "deal"), "deal"
    return CONTACTS, number(record, "record"), "record"
