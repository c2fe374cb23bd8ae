"""Things on the timelines of cards: how one is made, found again by our key, and read.

A thing is made together with its associations, in one call, so none is ever an orphan. Where the
portal lets us keep our key in a property that it holds unique, making one may be repeated: the
second is refused for the first one's sake, and the first is read by its key from where it is
stored. Elsewhere our key stands in the words, shortened, and things are looked through on the cards
where they may lie: by associations, since the index of the search lags behind.

Source: developers.hubspot.com/docs/api-reference/crm-{notes, communications, calls, emails,
tasks}-v3/guide, …/crm-associations-v4/guide.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_clients.hubspot.contacts import Contacts
from crm_clients.hubspot.markers import MARKER
from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.objects import CONTACTS, MOST_READ, PAGE, Objects, tie
from crm_clients.hubspot.rest import Rest, after, all_of, checked_id, only_of
from crm_clients.hubspot.versions import OBJECTS, path
from crm_clients.hubspot.wire import Associated, CrmObject
from crm_clients.on_cards import mark_of
from mappers.vocabulary import Gone, Permanent, ProviderError

WHEN, MADE, CHANGED = "hs_timestamp", "hs_createdate", "hs_lastmodifieddate"
OWNER, FILES = "hubspot_owner_id", "hs_attachment_ids"
SOURCE, SOURCE_ID = "hs_object_source", "hs_object_source_id"
SOURCE_USER = "hs_object_source_user_id"
MOST_PAGES = 20
# The portal's clock stamps things and ours the moments that we ask for.
SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing. `words` is the property that holds what it says; `more` are read besides."""

    name: str
    words: str
    more: tuple[str, ...] = ()

    @property
    def properties(self) -> tuple[str, ...]:
        return (self.words, WHEN, MADE, *self.more)


NOTES = Kind("notes", "hs_note_body", (CHANGED, FILES, OWNER, SOURCE, SOURCE_ID, SOURCE_USER))
COMMUNICATIONS = Kind("communications", "hs_communication_body", (FILES,))
CALLS = Kind("calls", "hs_call_body")
EMAILS = Kind("emails", "hs_email_text")
TASKS = Kind("tasks", "hs_task_body")


@dataclass(frozen=True, slots=True)
class About:
    """Whose cards a thing lies on: a contact's and, where there is one, their deal's."""

    record: str
    deal: str = ""

    def cards(self, config: Config) -> tuple[tuple[str, str], ...]:
        """Name the cards by kind and id. Raises: `ProviderError` for what is no id."""
        contact = (CONTACTS, checked_id(self.record, "record"))
        if not self.deal:
            return (contact,)
        return (contact, (config.case, checked_id(self.deal, "deal")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A thing to be made. `key` is ours, stable over every attempt."""

    key: str
    about: About
    properties: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The things of one portal."""

    rest: Rest = field(repr=False)

    @property
    def config(self) -> Config:
        return self.rest.config

    def is_marked(self, kind: Kind) -> bool:
        return kind.name in self.config.marked

    async def make(self, kind: Kind, draft: Draft) -> str:
        """Put a thing on its cards; return its id. Raises: `ProviderError`, naming what is gone."""
        is_marked = self.is_marked(kind)
        body = self.asked(kind, draft)
        try:
            reply = await self.rest.post(
                path(OBJECTS, kind.name), f"{kind.name}.create", body, repeatable=is_marked
            )
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent):
                raise
            there = await self.of_key(kind, draft.key) if is_marked else None
            if there is not None:
                return there.id
            raise ProviderError(await self.why(refused.failure, draft.about)) from refused
        return only_of(CrmObject, reply.value(), repeatable=is_marked).id

    def asked(self, kind: Kind, draft: Draft) -> dict[str, Any]:
        """Spell a thing as a call that makes it."""
        marker = {MARKER: draft.key} if self.is_marked(kind) else {}
        cards = draft.about.cards(self.config)
        return {
            "properties": {**draft.properties, **marker},
            "associations": [tie(kind.name, where, card) for where, card in cards],
        }

    async def find(self, kind: Kind, key: str, about: About, since: datetime) -> CrmObject | None:
        """Return what an earlier, possibly lost, `make` under this key put there."""
        if self.is_marked(kind):
            return await self.of_key(kind, key)
        tail = mark_of(key)
        async for each in self.written(kind, await self._live(about), since):
            if tail in each.of(kind.words):
                return each
        return None

    async def _live(self, about: About) -> tuple[tuple[str, str], ...]:
        """Name the cards as they are now: what lay on a contact lies where it was merged into."""
        (contact, record), *deals = about.cards(self.config)
        found = await Objects(self.rest, contact).get(record, (MADE,))
        there = found.id if found else await Contacts(self.rest).find_survivor(record)
        return ((contact, there or record), *deals)

    async def of_key(self, kind: Kind, key: str) -> CrmObject | None:
        return await self.of(kind).get(key, kind.properties, by=MARKER)

    async def get(self, kind: Kind, thing: str) -> CrmObject | None:
        return await self.of(kind).get(checked_id(thing, "message"), kind.properties)

    async def change(self, kind: Kind, thing: str, properties: Mapping[str, str]) -> None:
        await self.of(kind).change(checked_id(thing, "message"), properties, "message")

    def of(self, kind: Kind) -> Objects:
        return Objects(self.rest, kind.name)

    async def written(
        self, kind: Kind, cards: Iterable[tuple[str, str]], since: datetime
    ) -> AsyncIterator[CrmObject]:
        """List things of a kind on these cards that were made since then, the newest first."""
        floor = since - SLACK
        ids: set[str] = set()
        for where, card in cards:
            ids |= set(await self.on_card(where, card, kind.name))
        newest_first = sorted(ids, key=int, reverse=True)
        for start in range(0, len(newest_first), MOST_READ):
            found = await self.of(kind).read(
                newest_first[start : start + MOST_READ], kind.properties
            )
            fresh = [each for each in found if is_since(each, floor)]
            for each in sorted(fresh, key=lambda thing: int(thing.id), reverse=True):
                yield each
            if not fresh:
                return

    async def on_card(self, where: str, card: str, kind: str) -> tuple[str, ...]:
        """Return the ids of what a card is associated with; nothing when it is gone."""
        found: list[str] = []
        page: dict[str, Any] = {"limit": PAGE}
        for _ in range(MOST_PAGES):
            address = path(OBJECTS, where, card, "associations", kind)
            reply = await self.rest.keeping(404).get(address, f"{where}.associations", page)
            if reply.status == 404:
                return ()
            found += [each.id for each in all_of(Associated, reply) if each.id.isdigit()]
            if not (more := after(reply)):
                return tuple(dict.fromkeys(found))
            page = {"limit": PAGE, "after": more}
        raise ProviderError(Permanent(code="hubspot.too_much_on_a_card"))

    async def why(self, refused: Permanent, about: About) -> Permanent:
        """A refusal does not reliably say which card is gone: both are asked for."""
        if refused.gone == "responsible":
            return refused
        if about.deal and not await self.is_there(self.config.case, about.deal):
            return replace(refused, code="hubspot.no_such_deal", gone="deal")
        if not await self.is_there(CONTACTS, about.record):
            return replace(refused, code="hubspot.no_such_record", gone="record")
        return replace(refused, gone="")

    async def is_there(self, where: str, card: str) -> bool:
        """A contact that was merged away may answer as the one that it lives on in."""
        gone: Gone = "record" if where == CONTACTS else "deal"
        found = await Objects(self.rest, where).get(checked_id(card, gone), (MADE,))
        return found is not None and found.id == card and not found.is_archived


def stamp(moment: datetime) -> str:
    """Spell a moment to the millisecond, which is what HubSpot keeps."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_in(told: str) -> datetime | None:
    """Read a moment: ISO 8601, or milliseconds."""
    try:
        if told.isascii() and told.isdigit():
            return datetime.fromtimestamp(int(told[:15]) / 1000, UTC)
        moment = datetime.fromisoformat(told)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.astimezone(UTC) if moment.utcoffset() is not None else None


def made_at(thing: CrmObject) -> datetime | None:
    return moment_in(thing.of(MADE) or thing.created)


def is_since(thing: CrmObject, floor: datetime) -> bool:
    """One that does not say when it was made may be new."""
    moment = made_at(thing)
    return moment is None or moment >= floor
