"""Calls and e-mails on cards.

A call whose card is known is a note of amoCRM's own kind for calls; any other is given to amoCRM,
which finds the card by the last ten digits of the phone, or drops the call and says so in a
success. Both carry our key as `uniq`, which is not known to be compared with anything: a lost
answer is settled by looking for it. E-mails of amoCRM's own kind can only be read, so ours are
service notes, found by the key in their title.

Source: amocrm.ru/developers/content/crm_platform/{calls-api, events-and-notes}.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_clients.amocrm.notes import NOBODY, OURS, Found, Notes, card_of, name_of
from crm_clients.amocrm.rest import Rest, created_id, garbled, number
from crm_clients.on_cards import mark_of
from mappers.vocabulary import (
    CallDraft,
    CallResult,
    Direction,
    EmailDraft,
    Permanent,
    ProviderError,
    Receipt,
)

CALL_TYPES = {Direction.INBOUND: "call_in", Direction.OUTBOUND: "call_out"}
DIRECTIONS = {Direction.INBOUND: "inbound", Direction.OUTBOUND: "outbound"}
STATUSES: Mapping[CallResult, int] = {
    CallResult.VOICEMAIL: 1,
    CallResult.CALL_BACK: 2,
    CallResult.ABSENT: 3,
    CallResult.TALKED: 4,
    CallResult.WRONG_NUMBER: 5,
    CallResult.NO_ANSWER: 6,
    CallResult.BUSY: 7,
}
CARDS = {"contact": "contacts", "lead": "leads", "company": "companies", "customer": "customers"}


@dataclass(frozen=True, slots=True)
class Logbook:
    """What one account is told of calls and e-mails."""

    rest: Rest
    notes: Notes

    async def write_call(self, draft: CallDraft, key: str) -> Receipt:
        """Raises: `ProviderError`; `Permanent` when no card has the phone."""
        if draft.record:
            kind, card, gone = card_of(draft.record, draft.deal)
            note = {
                "entity_id": card,
                "note_type": CALL_TYPES[draft.direction],
                "params": _about_call(draft, key),
                **_made(draft),
            }
            reply = await self.rest.post(f"{kind}/notes", "notes.call", [note], gone=gone)
            return _receipt(name_of(kind, int(created_id(reply, "notes"))))
        call = {"direction": DIRECTIONS[draft.direction], **_about_call(draft, key), **_made(draft)}
        reply = await self.rest.post("calls", "calls.create", [call])
        added = reply.at("_embedded", "calls")
        if added == []:
            raise ProviderError(Permanent(code="amocrm.nobodys_phone"))
        kind = CARDS.get(str(reply.at("_embedded", "calls", 0, "entity_type")), "")
        if not kind:
            raise ProviderError(garbled(repeatable=False))
        return _receipt(name_of(kind, int(created_id(reply, "calls"))))

    async def find_call(self, draft: CallDraft, key: str, since: datetime) -> Receipt | None:
        types = (CALL_TYPES[draft.direction],)
        async for found in self.notes.written(types, draft.record, draft.deal, since):
            if found.note.uniq == key:
                return _receipt(found.name)
        return None

    async def write_email(self, draft: EmailDraft, key: str) -> Receipt:
        kind, card, gone = card_of(draft.record, draft.deal)
        arrow = "←" if draft.direction is Direction.INBOUND else "→"
        recipients = ", ".join(draft.recipients)
        lines = (draft.subject, f"{draft.sender} → {recipients}", draft.excerpt)
        note = {
            "entity_id": card,
            "note_type": OURS,
            "params": {
                "service": f"E-mail {arrow} · {mark_of(key)}",
                "text": "\n".join(line for line in lines if line),
            },
            "created_by": NOBODY,
            "created_at": round(draft.sent_at.timestamp()),
        }
        reply = await self.rest.post(f"{kind}/notes", "notes.email", [note], gone=gone)
        return _receipt(name_of(kind, int(created_id(reply, "notes"))))

    async def find_email(self, draft: EmailDraft, key: str, since: datetime) -> Receipt | None:
        found = await self._marked(draft, key, since)
        return _receipt(found.name) if found is not None else None

    async def _marked(self, draft: EmailDraft, key: str, since: datetime) -> Found | None:
        async for found in self.notes.written((OURS,), draft.record, draft.deal, since):
            if found.note.service.endswith(mark_of(key)):
                return found
        return None


def _about_call(draft: CallDraft, key: str) -> dict[str, Any]:
    return {
        "uniq": key,
        "duration": draft.duration_s,
        "source": draft.telephony,
        "link": draft.recording,
        "phone": draft.phone,
        "call_status": STATUSES[draft.result],
        "call_result": draft.words,
    }


def _made(draft: CallDraft) -> dict[str, int]:
    """Calls are counted for a user only when both of these name them."""
    made = {"created_at": round(draft.began_at.timestamp())}
    if draft.responsible:
        user = number(draft.responsible, "")
        made |= {"created_by": user, "responsible_user_id": user}
    return made


def _receipt(name: str) -> Receipt:
    return Receipt(provider_ids=(name,))
