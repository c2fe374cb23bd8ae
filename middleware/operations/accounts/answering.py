"""What may be asked of a route about who answers, and by when. Values in, problems out."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from mappers.hours import BadHours, read_hours, read_zone
from mappers.vocabulary import Operator
from middleware.identity.responsible import OWNER, listed
from middleware.operations.accounts.policies import duration

LONGEST = timedelta(days=7)
LONGEST_TAG = 100


def problems_of_answering(
    policy: Mapping[str, Any], *, title: str, gives_tasks: bool
) -> tuple[str, ...]:
    """Say what is wrong with what a route says of responsibles, tags and answers.

    Each value is of its type already.
    """
    found = list(
        _about_users(policy.get("responsible", ""), policy.get("responsible_fallback", ""))
    )
    found += _about_hours(policy.get("hours", ""), policy.get("zone", ""))
    within = duration(policy.get("answer_within", 0)) or timedelta()
    if within > LONGEST:
        found.append(f"answer_within is at most {LONGEST.days} days of working time; 0 is off.")
    if not _are_tags(policy.get("tags", ())):
        found.append(f"tags lists words for deals, none of them empty or over {LONGEST_TAG} long.")
    if within and not gives_tasks:
        found.append(f"“{title}” has no tasks: answer_within can be told nobody there.")
    return tuple(found)


def _about_users(responsible: str, fallback: str) -> Iterator[str]:
    users = listed(responsible)
    if OWNER in users and len(users) > 1:
        yield "responsible is owner or a list of users, not both."
    if any(" " in user for user in users):
        yield "responsible is owner, or ids of users as the CRM has them, separated by commas."
    if fallback and (len(listed(fallback)) != 1 or " " in fallback.strip() or fallback == OWNER):
        yield "responsible_fallback is the CRM's id of one user."


def _about_hours(hours: str, zone: str) -> Iterator[str]:
    if hours.strip() and not zone:
        yield "hours need a zone, as the tz database names it: Europe/Moscow."
        zone = "UTC"
    try:
        read_hours(hours, zone)
        if zone:
            read_zone(zone)
    except BadHours as bad:
        yield f"{bad}"


def _are_tags(asked: Iterable[str]) -> bool:
    return all(0 < len(each.strip()) <= LONGEST_TAG for each in asked)


def users_named(policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Return every user that a route names."""
    named = (
        *listed(policy.get("responsible", "")),
        *listed(policy.get("responsible_fallback", "")),
    )
    return tuple(user for user in dict.fromkeys(named) if user != OWNER)


def problems_of_users(
    named: Iterable[str], operators: Iterable[Operator], title: str
) -> tuple[str, ...]:
    """Say which users the account does not have, and whom it has."""
    known = {each.user or each.id: each.name for each in operators}
    missing = [user for user in named if user not in known]
    has = ", ".join(f"{user} ({name})" for user, name in known.items())
    return tuple(f"“{title}” has no active user {user}; it has {has}." for user in missing)
