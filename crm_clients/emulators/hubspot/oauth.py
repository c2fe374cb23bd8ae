"""The OAuth server: codes that work once, tokens, what they are, and their end."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from channel_clients.emulators.stage import ConnectionCut, Request, Response

from . import limits
from .model import App, Json, Portal
from .paths import Place
from .problems import page
from .world import AccessToken, Code, Grant, World

# What is answered, by HubSpot's own name of the trouble: OAuth's name, and the message.
TROUBLES = {
    "BAD_REFRESH_TOKEN": ("invalid_grant", "missing or invalid refresh token"),
    "BAD_AUTH_CODE": ("invalid_grant", "missing or unknown auth code"),
    "BAD_CLIENT_ID": ("invalid_client", "missing or invalid client id"),
    "BAD_CLIENT_SECRET": ("invalid_client", "missing or invalid client secret"),
    "BAD_REDIRECT_URI": ("invalid_request", "missing or invalid redirect uri"),
    "BAD_CODE_VERIFIER": ("invalid_request", "missing or invalid code verifier"),
    "BAD_SCOPES": ("invalid_scope", "missing or invalid scopes"),
    "BAD_GRANT_TYPE": ("unsupported_grant_type", "missing or unknown grant type"),
    "BAD_HUB": ("access_denied", "missing or unknown hub id"),
}
TOKEN_LETTERS = 360


class Trouble(Exception):
    """Unwinds to the door, which answers with the envelope of this name."""


def answer(world: World, request: Request, place: Place) -> Response:
    """Answer what lies under `/oauth/`."""
    path = place.path.removeprefix("oauth/")
    if world.stage.take(request, {"oauth_flood"}):
        return _refusal(world, limits.flooded(world, "TEN_SECONDLY_ROLLING", 1.0).body, 429)
    try:
        if request.method == "POST" and path == "token":
            return _token(world, request, _form(request, place.version))
        if request.method == "POST" and path == "token/introspect":
            return _introspect(world, _form(request, place.version))
        if request.method == "POST" and path == "token/revoke":
            return _revoke(world, _form(request, place.version))
        if place.version == "v1" and request.method == "GET":
            return _looked_up(world, path)
    except Trouble as trouble:
        status = str(trouble)
        error, message = TROUBLES[status]
        body = {"status": status, "message": message, "error": error, "error_description": message}
        return _refusal(world, body, 400)
    return page(404, "Not Found")


def _refusal(world: World, body: Json, status: int) -> Response:
    return Response.of({**body, "correlationId": world.uuid()}, status)


def _form(request: Request, version: str) -> Json:
    """Read the form; the first version alone takes its values from the query, too."""
    form: dict[str, Any] = dict(request.query) if version == "v1" else {}
    return form | dict(parse_qsl(request.body.decode("utf-8", "replace")))


def _application(world: World, form: Json) -> App:
    app = world.apps.get(str(form.get("client_id")))
    if app is None:
        raise Trouble("BAD_CLIENT_ID")
    if app.client_secret != form.get("client_secret"):
        raise Trouble("BAD_CLIENT_SECRET")
    return app


def _token(world: World, request: Request, form: Json) -> Response:
    app = _application(world, form)
    match form.get("grant_type"):
        case "authorization_code":
            return _exchange(world, app, form)
        case "refresh_token":
            if world.stage.take(request, {"hub_unknown"}):
                raise Trouble("BAD_HUB")
            response = _refresh(world, app, str(form.get("refresh_token")))
            if world.stage.take(request, {"refresh_answer_lost"}):
                raise ConnectionCut(applied=True)
            return response
        case "client_credentials":
            return _of_the_app(world, form)
        case _:
            raise Trouble("BAD_GRANT_TYPE")


def _exchange(world: World, app: App, form: Json) -> Response:
    code = world.codes.pop(str(form.get("code")), None)
    if code is None or code.app_id != app.app_id or code.expires_at <= world.now():
        raise Trouble("BAD_AUTH_CODE")
    if code.redirect_uri != form.get("redirect_uri"):
        raise Trouble("BAD_REDIRECT_URI")
    if code.challenge and code.challenge != _challenge(str(form.get("code_verifier"))):
        raise Trouble("BAD_CODE_VERIFIER")
    return Response.of(_first_pair(world, app, code))


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def _first_pair(world: World, app: App, code: Code) -> Json:
    portal = _portal(world, app, code.hub_id)
    return open_grant(world, portal, app, code.scopes)


def _portal(world: World, app: App, hub_id: int) -> Portal:
    portal = world.portals.get(hub_id)
    if portal is None or portal.is_gone:
        raise Trouble("BAD_HUB")
    if app.app_id not in portal.installations:
        raise Trouble("BAD_REFRESH_TOKEN")
    return portal


def open_grant(world: World, portal: Portal, app: App, scopes: frozenset[str]) -> Json:
    """Give an application a pair of tokens, as the token endpoint would."""
    grant = Grant(
        app_id=app.app_id,
        hub_id=portal.hub_id,
        user_id=portal.installations[app.app_id].user_id,
        scopes=scopes,
        refresh_token=f"na1-{world.uuid()}",
    )
    world.grants.append(grant)
    return _pair(world, grant)


def _refresh(world: World, app: App, value: str) -> Response:
    grant = next((each for each in world.grants if _has(each, value)), None)
    if grant is None or grant.app_id != app.app_id or grant.is_revoked:
        raise Trouble("BAD_REFRESH_TOKEN")
    _portal(world, app, grant.hub_id)
    rotation = world.switches.refresh_rotation
    if value != grant.refresh_token and rotation == "kill_old":
        raise Trouble("BAD_REFRESH_TOKEN")
    if rotation != "none" and value == grant.refresh_token:
        grant.spent.append(value)
        grant.refresh_token = f"na1-{world.uuid()}"
    world.refreshes += 1
    return Response.of(_pair(world, grant))


def _has(grant: Grant, value: str) -> bool:
    return value == grant.refresh_token or value in grant.spent


def _pair(world: World, grant: Grant) -> Json:
    token = AccessToken(
        value=_opaque(world),
        app_id=grant.app_id,
        hub_id=grant.hub_id,
        user_id=grant.user_id,
        scopes=grant.scopes,
        expires_at=world.now() + world.switches.token_life_s,
    )
    world.tokens[token.value] = token
    return {
        "token_type": "bearer",
        "refresh_token": grant.refresh_token,
        "access_token": token.value,
        "expires_in": world.switches.token_life_s,
        "hub_id": grant.hub_id,
        "user_id": grant.user_id,
        "scopes": sorted(grant.scopes),
        "token_use": "access_token",
    }


def _opaque(world: World) -> str:
    """As long as real ones are, so that nobody keeps too little room for them."""
    return f"C{world.hex(TOKEN_LETTERS).upper()}"


def _of_the_app(world: World, form: Json) -> Response:
    scopes = str(form.get("scope") or "").split()
    if not scopes:
        raise Trouble("BAD_SCOPES")
    body = {
        "token_type": "bearer",
        "access_token": _opaque(world),
        "expires_in": world.switches.token_life_s,
        "scopes": sorted(scopes),
        "token_use": "client_credentials",
    }
    return Response.of(body)


def _introspect(world: World, form: Json) -> Response:
    """Tell what a token is. Its field is called `token`, or after the hint: either will do."""
    app = _application(world, form)
    hint = str(form.get("token_type_hint") or "access_token")
    value = str(form.get("token") or form.get(hint) or "")
    told = _refresh_told(world, value) if hint == "refresh_token" else _access_told(world, value)
    if told is None or told["app_id"] != app.app_id:
        return Response.of({"active": False})
    return Response.of(told)


def _access_told(world: World, value: str) -> Json | None:
    token = world.tokens.get(value)
    if token is None or token.expires_at is None or token.expires_at <= world.now():
        return None
    left = {"expires_in": int(token.expires_at - world.now()), "token_use": "access_token"}
    return {
        **_told(world, token, value),
        **left,
        "is_private_distribution": False,
        "signed_access_token": _signed(world, token),
    }


def _refresh_told(world: World, value: str) -> Json | None:
    grant = next((each for each in world.grants if _has(each, value)), None)
    if grant is None or grant.is_revoked:
        return None
    return {**_told(world, grant, value), "token_use": "refresh_token"}


def _told(world: World, whose: AccessToken | Grant, value: str) -> Json:
    portal, app = world.portals[whose.hub_id], world.app(whose.app_id)
    user = portal.users[whose.user_id]
    return {
        "active": True,
        "token": value,
        "token_type": "bearer",
        "hub_id": portal.hub_id,
        "hub_domain": f"{portal.name}.example",
        "user": user.email,
        "user_id": user.id,
        "app_id": app.app_id,
        "client_id": app.client_id,
        "scopes": sorted(whose.scopes),
    }


def _signed(world: World, token: AccessToken) -> Json:
    """What an access token says of itself, as its introspection spells it out."""
    words = ("audience", "signature", "newSignature", "scopes", "scopeToScopeGroupPks")
    flags = ("isPrivateDistribution", "isServiceAccount", "isUserLevel")
    return {
        **dict.fromkeys((*words, "trialScopes", "trialScopeToScopeGroupPks"), ""),
        **dict.fromkeys(flags, False),
        "appId": token.app_id,
        "appInstallId": world.uuid(),
        "expiresAt": int((token.expires_at or 0) * 1000),
        "hubId": token.hub_id,
        "hublet": "na1",
        "installingUserId": token.user_id,
        "userId": token.user_id,
    }


def _revoke(world: World, form: Json) -> Response:
    """End a refresh token; access tokens that were given live on to their own end."""
    app = _application(world, form)
    value = str(form.get("token") or form.get("refresh_token") or "")
    for grant in world.grants:
        if _has(grant, value) and grant.app_id == app.app_id:
            grant.is_revoked = True
    return Response(status=200)


def _looked_up(world: World, path: str) -> Response:
    """Answer as the first version did: the token stands in the path."""
    kind, _, value = path.partition("/")
    tell = {"access-tokens": _access_told, "refresh-tokens": _refresh_told}.get(kind)
    told = tell(world, value) if tell else None
    if told is None:
        return Response.of({"status": "error", "message": "token not found"}, 404)
    later = {"active", "token_use", "client_id" if kind == "access-tokens" else "app_id"}
    return Response.of({name: value for name, value in told.items() if name not in later})
