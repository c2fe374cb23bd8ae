"""The stage's own routes under `/_stage/`: the people, the scenery and the record, over HTTP."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from channel_clients.emulators.stage import Request, Response, common_control
from crm_clients.emulators.workshop import plain

from .lines_model import ChatMessage, Reply
from .model import Portal
from .views import message_view, portal_view, reply_view

if TYPE_CHECKING:
    from .emulator import Bitrix24Emulator

Json = dict[str, Any]

ACTIONS = (
    *("reply", "reply_with_files", "whisper", "edit", "delete"),
    *("close_session", "start_vote", "deactivate"),
    *("edit_card", "delete_card", "merge_contacts", "convert_lead", "write_note", "edit_note"),
    *("complete", "send_text"),
    *("finish_install", "open_settings", "update_application", "uninstall", "dismiss"),
    *("rename", "remove", "set_plan", "set_line", "delete_line"),
)
SCENERY = {
    "portal": "add_portal",
    "user": "add_user",
    "line": "add_line",
    "webhook": "add_webhook",
    "application": "add_application",
    "installation": "install",
    "pipeline": "add_pipeline",
    "field": "add_field",
    "card": "add_card",
    "tokens": "tokens",
    "code": "consent",
}
OF_PORTALS = {
    "timeline": "chats",
    "contacts": "contacts",
    "leads": "leads",
    "deals": "deals",
    "notes": "notes",
    "activities": "activities",
    "texts": "texts",
}


class Control:
    """Calls the method of the emulator that a route stands for.

    The keys of a POST body are the arguments of the method, by name. What a method cannot find
    is a 404, what it cannot accept a 400.
    """

    def __init__(self, emulator: "Bitrix24Emulator") -> None:
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
        except (TypeError, ValueError) as wrong:
            return Response.of({"error": str(wrong)}, 400)

    def _get(self, name: str, request: Request) -> Json:
        emulator = self._emulator
        if name == "replies":
            return {"replies": plain(emulator.replies)}
        if name == "state":
            return emulator.state()
        if name not in OF_PORTALS:
            raise LookupError(f"there is nothing to see at {name!r}")
        account = request.param("account") or next(iter(emulator.world.portals), "")
        return {OF_PORTALS[name]: plain(getattr(emulator, name)(account))}

    def _upload(self, name: str, content: str, account: str = "", **told: str) -> Json:
        """Take what the stages of other CRMs take: `base` and `kind` say nothing here."""
        del told
        account = account or next(iter(self._emulator.world.portals), "")
        return self._emulator.upload(account, name, b64decode(content, validate=True))

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
    """Turn what an act returned into JSON: people and files as the views show them."""
    match value:
        case Reply():
            return plain(reply_view(value))
        case ChatMessage():
            return plain(message_view(value))
        case Portal():
            return plain(portal_view(value))
        case list():
            return [shown(each) for each in value]
        case _:
            return plain(value)
