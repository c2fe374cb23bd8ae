"""Tasks: what an employee is to do by a time, about a deal or else about a contact.

A task keeps our key where the portal lets us have a property for it. Elsewhere it has no place for
one that would not disturb whoever reads it: it is known by its words, its time, when and about whom
it was made. Each lies on the contact as well, so there it is found whatever became of the deal.

Source: developers.hubspot.com/docs/api-reference/crm-tasks-v3/guide.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_clients.hubspot.bodies import said_in
from crm_clients.hubspot.deals import Deals
from crm_clients.hubspot.owners import require_active
from crm_clients.hubspot.rest import Rest
from crm_clients.hubspot.richtext import escape
from crm_clients.hubspot.timeline import (
    OWNER,
    TASKS,
    WHEN,
    About,
    Draft,
    Timeline,
    made_at,
    moment_in,
    stamp,
)
from crm_clients.hubspot.wire import CrmObject
from mappers.vocabulary import TaskDraft

LONGEST_SUBJECT = 120
CLOCKS_DIFFER_BY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tasks:
    rest: Rest = field(repr=False)
    deals: Deals

    @property
    def _timeline(self) -> Timeline:
        return Timeline(self.rest)

    async def create(self, draft: TaskDraft, *, key: str) -> str:
        """Without an owner HubSpot would leave it to nobody: the card's own is named."""
        if draft.responsible:
            await require_active(self.rest, draft.responsible)
        owner = draft.responsible or await self.deals.responsible_for(draft.record, draft.deal)
        properties: dict[str, Any] = {
            WHEN: stamp(draft.due_at),
            "hs_task_subject": " ".join(draft.text.split())[:LONGEST_SUBJECT],
            TASKS.words: escape(draft.text),
            "hs_task_status": "NOT_STARTED",
            **({OWNER: owner} if owner else {}),
        }
        made = Draft(key=key, about=About(draft.record, draft.deal), properties=properties)
        return await self._timeline.make(TASKS, made)

    async def find(self, draft: TaskDraft, key: str, since: datetime) -> str | None:
        if self._timeline.is_marked(TASKS):
            found = await self._timeline.of_key(TASKS, key)
            return found.id if found is not None else None
        earliest = since - CLOCKS_DIFFER_BY
        cards = About(draft.record, draft.deal).cards(self.rest.config)
        async for each in self._timeline.written(TASKS, cards, since):
            if _is(each, draft) and (made_at(each) or earliest) >= earliest:
                return each.id
        return None


def _is(task: CrmObject, draft: TaskDraft) -> bool:
    due = moment_in(task.of(WHEN))
    words = said_in(task.of(TASKS.words)).text
    is_due_then = due is not None and stamp(due) == stamp(draft.due_at)
    return is_due_then and " ".join(words.split()) == " ".join(draft.text.split())
