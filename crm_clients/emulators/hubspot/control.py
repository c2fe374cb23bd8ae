"""The stage's own routes under `/_stage/`: the people, the scenery and the record, over HTTP."""

from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from channel_clients.emulators.stage import Request, Response, common_control
from crm_clients.emulators.workshop import plain

from .crm_model import Json
from .model import Portal
from .views import portal_view

if TYPE_CHECKING:
    from .emulator import HubSpotEmulator

ACTIONS = (
    *("set_hook", "subscribe"),
    *("dismiss", "uninstall", "revoke_token", "remove", "set_account"),
)
SCENERY = {
    "portal": "add_portal",
    "user": "add_user",
    "application": "add_app",
    "installation": "install",
    "tokens": "tokens",
    "code": "consent",
    "static_token": "static_token",
}
# What is seen of one portal: the route, which is the answer's key as well, and the view.
OF_PORTALS: Mapping[str, str] = {}


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
        except (TypeError, ValueError) as wrong:
            return Response.of({"error": str(wrong)}, 400)

    def _get(self, name: str, request: Request) -> Json:
        emulator = self._emulator
        if name == "state":
            return emulator.state()
        if name not in OF_PORTALS:
            raise LookupError(f"there is nothing to see at {name!r}")
        account = request.param("account") or next(iter(emulator.world.portals), "")
        return {name: plain(getattr(emulator, OF_PORTALS[name])(account))}

    async def _do(self, name: str, request: Request) -> Json:
        body = request.json() or {}
        if not isinstance(body, dict):
            raise TypeError("the body should be an object")
        if name != "setup":
            result = self._actions[name](**body)
            return {"result": shown(await result if isawaitable(result) else result)}
        unknown = set(body) - set(self._scenery)
        if unknown:
            raise ValueError(f"cannot set up {sorted(unknown)}; there are {sorted(self._scenery)}")
        return {what: shown(self._scenery[what](**body[what])) for what in body}


def shown(value: Any) -> Any:
    """Turn what an act returned into JSON: portals as the views show them."""
    match value:
        case Portal():
            return plain(portal_view(value))
        case list():
            return [shown(each) for each in value]
        case _:
            return plain(value)
