"""The OAuth server: consent, codes that live half a minute, and pairs of tokens."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from channel_clients.emulators.stage import ConnectionCut, Request, Response

from . import php
from .model import Installation, Json, Portal
from .world import AccessToken, Code, Grant, World

REFRESH_S = 180 * 24 * 3600
CODE_S = 30


def authorize(world: World, request: Request, slug: str | None) -> Response:
    """Let the administrator agree at once: on to the application's own address, with a code.

    Whatever is wrong is shown on a page of the portal, and nobody else hears of it.
    """
    slug = slug or request.param("portal") or next(iter(world.portals), "")
    try:
        portal, installation = world.installation(slug, request.param("client_id") or "")
    except LookupError:
        return Response(status=400, body=b"<h1>The application is not installed</h1>")
    query = {
        "code": consent(world, portal, installation),
        "state": request.param("state") or "",
        "domain": portal.host,
        "member_id": portal.member_id,
        "scope": ",".join(sorted(installation.scopes)),
        "server_domain": urlsplit(world.base).netloc,
    }
    address = f"{installation.application.redirect_uri}?{urlencode(query)}"
    return Response(status=302, headers={"location": address})


def consent(world: World, portal: Portal, installation: Installation) -> str:
    """Return a code for the user who installed the application."""
    value = world.hex(40)
    world.codes[value] = Code(
        client_id=installation.application.client_id,
        member_id=portal.member_id,
        user_id=installation.user_id,
        expires_at=world.now() + CODE_S,
    )
    return value


def token(world: World, request: Request) -> Response:
    """Answer `/oauth/token/`, asked by GET or with a form."""
    asked: dict[str, Any] = php.nested(request.query)
    if request.method == "POST":
        if not world.switches.token_post:
            return _refusal(400, "invalid_request", "Invalid request")
        asked |= php.query(request.body.decode())
    elif asked.get("client_secret"):
        world.warnings.append("a client secret came in a query")
    application = world.applications.get(str(asked.get("client_id")))
    if application is None or application.client_secret != asked.get("client_secret"):
        code = world.switches.wrong_client
        return _refusal(200 if code == "WRONG_CLIENT" else 400, code, "Wrong client")
    if world.stage.take(request, {"payment_required"}):
        return _refusal(401, "PAYMENT_REQUIRED", "Payment required")
    match asked.get("grant_type"):
        case "authorization_code":
            return _exchange(world, application.client_id, str(asked.get("code")))
        case "refresh_token":
            answer = _refresh(world, application.client_id, str(asked.get("refresh_token")))
            if answer.status == 200 and world.stage.take(request, {"refresh_answer_lost"}):
                raise ConnectionCut(applied=True)
            return answer
        case _:
            return _refusal(400, "invalid_request", "Invalid request")


def app_info(world: World, value: str) -> Response:
    """Tell whose a token is: the proof of what an installation page was sent."""
    token = world.tokens.get(value)
    found = token and _installation(world, token.client_id, token.member_id)
    if token is None or not found or token.expires_at <= world.now():
        return _refusal(401, "invalid_token", "Unable to get application by token")
    portal, installation = found
    scope = ",".join(sorted(installation.scopes))
    install = {
        "installed": installation.is_finished,
        "version": installation.version,
        "status": installation.application.status,
        "scope": scope,
        "domain": portal.host,
        "uri": installation.application.install_url,
        "client_endpoint": world.endpoint(portal),
        "member_id": portal.member_id,
        "member_type": "cloud",
    }
    result = {
        "client_id": token.client_id,
        "scope": scope,
        "expires": world.iso(token.expires_at),
        "install": install,
        "user_id": token.user_id,
    }
    return Response.of({"result": result, "time": world.times(world.now())})


def _exchange(world: World, client_id: str, value: str) -> Response:
    code = world.codes.get(value)
    if code is None or code.client_id != client_id:
        return _refusal(400, "invalid_grant", "Invalid grant")
    del world.codes[value]
    if code.expires_at <= world.now():
        return _refusal(400, "bad_verification_code", "The code is stale")
    found = _installation(world, client_id, code.member_id)
    if found is None:
        return _refusal(401, "NOT_INSTALLED", "Application not installed")
    portal, installation = found
    pair = open_grant(world, portal, installation, code.user_id)
    if not world.switches.code_answer_whole:
        del pair["expires"], pair["user_id"]
    return Response.of(pair)


def _refresh(world: World, client_id: str, value: str) -> Response:
    grant = _grant_of(world, value)
    if grant is None or grant.client_id != client_id:
        return _refusal(400, "invalid_grant", "Invalid grant")
    found = _installation(world, client_id, grant.member_id)
    if found is None:
        return _refusal(401, "NOT_INSTALLED", "Application not installed")
    is_dead = value in grant.spent and world.switches.refresh_once
    if is_dead or grant.refresh_expires_at <= world.now():
        return _refusal(400, "invalid_grant", "Invalid grant")
    world.refreshes += 1
    grant.spent.add(grant.refresh_token)
    grant.refresh_token = world.hex(80)
    grant.refresh_expires_at = world.now() + REFRESH_S
    return Response.of(_pair(world, *found, grant))


def _grant_of(world: World, value: str) -> Grant | None:
    for grant in world.grants:
        if value == grant.refresh_token or value in grant.spent:
            return grant
    return None


def _installation(
    world: World, client_id: str, member_id: str
) -> tuple[Portal, Installation] | None:
    try:
        return world.installation(member_id, client_id)
    except LookupError:
        return None


def open_grant(world: World, portal: Portal, installation: Installation, user_id: int) -> Json:
    """Give an application a pair of tokens of one user, as the token endpoint would."""
    grant = Grant(
        client_id=installation.application.client_id,
        member_id=portal.member_id,
        user_id=user_id,
        refresh_token=world.hex(80),
        refresh_expires_at=world.now() + REFRESH_S,
    )
    world.grants.append(grant)
    return _pair(world, portal, installation, grant)


def _pair(world: World, portal: Portal, installation: Installation, grant: Grant) -> Json:
    access = access_token(world, portal, installation, grant.user_id)
    return {
        "access_token": access.value,
        "client_endpoint": world.endpoint(portal),
        "domain": urlsplit(world.base).netloc,
        "expires": int(access.expires_at),
        "expires_in": world.switches.token_life_s,
        "member_id": portal.member_id,
        "refresh_token": grant.refresh_token,
        "scope": ",".join(sorted(installation.scopes)),
        "server_endpoint": f"{world.base}/rest/",
        "status": installation.application.status,
        "user_id": grant.user_id,
    }


def access_token(
    world: World, portal: Portal, installation: Installation, user_id: int
) -> AccessToken:
    """Mint a token; nothing that is asked makes it work longer."""
    token = AccessToken(
        value=world.hex(80),
        client_id=installation.application.client_id,
        member_id=portal.member_id,
        user_id=user_id,
        expires_at=world.now() + world.switches.token_life_s,
    )
    world.tokens[token.value] = token
    return token


def forget(world: World, portal: Portal, client_id: str) -> None:
    """End every token of an application on a portal, as its removal does."""
    theirs = (client_id, portal.member_id)
    world.tokens = {
        value: each
        for value, each in world.tokens.items()
        if (each.client_id, each.member_id) != theirs
    }


def _refusal(status: int, code: str, text: str) -> Response:
    return Response.of({"error": code, "error_description": text}, status)
