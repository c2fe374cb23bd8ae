"""Answers that operators write as notes on cards, found by asking.

Anybody's note is an answer when it begins with the prefix and carries no word of ours about what
became of it; what we write ourselves begins with a title. The prefix may stand inside of formatting
that an editor put around the whole.

Source: developers.hubspot.com/docs/api-reference/crm-notes-v3/guide.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from crm_clients.hubspot.bodies import after, said_in
from crm_clients.hubspot.media import handle_of
from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.owners import actor_of
from crm_clients.hubspot.richtext import Said
from crm_clients.hubspot.timeline import FILES, NOTES, OWNER, SOURCE_USER, made_at
from crm_clients.hubspot.wire import CrmObject
from crm_clients.hubspot.wire_notes import FoundNote, KeptFile, NotesRead
from crm_clients.on_cards import is_marked
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Direction,
    HistoryRead,
    Message,
    Operator,
    OperatorReplied,
    Origin,
    Reading,
)

PROVIDER = "hubspot"
KINDS: Mapping[str, AttachmentKind] = MappingProxyType(
    {
        "IMG": AttachmentKind.IMAGE,
        "AUDIO": AttachmentKind.AUDIO,
        "MOVIE": AttachmentKind.VIDEO,
    }
)


def answer_in(note: CrmObject, prefix: str) -> Said | None:
    """What of a note goes to the customer; None when it is none of their business."""
    said = said_in(note.of(NOTES.words))
    if is_marked(said.text) or not said.text.casefold().startswith(prefix.casefold()):
        return None
    answer = after(said, len(prefix))
    return answer if answer.text or files_of(note) else None


def files_of(note: CrmObject) -> tuple[str, ...]:
    """Return the ids of a note's files."""
    told = (each.strip() for each in note.of(FILES).split(";"))
    return tuple(dict.fromkeys(each for each in told if each.isascii() and each.isdigit()))


def read_found(told: dict[str, Any], config: Config) -> Reading:
    """Read one note that was found by asking."""
    found = FoundNote.model_validate(told)
    if not (found.contact or found.deal):
        return Reading(ignored=("note.of_nobody_in_particular",))
    reply = _as_reply(found, config)
    return Reading(events=(reply,)) if reply else Reading(ignored=("note.internal",))


def read_answers(told: dict[str, Any], config: Config) -> Reading:
    """Read what was answered on a customer's cards, oldest first, and that this is all.

    Where it goes is decided as of any answer.
    """
    page = NotesRead.model_validate(told)
    read = [_as_reply(each, config) for each in page.notes]
    replies = tuple(each for each in read if each is not None)
    return Reading(events=(*replies, HistoryRead(conversation=page.conversation)))


def _as_reply(found: FoundNote, config: Config) -> OperatorReplied | None:
    note = found.note
    said = answer_in(note, config.reply_prefix)
    attachments = tuple(_attachment(each) for each in found.files)
    if said is None or not (said.text or attachments):
        return None
    author = actor_of(note.of(SOURCE_USER)) if note.of(SOURCE_USER) else note.of(OWNER)
    message = Message(
        origin=Origin(PROVIDER, config.portal_id, f"{NOTES.name}/{note.id}"),
        conversation=f"{config.case}/{found.deal}" if found.deal else f"contacts/{found.contact}",
        author=author,
        direction=Direction.OUTBOUND,
        sent_at=made_at(note) or datetime.fromtimestamp(0, UTC),
        text=said.text,
        spans=said.spans,
        attachments=attachments,
    )
    operator = Operator(id=author, user=note.of(OWNER))
    return OperatorReplied(
        message=message, operator=operator, record=found.contact, deal=found.deal
    )


def _attachment(file: KeptFile) -> Attachment:
    kind = KINDS.get(file.type.upper(), AttachmentKind.FILE)
    size = file.size or None
    return Attachment(kind=kind, handle=handle_of(file.id, ""), title=file.title, size_bytes=size)
