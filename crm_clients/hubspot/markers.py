"""Our unique properties: what a card that we made is found again by."""

from collections.abc import Mapping

from crm_clients.hubspot.rest import Rest


async def keep_markers(rest: Rest) -> Mapping[str, str]:
    """Find or make the properties of contacts and deals; return what a config keeps of them.

    Names are empty where the portal does not let us make them. Safe to repeat.
    """
    raise NotImplementedError
