"""How much a portal stands: a leaky bucket for each address, and the time a method may cost."""

from channel_clients.emulators.stage import Request

from .call import Call
from .model import Json, Portal, Traffic
from .problems import Refused
from .world import World

MINUTE_S = 60
WINDOW_S = 600
NOT_COUNTED = {"batch"}


def count_call(world: World, portal: Portal, request: Request) -> None:
    """Add a call to the bucket of its address, or refuse it when the bucket is full."""
    if not world.switches.rate_limited:
        return
    address = request.headers.get("x-forwarded-for", "")
    bucket = portal.traffic.setdefault(address, Traffic(at=world.now()))
    leaked = (world.now() - bucket.at) * world.switches.bucket_leak
    bucket.level, bucket.at = max(0.0, bucket.level - leaked), world.now()
    if bucket.level + 1 > world.switches.bucket_size:
        raise Refused(503, "QUERY_LIMIT_EXCEEDED", "Too many requests")
    bucket.level += 1


def refuse_costly(call: Call) -> None:
    """Refuse a method whose time of the last ten minutes is used up; others go on."""
    if not call.world.switches.operating_limited or call.method in NOT_COUNTED:
        return
    if operating(call) >= call.world.switches.operating_limit_s:
        text = "Method is blocked due to operation time limit."
        raise Refused(429, "OPERATION_TIME_LIMIT", text)


def count_cost(call: Call) -> None:
    minutes = call.portal.spent.setdefault(_key(call), {})
    minute = int(call.world.now() // MINUTE_S)
    if call.method not in NOT_COUNTED:
        minutes[minute] = minutes.get(minute, 0.0) + call.world.switches.call_cost_s


def operating(call: Call) -> float:
    """What the method has cost this caller in ten minutes, all calls together."""
    return sum(_minutes(call).values())


def time_block(call: Call, began: float) -> Json:
    """Tell the times of a call and, where they are limited, those of its method so far."""
    times = call.world.times(began)
    cost = 0.0 if call.method in NOT_COUNTED else call.world.switches.call_cost_s
    times |= {name: times[name] + cost for name in ("duration", "processing")}
    if not call.world.switches.operating_limited:
        return times
    first = min((minute for minute, cost in _minutes(call).items() if cost), default=None)
    reset = (call.world.now() if first is None else first * MINUTE_S) + WINDOW_S
    return {**times, "operating_reset_at": int(reset), "operating": operating(call)}


def _minutes(call: Call) -> dict[int, float]:
    """What the method has cost in each of the last ten minutes; what is older has fallen out."""
    oldest = (call.world.now() - WINDOW_S) // MINUTE_S
    minutes = call.portal.spent.get(_key(call), {})
    return {minute: cost for minute, cost in minutes.items() if minute > oldest}


def _key(call: Call) -> tuple[str, str]:
    return call.method, call.caller.name
