"""Reading a parcel: what a portal told us, or what we read back from it.

Source: apidocs.bitrix24.com/api-reference/imopenlines/imconnector/events, …/crm/contacts/events;
the keys of files and the meaning of `0` as a user: bitrix kernel, as reported by integrators.
"""

import re
from datetime import UTC, datetime
from typing import Any

from crm_clients.bitrix24 import bbcode
from crm_clients.bitrix24.doors import EVENT, HISTORY
from crm_clients.bitrix24.lines import NOBODY, internal, moment_of, readable, reply_id
from crm_clients.bitrix24.oauth import Config
from crm_clients.bitrix24.wire import (
    HistoryMessage,
    HistoryPage,
    OperatorFile,
    OperatorMessage,
    Told,
)
from mappers.text import read_json
from mappers.vocabulary import (
    AccessRevoked,
    Arrival,
    Attachment,
    AttachmentKind,
    DealChanged,
    Direction,
    Event,
    HistoryRead,
    MalformedWebhook,
    Message,
    MessageDeleted,
    MessageEdited,
    Operator,
    OperatorReplied,
    Origin,
    Reading,
    RecordChanged,
)

PROVIDER = "bitrix24"
KINDS = {
    "image": AttachmentKind.IMAGE,
    "video": AttachmentKind.VIDEO,
    "audio": AttachmentKind.AUDIO,
}
_ID = re.compile(r"[0-9]{1,20}")


def read(arrival: Arrival, config: Config, connector: str) -> Reading:
    """Read a parcel of any form."""
    match arrival.form:
        case form if form == EVENT:
            told = Told.model_validate(_object(arrival.body))
            return _Reader(config, connector, told, arrival.received_at).read()
        case form if form == HISTORY:
            return read_history(HistoryPage.model_validate(_object(arrival.body)), config)
        case _:
            return Reading(ignored=("bitrix24.unknown_form",))


def read_history(page: HistoryPage, config: Config) -> Reading:
    """Read back what operators said since then. What the customer or the system says is known."""
    told: list[Event] = []
    ignored: list[str] = []
    since = datetime.fromisoformat(page.since)
    for raw in page.messages:
        said = readable(raw)
        at = moment(said.date) if said else None
        if said is None or at is None:
            # Raising would hold up every reply after it for nothing.
            ignored.append("history.unreadable_message")
        elif said.sender in (NOBODY, "", page.customer) or at < since:
            continue
        elif reply := _recovered(said, at, page, config):
            told.append(reply)
        else:
            ignored.append("history.empty_message")
    return Reading(events=(*told, HistoryRead(conversation=page.ours)), ignored=tuple(ignored))


def _recovered(
    said: HistoryMessage, at: datetime, page: HistoryPage, config: Config
) -> OperatorReplied | None:
    text = bbcode.read(said.text)
    files = [page.files.get(number, OperatorFile()) for number in said.params.files]
    if not (text.text or files):
        return None
    message = Message(
        origin=Origin(PROVIDER, config.member_id, reply_id(said.chat, said.id)),
        conversation=page.ours,
        author=said.sender,
        direction=Direction.OUTBOUND,
        sent_at=moment_of(at, said.id),
        text=text.text,
        spans=text.spans,
        attachments=tuple(_attachment(file) for file in files),
    )
    operator = Operator(id=said.sender, user=said.sender)
    return OperatorReplied(message=message, operator=operator, ours=page.ours, recovered=True)


class _Reader:
    """Reads one event of a portal."""

    def __init__(self, config: Config, connector: str, told: Told, received_at: datetime) -> None:
        self._config = config
        self._connector = connector
        self._told = told
        self._at = _seconds(told.at) or received_at

    def read(self) -> Reading:
        told = self._told
        match told.event:
            case "ONIMCONNECTORMESSAGEADD" if self._is_ours(told.connector, told.line):
                return self._reply(OperatorMessage.model_validate(told.data))
            case "ONIMCONNECTORMESSAGEUPDATE" if self._is_ours(told.connector, told.line):
                return self._edit(OperatorMessage.model_validate(told.data))
            case "ONIMCONNECTORMESSAGEDELETE" if self._is_ours(told.connector, told.line):
                deleted = OperatorMessage.model_validate(_without_names(told.data))
                return _one(MessageDeleted(origin=self._origin(deleted), deleted_at=self._at))
            case "ONIMCONNECTORSTATUSDELETE" if self._is_ours_in(told.data):
                return _one(AccessRevoked(reason="bitrix24.line_disconnected"))
            case "ONIMCONNECTORLINEDELETE" if told.data == self._config.line != "":
                return _one(AccessRevoked(reason="bitrix24.line_deleted"))
            case "ONAPPUNINSTALL":
                return _one(AccessRevoked(reason="bitrix24.uninstalled"))
            case "ONCRMCONTACTDELETE" if card := _card_in(told.data):
                return _one(RecordChanged(record=card, change="deleted"))
            case "ONCRMDEALDELETE" if card := _card_in(told.data):
                return _one(DealChanged(deal=card, state="deleted"))
            case name:
                return Reading(ignored=(f"event.{name.lower()[:60]}",))

    def _is_ours(self, connector: str, line: str) -> bool:
        """A portal has several lines; on another one our connector would be another account."""
        return connector.lower() == self._connector and line == self._config.line

    def _is_ours_in(self, data: Any) -> bool:
        named = {str(key).lower(): str(value) for key, value in _fields(data).items()}
        return self._is_ours(named.get("connector", ""), named.get("line", ""))

    def _reply(self, said: OperatorMessage) -> Reading:
        text = bbcode.read(said.message.text)
        attachments = tuple(_attachment(file) for file in said.message.files)
        if not text.text.strip() and not attachments:
            return Reading(ignored=("event.empty_message",))
        author = said.message.user_id or NOBODY
        ours = internal(said.chat.id)
        message = Message(
            origin=self._origin(said),
            conversation=ours,
            author=author,
            direction=Direction.OUTBOUND,
            sent_at=moment_of(self._at, said.im.message),
            text=text.text,
            spans=text.spans,
            attachments=attachments,
            automatic=author == NOBODY,
        )
        operator = Operator(id=author, user="" if author == NOBODY else author)
        return _one(OperatorReplied(message=message, operator=operator, ours=ours))

    def _edit(self, said: OperatorMessage) -> Reading:
        text = bbcode.read(said.message.text)
        edit = MessageEdited(
            origin=self._origin(said), edited_at=self._at, text=text.text, spans=text.spans
        )
        return _one(edit)

    def _origin(self, said: OperatorMessage) -> Origin:
        return Origin(PROVIDER, self._config.member_id, reply_id(said.im.chat, said.im.message))


def _attachment(file: OperatorFile) -> Attachment:
    """A signed link goes before a short one, which leads to a page where there is no session."""
    return Attachment(
        kind=KINDS.get(file.type, AttachmentKind.FILE),
        handle=file.download_link or file.link,
        title=file.name,
        mime=file.mime,
        size_bytes=file.size or None,
    )


def _without_names(data: Any) -> Any:
    """The names of a deleted message are told where the words of others are: they are not read."""
    return {**_fields(data), "message": {}}


def _card_in(data: Any) -> str:
    card = str(_fields(_fields(data).get("FIELDS")).get("ID", ""))
    return card if _ID.fullmatch(card) else ""


def _fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _one(event: Event) -> Reading:
    return Reading(events=(event,))


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = read_json(body)
    except (ValueError, RecursionError):
        raise MalformedWebhook("the parcel is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedWebhook("the parcel is not a JSON object")
    return value


def _seconds(at: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(at, UTC) if at else None
    except (OverflowError, ValueError, OSError):
        return None


def moment(told: str) -> datetime | None:
    """Read a moment of a history; None when it says no zone, or is none."""
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.utcoffset() is not None else None
