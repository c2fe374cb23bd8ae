"""Messages on cards: how one is written there, found again, and changed.

An application writes activities of a type of its own: each keeps where it came from, a pair that
can be searched exactly, so a lost answer is found by it. Through a webhook a portal takes comments
alone, which keep nothing of the kind: ours end in a small mark, and are looked for by card.

A message lies on the person's open deal, where people work, and on the contact as well.

Source: apidocs.bitrix24.com/api-reference/crm/timeline/{activities, comments, bindings}.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from crm_clients.bitrix24 import bbcode
from crm_clients.bitrix24.cards import OURS, Cards
from crm_clients.bitrix24.comments import CONTACT, DEAL, Card, Comments, cards_of, name_of
from crm_clients.bitrix24.rest import WITHOUT_COUNTING, Rest, all_of, created_id, number, only_of
from crm_clients.bitrix24.wire_timeline import Activity, Comment
from crm_clients.on_cards import mark_of, quote_of, title_of, unmarked
from mappers.vocabulary import (
    Ambiguous,
    Direction,
    Entry,
    Gone,
    Permanent,
    ProviderError,
)

TYPES = {CONTACT: 3, DEAL: 2}
MESSAGE_TYPE = "THREADLINE_MESSAGE"
BBCODE = 2
DIRECTIONS = {Direction.INBOUND: 1, Direction.OUTBOUND: 2}
ACTIVITY = "activity/"
ABSENT = "could not find"
TAIL_BEGINS = "[size=8][color=#bbbbbb]"


class Entries(Protocol):
    """Where the messages of one portal go."""

    async def put(self, entry: Entry) -> str:
        """Write a message; return our name of what holds it. Raises: `ProviderError`."""
        ...

    async def find(self, entry: Entry, since: datetime) -> str | None:
        """Return the name of what an earlier, possibly lost, `put` wrote."""
        ...

    async def rewrite(self, entry: Entry) -> None:
        """Let what holds the message say what the entry says now."""
        ...


@dataclass(frozen=True, slots=True)
class Activities:
    """Messages as activities of our application."""

    rest: Rest = field(repr=False)

    async def put(self, entry: Entry) -> str:
        kind, card, gone = place_of(entry.record, entry.deal)
        moment = entry.message.sent_at.isoformat(timespec="seconds")
        made = await add_activity(
            self.rest,
            {
                "OWNER_TYPE_ID": TYPES[kind],
                "OWNER_ID": card,
                "PROVIDER_ID": "REST_APP",
                "PROVIDER_TYPE_ID": MESSAGE_TYPE,
                "SUBJECT": title_of(entry, self.rest.http.now()),
                "DESCRIPTION": await text_of(self.rest, entry),
                "DESCRIPTION_TYPE": BBCODE,
                "DIRECTION": DIRECTIONS[entry.message.direction],
                "START_TIME": moment,
                "END_TIME": moment,
                "COMPLETED": "Y",
                **origin_of(entry.key),
            },
            gone,
        )
        await certainly(self._show_on_contact(made, entry))
        return f"{ACTIVITY}{made}"

    async def find(self, entry: Entry, since: datetime) -> str | None:  # noqa: ARG002  # exact without it
        found = await find_activity(self.rest, entry.key)
        if found is None:
            return None
        await self._show_on_contact(found.id, entry)
        return f"{ACTIVITY}{found.id}"

    async def rewrite(self, entry: Entry) -> None:
        found = await find_activity(self.rest, entry.key)
        if found is None:
            raise ProviderError(Permanent(code="bitrix24.no_such_activity", gone="message"))
        fields = {"DESCRIPTION": await text_of(self.rest, entry), "DESCRIPTION_TYPE": BBCODE}
        asked = {"id": number(found.id, "message"), "fields": fields}
        await self.rest.ask("crm.activity.update", asked, gone="message")

    async def _show_on_contact(self, activity: str, entry: Entry) -> None:
        """Hang what lies on a deal on its contact, too. One that is gone shows nothing."""
        if not entry.deal:
            return
        there = {"entityTypeId": TYPES[CONTACT], "entityId": number(entry.record, "record")}
        hung = {"activityId": number(activity, "message"), **there}
        await unless_gone(self.rest.ask("crm.activity.binding.add", hung))


@dataclass(frozen=True, slots=True)
class Remarks:
    """Messages as comments in the name of whoever made the webhook."""

    rest: Rest = field(repr=False)
    cards: Cards
    comments: Comments

    async def put(self, entry: Entry) -> str:
        kind, card, _ = place_of(entry.record, entry.deal)
        title = bbcode.escape(title_of(entry, self.rest.http.now()))
        said = _remark(f"[b]{title}[/b]", await text_of(self.rest, entry), tail_of(entry.key))
        made = created_id(await self.comments.add(Card(kind, str(card)), said))
        await certainly(self._show_on_contact(made, entry))
        return name_of(made)

    async def find(self, entry: Entry, since: datetime) -> str | None:
        found = await self._written(entry, since)
        if found is None:
            return None
        await self._show_on_contact(found.id, entry)
        return name_of(found.id)

    async def rewrite(self, entry: Entry) -> None:
        """Under the title that it has."""
        found = await self._written(entry, entry.message.sent_at)
        if found is None:
            raise ProviderError(Permanent(code="bitrix24.no_such_comment", gone="message"))
        title = found.text.partition("\n")[0]
        said = _remark(title, await text_of(self.rest, entry), tail_of(entry.key))
        await self.comments.change(found.id, said)

    async def _written(self, entry: Entry, since: datetime) -> Comment | None:
        tail = tail_of(entry.key)
        places = await cards_of(self.cards, entry.record, entry.deal)
        there = await self.comments.since(places, since)
        return next((each for each in there if each.text.endswith(tail)), None)

    async def _show_on_contact(self, comment: str, entry: Entry) -> None:
        if not entry.deal:
            return
        there = {"ENTITY_TYPE": CONTACT, "ENTITY_ID": number(entry.record, "record")}
        hung = {"fields": {"OWNER_ID": number(comment, "message"), **there}}
        await unless_gone(self.rest.ask("crm.timeline.bindings.bind", hung))


def place_of(record: str, deal: str) -> tuple[str, int, Gone]:
    """Choose the card that people look at, and what is gone when it is."""
    if deal:
        return DEAL, number(deal, "deal"), "deal"
    return CONTACT, number(record, "record"), "record"


def origin_of(key: str) -> dict[str, str]:
    return {"ORIGINATOR_ID": OURS, "ORIGIN_ID": key}


async def add_activity(rest: Rest, fields: dict[str, Any], gone: Gone) -> str:
    """Add an activity; return its id. A card that is gone is told of in English words."""
    try:
        return created_id(await rest.make("crm.activity.add", {"fields": fields}, gone=gone))
    except ProviderError as refused:
        failure = refused.failure
        if isinstance(failure, Permanent) and failure.detail.lower().startswith(ABSENT):
            lost = replace(failure, code="bitrix24.not_found", gone=gone)
            raise ProviderError(lost) from refused
        raise


async def find_activity(rest: Rest, key: str) -> Activity | None:
    wanted = {f"={name}": value for name, value in origin_of(key).items()}
    asked = {
        "filter": wanted,
        "select": ["ID"],
        "order": {"ID": "ASC"},
        "start": WITHOUT_COUNTING,
    }
    found = all_of(Activity, await rest.ask("crm.activity.list", asked))
    return found[0] if found else None


async def certainly(step: Awaitable[None]) -> None:
    """Do what belongs to what is written already: a failure here leaves the whole in doubt."""
    try:
        await step
    except ProviderError as error:
        raise ProviderError(Ambiguous(code="bitrix24.half_written")) from error


async def unless_gone(step: Awaitable[Any]) -> None:
    try:
        await step
    except ProviderError as refused:
        if not isinstance(refused.failure, Permanent):
            raise


async def text_of(rest: Rest, entry: Entry) -> str:
    """Say what a message says, as words that are no markup; a file is a link to where it lies."""
    quote = quote_of(await _quoted(rest, entry))
    lines = [bbcode.escape(words) for words in (quote, entry.text) if words]
    if entry.file is not None:
        lines.append(f"[url={entry.file.url}]{bbcode.escape(entry.file.name)}[/url]")
    return "\n".join(lines)


async def _quoted(rest: Rest, entry: Entry) -> str:
    said = entry.message.quote.text if entry.message.quote is not None else ""
    if said or not entry.quoted:
        return said
    try:
        return bbcode.read(await _said_in(rest, entry.quoted)).text
    except ProviderError as error:
        if isinstance(error.failure, Permanent):
            return ""
        raise


async def _said_in(rest: Rest, name: str) -> str:
    if not name.startswith(ACTIVITY):
        comment = await Comments(rest).get(name)
        return "" if comment is None else words_in(comment.text)
    asked = {"id": number(name.removeprefix(ACTIVITY), "message")}
    return only_of(Activity, await rest.ask("crm.activity.get", asked)).text


def words_in(text: str) -> str:
    """What was said in a comment: ours between its title and its mark, anybody else's as it is."""
    lines = text.split("\n")
    if len(lines) > 2 and lines[-1].startswith(TAIL_BEGINS):
        return "\n".join(lines[1:-1])
    return unmarked(text)


def tail_of(key: str) -> str:
    return f"{TAIL_BEGINS}{mark_of(key)}[/color][/size]"


def _remark(title: str, words: str, tail: str) -> str:
    return f"{title}\n{words}\n{tail}"
