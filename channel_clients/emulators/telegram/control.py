"""The `/_stage/` routes of the emulator: the acts of its customers and the views, over HTTP."""

import inspect
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from channel_clients.emulators.stage import Request, Response, Stage, common_control
from channel_clients.emulators.telegram.bots import Bot
from channel_clients.emulators.telegram.customers import Customers, Details, Look
from channel_clients.emulators.telegram.owners import Owners
from channel_clients.emulators.telegram.refusals import Refused
from channel_clients.emulators.telegram.world import Said, Wire, World

_ACTS: Mapping[str, Callable[..., Said | str | int | None]] = {
    "say": Customers.say,
    "start": Customers.start,
    "edit": Customers.edit,
    "delete": Customers.delete,
    "share_contact": Customers.share_contact,
    "show": Customers.show,
    "move": Customers.move,
    "press": Customers.press,
    "react": Customers.react,
    "block": Customers.block,
    "unblock": Customers.unblock,
    "deactivate": Customers.deactivate,
    "group_say": Customers.group_say,
    "connect_business": Owners.connect_business,
    "disconnect_business": Owners.disconnect_business,
    "business_say": Owners.business_say,
    "business_show": Owners.business_show,
    "business_edit": Owners.business_edit,
    "business_delete": Owners.business_delete,
}
_PREFIX = "/_stage/"


async def answer_control(stage: Stage, customers: Owners, request: Request) -> Response:
    """Answer the routes of every emulator, then those of this one."""
    if (common := await common_control(stage, request)) is not None:
        return common
    name = request.path.removeprefix(_PREFIX)
    try:
        match request.method, name:
            case "GET", "chats":
                return Response.of({"chats": _chats(customers, request.param("bot"))})
            case "GET", "said":
                said = (asdict(said) for said in customers.said)
                return Response.of({"said": [_digested(customers.world, each) for each in said]})
            case "GET", "file":
                return Response(body=customers.world.file(request.param("id") or "").content)
            case "GET", "state":
                return Response.of(_state(stage, customers))
            case "POST", "update":
                body = _body(request)
                bot = body.pop("bot", None)
                return Response.of({"result": customers.update(body, bot=bot)})
            case "POST", _ if name in _ACTS:
                return Response.of({"result": _act(customers, name, _body(request))})
            case _:
                return Response.of({"error": f"no route {request.method} {request.path}"}, 404)
    except (ValueError, TypeError, Refused) as reason:
        return Response.of({"error": str(reason)}, 400)


def _chats(customers: Owners, bot: str | None) -> list[Wire]:
    return [
        {**chat, "messages": [_digested(customers.world, each) for each in chat["messages"]]}
        for chat in customers.chats(bot)
    ]


def _digested(world: World, message: Wire) -> Wire:
    """Say by a SHA-256 which bytes the files of a message are made of."""
    shown = [
        {**thing, "sha256": world.files[thing["file_id"]].sha256} if "file_id" in thing else thing
        for thing in message["shown"]
    ]
    return {**message, "shown": shown}


def _body(request: Request) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body


def _act(customers: Owners, name: str, body: dict[str, Any]) -> Any:
    """Call an act with the body as its arguments.

    Raises: `TypeError` for arguments it does not have.
    """
    act = _ACTS[name]
    known = set(inspect.signature(act).parameters) | _more_of(act)
    if unknown := set(body) - known:
        raise TypeError(f"{name} does not take {sorted(unknown)}")
    if isinstance(body.get("content"), str):
        body["content"] = b64decode(body["content"], validate=True)
    result = act(customers, **body)
    return asdict(result) if isinstance(result, Said) else result


def _more_of(act: Callable[..., object]) -> set[str]:
    """Name what an act takes beside its own parameters."""
    more = {"details": Details, "look": Look}
    names = inspect.signature(act).parameters
    return {key for name, kind in more.items() if name in names for key in kind.__annotations__}


def _state(stage: Stage, customers: Owners) -> Wire:
    return {
        "now": stage.clock.now().isoformat(),
        "bots": [_bot_state(bot) for bot in customers.bots],
        "users": len(customers.world.users),
        "said": len(customers.said),
        "exchanges": len(stage.log),
    }


def _bot_state(bot: Bot) -> Wire:
    webhook = bot.courier.webhook
    return {
        "id": bot.id,
        "username": bot.username,
        "webhook": webhook.url if webhook else None,
        "polling": bot.poll is not None,
        "pending": len(bot.backlog),
        "pushed": len(bot.courier.pushed),
        "chats": len(bot.chats),
    }
