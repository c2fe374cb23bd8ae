"""Calls and e-mails on cards, as the portal's own kinds of things.

Both are only written down: HubSpot neither rings nor sends anything for them. A call without a
record goes to the contact who has the phone.

Source: developers.hubspot.com/docs/api-reference/{crm-calls-v3, crm-emails-v3}/guide.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_clients.hubspot.bodies import link, tail_of
from crm_clients.hubspot.contacts import Contacts
from crm_clients.hubspot.engagements import name_of
from crm_clients.hubspot.rest import MISSING_SCOPE, Rest, checked_id
from crm_clients.hubspot.richtext import escape
from crm_clients.hubspot.timeline import (
    CALLS,
    EMAILS,
    OWNER,
    WHEN,
    About,
    Draft,
    Kind,
    Timeline,
    stamp,
)
from crm_clients.on_cards import mark_of
from mappers.vocabulary import (
    Blocked,
    CallDraft,
    CallResult,
    Direction,
    EmailDraft,
    Identity,
    IdentityKind,
    Permanent,
    ProviderError,
    Receipt,
)

DIRECTIONS = {Direction.INBOUND: "INBOUND", Direction.OUTBOUND: "OUTBOUND"}
LETTERS = {Direction.INBOUND: "INCOMING_EMAIL", Direction.OUTBOUND: "EMAIL"}
READS_EMAILS = "sales-email-read"
ARROWS = {Direction.INBOUND: "←", Direction.OUTBOUND: "→"}
STATUSES: Mapping[CallResult, str] = {
    CallResult.NO_ANSWER: "NO_ANSWER",
    CallResult.BUSY: "BUSY",
    CallResult.ABSENT: "NO_ANSWER",
}
# What a call ended in, by the numbers that every portal has.
OUTCOMES: Mapping[CallResult, str] = {
    CallResult.TALKED: "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    CallResult.NO_ANSWER: "73a0d17f-1163-4015-bdd5-ec830791da20",
    CallResult.ABSENT: "73a0d17f-1163-4015-bdd5-ec830791da20",
    CallResult.BUSY: "9d9162e7-6cf3-4944-bf63-4dff82258764",
    CallResult.VOICEMAIL: "b2cf5968-551e-4856-9783-52b3da59a7d0",
    CallResult.CALL_BACK: "a4c4c377-d246-4b32-a13b-75a56a4cd0ff",
    CallResult.WRONG_NUMBER: "17b47fee-58de-441e-a44c-c6300d46f273",
}


@dataclass(frozen=True, slots=True)
class Logbook:
    """What one portal is told of calls and e-mails."""

    rest: Rest = field(repr=False)
    contacts: Contacts

    @property
    def _timeline(self) -> Timeline:
        return Timeline(self.rest)

    async def write_call(self, draft: CallDraft, key: str) -> Receipt:
        """Raises: `ProviderError`; `Permanent` when nobody has the phone."""
        about = About(draft.record or await self._whose(draft.phone), draft.deal)
        tail = self._tail(CALLS, key)
        properties: dict[str, Any] = {
            WHEN: stamp(draft.began_at),
            "hs_call_title": f"{draft.telephony} {ARROWS[draft.direction]} {draft.phone}",
            CALLS.words: "".join((*_about_call(draft), tail)),
            "hs_call_direction": DIRECTIONS[draft.direction],
            "hs_call_status": STATUSES.get(draft.result, "COMPLETED"),
            "hs_call_disposition": OUTCOMES[draft.result],
            "hs_call_duration": str(draft.duration_s * 1000),
            _theirs(draft.direction): draft.phone,
        }
        if draft.recording.startswith("https://"):
            properties["hs_call_recording_url"] = draft.recording
        if draft.responsible:
            properties[OWNER] = checked_id(draft.responsible, "responsible")
        made = Draft(key=key, about=about, properties=properties)
        return _receipt(CALLS, await self._timeline.make(CALLS, made))

    async def find_call(self, draft: CallDraft, key: str, since: datetime) -> Receipt | None:
        if self._timeline.is_marked(CALLS):
            return await self._found(CALLS, key, About(draft.record, draft.deal), since)
        record = draft.record or await self._whose(draft.phone)
        return await self._found(CALLS, key, About(record, draft.deal), since)

    async def write_email(self, draft: EmailDraft, key: str) -> Receipt:
        is_marked = self._timeline.is_marked(EMAILS)
        excerpt = draft.excerpt if is_marked else f"{draft.excerpt}\n\n{mark_of(key)}".lstrip()
        properties = {
            WHEN: stamp(draft.sent_at),
            "hs_email_direction": LETTERS[draft.direction],
            "hs_email_status": "SENT",
            "hs_email_subject": draft.subject,
            EMAILS.words: excerpt,
            "hs_email_headers": json.dumps(_headers(draft)),
        }
        made = Draft(key=key, about=About(draft.record, draft.deal), properties=properties)
        return _receipt(EMAILS, await self._timeline.make(EMAILS, made))

    async def find_email(self, draft: EmailDraft, key: str, since: datetime) -> Receipt | None:
        """Raises: `ProviderError`, also where we may not see what e-mails say, mark included."""
        may_look = self._timeline.is_marked(EMAILS) or self.rest.config.may(READS_EMAILS)
        if not may_look:
            missing = Blocked(code=MISSING_SCOPE, detail=READS_EMAILS, by="provider")
            raise ProviderError(missing)
        return await self._found(EMAILS, key, About(draft.record, draft.deal), since)

    async def _found(self, kind: Kind, key: str, about: About, since: datetime) -> Receipt | None:
        found = await self._timeline.find(kind, key, about, since)
        return _receipt(kind, found.id) if found is not None else None

    def _tail(self, kind: Kind, key: str) -> str:
        return "" if self._timeline.is_marked(kind) else tail_of(key)

    async def _whose(self, phone: str) -> str:
        sought = Identity(kind=IdentityKind.PHONE, value=phone, evidence="call")
        found = await self.contacts.find_records(sought)
        if not found:
            raise ProviderError(Permanent(code="hubspot.nobodys_phone"))
        return found[0].id


def _about_call(draft: CallDraft) -> Iterator[str]:
    """Say what a call's own fields cannot."""
    if draft.words:
        yield f"<p>{escape(draft.words)}</p>"
    if draft.recording and not draft.recording.startswith("https://"):
        yield f"<p>{link(draft.recording, draft.recording)}</p>"


def _theirs(direction: Direction) -> str:
    """Name the end of a call where the customer is."""
    return "hs_call_from_number" if direction is Direction.INBOUND else "hs_call_to_number"


def _headers(draft: EmailDraft) -> Mapping[str, Any]:
    recipients = [{"email": each} for each in draft.recipients]
    return {"from": {"email": draft.sender}, "to": recipients, "cc": [], "bcc": []}


def _receipt(kind: Kind, thing: str) -> Receipt:
    return Receipt(provider_ids=(name_of(kind, thing),))
