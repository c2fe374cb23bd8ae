"""Methods about the application itself, its users, and the events it listens to."""

from urllib.parse import urlsplit

from . import events
from .call import Call, Handler, Page, methods, paged
from .model import Binding, Installation, Json, User
from .php import whole
from .problems import Refused

CRM_EVENTS = tuple(
    f"ONCRM{entity}{what}"
    for entity in ("LEAD", "DEAL", "CONTACT", "COMPANY", "ACTIVITY", "TIMELINECOMMENT")
    for what in ("ADD", "UPDATE", "DELETE")
)
LINE_EVENTS = (
    *(f"ONIMCONNECTORMESSAGE{what}" for what in ("ADD", "UPDATE", "DELETE")),
    *("ONIMCONNECTORDIALOGSTART", "ONIMCONNECTORDIALOGFINISH"),
    *("ONIMCONNECTORLINEDELETE", "ONIMCONNECTORSTATUSDELETE"),
)
SESSION_EVENTS = (
    *("ONOPENLINEMESSAGEADD", "ONOPENLINEMESSAGEUPDATE", "ONOPENLINEMESSAGEDELETE"),
    *("ONSESSIONSTART", "ONSESSIONFINISH"),
)
BASIC_EVENTS = (
    *("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL", "ONAPPPAYMENT", "ONAPPTEST"),
    "ONOFFLINEEVENT",
)
EVENTS = {
    "": BASIC_EVENTS,
    "crm": CRM_EVENTS,
    "imconnector": LINE_EVENTS,
    "imopenlines": (*LINE_EVENTS, *SESSION_EVENTS),
    "telephony": ("ONEXTERNALCALLSTART", "ONEXTERNALCALLBACKSTART"),
    "user": ("ONUSERADD",),
}
FEATURES = {"rest_offline_extended": True, "rest_auth_connector": False}


def app_info(call: Call) -> Json:
    installation = call.installation
    return {
        "ID": installation.id,
        "CODE": installation.application.client_id,
        "VERSION": installation.version,
        "STATUS": installation.application.status,
        "INSTALLED": installation.is_finished,
        "PAYMENT_EXPIRED": "N" if installation.is_paid else "Y",
        "DAYS": None,
        "LANGUAGE_ID": call.portal.language,
        "LICENSE": call.world.switches.license,
    }


def profile(call: Call) -> Json:
    user = call.caller.user
    return {
        "ID": str(user.id),
        "ADMIN": user.is_admin,
        "NAME": user.name,
        "LAST_NAME": user.last_name,
        "PERSONAL_GENDER": "",
        "TIME_ZONE": user.zone,
        "TIME_ZONE_OFFSET": 0,
    }


def current_user(call: Call) -> Json:
    return _user(call.caller.user)


def _user(user: User) -> Json:
    return {
        "ID": str(user.id),
        "ACTIVE": user.is_active,
        "NAME": user.name,
        "LAST_NAME": user.last_name,
        "EMAIL": user.email,
        "WORK_POSITION": "",
        "UF_DEPARTMENT": [1],
        "UF_PHONE_INNER": user.inner_phone,
        "USER_TYPE": "employee",
    }


def users(call: Call) -> Page:
    """List employees. The filter may stand in `FILTER` or beside it, as it always could."""
    wanted = {**dict(call.params), **call.choice("FILTER")}
    rows = [_user(user) for user in call.portal.users.values() if _fits(user, wanted)]
    return paged(call, rows)


def _fits(user: User, wanted: Json) -> bool:
    asked = {key.upper(): value for key, value in wanted.items()}
    if "ACTIVE" in asked and (str(asked["ACTIVE"]).lower() in {"1", "true", "y"}) != user.is_active:
        return False
    if "EMAIL" in asked and asked["EMAIL"] != user.email:
        return False
    ids = asked.get("ID", asked.get("@ID"))
    listed = ids if isinstance(ids, list) else [ids]
    return ids is None or str(user.id) in map(str, listed)


def known_events(call: Call) -> list[str]:
    scopes = ("", *sorted(call.caller.scopes))
    return list(dict.fromkeys(name for scope in scopes for name in EVENTS.get(scope, ())))


def bind(call: Call) -> bool:
    """Listen to an event. The same subscription twice is an error."""
    event = str(call.need("event")).upper()
    if event not in known_events(call):
        raise Refused(400, "ERROR_EVENT_NOT_FOUND", "Event not found")
    is_offline = call.get("event_type") == "offline"
    auth_type = whole(call.get("auth_type"))
    if is_offline or auth_type not in (0, call.caller.user.id):
        call.require_admin()
    handler = "" if is_offline else _handler(call)
    bindings = call.installation.bindings
    new = (event, handler, is_offline)
    if any((each.event, each.handler, each.is_offline) == new for each in bindings):
        text = "Unable to set event handler: Handler already binded"
        raise Refused(400, "ERROR_CORE", text)
    binding = Binding(
        id=call.portal.number("binding"),
        event=event,
        handler=handler,
        auth_type=auth_type,
        is_offline=is_offline,
        min_timeout=whole(call.choice("options").get("minTimeout")),
    )
    bindings.append(binding)
    return True


def _handler(call: Call) -> str:
    handler = str(call.need("handler"))
    parts = urlsplit(handler)
    if parts.scheme not in {"http", "https"}:
        raise Refused(400, "ERROR_UNSUPPORTED_PROTOCOL", "Unsupported event handler protocol")
    if "." not in (parts.hostname or "") and not call.world.switches.dotless_handlers:
        raise Refused(400, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    return handler


def unbind(call: Call) -> Json:
    event = str(call.need("event")).upper()
    is_offline = call.get("event_type") == "offline"
    handler = "" if is_offline else str(call.need("handler"))
    gone = [
        each
        for each in call.installation.bindings
        if (each.event, each.handler, each.is_offline) == (event, handler, is_offline)
    ]
    for each in gone:
        call.installation.bindings.remove(each)
    return {"count": len(gone)}


def bound(call: Call) -> list[Json]:
    return [_binding(each) for each in call.installation.bindings]


def _binding(binding: Binding) -> Json:
    if binding.is_offline:
        return {"event": binding.event, "connector_id": "", "offline": 1}
    auth = str(binding.auth_type)
    return {"event": binding.event, "handler": binding.handler, "auth_type": auth, "offline": 0}


def test_event(call: Call) -> int:
    """Send ONAPPTEST with whatever was sent here."""
    query = {key: value for key, value in call.params.items() if key != "auth"}
    installation: Installation = call.installation
    events.tell(
        call.world,
        call.portal,
        events.Event(
            "ONAPPTEST",
            {"QUERY": query},
            by=call.caller.user.id,
            only=installation.application.client_id,
        ),
    )
    return 1


def feature(call: Call) -> Json:
    code = str(call.need("CODE"))
    is_there = FEATURES.get(code, False)
    if code == "rest_offline_extended":
        is_there = call.world.switches.offline_extended
    return {"value": "Y" if is_there else "N"}


def scopes(call: Call) -> list[str]:
    return sorted(call.caller.scopes)


def server_time(call: Call) -> str:
    return call.world.iso()


BASIC: dict[str, Handler] = {
    "profile": profile,
    "feature.get": feature,
    "scope": scopes,
    "server.time": server_time,
}
OF_APPLICATIONS: dict[str, Handler] = {
    "app.info": app_info,
    "events": known_events,
    "event.bind": bind,
    "event.unbind": unbind,
    "event.get": bound,
    "event.test": test_event,
}
OF_USERS: dict[str, Handler] = {"user.get": users, "user.current": current_user}
METHODS = {
    **methods(BASIC),
    **methods(OF_APPLICATIONS, is_for_applications=True),
    **methods(OF_USERS, "user", "user_basic", "user_brief"),
}
