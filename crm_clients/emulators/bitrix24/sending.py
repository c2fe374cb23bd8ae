"""`imconnector.send.*`: what a channel brings into a dialog, with all its traps."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import channel_events, fetching, line_cards, lines
from .call import Call, Handler, methods
from .connectors import active_connector, known, place
from .lines_model import (
    SYSTEM,
    ChatMessage,
    Connector,
    DeliveryMark,
    Dialog,
    FileHeld,
    Json,
    Stranger,
)
from .model import User
from .php import whole
from .problems import Refused, missing

LONGEST_MID = 100
LOCK_WAITS_S = (1, 2, 3)
NO_DATA = "Переданы не все необходимые данные"
VOTES = {"1": 1, "0": 0}


class ItemFailed(Exception):
    """One message of a call failed; the others go on, and the call itself succeeds."""


def _items(call: Call) -> Iterator[tuple[Any, Json]]:
    """Return the messages of a call with their keys; one that is no map spoils them all."""
    sent = call.get("MESSAGES")
    if sent in (None, "", []):
        raise missing("MESSAGES")
    if not isinstance(sent, list | dict):
        text = "Argument 'MESSAGES' must be of type array"
        raise Refused(400, "ERROR_ARGUMENT", text, argument="MESSAGES")
    pairs = list(sent.items() if isinstance(sent, dict) else enumerate(sent))
    if not all(isinstance(item, dict) for _, item in pairs):
        text = "The MESSAGES parameter must be an array of messages (arrays)"
        raise Refused(400, "ERROR_ARGUMENT", text, argument="MESSAGES")
    lowered = [(key, lower(item)) for key, item in pairs]
    parts = [each.get(name) for _, each in lowered for name in ("user", "message", "chat", "im")]
    if not all(part is None or isinstance(part, dict) for part in parts):
        text = "The incorrect structure of a message inside MESSAGES parameter"
        raise Refused(400, "ERROR_ARGUMENT", text, argument="MESSAGES")
    return iter(lowered)


def lower(value: Any) -> Any:
    """Write the keys of maps small, however deep they lie."""
    if isinstance(value, Mapping):
        return {str(key).lower(): lower(inner) for key, inner in value.items()}
    return [lower(inner) for inner in value] if isinstance(value, list) else value


async def send(call: Call) -> Json:
    """Bring messages. The call succeeds even if every message of it failed."""
    kind, line_id = active_connector(call)
    results = {key: await _one(call, kind, line_id, item) for key, item in _items(call)}
    return {"SUCCESS": True, "DATA": {"RESULT": _like(call, results)}}


def _like(call: Call, results: dict[Any, Json]) -> Any:
    return results if isinstance(call.get("MESSAGES"), dict) else list(results.values())


async def _one(call: Call, kind: Connector, line_id: int, item: Json) -> Json:
    try:
        _require(call, item)
        stranger = await _stranger(call, kind, item["user"])
        dialog = lines.open_dialog(call.world, call.portal, kind, line_id, (stranger, item["chat"]))
        session = await _alone(call, dialog, item)
    except ItemFailed as failed:
        return {"SUCCESS": False, "ERRORS": [str(failed)]}
    return _answer(item, stranger, session, dialog)


def _require(call: Call, item: Json) -> None:
    if call.world.stage.take(call.request, {"item_failed"}):
        raise ItemFailed("Не удалось добавить сообщение")
    said = item.get("message")
    ids = [item.get(name, {}) for name in ("user", "chat")]
    if not all(isinstance(each, dict) and each.get("id") for each in ids):
        raise ItemFailed(NO_DATA)
    if not isinstance(said, dict) or not (said.get("text") or said.get("files")):
        raise ItemFailed(NO_DATA)


async def _stranger(call: Call, kind: Connector, told: Json) -> Stranger:
    """Find or make the connector's user, and take what is new about them."""
    strangers, external = call.portal.lines.strangers, str(told["id"])
    theirs = (kind.id, external)
    found = next((s for s in strangers.values() if (s.connector, s.external_id) == theirs), None)
    if found is None:
        new_id = call.portal.number("stranger")
        found = Stranger(id=new_id, connector=kind.id, external_id=external)
        strangers[new_id] = found
    name, last = str(told.get("name") or ""), str(told.get("last_name") or "")
    if call.world.switches.name_letters_only and any(map(str.isdigit, name + last)):
        raise ItemFailed("Недопустимое имя")
    if not last and " " in name:
        name, _, last = name.partition(" ")
    found.name, found.last_name = name or found.name, last or found.last_name
    found.phone = str(told.get("phone") or found.phone)
    found.email = str(told.get("email") or found.email)
    picture = told.get("picture")
    if isinstance(picture, dict) and picture.get("url"):
        found.picture = await fetching.digest(call, str(picture["url"])) or found.picture
    return found


async def _alone(call: Call, dialog: Dialog, item: Json) -> int | None:
    """Write into a dialog while nobody else does, if that comes about within six seconds."""
    call.world.overlaps += dialog.is_busy
    for wait in LOCK_WAITS_S:
        if dialog.is_busy:
            await call.world.stage.clock.sleep(wait)
    dialog.is_busy = True
    try:
        return await _write(call, dialog, item)
    finally:
        dialog.is_busy = False


async def _write(call: Call, dialog: Dialog, item: Json) -> int | None:
    """Post one message; return its session, or None when the answer names none."""
    world, said = call.world, item["message"]
    text = str(said.get("text") or "")
    if _is_vote(dialog, text):
        dialog.session.awaits_vote, dialog.session.vote = False, VOTES[text[0]]
        return dialog.session.id if world.switches.late_vote_session else None
    author = _author(call, dialog, said)
    files, lost = await fetching.files(call, said.get("files"))
    if not text and not files:
        if world.switches.media_lost == "item_error":
            raise ItemFailed(NO_DATA)
        text = "[FILE]"
    is_hidden = world.stage.take(call.request, {"no_session"})
    if is_hidden and not world.switches.no_session_stores:
        return None
    if world.switches.duplicate_message == "ignore" and _is_known(dialog, said):
        return dialog.session.id
    session_id = _post(call, dialog, (author, said, text), (files, lost))
    return None if is_hidden else session_id


def _is_vote(dialog: Dialog, text: str) -> bool:
    awaited = bool(dialog.sessions) and dialog.session.awaits_vote
    return awaited and (text in VOTES or text.startswith(("1 ", "0 ")))


def _is_known(dialog: Dialog, said: Json) -> bool:
    return any(str(said.get("id")) in message.mid for message in dialog.messages)


def _author(call: Call, dialog: Dialog, said: Json) -> User | Stranger | None:
    """Return who speaks: the stranger, a user who is named, or with 0 nobody."""
    if said.get("user_id") in (None, ""):
        return call.portal.lines.strangers[dialog.stranger_id]
    user_id = whole(said["user_id"])
    if user_id == SYSTEM:
        return None
    try:
        return call.portal.user(user_id)
    except LookupError:
        raise ItemFailed("Пользователь не найден") from None


def _post(
    call: Call,
    dialog: Dialog,
    what: tuple[User | Stranger | None, Json, str],
    media: tuple[list[FileHeld], list[str]],
) -> int:
    world, portal, (author, said, text) = call.world, call.portal, what
    session, is_new = lines.open_session(world, portal, dialog)
    message = lines.post(
        world,
        portal,
        dialog,
        author,
        text=text,
        files=media[0],
        lost_files=media[1],
        mid=[str(said["id"])] if 0 < len(str(said.get("id") or "")) <= LONGEST_MID else [],
        said_at=whole(said.get("date")) or None,
        is_from_operator=isinstance(author, User),
    )
    if isinstance(author, Stranger):
        _after_stranger(call, dialog, message, is_new=is_new)
    elif _is_echoed(call, author):
        channel_events.send_out(world, portal, dialog, message)
    return session.id


def _is_echoed(call: Call, author: User | None) -> bool:
    switches = call.world.switches
    return switches.system_message_echoed if author is None else switches.user_message_echoed


def _after_stranger(call: Call, dialog: Dialog, message: ChatMessage, *, is_new: bool) -> None:
    """Let the line do what it does of itself: the CRM, the tracker, the greeting."""
    world, portal = call.world, call.portal
    config = portal.lines.lines[dialog.line_id].config
    if not is_new:
        line_cards.track(world, portal, dialog, message.text)
        return
    if world.switches.crm_delay_s:
        work = line_cards.begin_later(world, portal, dialog, dialog.session)
        world.background.start_later(work)
    else:
        line_cards.begin(world, portal, dialog, dialog.session)
    if config["WELCOME_MESSAGE"] == "Y":
        lines.say_by_itself(world, portal, dialog, str(config["WELCOME_MESSAGE_TEXT"]))


def _answer(item: Json, stranger: Stranger, session: int | None, dialog: Dialog) -> Json:
    said, chat = item["message"], dict(item["chat"])
    if chat.get("url"):
        chat["description"] = f"Link to the original post: {chat.pop('url')}"
    result: Json = {
        "user": str(stranger.id),
        "message": {**said, "date": {}},
        "chat": chat,
        "extra": [],
        "SUCCESS": True,
    }
    if session is not None:
        result["session"] = {"ID": str(session), "CHAT_ID": str(dialog.chat_id)}
    return result


def change(call: Call) -> Json:
    """Edit messages; one that is not there is edited successfully.

    The answer is as that to `send`, but names no session: who is known is named by their number.
    """
    return _each_known(call, _edit)


def remove(call: Call) -> Json:
    """Delete messages; one that is not there is deleted successfully."""
    return _each_known(call, _delete)


def _edit(message: ChatMessage, text: str) -> None:
    message.text, message.is_edited = text, True


def _delete(message: ChatMessage, text: str) -> None:
    del text
    message.is_deleted = True


def _each_known(call: Call, act: Callable[[ChatMessage, str], None]) -> Json:
    kind, line_id = active_connector(call)
    results = {}
    for key, item in _items(call):
        said = item.get("message") or {}
        for message in _messages(call, (kind.id, line_id, item)):
            act(message, str(said.get("text") or ""))
        results[key] = {**item, **_named(call, kind, item), "SUCCESS": True}
    return {"SUCCESS": True, "DATA": {"RESULT": _like(call, results)}}


def _named(call: Call, kind: Connector, item: Json) -> Json:
    external = str((item.get("user") or {}).get("id"))
    strangers = call.portal.lines.strangers.values()
    for stranger in strangers:
        if (stranger.connector, stranger.external_id) == (kind.id, external):
            return {"user": str(stranger.id)}
    return {}


def _messages(call: Call, where: tuple[str, int, Json]) -> Iterator[ChatMessage]:
    connector, line_id, item = where
    chat = str((item.get("chat") or {}).get("id"))
    external = str((item.get("message") or {}).get("id"))
    for dialog in call.portal.lines.dialogs.values():
        if (dialog.connector, dialog.line_id, dialog.chat_key) == (connector, line_id, chat):
            yield from (message for message in dialog.messages if external in message.mid)


def deliver(call: Call) -> Json:
    """Mark operators' messages as delivered; only the first call for each stores the ids."""
    connector, _ = place(call)
    known(call, connector)
    for _, item in _items(call):
        number = str((item.get("im") or {}).get("message_id") or "")
        found = call.portal.lines.with_message(int(number)) if number.isdigit() else None
        if found is not None:
            _mark(call, found[1], (item.get("message") or {}).get("id"))
    return {"SUCCESS": True, "DATA": []}


def _mark(call: Call, message: ChatMessage, ids: Any) -> None:
    listed = tuple(str(each) for each in ids) if isinstance(ids, list) else ()
    if ids and not isinstance(ids, list):
        call.world.warnings.append("message.id of a delivery status came as no array")
    message.marks.append(DeliveryMark(at=call.world.now(), external_ids=listed))
    if message.is_sending:
        message.mid = [each[:LONGEST_MID] for each in listed]
        message.is_sending = False


def read(call: Call) -> Json:
    """Accept that messages were read, and do nothing."""
    place(call)
    return {"SUCCESS": True, "DATA": []}


TABLE: dict[str, Handler] = {
    "imconnector.send.messages": send,
    "imconnector.update.messages": change,
    "imconnector.delete.messages": remove,
    "imconnector.send.status.delivery": deliver,
    "imconnector.send.status.reading": read,
}
METHODS = methods(TABLE, "imconnector", "imopenlines", is_for_applications=True)
