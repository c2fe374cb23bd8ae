"""Whose is what we make in a CRM: the users to name, one after the other until one is accepted."""

from collections.abc import Awaitable, Callable, Iterable
from hashlib import blake2b
from typing import TypeVar

from crm_clients.contract import Crm
from mappers.vocabulary import ContactId, Permanent, ProviderError
from middleware.store.policy import Policy

T = TypeVar("T")

OWNER = "owner"
# Leaves it to the CRM.
NOBODY = ""


def listed(responsible: str) -> tuple[str, ...]:
    """Take a list of users apart: `7, 8,9`."""
    return tuple(user for each in responsible.split(",") if (user := each.strip()))


def to_be_named(policy: Policy, contact: ContactId | None, owner: str = "") -> tuple[str, ...]:
    """Return the users to try, the first wish first; an empty one leaves it to the CRM.

    `owner` is whose the contact's record is. Where the route wishes for nobody the CRM is asked
    first, else last.
    """
    wished = listed(policy.responsible)
    if wished == (OWNER,):
        wished = (owner,) if owner else ()
    wishes = ranked(wished, contact)
    fallback = policy.responsible_fallback.strip()
    order = (*wishes, fallback, NOBODY) if wishes else (NOBODY, fallback)
    return tuple(dict.fromkeys(user for user in order if user or user is NOBODY))


def ranked(users: Iterable[str], contact: ContactId | None) -> tuple[str, ...]:
    """Order users by what chance says of each for this contact: the same for ever.

    Each user is first for an equal share of all contacts. When one leaves or joins, only the
    contacts change hands that were, or become, theirs.
    """

    def chance(user: str) -> bytes:
        return blake2b(f"{contact}|{user}".encode(), digest_size=16).digest()

    return tuple(sorted(dict.fromkeys(users), key=chance))


async def by_the_first_accepted(users: Iterable[str], make: Callable[[str], Awaitable[T]]) -> T:
    """Make it in the name of the first user whom the CRM takes. Raises: `ProviderError`."""
    *others, last = users
    for user in others:
        try:
            return await make(user)
        except ProviderError as refused:
            if not _is_about_the_user(refused):
                raise
    return await make(last)


async def owner_of(crm: Crm, record: str) -> str:
    """Return whose a record is; empty when it is nobody's, or gone. Raises: `ProviderError`."""
    found = await crm.get_record(record)
    return "" if found is None else found.responsible


def _is_about_the_user(refused: ProviderError) -> bool:
    failure = refused.failure
    return isinstance(failure, Permanent) and failure.gone == "responsible"
