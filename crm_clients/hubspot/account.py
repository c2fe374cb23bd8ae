"""The portal itself: who it is, and whether it lets us in.

Source: developers.hubspot.com/docs/api/settings/account-information-api.
"""

from crm_clients.hubspot.rest import Rest, only_of
from crm_clients.hubspot.versions import ACCOUNT, path
from crm_clients.hubspot.wire import AccountDetails
from mappers.vocabulary import Account, AuthExpired, ProviderError


async def read_details(rest: Rest) -> AccountDetails:
    """Raises: `ProviderError`; `AuthExpired` where the token is another portal's."""
    reply = await rest.get(path(ACCOUNT, "details"), "account")
    details = only_of(AccountDetails, reply.value())
    if details.portal != rest.config.portal_id:
        raise ProviderError(AuthExpired(code="hubspot.another_portal"))
    return details


def as_account(details: AccountDetails, warnings: tuple[str, ...] = ()) -> Account:
    domain = details.ui_domain or "app.hubspot.com"
    return Account(
        id=details.portal,
        title=f"HubSpot {details.portal}",
        url=f"https://{domain}/contacts/{details.portal}",
        warnings=warnings,
    )
