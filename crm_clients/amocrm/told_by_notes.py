"""Replies that operators write as notes on a card, told by a hook or found by asking.

Both ways name a note alike, so that what comes twice is one reply. A note of anybody's is an
answer when it begins with the prefix and carries no word of ours about what became of it; our own
are of another type and in nobody's name. A hook gives the type as a number: 4 is `common`, and no
other is taken.

Source: amocrm.ru/developers/content/crm_platform/{events-and-notes, webhooks-format}; the hook's
body is reported.
"""

import json
from datetime import UTC, datetime

from pydantic import ValidationError

from crm_clients.amocrm.notes import CONTACTS, LEADS, name_of
from crm_clients.amocrm.oauth import Config
from crm_clients.amocrm.wire import HookedNote, NotesRead, PolledNote
from crm_clients.forms import Form
from crm_clients.on_cards import answer_in
from mappers.vocabulary import (
    Direction,
    HistoryRead,
    Message,
    Operator,
    OperatorReplied,
    Origin,
    Reading,
)

COMMON = "4"


def reply_in(text: str, author: int, prefix: str) -> str:
    """What of a person's note goes to the customer; the system's notes never do."""
    return answer_in(text, prefix) if author > 0 else ""


def read_polled(note: PolledNote, config: Config) -> Reading:
    told = _as_reply(note, "", config)
    return Reading(events=(told,)) if told else Reading(ignored=("account.note.internal",))


def read_answers(page: NotesRead, config: Config) -> Reading:
    """Read what was answered on a customer's cards; where it goes is decided as of any answer."""
    told = [_as_reply(note, "", config) for note in page.notes]
    replies = tuple(each for each in told if each is not None)
    return Reading(events=(*replies, HistoryRead(conversation=page.conversation)))


def reply_in_hook(root: str, item: Form, config: Config) -> OperatorReplied | None:
    """Read one note of a hook; None for what is no answer to a customer."""
    if config.timeline != "notes" or root not in (CONTACTS, LEADS):
        return None
    try:
        note = HookedNote.model_validate(item.get("note"))
    except ValidationError:
        return None
    if note.note_type != COMMON:
        return None
    polled = PolledNote(
        kind=root,
        id=note.id,
        entity_id=note.element_id,
        created_by=note.created_by,
        created_at=note.created_at,
        text=note.text,
        contact=note.element_id if root == CONTACTS else None,
    )
    return _as_reply(polled, _author_name(note.metadata), config)


def _as_reply(note: PolledNote, author: str, config: Config) -> OperatorReplied | None:
    text = reply_in(note.text, note.created_by, config.reply_prefix)
    if not text:
        return None
    message = Message(
        origin=Origin("amocrm", config.account_id, name_of(note.kind, note.id)),
        conversation=name_of(note.kind, note.entity_id),
        author=str(note.created_by),
        direction=Direction.OUTBOUND,
        sent_at=datetime.fromtimestamp(note.created_at, UTC),
        text=text,
    )
    return OperatorReplied(
        message=message,
        operator=Operator(id=message.author, name=author, user=message.author),
        record="" if note.contact is None else str(note.contact),
        deal=str(note.entity_id) if note.kind == LEADS else "",
    )


def _author_name(metadata: str) -> str:
    try:
        told = json.loads(metadata)["event_source"]["author_name"]
    except (ValueError, KeyError, TypeError):
        return ""
    return told if isinstance(told, str) else ""
