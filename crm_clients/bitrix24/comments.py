"""Comments on cards: read, found by card, and marked with what became of an answer.

Comments can be asked for by card alone, so whoever looks for one looks through the cards where it
may lie, the newest comments first, back to a moment before which it was not written.

Source: apidocs.bitrix24.com/api-reference/crm/timeline/comments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_clients.bitrix24.batch import Command
from crm_clients.bitrix24.cards import Cards
from crm_clients.bitrix24.questions import ask_each
from crm_clients.bitrix24.rest import PAGE, Rest, all_of, number, only_of
from crm_clients.bitrix24.wire_timeline import Comment
from crm_clients.on_cards import with_mark
from mappers.vocabulary import (
    Blocked,
    Gone,
    Permanent,
    ProviderError,
    Status,
    StatusReport,
)

CONTACT, DEAL = "contact", "deal"
MOST_PAGES = 40
# The portal's clock stamps comments and ours the moments that we ask for.
SLACK = timedelta(minutes=5)
NAMED = "comment/"


@dataclass(frozen=True, slots=True)
class Card:
    """A card that people comment on. `kind` is the portal's word."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Comments:
    """The comments of one portal."""

    rest: Rest = field(repr=False)

    async def get(self, name: str) -> Comment | None:
        """Read a comment by our name of it; None when it was deleted."""
        asked = {"id": id_in(name)}
        (found,) = await ask_each(self.rest, [Command("crm.timeline.comment.get", asked)])
        return None if found is None else only_of(Comment, found)

    async def mark(self, report: StatusReport) -> None:
        """Say on an operator's own comment what became of it, in place of what was said before.

        Where a comment is its author's alone, only what failed is said, below it.
        """
        comment = await self.get(report.reply)
        if comment is None:
            raise ProviderError(Permanent(code="bitrix24.no_such_comment", gone="message"))
        text = with_mark(comment.text, report)
        if text == comment.text:
            return
        try:
            await self.change(comment.id, text)
        except ProviderError as refused:
            if not isinstance(refused.failure, Blocked):
                raise
            if report.status is Status.FAILED:
                await self._say_below(comment, text.rpartition("\n")[2], report.reply)

    async def change(self, comment: str, text: str) -> None:
        asked = {"id": number(comment, "message"), "fields": {"COMMENT": text}}
        await self.rest.ask("crm.timeline.comment.update", asked, gone="message")

    async def add(self, card: Card, text: str) -> Any:
        said = {"ENTITY_TYPE": card.kind, "ENTITY_ID": number(card.id, "record"), "COMMENT": text}
        gone: Gone = "deal" if card.kind == DEAL else "record"
        return await self.rest.make("crm.timeline.comment.add", {"fields": said}, gone=gone)

    async def _say_below(self, answer: Comment, words: str, name: str) -> None:
        """Answer an answer, once: what was said is known by the name in it."""
        card = Card(answer.kind, answer.card)
        said = f"{words} [{name}]"
        since = moment_of(answer) or self.rest.http.now()
        if not any(each.text == said for each in await self.since([card], since)):
            await self.add(card, said)

    async def since(self, cards: Sequence[Card], since: datetime) -> tuple[Comment, ...]:
        """Return what was written on these cards since then, each comment once, the oldest first.

        A card that is gone has none.
        """
        floor = since - SLACK
        first = await ask_each(self.rest, [_question(card, 0) for card in cards])
        found: dict[str, Comment] = {}
        for card, rows in zip(cards, first, strict=True):
            page = () if rows is None else all_of(Comment, rows)
            for start in range(PAGE, PAGE * MOST_PAGES, PAGE):
                found |= {each.id: each for each in page if is_since(each, floor)}
                if len(page) < PAGE or not is_since(page[-1], floor):
                    break
                more = _question(card, start)
                page = all_of(Comment, await self.rest.ask(more.method, more.params))
        return tuple(sorted(found.values(), key=lambda each: int(each.id)))


async def cards_of(cards: Cards, record: str, deal: str = "") -> list[Card]:
    """Name the cards of one customer: their contact and its deals."""
    deals = sorted({*(each.id for each in await cards.find_deals(record)), deal} - {""})
    return [Card(CONTACT, record), *(Card(DEAL, each) for each in deals)]


def name_of(comment: str) -> str:
    return f"{NAMED}{comment}"


def id_in(name: str) -> int:
    """Raises: `ProviderError` for a name that no comment ever had."""
    return number(name.removeprefix(NAMED) if name.startswith(NAMED) else "", "message")


def moment_of(comment: Comment) -> datetime | None:
    try:
        moment = datetime.fromisoformat(comment.created)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.utcoffset() is not None else None


def is_since(comment: Comment, floor: datetime) -> bool:
    """One that does not say when it was written may be new."""
    moment = moment_of(comment)
    return moment is None or moment >= floor


def _question(card: Card, start: int) -> Command:
    where = {"ENTITY_TYPE": card.kind, "ENTITY_ID": number(card.id, "")}
    asked = {"filter": where, "order": {"ID": "DESC"}, "start": start}
    return Command("crm.timeline.comment.list", asked)
