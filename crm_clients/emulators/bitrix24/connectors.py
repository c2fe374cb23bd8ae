"""`imconnector.*`: how an application registers its channels and puts them on lines."""

import re
from typing import Any

from . import lines
from .call import Call, Handler, methods, truthy
from .lines_model import Connector, Json, Status
from .php import whole
from .problems import Refused

FLAGS = {
    "DEL_EXTERNAL_MESSAGES": True,
    "EDIT_INTERNAL_MESSAGES": True,
    "DEL_INTERNAL_MESSAGES": True,
    "NEWSLETTER": True,
    "NEED_SYSTEM_MESSAGES": True,
    "NEED_SIGNATURE": True,
    "CHAT_GROUP": False,
}
BOOLEANS = {"true": True, "1": True, "y": True, "false": False, "0": False, "n": False}
NAME = re.compile(r"[a-z0-9_]+")


def _failed(code: str) -> Json:
    """How set-up fails: with HTTP 200, two results deep."""
    return {"result": False, "error": code, "error_description": "Не удалось"}


def register(call: Call) -> Json:
    """Add a connector, or write over the one of the same id, whoever's it is."""
    name = str(call.get("ID") or "").lower()
    flags = _flags(call)
    problem = _problem(call, name)
    if problem or flags is None:
        return _failed(problem or "APPLICATION_REGISTRATION_ERROR")
    call.portal.lines.connectors[name] = Connector(
        id=name,
        name=str(call.get("NAME")),
        client_id=call.installation.application.client_id,
        placement_handler=str(call.get("PLACEMENT_HANDLER")),
        flags=flags,
    )
    return {"result": True}


def _problem(call: Call, name: str) -> str:
    icon = call.get("ICON")
    if not name:
        return "CONNECTOR_ID_REQUIRED"
    if "." in name:
        return "APPLICATION_REGISTRATION_ERROR_POINT"
    if not NAME.fullmatch(name):
        return "APPLICATION_REGISTRATION_ERROR"
    if not call.get("NAME"):
        return "NAME_REQUIRED"
    if not isinstance(icon, dict) or not icon.get("DATA_IMAGE"):
        return "ICON_REQUIRED"
    return "" if call.get("PLACEMENT_HANDLER") else "NO_PLACEMENT_HANDLER"


def _flags(call: Call) -> dict[str, bool] | None:
    flags = dict(FLAGS)
    for name in FLAGS:
        value = call.get(name)
        if value is not None:
            if str(value).lower() not in BOOLEANS:
                return None
            flags[name] = BOOLEANS[str(value).lower()]
    return flags


def unregister(call: Call) -> Json:
    kind = call.portal.lines.connectors.get(str(call.need("ID")).lower())
    if kind is None or kind.client_id != call.installation.application.client_id:
        return _failed("APPLICATION_UNREGISTRATION_ERROR")
    del call.portal.lines.connectors[kind.id]
    statuses = call.portal.lines.statuses
    for key in [key for key in statuses if key[0] == kind.id]:
        del statuses[key]
    return {"result": True}


def list_all(call: Call) -> Json | list[Any]:
    kinds = call.portal.lines.connectors.values()
    return {kind.id: kind.name for kind in kinds} or []


def place(call: Call) -> tuple[str, int]:
    """Return the connector and the line that a call is about; they need not exist."""
    return str(call.need("CONNECTOR")).lower(), call.number("LINE")


def known(call: Call, connector: str) -> Connector:
    kind = call.portal.lines.connectors.get(connector)
    if kind is None:
        raise Refused(400, "IMCONNECTOR_NO_CORRECT_PROVIDER", "No correct provider")
    return kind


def activate(call: Call) -> bool:
    """Put a connector on a line, or with a value that is false in PHP take it off."""
    connector, line_id = place(call)
    active = call.get("ACTIVE")
    if active is None:
        raise Refused(
            400, "ERROR_ARGUMENT", "Argument 'ACTIVE' is null or empty", argument="ACTIVE"
        )
    kind = known(call, connector)
    if line_id not in call.portal.lines.lines:
        raise not_active()
    statuses = call.portal.lines.statuses
    if truthy(active):
        data = call.portal.lines.status_of(kind.id, line_id).data
        statuses[kind.id, line_id] = Status(
            is_active=True, is_connected=True, is_registered=True, data=data
        )
    elif call.world.switches.own_deactivation_event:
        lines.switch_off(call.world, call.portal, kind.id, line_id)
    else:
        statuses.pop((kind.id, line_id), None)
    return True


def not_active() -> Refused:
    text = "The line with this ID is inactive or does not exist"
    return Refused(400, "NOT_ACTIVE_LINE", text)


def set_data(call: Call) -> bool:
    """Describe the account of a line; what is empty leaves the old value."""
    connector, line_id = place(call)
    data = call.need("DATA")
    status = call.portal.lines.statuses.setdefault((connector, line_id), Status())
    if isinstance(data, dict):
        status.data |= {key.upper(): value for key, value in data.items() if value}
    return True


def status(call: Call) -> Json:
    """Tell how a connector fares on a line; without a line the answer means nothing."""
    connector = str(call.need("CONNECTOR")).lower()
    line_id = whole(call.get("LINE"))
    found = call.portal.lines.status_of(connector, line_id)
    return {
        "LINE": line_id,
        "CONNECTOR": connector,
        "ERROR": found.has_error,
        "CONFIGURED": found.is_active and found.is_registered,
        "STATUS": found.is_working,
    }


def set_error(call: Call) -> Json:
    connector, line_id = place(call)
    kind = known(call, connector)
    call.portal.lines.status_of(kind.id, line_id).has_error = True
    return {"SUCCESS": True, "DATA": []}


def name_chat(call: Call) -> Json:
    """Rename a chat of the channel; a chat of one person is named with that person."""
    kind, line_id = active_connector(call)
    chat_key, name = str(call.need("CHAT_ID")), str(call.need("NAME"))
    if not kind.is_group:
        call.need("USER_ID")
    for dialog in call.portal.lines.dialogs.values():
        if (dialog.connector, dialog.line_id, dialog.chat_key) == (kind.id, line_id, chat_key):
            dialog.title = name
            return {"SUCCESS": True, "DATA": {"RESULT": []}}
    raise Refused(400, "CHAT_RENAMING_FAILED", "The chat was not renamed")


def active_connector(call: Call) -> tuple[Connector, int]:
    """Return a connector that works on its line, or refuse."""
    connector, line_id = place(call)
    kind = known(call, connector)
    is_there = line_id in call.portal.lines.lines
    if not is_there or not call.portal.lines.status_of(kind.id, line_id).is_working:
        raise not_active()
    return kind, line_id


TABLE: dict[str, Handler] = {
    "imconnector.register": register,
    "imconnector.unregister": unregister,
    "imconnector.list": list_all,
    "imconnector.activate": activate,
    "imconnector.connector.data.set": set_data,
    "imconnector.status": status,
    "imconnector.set.error": set_error,
    "imconnector.chat.name.set": name_chat,
}
METHODS = methods(TABLE, "imconnector", "imopenlines", is_for_applications=True)
