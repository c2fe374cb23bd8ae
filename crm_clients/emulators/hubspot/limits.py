"""How much a portal stands: calls in ten seconds, a day's calls, searches, writes of one record."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from .call import Caller
from .crm_model import Ref
from .model import Portal
from .problems import Refused
from .world import Traffic, World

WINDOW_S = 10
OF_OAUTH = 110
IN_WINDOW = {"free": 100, "starter": 100, "professional": 190, "enterprise": 190}
IN_A_DAY = {"free": 250_000, "starter": 250_000, "professional": 625_000, "enterprise": 1_000_000}
LOCK_S = 2.0


def count_call(world: World, caller: Caller, path: str) -> dict[str, str]:
    """Count a call and return what its answer tells of limits, or refuse it."""
    if caller.portal is None:
        return {}
    if path.endswith("/search"):
        _count_search(world, caller.portal)
        return {}
    is_oauth = caller.kind == "oauth"
    most = OF_OAUTH if is_oauth else IN_WINDOW[caller.portal.tier]
    traffic = _traffic(world, "calls", caller.app_id, caller.portal.hub_id)
    _forget_old(world, traffic, WINDOW_S)
    day = "" if is_oauth else _day(world, caller.portal)
    if traffic.day != day:
        traffic.day, traffic.today = day, 0
    headers = _told(world, caller, most, traffic)
    try:
        _refuse_excess(world, caller, most, traffic)
    except Refused as refused:
        refused.headers |= headers
        raise
    traffic.calls.append(world.now())
    traffic.today += 1
    return headers


def _refuse_excess(world: World, caller: Caller, most: int, traffic: Traffic) -> None:
    if not world.switches.rate_limited:
        return
    if len(traffic.calls) >= most:
        oldest = traffic.calls[0] + WINDOW_S - world.now()
        raise flooded(world, "TEN_SECONDLY_ROLLING", oldest, caller)
    if traffic.day and traffic.today >= daily_limit(world, caller):
        raise flooded(world, "DAILY", 0.0, caller)


def flooded(world: World, policy: str, wait_s: float, caller: Caller | None = None) -> Refused:
    """Refuse for a limit that has a policy; `wait_s` is told where the switch says so."""
    name = "daily" if policy == "DAILY" else policy.lower()
    more = {"errorType": "RATE_LIMIT", "policyName": policy, "requestId": world.uuid()}
    if caller is not None and caller.portal is not None and policy != "DAILY":
        numbers = f"{caller.app_id}:{caller.portal.hub_id}"
        more["groupName"] = f"publicapi:api-calls-ten-secondly:{numbers}"
    headers = {}
    if world.switches.flood_tells_when and policy != "DAILY":
        headers["Retry-After"] = str(max(1, int(wait_s)))
    return Refused(429, f"You have reached your {name} limit.", headers=headers, **more)


def too_many_searches() -> Refused:
    return Refused(429, "You have reached your secondly limit.", "RATE_LIMITS")


def _count_search(world: World, portal: Portal) -> None:
    traffic = _traffic(world, "search", 0, portal.hub_id)
    _forget_old(world, traffic, 1)
    if world.switches.rate_limited and len(traffic.calls) >= world.switches.search_limit_per_s:
        raise too_many_searches()
    traffic.calls.append(world.now())


def daily_limit(world: World, caller: Caller) -> int:
    tier = "free" if caller.portal is None else caller.portal.tier
    return world.switches.daily_limit or IN_A_DAY[tier]


def _told(world: World, caller: Caller, most: int, traffic: Traffic) -> dict[str, str]:
    headers = {
        "X-HubSpot-RateLimit-Max": str(most),
        "X-HubSpot-RateLimit-Remaining": str(max(0, most - len(traffic.calls) - 1)),
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(WINDOW_S * 1000),
    }
    if traffic.day:
        daily = daily_limit(world, caller)
        headers["X-HubSpot-RateLimit-Daily"] = str(daily)
        left = max(0, daily - traffic.today - 1)
        headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(left)
    return headers


def _traffic(world: World, bucket: str, app_id: int, hub_id: int) -> Traffic:
    return world.traffic.setdefault((bucket, app_id, hub_id), Traffic())


def _forget_old(world: World, traffic: Traffic, window_s: int) -> None:
    oldest = world.now() - window_s
    while traffic.calls and traffic.calls[0] <= oldest:
        traffic.calls.popleft()


def _day(world: World, portal: Portal) -> str:
    """A day's calls are counted until midnight of the account's zone."""
    moment = datetime.fromtimestamp(world.now(), UTC)
    return moment.astimezone(ZoneInfo(portal.zone)).date().isoformat()


def locked() -> Refused:
    return Refused(423, "The record is locked by other writes, try again later", "LOCKED")


def count_write(world: World, portal: Portal, ref: Ref) -> None:
    """Count a write of one record, or refuse it: after too many it is locked for two seconds."""
    now, burst = world.now(), world.switches.lock_burst
    if not burst or not world.switches.rate_limited:
        return
    if portal.crm.locked_until.get(ref, 0.0) > now:
        raise locked()
    recent = [at for at in portal.crm.writes.get(ref, []) if at > now - 1]
    if len(recent) >= burst:
        portal.crm.locked_until[ref] = now + LOCK_S
        raise locked()
    portal.crm.writes[ref] = [*recent, now]
