"""Tasks: what an employee is to complete by a time, among what is planned on a card.

An application's own activity has a place for our key, and is found by it exactly. Bitrix24's things
to do have none, and a webhook can make nothing else: one whose answer was lost is known by what was
asked for, on the contact or one of its deals. They stand on the deal or, without one, the contact.

Source: apidocs.bitrix24.com/api-reference/crm/timeline/activities/{activity-base, app-embedding,
todo}.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from crm_clients.bitrix24.cards import OURS, Cards
from crm_clients.bitrix24.catalogue import CONTACT, DEAL
from crm_clients.bitrix24.field_wire import Activity, Owned, ToDo
from crm_clients.bitrix24.rest import WITHOUT_COUNTING, Rest, all_of, created_id, number, only_of
from crm_clients.bitrix24.users import require_active
from mappers.vocabulary import Failure, Permanent, ProviderError, TaskDraft

TASK, TO_DO = "THREADLINE_TASK", "CRM_TODO"
CLOCKS_DIFFER_BY = timedelta(minutes=1)
PROVIDED, PLAIN = 6, 1
LONGEST_SUBJECT = 120


class Tasks(Protocol):
    """How one kind of account gives tasks."""

    async def create(self, draft: TaskDraft, key: str) -> str: ...

    async def find(self, draft: TaskDraft, key: str, since: datetime) -> str | None: ...


@dataclass(frozen=True, slots=True)
class OwnTasks:
    """Activities of our application."""

    rest: Rest = field(repr=False)
    cards: Cards

    async def create(self, draft: TaskDraft, key: str) -> str:
        """Without a user it is whoever is responsible for the card, as Bitrix24 does by itself."""
        asked = {"fields": _described(draft, key)}
        return created_id(await _given(self.rest, self.cards, draft, "crm.activity.add", asked))

    async def find(self, draft: TaskDraft, key: str, since: datetime) -> str | None:  # noqa: ARG002  # exact without them
        wanted = {"=ORIGINATOR_ID": OURS, "=ORIGIN_ID": key, "=PROVIDER_TYPE_ID": TASK}
        found = all_of(Activity, await _listed(self.rest, wanted, ["ID"]))
        return found[0].id if found else None


@dataclass(frozen=True, slots=True)
class ToDos:
    """Things to do of Bitrix24's own."""

    rest: Rest = field(repr=False)
    cards: Cards

    async def create(self, draft: TaskDraft, key: str) -> str:  # noqa: ARG002  # there is no place for it
        about = _about(draft)
        asked: dict[str, Any] = {
            "ownerTypeId": about["OWNER_TYPE_ID"],
            "ownerId": about["OWNER_ID"],
            "deadline": _moment(draft.due_at),
            "title": _subject(draft),
            "description": draft.text,
        }
        user = draft.responsible or await self._whose(draft)
        if user:
            asked["responsibleId"] = number(user, "responsible")
        made = await _given(self.rest, self.cards, draft, "crm.activity.todo.add", asked)
        return created_id(made.get("id") if isinstance(made, dict) else None)

    async def find(self, draft: TaskDraft, key: str, since: datetime) -> str | None:  # noqa: ARG002  # as above
        """The deal may have changed since the call: a task about another one counts."""
        deals = {each.id for each in await self.cards.find_deals(draft.record)}
        deals |= {draft.deal} if draft.deal else set()
        found = await self._on(CONTACT, {draft.record}, since)
        found += await self._on(DEAL, deals, since) if deals else ()
        same = (each for each in found if each.text == draft.text and each.is_due(draft.due_at))
        return next((each.id for each in same), None)

    async def _on(self, kind: int, cards: Collection[str], since: datetime) -> tuple[ToDo, ...]:
        wanted = {
            "=PROVIDER_ID": TO_DO,
            "=OWNER_TYPE_ID": kind,
            "@OWNER_ID": sorted(cards),
            ">=CREATED": _moment(since - CLOCKS_DIFFER_BY),
        }
        seen = ["ID", "DESCRIPTION", "DEADLINE", "CREATED"]
        found = all_of(ToDo, await _listed(self.rest, wanted, seen))
        return tuple(each for each in found if each.was_made_since(since - CLOCKS_DIFFER_BY))

    async def _whose(self, draft: TaskDraft) -> str:
        """Bitrix24 would take whoever the webhook is of; whoever has the card is nearer."""
        method, card = (
            ("crm.deal.get", draft.deal) if draft.deal else ("crm.contact.get", draft.record)
        )
        try:
            return only_of(Owned, await self.rest.ask(method, {"id": card})).user
        except ProviderError as refused:
            if isinstance(refused.failure, Permanent):
                return ""
            raise


async def _listed(rest: Rest, wanted: Mapping[str, Any], select: Sequence[str]) -> Any:
    asked = {"filter": wanted, "select": [*select], "start": WITHOUT_COUNTING}
    return await rest.ask("crm.activity.list", asked)


async def _given(
    rest: Rest, cards: Cards, draft: TaskDraft, method: str, asked: Mapping[str, Any]
) -> Any:
    """Give a task. Raises: `ProviderError`, which says what is gone."""
    if draft.responsible:
        await require_active(rest, draft.responsible)
    try:
        return await rest.make(method, asked)
    except ProviderError as refused:
        if isinstance(refused.failure, Permanent):
            raise ProviderError(await _why(cards, refused.failure, draft)) from refused
        raise


async def _why(cards: Cards, refused: Permanent, draft: TaskDraft) -> Failure:
    """A refusal has no code: whether the card is gone is asked of the card."""
    if draft.deal:
        is_there = await cards.get_deal(draft.deal) is not None
        gone = Permanent(code="bitrix24.no_such_deal", gone="deal")
    else:
        is_there = await cards.get_record(draft.record) is not None
        gone = Permanent(code="bitrix24.no_such_record", gone="record")
    return refused if is_there else gone


def _described(draft: TaskDraft, key: str) -> Mapping[str, Any]:
    due = _moment(draft.due_at)
    said: dict[str, Any] = {
        **_about(draft),
        "TYPE_ID": PROVIDED,
        "PROVIDER_ID": "REST_APP",
        "PROVIDER_TYPE_ID": TASK,
        "SUBJECT": _subject(draft),
        "DESCRIPTION": draft.text,
        "DESCRIPTION_TYPE": PLAIN,
        "START_TIME": due,
        "END_TIME": due,
        "DEADLINE": due,
        "COMPLETED": "N",
        "ORIGINATOR_ID": OURS,
        "ORIGIN_ID": key,
    }
    if draft.responsible:
        said["RESPONSIBLE_ID"] = number(draft.responsible, "responsible")
    return said


def _subject(draft: TaskDraft) -> str:
    return " ".join(draft.text.split())[:LONGEST_SUBJECT]


def _about(draft: TaskDraft) -> dict[str, int]:
    if draft.deal:
        return {"OWNER_TYPE_ID": DEAL, "OWNER_ID": number(draft.deal, "deal")}
    return {"OWNER_TYPE_ID": CONTACT, "OWNER_ID": number(draft.record, "record")}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
