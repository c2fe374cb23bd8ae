"""Owners: who may be responsible, and what operators are called.

An owner and the user behind it have two numbers: cards name owners, conversations name users.
HubSpot's refusal of an owner who left is not documented, so it is asked first; without the scope
nobody can tell, and it is left to the portal.

Source: developers.hubspot.com/docs/api-reference/owners.
"""

from crm_clients.hubspot.rest import Rest, after, all_of, checked_id, only_of
from crm_clients.hubspot.versions import OWNERS, path
from crm_clients.hubspot.wire import Owner
from mappers.vocabulary import Blocked, Operator, Permanent, ProviderError

NOT_HERE = Permanent(code="hubspot.no_such_owner", gone="responsible")
PAGE = 100


async def read_owners(rest: Rest) -> tuple[Owner, ...]:
    """Read who may be responsible; nobody where we may not ask. Raises: `ProviderError`."""
    found: list[Owner] = []
    cursor = ""
    while True:
        asked = {"limit": PAGE, **({"after": cursor} if cursor else {})}
        try:
            reply = await rest.get(path(OWNERS), "owners", asked)
        except ProviderError as refused:
            if isinstance(refused.failure, Blocked):
                return ()
            raise
        found += all_of(Owner, reply)
        following = after(reply)
        if not following or following == cursor:
            return tuple(each for each in found if not each.is_archived)
        cursor = following


async def require_active(rest: Rest, owner: str) -> None:
    """Raises: `ProviderError`; `gone="responsible"` for one who left, or never was."""
    asked = path(OWNERS, checked_id(owner, "responsible"))
    try:
        found = only_of(Owner, (await rest.get(asked, "owners.get", gone="responsible")).value())
    except ProviderError as refused:
        if isinstance(refused.failure, Blocked):
            return
        if isinstance(refused.failure, Permanent):
            raise ProviderError(NOT_HERE) from None
        raise
    if found.is_archived:
        raise ProviderError(NOT_HERE)


def called(owner: Owner) -> str:
    """What colleagues see; an address where nobody gave a name."""
    return " ".join(filter(None, (owner.first_name, owner.last_name))) or owner.email


def as_operator(owner: Owner) -> Operator:
    """`id` is the actor that a reply names; `user` is the owner that a card names."""
    return Operator(id=actor_of(owner.user), name=called(owner), user=owner.id)


def actor_of(user: str) -> str:
    """Name a user as conversations do."""
    return f"A-{user}"
