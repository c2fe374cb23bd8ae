"""Open lines: lines and their connectors, dialogs, sessions, and what is said in them."""

from typing import Any

from . import channel_events, events, line_cards
from .lines_model import (
    SYSTEM,
    ChatMessage,
    Connector,
    Dialog,
    Json,
    Line,
    Session,
    Stranger,
)
from .model import Portal, User
from .world import World

LONGEST_TEXT = 20_000
CUT = " (...)"
CONFIG = {
    "ACTIVE": "Y",
    "CRM": "Y",
    "CRM_CREATE": "lead",
    "CRM_CREATE_SECOND": "",
    "CRM_CREATE_THIRD": "Y",
    "CRM_FORWARD": "N",
    "CRM_SOURCE": "create",
    "CRM_CHAT_TRACKER": "Y",
    "CRM_TRANSFER_CHANGE": "N",
    "QUEUE_TYPE": "evenly",
    "OPERATOR_DATA": "profile",
    "WELCOME_MESSAGE": "N",
    "WELCOME_MESSAGE_TEXT": "",
    "VOTE_MESSAGE": "N",
    "VOTE_MESSAGE_1_TEXT": "Оцените, пожалуйста: 1 — хорошо, 0 — плохо",
}


def add_line(portal: Portal, name: str, config: Json) -> Line:
    users = [user.id for user in portal.users.values() if user.is_active]
    line = Line(
        id=portal.number("line"),
        config={**CONFIG, "LINE_NAME": name, **config},
        queue=users,
    )
    portal.lines.lines[line.id] = line
    return line


def delete_line(world: World, portal: Portal, line_id: int) -> None:
    """Delete a line: its connectors go with it, and their applications are told."""
    if portal.lines.lines.pop(line_id, None) is None:
        raise LookupError(f"no open line has the id {line_id}")
    gone = [key for key in portal.lines.statuses if key[1] == line_id]
    owners = {portal.lines.owner_of(key[0]) for key in gone}
    for key in gone:
        del portal.lines.statuses[key]
    for owner in owners:
        events.tell(world, portal, events.Event("ONIMCONNECTORLINEDELETE", line_id, only=owner))


def forget_application(portal: Portal, client_id: str) -> None:
    """Remove the connectors of an application that is no more."""
    theirs = {kind.id for kind in portal.lines.connectors.values() if kind.client_id == client_id}
    for name in theirs:
        del portal.lines.connectors[name]
    portal.lines.statuses = {
        key: status for key, status in portal.lines.statuses.items() if key[0] not in theirs
    }


def switch_off(world: World, portal: Portal, connector: str, line_id: int) -> None:
    """Take a connector off a line, as the administrator does; its application is told."""
    portal.lines.statuses.pop((connector, line_id), None)
    owner = portal.lines.owner_of(connector)
    data = {"connector": connector, "line": line_id}
    events.tell(world, portal, events.Event("ONIMCONNECTORSTATUSDELETE", data, only=owner))


def placement_options(portal: Portal, connector: str, line_id: int) -> Json:
    """What a connector's page is told when it opens."""
    status = portal.lines.status_of(connector, line_id)
    return {
        "CONNECTOR": connector,
        "LINE": str(line_id),
        "STATUS": status.is_working,
        "ACTIVE_STATUS": int(status.is_active),
        "CONNECTION_STATUS": int(status.is_connected),
        "REGISTER_STATUS": int(status.is_registered),
        "ERROR_STATUS": int(status.has_error),
    }


def open_dialog(
    world: World, portal: Portal, kind: Connector, line_id: int, who: tuple[Stranger, Json]
) -> Dialog:
    """Find or make the dialog of a stranger and a chat of the channel. `who` ends with `chat`."""
    stranger, chat = who
    inner = str(stranger.id)
    user_part = "0" if kind.is_group else inner
    chat_key = str(chat["id"])
    dialog = portal.lines.dialog_of(f"{kind.id}|{line_id}|{chat_key}|{user_part}")
    if dialog is None:
        if "|" in chat_key:
            world.warnings.append("a chat.id with a bar in it spoils the code of its dialog")
        dialog = Dialog(
            chat_id=portal.number("chat"),
            connector=kind.id,
            line_id=line_id,
            chat_key=chat_key,
            user_part=user_part,
            stranger_id=stranger.id,
            title=str(chat.get("name") or f"{stranger.full_name} - {kind.name}"),
        )
        portal.lines.dialogs[dialog.chat_id] = dialog
    return dialog


def open_session(world: World, portal: Portal, dialog: Dialog) -> tuple[Session, bool]:
    """Return the session that goes on, or begin one. The second value tells which."""
    if dialog.sessions and not dialog.session.is_closed:
        return dialog.session, False
    line = portal.lines.lines[dialog.line_id]
    queue = [user for user in line.queue if portal.users[user].is_active]
    session = Session(
        id=portal.number("session"),
        created=world.now(),
        operator_id=queue[len(portal.lines.dialogs) % len(queue)] if queue else SYSTEM,
        parent_id=dialog.session.id if dialog.sessions else 0,
    )
    dialog.sessions.append(session)
    _tell_of_session(world, portal, dialog, session, "START")
    return session, True


def close_session(world: World, portal: Portal, dialog: Dialog, *, asks_vote: bool) -> None:
    """Close what goes on; with `asks_vote` the customer is asked for a rating first."""
    session = dialog.session
    if asks_vote:
        line = portal.lines.lines[dialog.line_id]
        session.awaits_vote = True
        say_by_itself(world, portal, dialog, str(line.config["VOTE_MESSAGE_1_TEXT"]))
    session.is_closed = True
    line_cards.finish(world, portal, session)
    _tell_of_session(world, portal, dialog, session, "FINISH")


def _tell_of_session(
    world: World, portal: Portal, dialog: Dialog, session: Session, what: str
) -> None:
    data = {
        "connector": _named(dialog),
        "session": {
            "id": session.id,
            "closed": "Y" if what == "FINISH" else "N",
            "parent_id": session.parent_id,
            "close_term": 10,
        },
        "chat": {"id": dialog.chat_id},
        "user": {"id": dialog.stranger_id},
    }
    owner = portal.lines.owner_of(dialog.connector)
    body = {"CONNECTOR": dialog.connector, "LINE": dialog.line_id, "DATA": [data]}
    events.tell(world, portal, events.Event(f"ONIMCONNECTORDIALOG{what}", body, only=owner))
    events.tell(world, portal, events.Event(f"ONSESSION{what}", {"DATA": [data]}))


def _named(dialog: Dialog) -> Json:
    return {
        "connector_id": dialog.connector,
        "line_id": dialog.line_id,
        "chat_id": dialog.chat_key,
        "user_id": dialog.stranger_id,
    }


def post(
    world: World, portal: Portal, dialog: Dialog, author: User | Stranger | None, **what: Any
) -> ChatMessage:
    """Put a message into a dialog; `what` fills the record, `text` and `files` among it.

    Nobody's is the system's. It stands in the order of arrival.
    """
    text = str(what.pop("text", ""))
    session, _ = open_session(world, portal, dialog)
    message = ChatMessage(
        id=portal.number("message"),
        session_id=session.id,
        sender_id=author.id if author else SYSTEM,
        sender_name=author.full_name if author else "",
        text=text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + CUT,
        at=world.now(),
        visible_at=world.now() + world.switches.history_delay_s,
        **what,
    )
    dialog.messages.append(message)
    if not message.is_whisper:
        _tell_everybody(world, portal, dialog, message)
    return message


def _tell_everybody(world: World, portal: Portal, dialog: Dialog, message: ChatMessage) -> None:
    data = {
        "connector": _named(dialog),
        "chat": {"id": dialog.chat_id},
        "message": {
            "id": message.id,
            "date": int(message.at),
            "text": message.text,
            "system": "N" if message.sender_id else "Y",
            "user_id": message.sender_id,
        },
    }
    by = message.sender_id if message.is_from_operator else None
    events.tell(world, portal, events.Event("ONOPENLINEMESSAGEADD", {"DATA": [data]}, by=by))


def say_by_itself(world: World, portal: Portal, dialog: Dialog, text: str) -> ChatMessage:
    """Post an automatic text; the channel hears of it if its connector asked for such."""
    message = post(world, portal, dialog, None, text=text)
    kind = portal.lines.connectors.get(dialog.connector)
    if kind is not None and kind.flags["NEED_SYSTEM_MESSAGES"]:
        channel_events.send_out(world, portal, dialog, message)
    return message
