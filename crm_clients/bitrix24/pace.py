"""What a portal stands, and what its answers say of it.

Calls are counted for each portal and address: a bucket that leaks. Beside it each method has its
time: what a portal spent on our calls of it in ten minutes, which every answer tells, those inside
of a batch each for itself. Who has used it up is refused that method alone, until the oldest of
ten minutes falls out. So what is left is spread over the time until then, long before it is gone.

Source: apidocs.bitrix24.com/limits; the ten minutes and the lower of the two limits: bitrix kernel.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial

from pydantic import ValidationError

from crm_clients.bitrix24.wire import Spent
from mappers.vocabulary import HttpReply, ReadTerms, Terms, retry_after

CALLS, TIME = "rest", "time"
# The bucket loses two a second: a moment later there is room again.
BUCKET_LEAKS_IN = timedelta(seconds=2)
# A method's time is counted in ten buckets of a minute; the oldest falls out within one.
OPERATING_BUCKET = timedelta(minutes=1)
# Documented are 480 seconds in ten minutes; the kernel begins with 420, and we stay below both.
OPERATING_LIMIT_S = 400.0
CAREFUL_FROM_S = OPERATING_LIMIT_S / 2
WINDOW_S = 600.0


def is_enterprise(plan: str) -> bool:
    """Say whether a plan, as a portal names it, is the one with the larger limit.

    A name begins with a region: `ru_ent250`. Of one that we cannot read the smaller limit holds.
    """
    return plan.lower().rpartition("_")[2].startswith("ent")


def budgets_of(methods: Collection[str]) -> tuple[str, ...]:
    """Name what a call of these methods draws on, all of them in one."""
    return (CALLS, *(f"{TIME}:{method}" for method in sorted(set(methods))))


def terms_of(method: str) -> ReadTerms:
    """Read the answer of one method."""
    return partial(_terms, method)


def terms_of_batch(methods: Mapping[str, str]) -> ReadTerms:
    """Read the answer of a batch; `methods` are those of its commands, by their keys."""
    return partial(_terms_of_batch, methods)


def _terms(method: str, reply: HttpReply, _: Sequence[str]) -> tuple[Terms, ...]:
    match _refusal_in(reply.value(), reply.status):
        case "query_limit_exceeded":
            wait = retry_after(reply) or BUCKET_LEAKS_IN
            return (Terms(budget=CALLS, wait=wait, refused=True),)
        case "operation_time_limit":
            return (Terms(budget=f"{TIME}:{method}", wait=OPERATING_BUCKET, refused=True),)
        case _:
            return _of_time(method, reply.at("time"))


def _terms_of_batch(
    methods: Mapping[str, str], reply: HttpReply, budgets: Sequence[str]
) -> tuple[Terms, ...]:
    """Of each method the longest wait that an answer of it asks for, and its refusal, if any."""
    found = [*_terms("batch", reply, budgets)]
    times, errors = reply.at("result", "result_time"), reply.at("result", "result_error")
    for method in sorted(set(methods.values())):
        keys = [key for key, each in methods.items() if each == method]
        refused = [key for key in keys if _refusal_in(_at(errors, key)) == "operation_time_limit"]
        told = [terms for key in keys for terms in _of_time(method, _at(times, key), len(keys))]
        if refused:
            name = f"{TIME}:{method}"
            found.append(Terms(budget=name, wait=OPERATING_BUCKET, refused=True))
        found += sorted(told, key=lambda terms: terms.wait or timedelta())[-1:]
    return tuple(found)


def _of_time(method: str, told: object, calls: int = 1) -> tuple[Terms, ...]:
    """Say how long to wait before the next call of this method, or as many in one; often not."""
    try:
        spent = Spent.model_validate(told)
    except ValidationError:
        return ()
    wait_s = careful_wait_s(spent, calls)
    if not wait_s:
        return ()
    return (Terms(budget=f"{TIME}:{method}", wait=timedelta(seconds=wait_s)),)


def careful_wait_s(spent: Spent, calls: int = 1) -> float:
    """Spread what is left over the time until some of it comes back; 0 while there is much left.

    What the next calls cost is taken from this one; both moments are by the portal's clock.
    """
    left = OPERATING_LIMIT_S - spent.operating
    if left > CAREFUL_FROM_S:
        return 0.0
    until = min(max(spent.resets_at - spent.finish, 0.0), WINDOW_S)
    cost = spent.duration * calls
    return until if left <= cost else until * cost / left


def _refusal_in(body: object, status: int = 0) -> str:
    if isinstance(body, dict) and "error" in body:
        return str(body["error"]).lower()
    return "query_limit_exceeded" if status == 429 else ""


def _at(values: object, key: str) -> object:
    return values.get(key) if isinstance(values, dict) else None
