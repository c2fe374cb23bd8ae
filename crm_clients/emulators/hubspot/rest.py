"""The door of the API: where a call goes, who may make it, and what every answer carries."""

import re
from collections.abc import Callable, Mapping
from inspect import isawaitable

from channel_clients.emulators.stage import Request, Response

from . import access, limits
from .call import Call, Route
from .paths import Place
from .problems import Refused, invalid, missing_scopes, page, unauthenticated
from .routes import ROUTES
from .world import World

MOVES_FOR_S = 600
COMPILED = tuple((re.compile(route.pattern), route) for route in ROUTES)


def internal_error(world: World) -> Refused:
    del world
    return Refused(500, "internal error", "INTERNAL_ERROR")


def expired(world: World) -> Refused:
    return access.expired(37.0, world.now() - 37)


def account_moving(world: World) -> Refused:
    del world
    headers = {"Retry-After": str(MOVES_FOR_S)}
    return Refused(477, "The account is moving to another data center", headers=headers)


# What answers in place of HubSpot, before it does anything.
BEFORE: Mapping[str, Callable[[World], Refused]] = {
    "ten_secondly_limit": lambda world: limits.flooded(world, "TEN_SECONDLY_ROLLING", 10.0),
    "daily_limit": lambda world: limits.flooded(world, "DAILY", 0.0),
    "secondly_limit": lambda _: limits.too_many_searches(),
    "expired_token": expired,
    "invalid_token": lambda _: unauthenticated("The OAuth token used to make this call is invalid"),
    "scopes_missing": lambda _: missing_scopes(frozenset({"crm.objects.contacts.write"})),
    "record_locked": lambda _: limits.locked(),
    "account_moving": account_moving,
    "rule_of_the_admin": lambda _: invalid("A rule of the account refuses the value"),
    "internal_error_before": internal_error,
}
PAGES = {
    "gateway_timeout": (504, "Gateway Time-out"),
    "no_answer_in_100_s": (524, "A timeout occurred"),
}
PAGES_BEFORE = {f"{name}_before" for name in PAGES}
AFTER = {"internal_error_after", *(f"{name}_after" for name in PAGES)}


async def answer(world: World, request: Request, place: Place) -> Response:
    """Answer a call of the API."""
    early = world.stage.take(request, PAGES_BEFORE)
    if early is not None:
        return page(*PAGES[early.name.removesuffix("_before")])
    headers = {"X-HubSpot-Correlation-Id": world.uuid()}
    try:
        response = await _answered(world, request, place, headers)
    except Refused as refused:
        response = _told(world, refused, headers)
    after = world.stage.take(request, AFTER) if response.status < 300 else None
    if after is not None and after.name == "internal_error_after":
        response = _told(world, internal_error(world), headers)
    elif after is not None:
        return page(*PAGES[after.name.removesuffix("_after")])
    return Response(
        status=response.status, body=response.body, headers={**response.headers, **headers}
    )


def _told(world: World, refused: Refused, headers: dict[str, str]) -> Response:
    headers |= refused.headers
    body = {**refused.body, "correlationId": headers["X-HubSpot-Correlation-Id"]}
    if not world.switches.refusal_has_category:
        body.pop("category", None)
    return Response.of(body, refused.status)


async def _answered(
    world: World, request: Request, place: Place, headers: dict[str, str]
) -> Response:
    found, is_known = _find(request.method, place.path)
    if found is None:
        return page(405, "Method Not Allowed") if is_known else page(404, "Not Found")
    fault = world.stage.take(request, set(BEFORE))
    if fault is not None:
        raise BEFORE[fault.name](world)
    route, args = found
    caller = access.caller(world, route, request)
    headers |= limits.count_call(world, caller, place.path)
    call = Call(
        world=world,
        caller=caller,
        request=request,
        path=place.path,
        version=place.version,
        args=args,
        began=world.now(),
    )
    access.check(call, route)
    response = route.handler(call)
    return await response if isawaitable(response) else response


def _find(method: str, path: str) -> tuple[tuple[Route, tuple[str, ...]] | None, bool]:
    """Find the route of a call; without one, tell whether another method would have one."""
    is_known = False
    for pattern, route in COMPILED:
        found = pattern.fullmatch(path)
        if found is None:
            continue
        if route.method == method:
            return (route, tuple(group for group in found.groups() if group is not None)), True
        is_known = True
    return None, is_known
