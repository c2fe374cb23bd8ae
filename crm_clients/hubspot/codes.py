"""Failure codes that this CRM gives, one sentence each; the docs are printed from these."""

from collections.abc import Mapping
from types import MappingProxyType

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "hubspot.another_portal": "New tokens are another portal's: connect again, in the portal"
        " that is meant.",
        "hubspot.conflict": "HubSpot holds something else under the same name or address.",
        "hubspot.forbidden": "The token's user, or the portal's plan, may not do this.",
        "hubspot.garbled_success": "HubSpot answered a success that cannot be read; what may have"
        " been written is looked for.",
        "hubspot.garbled_tokens": "New tokens came and could not be read; they are asked for"
        " again.",
        "hubspot.grant_refused": "The application was removed from the portal, or its consent is"
        " out of date: connect again.",
        "hubspot.invalid": "HubSpot refuses the request and does not say which value.",
        "hubspot.invalid.…": "HubSpot refuses a value; the last word is its own.",
        "hubspot.locked": "Others are writing to the same card: it is free again in a moment.",
        "hubspot.missing_scope": "The token lacks a scope that HubSpot names: consent again, or add"
        " it to the service key.",
        "hubspot.moving": "HubSpot moves the portal to another data centre and asks to wait.",
        "hubspot.no_developer_key": "The registration has no developer API key, so no channel can"
        " be found or made for it.",
        "hubspot.no_such_deal": "The deal or ticket was deleted or merged away; another one is"
        " looked for, or opened.",
        "hubspot.no_such_field": "A mapping writes to a property that is gone, is read-only, or"
        " holds something else by now.",
        "hubspot.no_such_owner": "Who was to be responsible is no owner in the portal any more:"
        " name another one in the route.",
        "hubspot.no_such_record": "The card was deleted or merged away; its survivor is looked for,"
        " or a new one made.",
        "hubspot.not_an_id": "This is no id of HubSpot's, so what it names does not exist there.",
        "hubspot.not_found": "HubSpot has no such thing any more.",
        "hubspot.registration_refused": "HubSpot does not know the registration by its client ID,"
        " secret or redirect address: enter them again.",
        "hubspot.static_token": "The service key was refused or revoked: make a new one and connect"
        " with it.",
        "hubspot.token_refused": "The access token is not accepted: a new one is asked for.",
        "hubspot.too_fast": "HubSpot's limit for this portal is reached: calls wait as long as it"
        " asks.",
    }
)
