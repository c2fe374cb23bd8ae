"""Employees: whether somebody who is to be responsible is there at all.

Bitrix24 takes whatever user a card or a task is given, one who left among them, and says nothing;
so it is asked first. Without the permission *Users* nobody can tell, and it is left to the portal.

Source: apidocs.bitrix24.com/api-reference/user.
"""

from crm_clients.bitrix24.field_wire import User
from crm_clients.bitrix24.rest import Rest, all_of, number
from mappers.vocabulary import Blocked, Permanent, ProviderError

NOT_HERE = Permanent(code="bitrix24.no_such_user", gone="responsible")


async def require_active(rest: Rest, user: str) -> None:
    """Raises: `ProviderError`; `gone="responsible"` for one who left, or never was."""
    asked = {"FILTER": {"ID": number(user, "responsible")}}
    try:
        found = all_of(User, await rest.ask("user.get", asked))
    except ProviderError as refused:
        if isinstance(refused.failure, Blocked):
            return
        raise
    if not any(each.id == user and each.is_active for each in found):
        raise ProviderError(NOT_HERE)
