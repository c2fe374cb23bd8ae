"""Tasks: what an employee is to do by a time, among the planned on a deal or else on a contact.

An activity of ours has a place for a key, and is found by it exactly. Where a portal takes none,
its own thing to do is made, which has none: it is known by its words, its time, when and about whom
it was made.

Source: apidocs.bitrix24.com/api-reference/crm/timeline/activities/{activity-base, app-embedding,
todo}.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_clients.bitrix24.cards import OURS, Cards, moment_of
from crm_clients.bitrix24.catalogue import CONTACT, DEAL
from crm_clients.bitrix24.field_wire import Activity
from crm_clients.bitrix24.rest import WITHOUT_COUNTING, Rest, all_of, created_id, number
from crm_clients.bitrix24.users import require_active
from mappers.vocabulary import Permanent, ProviderError, TaskDraft

TASK = "THREADLINE_TASK"
PROVIDED, PLAIN = 6, 1
LONGEST_SUBJECT = 120
CLOCKS_DIFFER_BY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tasks:
    rest: Rest = field(repr=False)
    cards: Cards

    async def create(self, draft: TaskDraft, *, key: str) -> str:
        """Without a user it is whoever is responsible for the card, as Bitrix24 does by itself."""
        if draft.responsible:
            await require_active(self.rest, draft.responsible)
        asked = {"fields": _described(draft, key)}
        try:
            return created_id(await self.rest.make("crm.activity.add", asked))
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent):
                raise
            why = await self._why(refused.failure, draft)
            if why.gone or not draft.text.strip():
                raise ProviderError(why) from refused
        return await self._make_todo(draft)

    async def find(self, draft: TaskDraft, key: str, since: datetime) -> str | None:
        ours = {"=ORIGINATOR_ID": OURS, "=ORIGIN_ID": key, "=PROVIDER_TYPE_ID": TASK}
        found = await self._list(ours)
        return found[0].id if found else await self._find_todo(draft, since)

    async def _make_todo(self, draft: TaskDraft) -> str:
        """The portal would take the token's user: the card's own is named instead."""
        user = draft.responsible or await self._responsible(draft)
        about = _about(draft)
        asked = {
            "ownerTypeId": about["OWNER_TYPE_ID"],
            "ownerId": about["OWNER_ID"],
            "deadline": _moment(draft.due_at),
            "title": _subject(draft),
            "description": draft.text,
            **({"responsibleId": number(user, "responsible")} if user else {}),
        }
        made = await self.rest.make("crm.activity.todo.add", asked)
        return created_id(made.get("id") if isinstance(made, dict) else None)

    async def _responsible(self, draft: TaskDraft) -> str:
        if draft.deal:
            return await self.cards.responsible_for(draft.deal)
        record = await self.cards.get_record(draft.record)
        return record.responsible if record else ""

    async def _find_todo(self, draft: TaskDraft, since: datetime) -> str | None:
        """The deal may have changed since the call: one about another of theirs counts."""
        deals = {deal.id for deal in await self.cards.find_deals(draft.record)}
        deals |= {draft.deal} if draft.deal else set()
        cards = [(CONTACT, number(draft.record, "record"))]
        cards += [(DEAL, number(deal, "deal")) for deal in sorted(deals)]
        there = [{"OWNER_TYPE_ID": kind, "OWNER_ID": card} for kind, card in cards]
        found = await self._list({"=PROVIDER_ID": "CRM_TODO", "BINDINGS": there})
        wanted = (_subject(draft), draft.due_at.replace(microsecond=0))
        same = (each for each in found if (each.subject, moment_of(each.deadline)) == wanted)
        earliest = since - CLOCKS_DIFFER_BY
        return next((e.id for e in same if (moment_of(e.created) or earliest) >= earliest), None)

    async def _list(self, wanted: Mapping[str, Any]) -> tuple[Activity, ...]:
        asked = {
            "filter": wanted,
            "select": ["ID", "SUBJECT", "DEADLINE", "CREATED"],
            "order": {"ID": "DESC"},
            "start": WITHOUT_COUNTING,
        }
        return all_of(Activity, await self.rest.ask("crm.activity.list", asked))

    async def _why(self, refused: Permanent, draft: TaskDraft) -> Permanent:
        """A refusal has no code: whether the card is gone is asked of the card."""
        if draft.deal:
            is_there = await self.cards.get_deal(draft.deal) is not None
            gone = Permanent(code="bitrix24.no_such_deal", gone="deal")
        else:
            is_there = await self.cards.get_record(draft.record) is not None
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
