"""Connecting from HubSpot's side: somebody picks our channel in an inbox, and a page of ours opens.

HubSpot says there what was begun, and waits for what our side of it is called; then it makes the
account itself, and tells of it. What its address carries is known from integrations alone.

Source: specification Conversations/Custom Channels of HubSpot/HubSpot-public-api-spec-collection;
names in the address, and a conflict for what is done already: reported by integrators.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from crm_clients.hubspot.channels import account_name, identifier
from crm_clients.hubspot.oauth import Application
from crm_clients.hubspot.own_channel import OwnChannel
from crm_clients.hubspot.rest import Rest
from crm_clients.hubspot.versions import CHANNELS, path

STAGED = "channel-account-staging-tokens"
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_HOST = re.compile(r"(?:[a-z0-9-]+\.)*hubspot\.com")


async def finish_joining(application: Application, rest: Rest, query: Mapping[str, str]) -> str:
    """Name our side of what was begun; return HubSpot's page to go back to.

    Raises: `ProviderError`; `ValueError` for what nobody began, or where it would be one too many.
    """
    config = rest.config
    token, inbox, back = (
        query.get(name, "") for name in ("accountToken", "inboxId", "redirectUrl")
    )
    is_ours = bool(config.channel_id) and query.get("channelId", "") == config.channel_id
    if not (is_ours and _TOKEN.fullmatch(token) and _is_hubspots(back)):
        raise ValueError("HubSpot does not say what was begun")
    if inbox != config.inbox_id:
        raise ValueError(
            "the portal's conversations with us are in another inbox; the hub's own command names"
            " one (--inbox)"
        )
    held = await OwnChannel(application, rest).account()
    if held is not None and held.works:
        raise ValueError("the inbox is connected already")
    told = {
        "accountName": application.title,
        "deliveryIdentifier": identifier(account_name(config.portal_id, inbox)),
    }
    there = path(CHANNELS, config.channel_id, STAGED, token)
    reply = await rest.keeping(404, 409).patch(there, "account.join", told)
    if reply.status == 404:
        raise ValueError("HubSpot does not know any more what was begun")
    return back


def _is_hubspots(address: str) -> bool:
    """Nobody is sent elsewhere by a link that only looks like one of ours."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "https" and _HOST.fullmatch(parts.netloc.lower()) is not None
