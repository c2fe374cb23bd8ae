"""Calls and e-mails on cards, as activities of the portal's own kinds.

Both keep our key as where they came from and are found again by it. A call without a record goes
to the contact who has the phone. The portal sends an outgoing letter for real when it is complete
at once, so ours is completed by a second call, which repeats harmlessly.

Source: apidocs.bitrix24.com/api-reference/crm/timeline/activities/activity-base; the sign of a
missed call: bitrix kernel.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_clients.bitrix24 import bbcode
from crm_clients.bitrix24.cards import Cards
from crm_clients.bitrix24.comments import CONTACT
from crm_clients.bitrix24.entries import (
    ACTIVITY,
    BBCODE,
    DIRECTIONS,
    TYPES,
    add_activity,
    certainly,
    find_activity,
    origin_of,
    place_of,
)
from crm_clients.bitrix24.rest import Rest, number
from mappers.vocabulary import (
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

CALL, LETTER = 2, 4
MISSED = frozenset({CallResult.NO_ANSWER, CallResult.BUSY, CallResult.ABSENT})
# Of calls that were not talked on; whoever reads them may read either language.
ENDS: Mapping[CallResult, str] = {
    CallResult.NO_ANSWER: "Нет ответа · No answer",
    CallResult.BUSY: "Занято · Busy",
    CallResult.VOICEMAIL: "Голосовая почта · Voicemail",
    CallResult.CALL_BACK: "Просят перезвонить · To be called back",
    CallResult.WRONG_NUMBER: "Неверный номер · Wrong number",
    CallResult.ABSENT: "Нет на месте · Absent",
}
ARROWS = {Direction.INBOUND: "←", Direction.OUTBOUND: "→"}


@dataclass(frozen=True, slots=True)
class Logbook:
    """What one portal is told of calls and e-mails."""

    rest: Rest = field(repr=False)
    cards: Cards

    async def write_call(self, draft: CallDraft, key: str) -> Receipt:
        """Raises: `ProviderError`; `Permanent` when nobody has the phone."""
        record = draft.record or await self._whose(draft.phone)
        is_missed = draft.direction is Direction.INBOUND and draft.result in MISSED
        ended = draft.began_at + timedelta(seconds=draft.duration_s)
        fields: dict[str, Any] = {
            "TYPE_ID": CALL,
            "SUBJECT": f"{draft.telephony} {ARROWS[draft.direction]} {draft.phone}",
            "DESCRIPTION": "\n".join(_about_call(draft)),
            "DIRECTION": DIRECTIONS[draft.direction],
            "START_TIME": _moment(draft.began_at),
            "END_TIME": _moment(ended),
            "COMPLETED": "N" if is_missed else "Y",
            "COMMUNICATIONS": [_reached("PHONE", draft.phone, record)],
        }
        if is_missed:
            fields["SETTINGS"] = {"MISSED_CALL": True}
        if draft.responsible:
            fields["RESPONSIBLE_ID"] = number(draft.responsible, "responsible")
        return _receipt(await self._add(fields, record, draft.deal, key))

    async def write_email(self, draft: EmailDraft, key: str) -> Receipt:
        recipients = ", ".join(draft.recipients)
        lines = (f"{draft.sender} → {recipients}", draft.excerpt)
        is_sent = draft.direction is Direction.OUTBOUND
        theirs = draft.recipients[0] if is_sent and draft.recipients else draft.sender
        fields: dict[str, Any] = {
            "TYPE_ID": LETTER,
            "SUBJECT": draft.subject or f"E-mail {ARROWS[draft.direction]}",
            "DESCRIPTION": "\n".join(bbcode.escape(line) for line in lines if line),
            "DIRECTION": DIRECTIONS[draft.direction],
            "START_TIME": _moment(draft.sent_at),
            "END_TIME": _moment(draft.sent_at),
            "COMPLETED": "N" if is_sent else "Y",
            "COMMUNICATIONS": [_reached("EMAIL", theirs, draft.record)],
            "SETTINGS": {"DISABLE_SENDING_MESSAGE_COPY": "Y"},
        }
        made = await self._add(fields, draft.record, draft.deal, key)
        if is_sent:
            await certainly(self._complete(made))
        return _receipt(made)

    async def find_call(self, key: str) -> Receipt | None:
        found = await find_activity(self.rest, key)
        return _receipt(found.id) if found else None

    async def find_email(self, draft: EmailDraft, key: str) -> Receipt | None:
        found = await find_activity(self.rest, key)
        if found is None:
            return None
        if draft.direction is Direction.OUTBOUND:
            await self._complete(found.id)
        return _receipt(found.id)

    async def _add(self, fields: Mapping[str, Any], record: str, deal: str, key: str) -> str:
        kind, card, gone = place_of(record, deal)
        place = {"OWNER_TYPE_ID": TYPES[kind], "OWNER_ID": card}
        said = {"DESCRIPTION_TYPE": BBCODE, **fields, **place, **origin_of(key)}
        return await add_activity(self.rest, said, gone)

    async def _complete(self, activity: str) -> None:
        asked = {"id": number(activity, "message"), "fields": {"COMPLETED": "Y"}}
        await self.rest.ask("crm.activity.update", asked)

    async def _whose(self, phone: str) -> str:
        sought = Identity(kind=IdentityKind.PHONE, value=phone, evidence="call")
        found = await self.cards.find_records(sought)
        if not found:
            raise ProviderError(Permanent(code="bitrix24.nobodys_phone"))
        return found[0].id


def _about_call(draft: CallDraft) -> Iterator[str]:
    """Say what a call's own fields cannot: how it ended, what was noted, where to hear it."""
    if draft.result in ENDS:
        yield ENDS[draft.result]
    if draft.words:
        yield bbcode.escape(draft.words)
    if draft.recording:
        yield f"[url]{draft.recording}[/url]"


def _reached(kind: str, value: str, record: str) -> dict[str, Any]:
    there = {"ENTITY_TYPE_ID": TYPES[CONTACT], "ENTITY_ID": number(record, "record")}
    return {"TYPE": kind, "VALUE": value, **there}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _receipt(activity: str) -> Receipt:
    return Receipt(provider_ids=(f"{ACTIVITY}{activity}",))
