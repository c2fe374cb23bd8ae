"""Whether what shut us out of a portal has passed."""

from crm_clients.hubspot.oauth import Application
from crm_clients.hubspot.rest import Rest


async def has_passed(reason: str, application: Application | None, rest: Rest) -> bool:
    raise NotImplementedError
