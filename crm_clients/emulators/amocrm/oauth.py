"""OAuth: consent, one-time refresh tokens, and access tokens that look like the real JWTs."""

import base64
import hashlib
import hmac
import json
from urllib.parse import urlencode

from channel_clients.emulators.stage import ConnectionCut, Push, Request, Response

from .model import Account, Integration, Json
from .problems import problem
from .world import AccessToken, Code, Grant, World

ACCESS_S = 24 * 3600
REFRESH_S = 90 * 24 * 3600
CODE_S = 20 * 60
API_DOMAIN = "api-b.amocrm.ru"
SUBDOMAIN_PATH = "/oauth2/account/current/subdomain"


def answer(world: World, request: Request, subdomain: str, path: str) -> Response:
    """Answer what lies under `/oauth2` of an account's host."""
    if path == SUBDOMAIN_PATH:
        return _current_subdomain(world, request)
    if request.method != "POST" or path != "/oauth2/access_token":
        return problem(404, "Not found")
    account = world.at_subdomain(subdomain)
    if account is None:
        return problem(401, "Account not found")
    try:
        sent = request.json()
    except ValueError:
        sent = None
    if not isinstance(sent, dict):
        return _refusal(400, "Check the `grant_type` parameter")
    integration = world.integrations.get(str(sent.get("client_id")))
    if integration is None or integration.client_secret != sent.get("client_secret"):
        return _refusal(400, "Check the `client_id` parameter")
    if sent.get("redirect_uri") != integration.redirect_uri:
        return _refusal(400, "Check the `redirect_uri` parameter")
    match sent.get("grant_type"):
        case "authorization_code":
            return _exchange(world, account, integration, str(sent.get("code")))
        case "refresh_token":
            return _refresh(world, account, integration, (str(sent.get("refresh_token")), request))
        case _:
            return _refusal(400, "Check the `grant_type` parameter")


def _exchange(world: World, account: Account, integration: Integration, value: str) -> Response:
    code = world.codes.get(value)
    is_for_us = code is not None and code.client_id == integration.client_id
    if code is None or not is_for_us or code.account_id != account.id:
        return _refusal(400, "Cannot decrypt the authorization code")
    if code.is_used:
        return _refusal(400, "Authorization code has been revoked")
    if code.expires_at <= world.now():
        return _refusal(400, "Authorization code has expired")
    code.is_used = True
    grant = open_grant(world, integration, account, code.user_id)
    return _pair(world, grant)


def _refresh(
    world: World, account: Account, integration: Integration, sent: tuple[str, Request]
) -> Response:
    value, request = sent
    grant = _grant_of(world, value)
    if grant is None or grant.client_id != integration.client_id:
        return _refusal(400, "Invalid refresh token")
    if grant.account_id != account.id or not _is_fresh(world, grant, value):
        return _refusal(401, "Token has been revoked")
    grant.spent[grant.refresh_token] = world.now()
    grant.refresh_token = "def502" + world.hex(200)
    grant.refresh_expires_at = world.now() + REFRESH_S
    answer = _pair(world, grant)
    if world.stage.take(request, {"refresh_answer_lost"}):
        raise ConnectionCut(applied=True)
    return answer


def _grant_of(world: World, refresh_token: str) -> Grant | None:
    for grant in world.grants:
        if refresh_token == grant.refresh_token or refresh_token in grant.spent:
            return grant
    return None


def _is_fresh(world: World, grant: Grant, value: str) -> bool:
    if grant.is_revoked or grant.refresh_expires_at <= world.now():
        return False
    if value == grant.refresh_token:
        return True
    return world.now() < grant.spent[value] + world.switches.refresh_grace_s


def _pair(world: World, grant: Grant) -> Response:
    token = issue_access(world, grant)
    return Response.of(
        {
            "token_type": "Bearer",
            "expires_in": ACCESS_S,
            "server_time": world.unix(),
            "access_token": token.value,
            "refresh_token": grant.refresh_token,
        }
    )


def open_grant(world: World, integration: Integration, account: Account, user_id: int) -> Grant:
    """Remember the consent of a user; several may exist side by side."""
    grant = Grant(
        client_id=integration.client_id,
        account_id=account.id,
        user_id=user_id,
        refresh_token="def502" + world.hex(200),
        refresh_expires_at=world.now() + REFRESH_S,
    )
    world.grants.append(grant)
    return grant


def issue_access(world: World, grant: Grant, *, life_s: float = ACCESS_S) -> AccessToken:
    expires_at = world.now() + life_s
    token = AccessToken(
        value=_jwt(world, grant, int(expires_at)),
        client_id=grant.client_id,
        account_id=grant.account_id,
        user_id=grant.user_id,
        expires_at=expires_at,
        grant=grant,
    )
    world.tokens[token.value] = token
    return token


def issue_code(world: World, integration: Integration, account: Account, user_id: int) -> str:
    value = "def502" + world.hex(120)
    world.codes[value] = Code(
        client_id=integration.client_id,
        account_id=account.id,
        user_id=user_id,
        expires_at=world.now() + CODE_S,
    )
    return value


def revoke(world: World, integration: Integration, account: Account) -> None:
    """Make every token that the integration holds for the account worthless."""
    ours = (integration.client_id, account.id)
    for grant in world.grants:
        if (grant.client_id, grant.account_id) == ours:
            grant.is_revoked = True
    for token in world.tokens.values():
        if (token.client_id, token.account_id) == ours:
            token.is_revoked = True


def authorize(world: World, request: Request) -> Response:
    """The consent page, on which somebody at once clicks "allow".

    `account` chooses the account (the first one if absent), `deny` clicks the other button.
    """
    integration = world.integrations.get(request.param("client_id") or "")
    if integration is None:
        return problem(404, "Unknown integration")
    state = request.param("state")
    echo = {} if state is None else {"state": state}
    if request.param("deny") is not None:
        return _redirect(integration, {"error": "access_denied", **echo})
    try:
        account = world.account(request.param("account") or next(iter(world.accounts)))
    except (LookupError, StopIteration):
        return problem(404, "Unknown account")
    admin = next(user for user in account.users.values() if user.is_admin)
    code = issue_code(world, integration, account, admin.id)
    return _redirect(integration, {"code": code, "referer": account.host, "platform": "1", **echo})


def _redirect(integration: Integration, query: dict[str, str]) -> Response:
    joint = "&" if "?" in integration.redirect_uri else "?"
    address = f"{integration.redirect_uri}{joint}{urlencode(query)}"
    return Response(status=302, headers={"location": address})


def uninstall_hook(integration: Integration, account: Account) -> Push | None:
    """The signed farewell, for integrations that asked for one."""
    if integration.uninstall_url is None:
        return None
    text = f"{integration.client_id}|{account.id}".encode()
    signature = hmac.new(integration.client_secret.encode(), text, hashlib.sha256).hexdigest()
    query = {
        "account_id": account.id,
        "client_uuid": integration.client_id,
        "signature": signature,
    }
    return Push(
        method="GET",
        url=f"{integration.uninstall_url}?{urlencode(query)}",
        headers={},
        body=b"",
        timeout_s=3.0,
    )


def _current_subdomain(world: World, request: Request) -> Response:
    value = request.headers.get("x-refresh-token", "")
    grant = _grant_of(world, value)
    if request.method != "GET" or grant is None or not _is_fresh(world, grant, value):
        return problem(401, "Token has been revoked")
    account = world.accounts[grant.account_id]
    return Response.of(
        {
            "id": account.id,
            "subdomain": account.subdomain,
            "domain": account.host,
            "top_level_domain": "ru",
        }
    )


def _refusal(status: int, hint: str) -> Response:
    body = {
        "hint": hint,
        "title": "Некорректный запрос",
        "type": "https://developers.amocrm.ru/v3/errors/OAuthProblemJson",
        "status": status,
        "detail": "В запросе отсутствует ряд параметров или параметры невалидны",
    }
    return Response.of(body, status=status, kind="application/problem+json")


def _jwt(world: World, grant: Grant, expires_at: int) -> str:
    now = world.unix()
    claims = {
        "aud": grant.client_id,
        "jti": world.hex(80),
        "iat": now,
        "nbf": now,
        "exp": expires_at,
        "sub": str(grant.user_id),
        "grant_type": "",
        "account_id": grant.account_id,
        "base_domain": "amocrm.ru",
        "version": 2,
        "scopes": ["push_notifications", "files", "crm", "notifications"],
        "api_domain": API_DOMAIN,
    }
    head = f"{_segment({'typ': 'JWT', 'alg': 'RS256'})}.{_segment(claims)}"
    # Nobody outside amoCRM holds the key, so any signature is as good as another.
    seal = world.rng.randbytes(32)
    return f"{head}.{_base64(seal)}"


def _segment(value: Json) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
