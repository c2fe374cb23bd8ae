"""What a portal stands, and what its answers say of it.

Calls are counted for each application and portal in ten seconds that roll; searches for the portal
as a whole and by the second, and their answers tell nothing. Where an answer says that little is
left, what is left is spread over the rest of the ten seconds. A day's calls end at the account's
midnight.

Source: developers.hubspot.com/docs/api/usage-details; the three bodies of 429: the developers'
public Slack.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mappers.vocabulary import HttpReply, ReadTerms, Terms, retry_after

CALLS, SEARCH, TOKENS = "calls", "search", "oauth"
WINDOW = timedelta(seconds=10)
SECOND = timedelta(seconds=1)
# A card under heavy writing is locked for so long.
LOCKED = timedelta(seconds=2)
# While a portal moves to another data centre nobody says a shorter time than this.
MOVING = timedelta(minutes=1)
CAREFUL_BELOW = 10
DAY = timedelta(days=1)


def terms_of(zone: str, now: datetime) -> ReadTerms:
    """Read an answer to a call made at `now` from an account of this zone."""
    return partial(_terms, zone, now)


def wait_of(reply: HttpReply, zone: str, now: datetime) -> timedelta | None:
    """Say how long nobody may call after a refusal; None where it was none for pace."""
    told = retry_after(reply)
    match reply.status:
        case 423:
            return told or LOCKED
        case 477:
            return told or MOVING
        case 429 if reply.at("policyName") == "DAILY":
            return told or until_midnight(zone, now)
        case 429 if is_of_a_second(reply):
            return told or SECOND
        case 429:
            return told or WINDOW
        case _:
            return None


def is_of_a_second(reply: HttpReply) -> bool:
    """The refusal of a search names no policy: its words alone say which limit it was."""
    message = str(reply.at("message") or "").lower()
    named = str(reply.at("policyName") or "")
    return named == "SECONDLY" or (not named and " secondly" in message)


def until_midnight(zone: str, now: datetime) -> timedelta:
    """Say how long a day of this zone still lasts; of one that we cannot read, a day of UTC."""
    try:
        there = now.astimezone(ZoneInfo(zone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        there = now.astimezone(ZoneInfo("UTC"))
    tomorrow = (there + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(tomorrow - there, SECOND)


def _terms(zone: str, now: datetime, reply: HttpReply, budgets: Sequence[str]) -> tuple[Terms, ...]:
    if reply.status == 429:
        wait = wait_of(reply, zone, now)
        return tuple(Terms(budget=each, wait=wait, refused=True) for each in budgets)
    if reply.status == 477:
        wait = wait_of(reply, zone, now)
        return tuple(Terms(budget=each, wait=wait) for each in budgets)
    return _of_what_is_left(reply) if CALLS in budgets else ()


def _of_what_is_left(reply: HttpReply) -> tuple[Terms, ...]:
    left = _number(reply, "x-hubspot-ratelimit-remaining")
    if left is None or left >= CAREFUL_BELOW:
        return ()
    told_ms = _number(reply, "x-hubspot-ratelimit-interval-milliseconds")
    window = WINDOW if told_ms is None else min(timedelta(milliseconds=told_ms), WINDOW)
    return (Terms(budget=CALLS, wait=window / (left + 1)),)


def _number(reply: HttpReply, name: str) -> int | None:
    told = reply.headers.get(name, "").strip()
    return int(told) if told.isascii() and told.isdigit() and len(told) < 10 else None
