"""`messageservice.*`: an application that sends what operators write as text messages."""

import re
from typing import Any

from . import events
from .call import Call, Handler, methods
from .model import Installation, Json, Portal
from .problems import Refused
from .world import World

CODE = re.compile(r"[A-Za-z0-9._-]+")
STATUSES = {"queued", "sent", "delivered", "undelivered", "failed"}


def add(call: Call) -> bool:
    """Register a sender; its code is taken once."""
    code, kind = str(call.need("CODE")), str(call.need("TYPE")).upper()
    if not CODE.fullmatch(code) or kind != "SMS" or not call.get("NAME"):
        raise Refused(400, "ERROR_SENDER_VALIDATION_FAILURE", "The sender is not valid")
    if code in call.installation.senders:
        raise Refused(400, "ERROR_SENDER_ALREADY_INSTALLED", "Sender already installed")
    call.installation.senders[code] = _sent(call)
    return True


def _sent(call: Call) -> Json:
    names = ("HANDLER", "NAME", "DESCRIPTION")
    return {name: call.get(name) for name in names if call.get(name) is not None}


def update(call: Call) -> bool:
    _sender(call).update(_sent(call))
    return True


def _sender(call: Call) -> Json:
    sender = call.installation.senders.get(str(call.need("CODE")))
    if sender is None:
        raise Refused(400, "ERROR_SENDER_NOT_FOUND", "Sender not found")
    return sender


def delete(call: Call) -> bool:
    _sender(call)
    del call.installation.senders[str(call.get("CODE"))]
    return True


def list_all(call: Call) -> list[str]:
    return list(call.installation.senders)


def set_status(call: Call) -> bool:
    """Tell what became of a message; telling it again changes nothing."""
    _sender(call)
    status = str(call.need("STATUS"))
    if status not in STATUSES:
        raise Refused(400, "ERROR_MESSAGE_STATUS_INCORRECT", "Message status incorrect")
    _message(call)["status"] = status
    return True


def status(call: Call) -> str:
    return str(_message(call)["status"])


def _message(call: Call) -> Json:
    message = call.portal.texts.get(str(call.need("MESSAGE_ID")))
    if message is None:
        raise Refused(400, "ERROR_MESSAGE_NOT_FOUND", "Message not found")
    return message


def send(
    world: World,
    portal: Portal,
    installation: Installation,
    what: tuple[str, tuple[int, int], str, str],
) -> Json:
    """Send an operator's text, `what` being the sender, the card, the phone and the words.

    It counts as sent at once; the application is posted to like of an event, and answers nothing.
    """
    code, (kind, number), phone, text = what
    message_id = world.hex(32)
    portal.texts[message_id] = {"status": "sent", "phone": phone, "text": text, "code": code}
    body: dict[str, Any] = {
        "module_id": "crm",
        "bindings": [{"OWNER_TYPE_ID": kind, "OWNER_ID": number}],
        "properties": {"phone_number": phone, "message_text": text},
        "type": "SMS",
        "code": code,
        "message_id": message_id,
        "message_to": phone,
        "message_body": text,
        "ts": int(world.now()),
        "auth": events.authorization(world, portal, installation, portal.user().id),
    }
    events.send(world, str(installation.senders[code]["HANDLER"]), body)
    return {"message_id": message_id, **portal.texts[message_id]}


TABLE: dict[str, Handler] = {
    "messageservice.sender.add": add,
    "messageservice.sender.update": update,
    "messageservice.sender.delete": delete,
    "messageservice.sender.list": list_all,
    "messageservice.message.status.update": set_status,
    "messageservice.message.status.get": status,
}
METHODS = methods(TABLE, "messageservice", is_for_applications=True, is_for_admins=True)
