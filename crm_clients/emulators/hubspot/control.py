"""The stage's own routes under `/_stage/`: the people, the scenery and the record, over HTTP."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from channel_clients.emulators.stage import Request, Response, common_control
from crm_clients.emulators.workshop import plain

from .crm_model import Json, Record
from .inbox_model import Reply
from .model import Portal
from .problems import Refused
from .talk_views import reply_view
from .views import portal_view
from .world import World

if TYPE_CHECKING:
    from .emulator import HubSpotEmulator

ACTIONS = (
    *("set_hook", "subscribe"),
    *("dismiss", "uninstall", "revoke_token", "remove", "set_account"),
    *(
        "reply",
        "reply_richly",
        "reply_with_files",
        "comment",
        "close_thread",
        "delete_thread",
        "associate",
        "write_note",
    ),
    *("set_account_active", "purge_account", "connect_account", "return_from_channel"),
    *("edit_record", "delete_record", "restore_record", "merge_records"),
)
SCENERY = {
    "portal": "add_portal",
    "user": "add_user",
    "application": "add_app",
    "installation": "install",
    "tokens": "tokens",
    "code": "consent",
    "static_token": "static_token",
    "inbox": "add_inbox",
    "record": "add_record",
    "contact": "add_contact",
    "property": "add_property",
    "pipeline": "add_pipeline",
}
# What is seen of one portal: the route, which is the answer's key as well, and the view.
OF_PORTALS: Mapping[str, str] = {
    name: name
    for name in ("timeline", "notes", "contacts", "deals", "tickets", "entries", "changes")
}


class Control:
    """Calls the method of the emulator that a route stands for.

    The keys of a POST body are the arguments of the method, by name. What a method cannot find
    is a 404, what it cannot accept a 400.
    """

    def __init__(self, emulator: "HubSpotEmulator") -> None:
        self._emulator = emulator
        self._actions: Mapping[str, Callable[..., Any]] = {
            **{name: getattr(emulator, name) for name in ACTIONS},
            "switch": emulator.switches.set,
            "upload": self._upload,
        }
        self._scenery: Mapping[str, Callable[..., Any]] = {
            what: getattr(emulator, name) for what, name in SCENERY.items()
        }

    async def answer(self, request: Request) -> Response:
        self._emulator.world.seen_at(request.headers.get("host"))
        common = await common_control(self._emulator.stage, request)
        if common is not None:
            return common
        name = request.path.removeprefix("/_stage/")
        try:
            if request.method == "GET":
                return Response.of(self._get(name, request))
            return Response.of(await self._do(name, request))
        except LookupError as missing:
            return Response.of({"error": str(missing)}, 404)
        except (TypeError, ValueError, Refused) as wrong:
            return Response.of({"error": str(wrong)}, 400)

    def _get(self, name: str, request: Request) -> Json:
        emulator = self._emulator
        if name == "state":
            return emulator.state()
        if name == "replies":
            return {"replies": plain(emulator.replies)}
        if name not in OF_PORTALS:
            raise LookupError(f"there is nothing to see at {name!r}")
        account = request.param("account") or next(iter(emulator.world.portals), "")
        return {name: plain(getattr(emulator, OF_PORTALS[name])(account))}

    def _upload(self, name: str, content: str, kind: str = "file", **told: str) -> Json:
        """Take what the stages of other CRMs take: `base` says nothing here."""
        account = told.get("account") or next(iter(self._emulator.world.portals), "")
        body = b64decode(content, validate=True)
        return self._emulator.upload(account, name, body, kind=kind)

    async def _do(self, name: str, request: Request) -> Json:
        body = request.json() or {}
        if not isinstance(body, dict):
            raise TypeError("the body should be an object")
        world = self._emulator.world
        if name != "setup":
            result = self._actions[name](**body)
            return {"result": shown(world, await result if isawaitable(result) else result)}
        unknown = set(body) - set(self._scenery)
        if unknown:
            raise ValueError(f"cannot set up {sorted(unknown)}; there are {sorted(self._scenery)}")
        return {what: shown(world, self._scenery[what](**body[what])) for what in body}


def shown(world: World, value: Any) -> Any:
    """Turn what an act returned into JSON: portals and replies as the views show them."""
    match value:
        case Reply():
            return plain(reply_view(world, value))
        case Portal():
            return plain(portal_view(value))
        case Record():
            return {"id": value.id, "properties": dict(value.properties)}
        case list():
            return [shown(world, each) for each in value]
        case _:
            return plain(value)
