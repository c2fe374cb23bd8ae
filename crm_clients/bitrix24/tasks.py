"""Tasks: activities of ours that an employee is to complete by a time.

Bitrix24's own things to do have no place for a key; an application's activity has, and is found by
it exactly. It stands among the planned ones of the deal or, without one, of the contact.

Source: apidocs.bitrix24.com/api-reference/crm/timeline/activities/{activity-base, app-embedding}.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_clients.bitrix24.cards import OURS, Cards
from crm_clients.bitrix24.catalogue import CONTACT, DEAL
from crm_clients.bitrix24.field_wire import Activity
from crm_clients.bitrix24.rest import WITHOUT_COUNTING, Rest, all_of, created_id, number
from crm_clients.bitrix24.users import require_active
from mappers.vocabulary import Failure, Permanent, ProviderError, TaskDraft

TASK = "THREADLINE_TASK"
PROVIDED, PLAIN = 6, 1
LONGEST_SUBJECT = 120


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
            if isinstance(refused.failure, Permanent):
                raise ProviderError(await self._why(refused.failure, draft)) from refused
            raise

    async def find(self, key: str) -> str | None:
        asked = {
            "filter": {"=ORIGINATOR_ID": OURS, "=ORIGIN_ID": key, "=PROVIDER_TYPE_ID": TASK},
            "select": ["ID"],
            "start": WITHOUT_COUNTING,
        }
        found = all_of(Activity, await self.rest.ask("crm.activity.list", asked))
        return found[0].id if found else None

    async def _why(self, refused: Permanent, draft: TaskDraft) -> Failure:
        """A refusal has no code: whether the card is gone is asked of the card."""
        if draft.deal:
            is_there = await self.cards.get_deal(draft.deal) is not None
            gone = Permanent(code="bitrix24.no_such_deal", gone="deal")
        else:
            is_there = await self.cards.get_record(draft.record) is not None
            gone = Permanent(code="bitrix24.no_such_record", gone="record")
        return refused if is_there else gone


def _described(draft: TaskDraft, key: str) -> Mapping[str, Any]:
    subject = " ".join(draft.text.split())
    due = _moment(draft.due_at)
    said: dict[str, Any] = {
        **_about(draft),
        "TYPE_ID": PROVIDED,
        "PROVIDER_ID": "REST_APP",
        "PROVIDER_TYPE_ID": TASK,
        "SUBJECT": subject[:LONGEST_SUBJECT],
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


def _about(draft: TaskDraft) -> dict[str, int]:
    if draft.deal:
        return {"OWNER_TYPE_ID": DEAL, "OWNER_ID": number(draft.deal, "deal")}
    return {"OWNER_TYPE_ID": CONTACT, "OWNER_ID": number(draft.record, "record")}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
