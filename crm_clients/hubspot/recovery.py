"""Whether what shut us out of a portal has passed.

Consent that is given again brings new tokens, with scopes of their own; a plan that is paid again,
and a service key that was completed, show in what is answered. An account of our channel that
somebody took away must be put back by hand.
"""

from crm_clients.hubspot.oauth import CHANNEL_SCOPES, REQUIRED_SCOPES, Application
from crm_clients.hubspot.own_channel import OwnChannel
from crm_clients.hubspot.rest import MISSING_SCOPE, Rest
from crm_clients.hubspot.versions import OBJECTS, path


async def has_passed(reason: str, application: Application | None, rest: Rest) -> bool:
    """Ask for what every message needs. Raises: `ProviderError` while that is refused."""
    config = rest.config
    needed = {*REQUIRED_SCOPES, *(() if config.on_cards else CHANNEL_SCOPES)}
    if reason == MISSING_SCOPE and config.scopes and not needed <= {*config.scopes}:
        return False
    for kind in ("contacts", config.case):
        await rest.get(path(OBJECTS, kind), f"{kind}.look", {"limit": 1})
    return config.on_cards or application is None or await _takes_messages(application, rest)


async def _takes_messages(application: Application, rest: Rest) -> bool:
    """Say whether our account of the channel is there, and switched on, once it was made."""
    if not (rest.config.channel_id and rest.config.channel_account_id):
        return True
    held = await OwnChannel(application, rest).there()
    return held is not None and held.is_active and not held.is_archived
