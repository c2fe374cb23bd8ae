"""Who calls: an application with a portal's token, a static token, or a developer's key."""

from channel_clients.emulators.stage import Request

from .call import Call, Caller, Route
from .model import App, Portal
from .problems import Refused, missing_scopes, unauthenticated
from .world import AccessToken, World, iso

NO_CREDENTIALS = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can "
    "find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
ENDED = "This oauth-token has been revoked, or its application was removed"


def caller(world: World, route: Route, request: Request) -> Caller:
    """Find out who calls, or refuse."""
    if route.auth in {"developer", "either"} and request.param("hapikey") is not None:
        return _developer(world, request)
    if route.auth == "developer":
        raise unauthenticated("The API key provided is missing")
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise unauthenticated(NO_CREDENTIALS)
    token = world.tokens.get(value.strip())
    if token is None:
        raise unauthenticated("The OAuth token used to make this call is invalid")
    return _by_token(world, token)


def _developer(world: World, request: Request) -> Caller:
    key, app_id = request.param("hapikey"), request.param("appId")
    for app in world.apps.values():
        if app.developer_key == key and app_id in (None, str(app.app_id)):
            return Caller(
                kind="developer",
                app_id=app.app_id,
                app=app,
                portal=None,
                user_id=0,
                scopes=frozenset(),
            )
    raise unauthenticated("The API key provided is invalid")


def _by_token(world: World, token: AccessToken) -> Caller:
    if token.expires_at is not None and token.expires_at <= world.now():
        raise expired(world.now() - token.expires_at, token.expires_at)
    portal = world.portals.get(token.hub_id)
    if portal is None or portal.is_gone:
        raise unauthenticated(ENDED)
    return Caller(
        kind=token.kind,
        app_id=token.app_id,
        app=_installed(portal, token),
        portal=portal,
        user_id=token.user_id,
        scopes=token.scopes,
    )


def expired(since_s: float, at: float) -> Refused:
    return Refused(
        401,
        f"The OAuth token used to make this call expired {int(since_s)} second(s) ago.",
        "EXPIRED_AUTHENTICATION",
        context={"expire time": [iso(at)]},
    )


def _installed(portal: Portal, token: AccessToken) -> App | None:
    if token.kind != "oauth":
        return None
    installation = portal.installations.get(token.app_id)
    if installation is None:
        raise unauthenticated(ENDED)
    return installation.app


def check(call: Call, route: Route) -> None:
    """Refuse what this caller may not do."""
    if call.caller.kind == "developer":
        return
    wanted = route.scopes(call) if callable(route.scopes) else route.scopes
    if wanted and not wanted & call.caller.scopes:
        raise missing_scopes(wanted)
