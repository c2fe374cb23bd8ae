"""The consent page: an administrator agrees at once, to what was asked and the tier allows."""

import re
from urllib.parse import urlencode

from channel_clients.emulators.stage import Request, Response

from .model import App, Installation, Portal
from .problems import page
from .scopes import within
from .world import Code, World

PLACE = re.compile(r"/oauth/(?:(\d+)/)?authorize/?")


def is_page(path: str) -> bool:
    return PLACE.fullmatch(path) is not None


def authorize(world: World, request: Request) -> Response:
    """Send the browser back with a code; whatever is wrong is shown on a page of HubSpot's.

    The portal is the one that the path names, or the first.
    """
    found = PLACE.fullmatch(request.path)
    named = found[1] if found else None
    app = world.apps.get(request.param("client_id") or "")
    portal = _portal(world, named)
    if app is None or portal is None:
        return page(400, "This app or account does not exist")
    redirect = request.param("redirect_uri") or ""
    if redirect not in app.redirect_uris:
        return page(400, "Redirect URL does not match")
    granted = _granted(app, portal, request)
    if granted is None:
        return page(400, "The scopes do not match those of the app")
    installation = install(portal, app, granted)
    challenge = request.param("code_challenge") or ""
    code = make_code(world, portal, installation, (redirect, challenge))
    query = {"code": code}
    state = request.param("state")
    if state is not None:
        query["state"] = state
    joint = "&" if "?" in redirect else "?"
    return Response(status=302, headers={"location": f"{redirect}{joint}{urlencode(query)}"})


def _portal(world: World, named: str | None) -> Portal | None:
    portals = [each for each in world.portals.values() if not each.is_gone]
    if named is None:
        return next(iter(portals), None)
    return next((each for each in portals if each.hub_id == int(named)), None)


def _granted(app: App, portal: Portal, request: Request) -> frozenset[str] | None:
    """All that has to be there, and as much of the rest as the tier has; None: no consent."""
    asked = frozenset((request.param("scope") or "").split())
    beside = frozenset((request.param("optional_scope") or "").split())
    if not app.required <= asked or not asked | beside <= app.required | app.optional:
        return None
    if within(portal.tier, asked) != asked:
        return None
    return asked | within(portal.tier, beside)


def install(portal: Portal, app: App, scopes: frozenset[str]) -> Installation:
    installation = Installation(app=app, user_id=portal.user().id, scopes=scopes)
    portal.installations[app.app_id] = installation
    return installation


def uninstall(world: World, portal: Portal, app: App) -> None:
    """Remove an application: its tokens end, and nothing tells it so."""
    portal.installations.pop(app.app_id, None)
    for grant in world.grants:
        if (grant.app_id, grant.hub_id) == (app.app_id, portal.hub_id):
            grant.is_revoked = True


def make_code(
    world: World, portal: Portal, installation: Installation, asked: tuple[str, str]
) -> str:
    """Return a code. `asked` are the address that the code is sent to, and the challenge."""
    redirect, challenge = asked
    value = f"na1-{world.uuid()}"
    world.codes[value] = Code(
        app_id=installation.app.app_id,
        hub_id=portal.hub_id,
        user_id=installation.user_id,
        scopes=installation.scopes,
        redirect_uri=redirect,
        challenge=challenge,
        expires_at=world.now() + world.switches.code_life_s,
    )
    return value
