"""`imopenlines.*` and `im.*`: settings of lines, dialogs, and the history that tells the truth."""

from typing import Any

from . import channel_events, lines
from .call import Call, Handler, denied, is_yes, methods
from .crm_model import ENTITY_IDS
from .lines_model import SYSTEM, ChatMessage, Dialog, Json, Line, Session
from .php import whole
from .problems import Refused, missing

MOST_LINES = 200
USUAL_PAGE, LONGEST_PAGE = 20, 50
# Which settings are no column of a line: its id and its queue.
QUEUE = {"QUEUE", "QUEUE_USERS_FIELDS", "CONFIG_QUEUE"}


def list_lines(call: Call) -> list[Json]:
    asked, options = call.choice("PARAMS"), call.choice("OPTIONS")
    wanted = dict(asked["filter"]) if isinstance(asked.get("filter"), dict) else {}
    rows = [_line(each, options) for each in call.portal.lines.lines.values()]
    found = [row for row in rows if all(str(row.get(k)) == str(v) for k, v in wanted.items())]
    offset = whole(asked.get("offset"))
    most = min(whole(asked.get("limit"), MOST_LINES), MOST_LINES)
    chosen = found[offset : offset + most]
    select = asked["select"] if isinstance(asked.get("select"), list) else []
    kept = {"ID", *select, *QUEUE}
    if not select or "*" in select:
        return chosen
    return [{key: row[key] for key in row if key in kept} for row in chosen]


def _line(line: Line, options: Json | None = None) -> Json:
    row = {"ID": str(line.id), **line.config}
    if options is None or is_yes(options.get("QUEUE")):
        row["QUEUE"] = [str(user) for user in line.queue]
    return row


def get_line(call: Call) -> Json:
    return _line(_known_line(call))


def _known_line(call: Call) -> Line:
    line = call.portal.lines.lines.get(call.number("CONFIG_ID"))
    if line is None:
        raise Refused(400, "CONFIG_NOT_FOUND", "The open line was not found")
    return line


def add_line(call: Call) -> int:
    call.require_admin()
    sent = dict(call.choice("PARAMS"))
    name = str(sent.pop("LINE_NAME", "") or "Открытая линия")
    line = lines.add_line(call.portal, name, {k: v for k, v in sent.items() if k not in QUEUE})
    _take_queue(line, sent)
    return line.id


def update_line(call: Call) -> bool:
    call.require_admin()
    line, sent = _known_line(call), call.choice("PARAMS")
    line.config |= {key: value for key, value in sent.items() if key not in QUEUE}
    _take_queue(line, sent)
    return True


def _take_queue(line: Line, sent: Json) -> None:
    if isinstance(sent.get("QUEUE"), list):
        users = (
            each.get("ENTITY_ID", 0) if isinstance(each, dict) else each for each in sent["QUEUE"]
        )
        line.queue = [whole(user) for user in users]


def delete_line(call: Call) -> bool:
    call.require_admin()
    lines.delete_line(call.world, call.portal, _known_line(call).id)
    return True


def path(call: Call) -> Json:
    return {
        "SERVER_ADDRESS": f"https://{call.portal.host}",
        "PUBLIC_PATH": "/contact_center/lines_edit/?ID=#ID#",
    }


def _readable(call: Call, dialog: Dialog | None) -> Dialog:
    """Refuse in one way what is not there and what may not be seen."""
    if dialog is None or not _may_read(call, dialog):
        raise denied(call.world, "You do not have access to the specified dialog")
    return dialog


def _may_read(call: Call, dialog: Dialog) -> bool:
    if call.world.switches.rights_lost:
        return False
    operators = {session.operator_id for session in dialog.sessions}
    return call.caller.user.is_admin or call.caller.user.id in operators


def get_dialog(call: Call) -> Json:
    dialog = _readable(call, _dialog_named(call))
    session = dialog.session if dialog.sessions else None
    bound = next(iter(dialog.cards.items()), ("NONE", 0))
    all_bound = [part for pair in dialog.cards.items() for part in map(str, pair)]
    last = dialog.messages[-1].id if dialog.messages else 0
    return {
        "id": dialog.chat_id,
        "dialog_id": f"chat{dialog.chat_id}",
        "name": dialog.title,
        "type": "lines",
        "owner": session.operator_id if session else 0,
        "entity_type": "LINES",
        "entity_id": dialog.code,
        "entity_data_1": _entity_data(dialog, bound, session),
        "entity_data_2": "|".join(all_bound),
        "entity_data_3": "N",
        "last_message_id": last,
    }


def _entity_data(dialog: Dialog, bound: tuple[str, int], session: Session | None) -> str:
    kind, number = bound
    has_crm = "Y" if dialog.cards else "N"
    begun = int(session.created) if session else 0
    return f"{has_crm}|{kind}|{number}|N|N|{session.id if session else 0}|{begun}|0|0|0"


def _dialog_named(call: Call) -> Dialog | None:
    kept = call.portal.lines
    if call.get("USER_CODE"):
        return kept.dialog_of(str(call.get("USER_CODE")).removeprefix("imol|"))
    if call.get("SESSION_ID"):
        found = kept.with_session(call.number("SESSION_ID"))
        return found[0] if found else None
    named = str(call.get("CHAT_ID") or call.get("DIALOG_ID") or "").removeprefix("chat")
    if not named:
        raise Refused(400, "DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    return kept.dialogs.get(int(named)) if named.isdigit() else None


def open_session(call: Call) -> Json:
    """Tell the chat of a code; nothing is begun by it."""
    code = str(call.need("USER_CODE")).removeprefix("imol|")
    dialog = call.portal.lines.dialog_of(code)
    if call.world.switches.session_code == "external":
        kept = call.portal.lines
        all_of_them = kept.dialogs.values()
        dialog = next((each for each in all_of_them if _external_code(kept, each) == code), None)
    return {"chatId": str(_readable(call, dialog).chat_id)}


def _external_code(kept: Any, dialog: Dialog) -> str:
    head = dialog.code.rpartition("|")[0]
    return f"{head}|{kept.strangers[dialog.stranger_id].external_id}"


def history(call: Call) -> Json:
    """Tell what was said in a session. An unknown one, and an empty one, may not be seen."""
    if call.world.stage.take(call.request, {"history_denied"}):
        raise denied(call.world, "You do not have access to the specified dialog")
    dialog, session = _session_named(call)
    _readable(call, dialog)
    said = [each for each in dialog.messages if each.session_id == session.id]
    seen = [each for each in said if each.visible_at <= call.world.now()]
    if not seen:
        raise denied(call.world, "You do not have access to the specified dialog")
    chat = f"chat{dialog.chat_id}"
    return {
        "chatId": dialog.chat_id,
        "canJoin": "Y",
        "canVoteHead": "Y",
        "sessionId": session.id,
        "sessionVoteHead": 0,
        "sessionCommentHead": None,
        "userId": chat,
        "message": {str(each.id): _message(call, dialog, each) for each in seen},
        "usersMessage": {chat: [str(each.id) for each in seen]},
        "users": _people(call, seen) or [],
        "files": {str(held.id): _held(held) for each in seen for held in each.files} or [],
        "chat": {
            str(dialog.chat_id): {
                "id": str(dialog.chat_id),
                "name": dialog.title,
                "entityType": "LINES",
                "entityId": dialog.code,
            }
        },
    }


def _session_named(call: Call) -> tuple[Dialog, Session]:
    kept = call.portal.lines
    if call.get("SESSION_ID"):
        found = kept.with_session(call.number("SESSION_ID"))
        if found is None:
            raise denied(call.world, "You do not have access to the specified dialog")
        return found
    if not call.get("CHAT_ID"):
        raise Refused(400, "MISSING_REQUIRED_PARAM", "Missing required parameter")
    dialog = kept.dialogs.get(call.number("CHAT_ID"))
    if dialog is None or not dialog.sessions:
        raise Refused(400, "INVALID_SESSION_ID", "Invalid session ID")
    return dialog, dialog.session


def _message(call: Call, dialog: Dialog, message: ChatMessage) -> Json:
    params: Json = {}
    if message.mid:
        params["connectorMid"] = list(message.mid)
    if message.files:
        params["fileId"] = [held.id for held in message.files]
    if message.is_deleted:
        params["isDeleted"] = "Y"
    if message.is_edited:
        params["isEdited"] = "Y"
    text = "" if message.is_deleted else message.text
    return {
        "id": str(message.id),
        "chatid": str(dialog.chat_id),
        "senderid": str(message.sender_id),
        "recipientid": f"chat{dialog.chat_id}",
        "date": call.world.iso(message.at),
        "text": text,
        "textlegacy": text,
        "params": params or [],
    }


def _people(call: Call, seen: list[ChatMessage]) -> Json:
    strangers = call.portal.lines.strangers
    return {
        str(each.sender_id): {
            "id": str(each.sender_id),
            "name": each.sender_name,
            "connector": each.sender_id in strangers,
        }
        for each in seen
        if each.sender_id != SYSTEM
    }


def _held(held: Any) -> Json:
    return {"id": held.id, "name": held.name, "size": len(held.body), "type": held.mime}


def chats_of_card(call: Call) -> list[Json]:
    kind, number = _card(call)
    only_open = is_yes(call.get("ACTIVE_ONLY") or "Y")
    return [
        {
            "CHAT_ID": str(dialog.chat_id),
            "CONNECTOR_ID": dialog.connector,
            "CONNECTOR_TITLE": _title(call, dialog),
        }
        for dialog in call.portal.lines.dialogs.values()
        if dialog.cards.get(kind) == number and not (only_open and dialog.session.is_closed)
    ]


def _title(call: Call, dialog: Dialog) -> str:
    kind = call.portal.lines.connectors.get(dialog.connector)
    return kind.name if kind else dialog.connector


def last_chat_of_card(call: Call) -> int:
    kind, number = _card(call)
    dialogs = call.portal.lines.dialogs.values()
    found = [each.chat_id for each in dialogs if each.cards.get(kind) == number]
    if not found:
        raise Refused(400, "CRM_CHAT_EMPTY_CRM_DATA", "The card has no chats")
    return max(found)


def _card(call: Call) -> tuple[str, int]:
    kind = str(call.need("CRM_ENTITY_TYPE")).upper()
    if kind not in ENTITY_IDS:
        raise missing("CRM_ENTITY_TYPE")
    return kind, call.number("CRM_ENTITY")


def write_from_card(call: Call) -> int:
    """Write to the customer in a user's name, from a card."""
    kind, number = _card(call)
    user = call.portal.users.get(call.number("USER_ID"))
    if user is None or not user.is_active:
        raise Refused(400, "ERROR_ARGUMENT", "Wrong user", argument="USER_ID")
    dialog = call.portal.lines.dialogs.get(call.number("CHAT_ID"))
    if dialog is None or dialog.cards.get(kind) != number:
        raise Refused(400, "CHAT_NOT_IN_CRM", "The chat is not in the card")
    text = str(call.need("MESSAGE"))
    message = lines.post(call.world, call.portal, dialog, user, text=text, is_from_operator=True)
    channel_events.send_out(call.world, call.portal, dialog, message)
    return message.id


def write_in_chat(call: Call) -> int:
    """Write into a chat: to the customer, or with `SYSTEM` a note that stays inside."""
    named = str(call.need("DIALOG_ID")).removeprefix("chat")
    dialog = call.portal.lines.dialogs.get(int(named)) if named.isdigit() else None
    dialog = _readable(call, dialog)
    text = str(call.need("MESSAGE"))
    if is_yes(call.get("SYSTEM")):
        return lines.post(call.world, call.portal, dialog, None, text=text).id
    user = call.caller.user
    message = lines.post(call.world, call.portal, dialog, user, text=text, is_from_operator=True)
    channel_events.send_out(call.world, call.portal, dialog, message)
    return message.id


def read_chat(call: Call) -> Json:
    """Page through a chat: before `LAST_ID`, after `FIRST_ID`, or the newest messages."""
    named = str(call.need("DIALOG_ID")).removeprefix("chat")
    dialog = call.portal.lines.dialogs.get(int(named)) if named.isdigit() else None
    dialog = _readable(call, dialog)
    limit = min(whole(call.get("LIMIT"), USUAL_PAGE), LONGEST_PAGE)
    seen = [each for each in dialog.messages if each.visible_at <= call.world.now()]
    if call.get("FIRST_ID") is not None:
        chosen = [each for each in seen if each.id > call.number("FIRST_ID")][:limit]
    else:
        last = whole(call.get("LAST_ID"))
        chosen = [each for each in seen if not last or each.id < last][-limit:][::-1]
    return {
        "chat_id": dialog.chat_id,
        "messages": [
            {
                "id": each.id,
                "chat_id": dialog.chat_id,
                "author_id": each.sender_id,
                "date": call.world.iso(each.at),
                "text": each.text,
                "params": {"CONNECTOR_MID": list(each.mid)} if each.mid else [],
            }
            for each in chosen
        ],
        "users": list(_people(call, chosen).values()),
        "files": [_held(held) for each in chosen for held in each.files],
    }


def finish(call: Call) -> bool:
    dialog = _readable(call, call.portal.lines.dialogs.get(call.number("CHAT_ID")))
    if not dialog.session.is_closed:
        lines.close_session(call.world, call.portal, dialog, asks_vote=False)
    return True


LINES: dict[str, Handler] = {
    "imopenlines.config.list.get": list_lines,
    "imopenlines.config.get": get_line,
    "imopenlines.config.add": add_line,
    "imopenlines.config.update": update_line,
    "imopenlines.config.delete": delete_line,
    "imopenlines.config.path.get": path,
    "imopenlines.dialog.get": get_dialog,
    "imopenlines.session.open": open_session,
    "imopenlines.session.history.get": history,
    "imopenlines.crm.chat.get": chats_of_card,
    "imopenlines.crm.chat.getLastId": last_chat_of_card,
    "imopenlines.crm.message.add": write_from_card,
    "imopenlines.operator.finish": finish,
    "imopenlines.operator.another.finish": finish,
}
CHATS: dict[str, Handler] = {
    "im.message.add": write_in_chat,
    "im.dialog.messages.get": read_chat,
}
METHODS = {**methods(LINES, "imopenlines"), **methods(CHATS, "im")}
