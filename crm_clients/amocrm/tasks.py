"""Tasks: what an employee is to do about a lead or a contact.

A task has no field for our key, so one whose answer was lost is known by what was asked for: the
same text and due time, made since then, about the contact or one of its leads.

Source: amocrm.ru/developers/content/crm_platform/tasks-api. The list's filters are documented
there and, unlike those of cards, not as a paid option; what comes back is compared all the same.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm_clients.amocrm import fields
from crm_clients.amocrm.cards import Cards
from crm_clients.amocrm.rest import Rest, all_of, created_id, number
from crm_clients.amocrm.wire import Task
from mappers.vocabulary import Gone, TaskDraft

FOLLOW_UP = 1
PAGE, NEWEST_LEADS = 250, 50
CLOCKS_DIFFER_BY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tasks:
    rest: Rest
    cards: Cards

    async def create(self, draft: TaskDraft, *, key: str) -> str:
        """Without a user amoCRM would take the token's: the card's own is named instead."""
        user = draft.responsible or await self.cards.responsible_for(draft.record, draft.deal)
        task: dict[str, Any] = {
            "text": draft.text,
            "complete_till": _seconds(draft.due_at),
            "task_type_id": FOLLOW_UP,
            "request_id": key,
            **_about(draft),
            **fields.responsible(user),
        }
        gone: Gone = "deal" if draft.deal else "record"
        reply = await self.rest.post("tasks", "tasks.create", [task], gone=gone)
        return created_id(reply, "tasks")

    async def find(self, draft: TaskDraft, since: datetime) -> str | None:
        """Look at the newest tasks of the contact and of its leads.

        The lead may have changed since the call: a task that was made about another one counts.
        """
        record = await self.cards.get_record(draft.record)
        leads = set(record.deals[:NEWEST_LEADS]) if record is not None else set()
        leads |= {draft.deal} if draft.deal else set()
        found = await self._newest("contacts", {draft.record})
        found += await self._newest("leads", leads) if leads else ()
        earliest = _seconds(since - CLOCKS_DIFFER_BY)
        wanted = (draft.text, _seconds(draft.due_at))
        same = (task for task in found if (task.text, task.complete_till) == wanted)
        return next((str(task.id) for task in same if task.created_at >= earliest), None)

    async def _newest(self, entity: str, cards: Collection[str]) -> tuple[Task, ...]:
        query = {
            "filter[entity_type]": entity,
            "filter[entity_id][]": sorted(cards),
            "order[id]": "desc",
            "limit": PAGE,
        }
        found = all_of(Task, await self.rest.get("tasks", "tasks.find", query), "tasks")
        return tuple(t for t in found if t.entity_type == entity and str(t.entity_id) in cards)


def _about(draft: TaskDraft) -> dict[str, Any]:
    if draft.deal:
        return {"entity_type": "leads", "entity_id": number(draft.deal, "deal")}
    return {"entity_type": "contacts", "entity_id": number(draft.record, "record")}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
