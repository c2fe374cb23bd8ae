"""Who may call now: the token of a call, and how many calls a second amoCRM stands."""

from channel_clients.emulators.stage import Request, Response

from .model import Account
from .problems import nginx, problem
from .world import AccessToken, Traffic, World

PER_INTEGRATION = 7
PER_ACCOUNT = 50
OFFENCES_COUNT_FOR_S = 60.0
EVERYONE = "*"


def token_of(world: World, account: Account, request: Request) -> AccessToken | None:
    """Return the live token of a call, if it is one of this account."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    token = world.tokens.get(value) if scheme == "Bearer" else None
    if token is None or token.is_revoked or token.account_id != account.id:
        return None
    return token if token.expires_at > world.now() else None


def refuse_excess(world: World, account: Account, token: AccessToken) -> Response | None:
    """Count the call, or refuse it: 429 at first, the block page for those who do not stop."""
    if not world.switches.rate_limited:
        return None
    scope = EVERYONE if world.switches.rate_limit_scope == "integration" else account.subdomain
    ours = world.traffic.setdefault((token.client_id, scope), Traffic())
    all_of_account = world.traffic.setdefault((EVERYONE, account.subdomain), Traffic())
    if ours.is_blocked:
        return nginx(403)
    now = world.now()
    for traffic in (ours, all_of_account):
        traffic.accepted = [at for at in traffic.accepted if at > now - 1]
    if len(ours.accepted) < PER_INTEGRATION and len(all_of_account.accepted) < PER_ACCOUNT:
        ours.accepted.append(now)
        all_of_account.accepted.append(now)
        return None
    ours.refused = [at for at in ours.refused if at > now - OFFENCES_COUNT_FOR_S] + [now]
    ours.is_blocked = len(ours.refused) >= world.switches.block_after
    return too_many(world)


def too_many(world: World) -> Response:
    """A 429 as the switches describe it."""
    is_json = world.switches.rate_limit_body == "json"
    answer = problem(429, "Too many requests") if is_json else nginx(429)
    wait = world.switches.retry_after_s
    headers = {**answer.headers, **({"retry-after": str(wait)} if wait else {})}
    return Response(status=429, body=answer.body, headers=headers)
