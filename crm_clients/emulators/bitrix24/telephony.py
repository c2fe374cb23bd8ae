"""`telephony.externalCall.*`: calls that an exchange of one's own reports."""

import re
from base64 import b64decode
from datetime import datetime
from typing import Any

from . import activities, cards, duplicates
from .call import Call, Handler, methods
from .crm_model import ENTITY_IDS, ENTITY_NAMES, LEAD, Json
from .model import User
from .php import whole
from .problems import Refused, missing

SAME_CALL_S = 30 * 60
TYPES = {"1", "2", "3", "4", "5"}
OUTGOING = "1"
RECORDS = (".wav", ".mp3")
SHORTEST = 3


def _error(text: str) -> Refused:
    return Refused(400, "ERROR_CORE", text)


def register(call: Call) -> Json:
    """Begin a call. The same one within half an hour is told the id it already has."""
    user, kind = _user(call), str(call.need("TYPE"))
    phone = re.sub(r"[^\d+]", "", str(call.need("PHONE_NUMBER")))
    if kind not in TYPES:
        raise _error("Unknown TYPE")
    if len(phone) < SHORTEST:
        raise _error("Unsupported phone number format")
    _check_start(call)
    told = (call.get("LINE_NUMBER"), call.get("EXTERNAL_CALL_ID"))
    key = (call.caller.name, phone, kind, user.id, *map(str, told))
    for kept in call.portal.calls.values():
        if kept["key"] == key and kept["at"] > call.world.now() - SAME_CALL_S:
            return dict(kept["answer"])
    now = call.world.now()
    call_id = f"externalCall.{call.world.hex(32)}.{int(now)}"
    answer = {"CALL_ID": call_id, **_card(call, phone)}
    call.portal.calls[call_id] = {
        "key": key,
        "at": now,
        "answer": answer,
        "phone": phone.lstrip("+"),
        "kind": kind,
        "external": told[1],
        "line": told[0],
        "is_finished": False,
    }
    return dict(answer)


def _user(call: Call) -> User:
    number, inner = call.get("USER_ID"), call.get("USER_PHONE_INNER")
    if not number and not inner:
        raise _error("USER_ID or USER_PHONE_INNER should be set")
    for user in call.portal.users.values():
        if user.is_active and (str(user.id) == str(number) or user.inner_phone == str(inner)):
            return user
    raise _error("User is not found or is not active")


def _check_start(call: Call) -> None:
    if call.get("CALL_START_DATE"):
        try:
            datetime.fromisoformat(str(call.get("CALL_START_DATE")))
        except ValueError:
            raise _error("CALL_START_DATE should be in the ISO-8601 format") from None


def _card(call: Call, phone: str) -> Json:
    """Tell whose the number is: the card that was named, one that is found, or a new lead."""
    created = None
    kind = str(call.get("CRM_ENTITY_TYPE") or "").upper()
    number = whole(call.get("CRM_ENTITY_ID"))
    if kind not in ENTITY_IDS:
        kind, number = _found(call, phone)
    if not number and str(call.get("CRM_CREATE") or "0") == "1":
        sent = {"TITLE": phone, "PHONE": [{"VALUE": phone, "VALUE_TYPE": "WORK"}]}
        by = call.caller.user.id
        created = cards.create(call.world, call.portal, LEAD, sent, by=by).id
        kind, number = "LEAD", created
    made = [{"ENTITY_TYPE": "LEAD", "ENTITY_ID": created}] if created else []
    return {
        "CRM_CREATED_LEAD": created,
        "CRM_CREATED_ENTITIES": made,
        "CRM_ENTITY_TYPE": kind,
        "CRM_ENTITY_ID": number,
    }


def _found(call: Call, phone: str) -> tuple[str, int]:
    shelves = {kind: call.portal.crm.all_of(kind) for kind in reversed(duplicates.ORDER[:2])}
    found = duplicates.find(shelves, "PHONE", [phone])
    return next(((ENTITY_NAMES[kind], ids[0]) for kind, ids in found.items()), ("", 0))


def _kept(call: Call) -> Json:
    if not isinstance(call.need("CALL_ID"), str):
        raise Refused(400, "INVALID_ARGUMENT", "CALL_ID must be a string")
    kept = call.portal.calls.get(str(call.get("CALL_ID")))
    if kept is None:
        text = "Call is not found (call should be registered prior to finishing)"
        raise _error(text)
    return kept


def finish(call: Call) -> Json:
    """End a call and put its activity on the card. A second end is told there is no such call."""
    kept, user = _kept(call), _user(call)
    if kept["is_finished"]:
        raise _error("Call is not found (call should be registered prior to finishing)")
    kept["is_finished"] = True
    duration = whole(call.get("DURATION"))
    code = str(call.get("STATUS_CODE") or ("200" if duration else "304"))
    card = kept["answer"]
    activity = _activity(call, kept, user) if card["CRM_ENTITY_ID"] else 0
    return {
        "CALL_ID": str(call.get("CALL_ID")),
        "EXTERNAL_CALL_ID": kept["external"],
        "PORTAL_USER_ID": user.id,
        "PHONE_NUMBER": kept["phone"],
        "PORTAL_NUMBER": kept["line"],
        "INCOMING": kept["kind"],
        "CALL_DURATION": duration,
        "CALL_START_DATE": {},
        "CALL_STATUS": int(code == "200"),
        "CALL_VOTE": call.get("VOTE"),
        "COST": call.get("COST") or 0,
        "COST_CURRENCY": call.get("COST_CURRENCY") or "",
        "CALL_FAILED_CODE": code,
        "CALL_FAILED_REASON": call.get("FAILED_REASON") or "",
        "REST_APP_ID": str(call.installation.id),
        "REST_APP_NAME": call.installation.application.name,
        "CRM_ACTIVITY_ID": activity,
        "COMMENT": None,
        "CRM_ENTITY_TYPE": card["CRM_ENTITY_TYPE"],
        "CRM_ENTITY_ID": card["CRM_ENTITY_ID"],
        "ID": call.portal.number("call"),
    }


def _activity(call: Call, kept: Json, user: User) -> int:
    told = {
        "TYPE_ID": 2,
        "PROVIDER_ID": "VOXIMPLANT_CALL",
        "PROVIDER_TYPE_ID": "CALL",
        "SUBJECT": kept["phone"],
        "COMPLETED": "Y",
        "DIRECTION": 2 if kept["kind"] == OUTGOING else 1,
        "RESPONSIBLE_ID": user.id,
        "ORIGIN_ID": f"VI_{call.get('CALL_ID')}",
        "OWNER_TYPE_ID": ENTITY_IDS[kept["answer"]["CRM_ENTITY_TYPE"]],
        "OWNER_ID": kept["answer"]["CRM_ENTITY_ID"],
    }
    return activities.create(call.world, call.portal, told, by=user.id).id


def attach_record(call: Call) -> Json:
    """Put a recording to a call that has ended; another one takes its place."""
    kept = _kept(call)
    name = str(call.get("FILENAME") or call.get("RECORD_URL") or "")
    if not name:
        raise missing("FILENAME")
    if not name.lower().endswith(RECORDS):
        raise _error("Only wav and mp3 are supported")
    if not call.get("RECORD_URL"):
        kept["record"] = b64decode(str(call.need("FILE_CONTENT")))
    return {"FILE_ID": kept.setdefault("file_id", call.portal.number("file"))}


def show(call: Call) -> bool:
    _kept(call)
    call.need("USER_ID")
    return True


def search(call: Call) -> list[Json]:
    """Tell the cards that have a number, and who answers for them."""
    kind, number = _found(call, str(call.need("PHONE_NUMBER")))
    card = call.portal.crm.card(ENTITY_IDS.get(kind, 0), number)
    if card is None:
        return []
    user: User = call.portal.users[whole(card.fields["ASSIGNED_BY_ID"])]
    about: dict[str, Any] = {"ID": str(user.id), "USER_PHONE_INNER": user.inner_phone}
    return [
        {
            "CRM_ENTITY_TYPE": kind,
            "CRM_ENTITY_ID": number,
            "ASSIGNED_BY_ID": user.id,
            "NAME": card.name,
            "ASSIGNED_BY": about,
        }
    ]


OF_APPLICATIONS: dict[str, Handler] = {
    "telephony.externalCall.register": register,
    "telephony.externalCall.finish": finish,
    "telephony.externalCall.show": show,
    "telephony.externalCall.hide": show,
    "telephony.externalCall.searchCrmEntities": search,
}
TABLE: dict[str, Handler] = {"telephony.externalCall.attachRecord": attach_record}
METHODS = {
    **methods(OF_APPLICATIONS, "telephony", "call", is_for_applications=True),
    **methods(TABLE, "telephony", "call"),
}
