"""Who calls: the owner of a webhook or of a token, and what they may do."""

from channel_clients.emulators.stage import Request

from .call import Call, Caller, Method, denied, no_application
from .model import Json, Portal, User
from .problems import Refused
from .world import AccessToken, World

Credentials = tuple[tuple[str, str] | None, Json]


def caller(world: World, portal: Portal, request: Request, sent: Credentials) -> Caller:
    """Find out who calls, or refuse. `sent`: the webhook of the path, and the parameters."""
    webhook, params = sent
    if webhook is not None:
        return _by_webhook(portal, webhook)
    value = _token_in(request, params)
    if not value:
        raise Refused(401, "NO_AUTH_FOUND", "Wrong authorization data")
    token = world.tokens.get(value)
    if token is None or token.member_id != portal.member_id:
        raise Refused(401, "invalid_token", "Unable to get application by token")
    return _by_token(world, portal, token)


def _token_in(request: Request, params: Json) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    named = params.get("auth") or params.get("access_token")
    return str(named or (bearer if scheme.lower() == "bearer" else ""))


def _by_webhook(portal: Portal, webhook: tuple[str, str]) -> Caller:
    user_id, secret = webhook
    found = portal.webhooks.get((int(user_id), secret)) if user_id.isdigit() else None
    if found is None:
        raise Refused(401, "NO_AUTH_FOUND", "Wrong authorization data")
    user = _active(portal, found.user_id)
    return Caller(user=user, scopes=found.scopes, installation=None, name=f"webhook {secret}")


def _by_token(world: World, portal: Portal, token: AccessToken) -> Caller:
    if token.expires_at <= world.now():
        raise Refused(401, "expired_token", "The access token provided has expired")
    installation = portal.installations.get(token.client_id)
    if installation is None:
        raise Refused(401, "invalid_token", "Unable to get application by token")
    if not installation.is_paid:
        status = int(world.switches.denial_status)
        raise Refused(status, "ACCESS_DENIED", "REST API is available only by subscription.")
    return Caller(
        user=_active(portal, token.user_id),
        scopes=installation.scopes,
        installation=installation,
        name=token.client_id,
    )


def _active(portal: Portal, user_id: int) -> User:
    user = portal.users.get(user_id)
    if user is None or not user.is_active:
        raise Refused(401, "authorization_error", "Unable to authorize user")
    return user


def check(call: Call, method: Method) -> None:
    """Refuse what this caller may not do."""
    if method.scopes and not method.scopes & call.caller.scopes:
        text = "The request requires higher privileges than provided by the access token"
        raise denied(call.world, text, "insufficient_scope")
    if method.is_for_applications and call.caller.installation is None:
        raise no_application()
    if method.is_for_admins:
        call.require_admin()
