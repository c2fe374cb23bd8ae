"""Asking for answers among the comments.

For an application the portal keeps a queue of comments that were written or changed; it is read
from where we stopped, and what is read is dropped only once the hub has kept it.

Through a webhook nothing says where something was written: each contact of ours has a sign by which
it is found, and their cards are gone through in rounds. Cards that were written on lately, and the
newest contacts, are looked at each time. Only answers to customers are brought: the rest of
what people note is theirs.

Source: apidocs.bitrix24.com/api-reference/{events, crm/timeline/comments, crm/contacts}.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ValidationError, field_validator

from crm_clients.bitrix24.batch import Command
from crm_clients.bitrix24.cards import Cards
from crm_clients.bitrix24.comments import (
    CONTACT,
    DEAL,
    Card,
    Comments,
    cards_of,
    is_since,
    moment_of,
)
from crm_clients.bitrix24.oauth import Config
from crm_clients.bitrix24.questions import ask_each
from crm_clients.bitrix24.rest import PAGE, WITHOUT_COUNTING, Rest, all_of, number, only_of
from crm_clients.bitrix24.told_by_comments import is_answer
from crm_clients.bitrix24.wire import Contact
from crm_clients.bitrix24.wire_timeline import (
    Comment,
    CommentsRead,
    DealOfComment,
    FoundComment,
    Queued,
)
from mappers.vocabulary import OpenedConversation, Parcel, Permanent, Polled, ProviderError

FORM, HISTORY_FORM = "comment", "comments"
SIGN = "threadline"  # among a contact's messengers
QUEUED = ("ONCRMTIMELINECOMMENTADD", "ONCRMTIMELINECOMMENTUPDATE")
OFTEN, BY_CARD = timedelta(seconds=5), timedelta(seconds=10)
ROUND, NEWEST, MOST_HOT = 15, 5, 10
MOST_DEALS = 20
HOT_FOR = timedelta(minutes=15)
OVERLAP = timedelta(minutes=1)
MOST_KNOWN = 500


class InQueue(BaseModel):
    """How far the queue has been read; `is_kept` says that what was read is still in it."""

    done: int = 0
    is_kept: bool = False


class Round(BaseModel):
    """How far the cards have been gone through.

    `since` is when the round before this one began: every card has been looked at after that.
    `known` are answers that were brought, `hot` contacts whose cards were written on lately.
    """

    began: datetime
    since: datetime
    after: int = 0
    hot: list[str] = []
    known: list[str] = []

    @field_validator("began", "since")
    @classmethod
    def _must_know_its_zone(cls, value: datetime) -> datetime:
        if value.utcoffset() is None:
            raise ValueError("a moment must carry a time zone")
        return value


@dataclass(frozen=True, slots=True)
class Asking:
    """Answers on the cards of one portal."""

    config: Config
    rest: Rest = field(repr=False)
    cards: Cards

    @property
    def comments(self) -> Comments:
        return Comments(self.rest)

    async def poll(self, cursor: str) -> Polled:
        return await (self._in_queue(cursor) if self.config.has_queue else self._by_card(cursor))

    async def history(self, conversation: OpenedConversation, since: datetime) -> Parcel:
        """Bring the answers on one customer's cards since then, oldest first.

        Raises: `ProviderError`, also when the contact is gone: then nobody knows whose to read.
        """
        record = conversation.user
        if await self.cards.get_record(record) is None:
            raise ProviderError(Permanent(code="bitrix24.no_such_record", gone="record"))
        there = await self.comments.since(await cards_of(self.cards, record), since)
        told = [
            _found(each, record)
            for each in there
            if is_since(each, since.replace(microsecond=0)) and self._is_answer(each)
        ]
        page = CommentsRead(conversation=conversation.id, comments=told)
        ends = ":".join(each.comment.id for each in (*told[:1], *told[-1:]))
        stamp = round(since.timestamp() * 1000)
        key = f"comments:{conversation.id}:{stamp}:{len(told)}:{ends}"
        return Parcel(key=key, body=page.model_dump_json(by_alias=True).encode(), form=HISTORY_FORM)

    def _is_answer(self, comment: Comment) -> bool:
        return is_answer(comment, self.config.reply_prefix)

    async def _in_queue(self, cursor: str) -> Polled:
        at = _read_place(cursor)
        mine = {"=EVENT_NAME": list(QUEUED)}
        if at.is_kept:
            read = {**mine, "<=ID": at.done}
            await self.rest.ask("event.offline.get", {"filter": read, "clear": 1, "limit": PAGE})
        asked = {"filter": {**mine, ">ID": at.done}, "order": {"ID": "ASC"}}
        rows = all_of(Queued, await self.rest.ask("event.offline.list", asked))
        written = list(dict.fromkeys(each.data.fields.id for each in rows))
        asked_for = [_by_id(each) for each in written if each.isdecimal()]
        found = await ask_each(self.rest, asked_for, skips_refused=True)
        told = [only_of(Comment, each) for each in found if each is not None]
        parcels = await self._parcels([each for each in told if self._is_answer(each)])
        done = max([at.done, *(each.id for each in rows)])
        place = InQueue(done=done, is_kept=bool(rows))
        return Polled(
            parcels=parcels,
            cursor=place.model_dump_json(),
            again_after=timedelta() if len(rows) >= PAGE else OFTEN,
        )

    async def _parcels(self, answers: Sequence[Comment]) -> tuple[Parcel, ...]:
        """Say whose cards the answers lie on: of a deal, its contact's."""
        deals = list(dict.fromkeys(each.card for each in answers if each.kind == DEAL))
        asked = [Command("crm.deal.get", {"id": number(each, "")}) for each in deals]
        found = await ask_each(self.rest, asked, skips_refused=True)
        contacts = {
            deal: only_of(DealOfComment, row).contact
            for deal, row in zip(deals, found, strict=True)
            if row is not None
        }
        ordered = sorted(answers, key=lambda each: int(each.id))
        return tuple(
            parcel_of(_found(each, each.card if each.kind == CONTACT else contacts.get(each.card)))
            for each in ordered
            if each.kind in (CONTACT, DEAL)
        )

    async def _by_card(self, cursor: str) -> Polled:
        now = self.rest.http.now()
        at = _read_round(cursor, now)
        turn, newest = await self._contacts(at)
        people = list(dict.fromkeys([*at.hot, *newest, *turn]))
        places = [Card(CONTACT, each) for each in people] + await self._deals_of(people)
        there = await self.comments.since(places, at.since - OVERLAP) if places else ()
        parcels = await self._parcels(
            [
                each
                for each in there
                if each.id not in at.known
                and is_since(each, at.since - OVERLAP)
                and self._is_answer(each)
            ]
        )
        brought = [parcel_id(each) for each in parcels]
        return Polled(
            parcels=parcels,
            cursor=moved(at, turn, _hot_in(there, now), brought, now).model_dump_json(),
            again_after=BY_CARD,
        )

    async def _contacts(self, at: Round) -> tuple[list[str], list[str]]:
        """Return the contacts whose turn it is, and the newest ones."""
        signed: dict[str, Any] = {"IM": SIGN}
        turn = _list({**signed, ">ID": at.after}, "ASC")
        found = await ask_each(self.rest, [turn, _list(signed, "DESC")])
        due, newest = ([each.id for each in all_of(Contact, rows or [])] for rows in found)
        return due[:ROUND], newest[:NEWEST]

    async def _deals_of(self, people: Sequence[str]) -> list[Card]:
        """Name the newest deals of some contacts."""
        if not people:
            return []
        asked = {
            "filter": {"@CONTACT_ID": [int(each) for each in people]},
            "select": ["ID"],
            "order": {"ID": "DESC"},
            "start": WITHOUT_COUNTING,
        }
        rows = all_of(DealOfComment, await self.rest.ask("crm.deal.list", asked))
        return [Card(DEAL, each.id) for each in rows[:MOST_DEALS]]


def parcel_of(found: FoundComment) -> Parcel:
    key = f"comment:{found.comment.id}:{found.contact}"
    body = found.model_dump_json(by_alias=True).encode()
    return Parcel(key=key, body=body, form=FORM, said_at=moment_of(found.comment))


def parcel_id(parcel: Parcel) -> str:
    return parcel.key.split(":")[1]


def _found(comment: Comment, contact: str | None) -> FoundComment:
    kind = comment.kind
    return FoundComment.model_validate({"kind": kind, "comment": comment, "contact": contact or ""})


def _by_id(comment: str) -> Command:
    return Command("crm.timeline.comment.get", {"id": comment})


def _list(wanted: dict[str, Any], order: str) -> Command:
    asked = {
        "filter": wanted,
        "select": ["ID"],
        "order": {"ID": order},
        "start": WITHOUT_COUNTING,
    }
    return Command("crm.contact.list", asked)


def _hot_in(there: Iterable[Comment], now: datetime) -> list[str]:
    """Return contacts on whose own cards something was written lately, the latest first."""
    floor = now - HOT_FOR
    fresh = [each for each in there if each.kind == CONTACT and is_since(each, floor)]
    return list(dict.fromkeys(each.card for each in reversed(fresh)))[:MOST_HOT]


def moved(
    at: Round, turn: Sequence[str], hot: list[str], brought: Sequence[str], now: datetime
) -> Round:
    """Where to go on: with the next contacts or, when all have had their turn, from the first."""
    known = [*at.known, *brought][-MOST_KNOWN:]
    if len(turn) < ROUND:
        return Round(began=now, since=at.began, hot=hot, known=known)
    return Round(began=at.began, since=at.since, after=int(turn[-1]), hot=hot, known=known)


def _read_place(cursor: str) -> InQueue:
    """Read where to go on; what nobody understands any more begins with what waits."""
    try:
        return InQueue.model_validate_json(cursor)
    except ValidationError:
        return InQueue()


def _read_round(cursor: str, now: datetime) -> Round:
    """Read where to go on; what nobody understands any more begins now."""
    try:
        return Round.model_validate_json(cursor)
    except ValidationError:
        return Round(began=now, since=now)
