"""The REST door of a portal: how a call is read, who may make it, and the envelope of answers."""

import json
from typing import Any

from channel_clients.emulators.stage import Request, Response

from . import access, limits, php
from .batch import BATCH
from .call import Call, Page
from .methods import METHODS
from .model import Json, Portal
from .performing import perform
from .problems import Refused, page
from .world import World

BOUNDARY = "boundary="
EVERY_METHOD = {**METHODS, **BATCH}
SERVER_ERROR = (500, "INTERNAL_SERVER_ERROR", "Internal server error")
# What answers in place of a portal, before it does anything.
BEFORE = {
    "QUERY_LIMIT_EXCEEDED": (503, "QUERY_LIMIT_EXCEEDED", "Too many requests"),
    "OPERATION_TIME_LIMIT": (
        429,
        "OPERATION_TIME_LIMIT",
        "Method is blocked due to operation time limit.",
    ),
    "OVERLOAD_LIMIT": (503, "OVERLOAD_LIMIT", "REST API is blocked due to overload."),
    "ERROR_CORE": (400, "ERROR_CORE", "Неверное значение поля"),
    "expired_token": (401, "expired_token", "The access token provided has expired"),
    "internal_error_before": SERVER_ERROR,
}
PAGES = {"html_500": (500, "Internal Server Error"), "html_502": (502, "Bad Gateway")}
AFTER = {"internal_error_after", "empty_200"}


async def answer(world: World, request: Request, portal: Portal, path: str) -> Response:
    """Answer what lies under `/rest/` of a portal."""
    try:
        response = await _answered(world, request, portal, path)
    except Refused as refused:
        return refused.response
    after = world.stage.take(request, AFTER)
    if after is None:
        return response
    if after.name == "empty_200":
        return Response(status=200)
    return Refused(*SERVER_ERROR).response


async def _answered(world: World, request: Request, portal: Portal, path: str) -> Response:
    refuse_portal(world, portal, request)
    trouble = world.stage.take(request, PAGES.keys() | {"access_denied_page"})
    if trouble is not None:
        return page(*PAGES.get(trouble.name, (403, "Forbidden")))
    _take_fault(world, request)
    credentials, name = _split(path)
    params = read(request)
    caller = access.caller(world, portal, request, (credentials, params))
    limits.count_call(world, portal, request)
    _note_manners(world, request)
    call = Call(
        world=world,
        portal=portal,
        caller=caller,
        request=request,
        method=name.lower(),
        params=params,
    )
    began = world.now()
    value = await perform(call, EVERY_METHOD)
    return Response.of(envelope(call, value, began))


def refuse_portal(world: World, portal: Portal, request: Request) -> None:
    if portal.is_deleted or world.stage.take(request, {"portal_deleted"}):
        status = int(world.switches.portal_deleted_status)
        raise Refused(status, "PORTAL_DELETED", "Portal was deleted")
    if not portal.has_rest:
        _refuse_plan(world)


def _take_fault(world: World, request: Request) -> None:
    if world.stage.take(request, {"access_denied_plan"}):
        _refuse_plan(world)
    fault = world.stage.take(request, set(BEFORE))
    if fault is not None:
        raise Refused(*BEFORE[fault.name])


def _refuse_plan(world: World) -> None:
    status = int(world.switches.denial_status)
    raise Refused(status, "ACCESS_DENIED", "REST API is available only on commercial plans.")


def _note_manners(world: World, request: Request) -> None:
    line = f"{request.method} {request.path.rpartition('/')[2]}"
    if not request.headers.get("user-agent"):
        world.warnings.append(f"{line} came without a User-Agent")
        if world.switches.user_agent_required:
            raise Refused(403, "ACCESS_DENIED", "User-Agent is required")
    if any(key in {"auth", "access_token"} for key, _ in request.query):
        world.warnings.append(f"{line} carried a token in its query")


def _split(path: str) -> tuple[tuple[str, str] | None, str]:
    """Tell a webhook's path from an application's, and leave out the suffix."""
    parts = path.strip("/").split("/")
    name = parts[-1].removesuffix(".json")
    return ((parts[0], parts[1]) if len(parts) == 3 else None), name


def read(request: Request) -> Json:
    """Merge the parameters of query and body; a body that cannot be read is an empty one."""
    params = php.nested(request.query)
    kind = request.headers.get("content-type", "")
    if request.method == "GET":
        return params
    if "multipart/form-data" in kind:
        return params | _multipart(request.body, kind.partition(BOUNDARY)[2].strip('"'))
    if "json" in kind:
        return params | _json(request.body)
    return params | php.query(request.body.decode("utf-8", "replace"))


def _json(body: bytes) -> Json:
    try:
        sent = json.loads(body or b"{}")
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


def _multipart(body: bytes, boundary: str) -> Json:
    """Read the plain fields of a form; files are put down by their content."""
    pairs = []
    for part in body.split(f"--{boundary}".encode())[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = head.decode().partition('name="')[2].partition('"')[0]
        pairs.append((name, value.decode("utf-8", "replace")))
    return php.nested(pairs)


def envelope(call: Call, value: Any, began: float) -> Json:
    body: Json = {"result": value.value if isinstance(value, Page) else value}
    if isinstance(value, Page):
        if value.next is not None:
            body["next"] = value.next
        body["total"] = value.total
    return {**body, "time": limits.time_block(call, began)}
