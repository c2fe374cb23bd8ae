"""Messages on cards: how one is written there, found again, changed, and marked.

A message is a note or, where the account is set so, a communication, on the contact and on their
open deal. HubSpot keeps the time that we give, so a title need not say it.

Source: developers.hubspot.com/docs/api-reference/{crm-notes-v3, crm-communications-v3}/guide.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_clients.hubspot import files
from crm_clients.hubspot.bodies import body_of, link, with_mark, words_in
from crm_clients.hubspot.markers import MARKER
from crm_clients.hubspot.rest import Rest
from crm_clients.hubspot.richtext import escape
from crm_clients.hubspot.timeline import (
    COMMUNICATIONS,
    FILES,
    NOTES,
    WHEN,
    About,
    Draft,
    Kind,
    Timeline,
    stamp,
)
from crm_clients.hubspot.versions import OBJECTS, path
from crm_clients.hubspot.wire import CrmObject
from crm_clients.on_cards import quote_of, title_of
from mappers.vocabulary import Entry, Permanent, ProviderError, Receipt, StatusReport

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (NOTES, COMMUNICATIONS)}


@dataclass(frozen=True, slots=True)
class Engagements:
    rest: Rest = field(repr=False)

    @property
    def timeline(self) -> Timeline:
        return Timeline(self.rest)

    @property
    def kind(self) -> Kind:
        return KINDS[self.rest.config.entry_object]

    async def write(self, entry: Entry) -> Receipt:
        return self.receipt(await self.timeline.make(self.kind, await self.draft(entry)))

    async def draft(self, entry: Entry) -> Draft:
        """Describe a message; its file is kept in the portal first, where that is allowed."""
        kept = await self._kept(entry)
        return Draft(
            key=entry.key,
            about=About(entry.record, entry.deal),
            properties={
                self.kind.words: await self._body(entry, is_kept=bool(kept)),
                WHEN: stamp(entry.message.sent_at),
                **self._called(),
                **({FILES: kept} if kept else {}),
            },
        )

    async def find(self, entry: Entry, since: datetime) -> Receipt | None:
        found = await self._found(entry, since)
        return self.receipt(found.id) if found is not None else None

    async def rewrite(self, entry: Entry) -> None:
        """Let what holds the message say what the entry says now. Its file stays as it is."""
        if entry.file is None and self.timeline.is_marked(self.kind):
            changed = {self.kind.words: await self._body(entry, is_kept=False)}
            await self._change_by_key(entry.key, changed)
            return
        found = await self._found(entry, entry.message.sent_at)
        if found is None:
            raise ProviderError(Permanent(code="hubspot.no_such_note", gone="message"))
        changed = {self.kind.words: await self._body(entry, is_kept=bool(found.of(FILES)))}
        await self.timeline.change(self.kind, found.id, changed)

    async def mark(self, report: StatusReport) -> None:
        """Say under an operator's own note what became of it, in place of what was said before."""
        kind, note = await self._named(report.reply)
        if note is None:
            raise ProviderError(Permanent(code="hubspot.no_such_note", gone="message"))
        body = note.of(kind.words)
        changed = with_mark(body, report)
        if changed != body:
            await self.timeline.change(kind, note.id, {kind.words: changed})

    def receipt(self, thing: str) -> Receipt:
        return Receipt(provider_ids=(name_of(self.kind, thing),))

    async def _found(self, entry: Entry, since: datetime) -> CrmObject | None:
        about = About(entry.record, entry.deal)
        return await self.timeline.find(self.kind, entry.key, about, since)

    async def _change_by_key(self, key: str, properties: Mapping[str, Any]) -> None:
        await self.rest.patch(
            path(OBJECTS, self.kind.name, key),
            f"{self.kind.name}.change",
            {"properties": properties},
            params={"idProperty": MARKER},
            gone="message",
        )

    async def _kept(self, entry: Entry) -> str:
        """Only notes are known to show files."""
        if entry.file is None or self.kind is not NOTES:
            return ""
        return await files.keep(self.rest, entry.file, entry.key)

    def _called(self) -> Mapping[str, str]:
        if self.kind is NOTES:
            return {}
        channel = self.rest.config.communication_type
        return {"hs_communication_channel_type": channel, "hs_communication_logged_from": "CRM"}

    async def _body(self, entry: Entry, *, is_kept: bool) -> str:
        is_marked = self.timeline.is_marked(self.kind)
        lines = [line async for line in self._lines(entry, is_kept=is_kept)]
        title = title_of(entry, entry.message.sent_at)
        return body_of(title, lines, "" if is_marked else entry.key)

    async def _lines(self, entry: Entry, *, is_kept: bool) -> AsyncIterator[str]:
        said = entry.message.quote.text if entry.message.quote is not None else ""
        quote = quote_of(said or await self._quoted(entry.quoted))
        for words in (quote, entry.text):
            if words:
                yield escape(words)
        if entry.file is not None and not is_kept:
            yield link(entry.file.url, entry.file.name)

    async def _quoted(self, name: str) -> str:
        """What is answered, in words: a note cannot point at another one."""
        if not name:
            return ""
        try:
            kind, thing = await self._named(name)
        except ProviderError as error:
            if isinstance(error.failure, Permanent):
                return ""
            raise
        return words_in(thing.of(kind.words)) if thing is not None else ""

    async def _named(self, name: str) -> tuple[Kind, CrmObject | None]:
        """Read what one of our names means. Raises: `ProviderError` for one that was never ours."""
        kind, _, thing = name.partition("/")
        if kind not in KINDS:
            raise ProviderError(Permanent(code="hubspot.not_an_id", gone="message"))
        return KINDS[kind], await self.timeline.get(KINDS[kind], thing)


def name_of(kind: Kind, thing: str) -> str:
    """Name a thing so that it can be found again: its kind, and its id."""
    return f"{kind.name}/{thing}"
