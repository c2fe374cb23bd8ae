"""Failure codes that this CRM gives, one sentence each; the docs are printed from these."""

from collections.abc import Mapping
from types import MappingProxyType

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "hubspot.account_purged": "Somebody removed our channel from its inbox in HubSpot: connect"
        " the portal again.",
        "hubspot.account_unauthorized": "Our channel was switched off, disconnected or archived in"
        " its inbox: it works again once it is back.",
        "hubspot.another_portal": "New tokens are another portal's: connect again, in the portal"
        " that is meant.",
        "hubspot.channel_not_granted": "The portal did not let us have a custom channel, which"
        " takes Sales Hub or Service Hub Professional: consent again once it has one, or connect it"
        " with --cards.",
        "hubspot.channel_off": "Our channel is switched off or disconnected in its inbox: switch it"
        " on in HubSpot, under Settings, Inbox & Help Desk, Channels.",
        "hubspot.channel_unknown": "HubSpot does not know the channel yet that was just made, or"
        " any more: try again in a minute.",
        "hubspot.conflict": "HubSpot holds something else under the same name or address.",
        "hubspot.forbidden": "The token's user, or the portal's plan, may not do this.",
        "hubspot.foreign_file": "The file lies at an address that is not HubSpot's, so it is not"
        " fetched.",
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
        "hubspot.no_channel": "The portal has no account in our channel, or lost it: set the"
        " connection up again.",
        "hubspot.no_developer_key": "The registration has no developer API key, so no channel can"
        " be found or made for it.",
        "hubspot.no_such_channel": "The registration has no custom channel of the number that was"
        " entered for it.",
        "hubspot.no_marker": "The unique property that holds our key is missing: let the token make"
        " properties, or make it by hand, and run set-up again.",
        "hubspot.no_such_deal": "The deal or ticket was deleted or merged away; another one is"
        " looked for, or opened.",
        "hubspot.no_such_field": "A mapping writes to a property that is gone, is read-only, or"
        " holds something else by now.",
        "hubspot.no_such_file": "HubSpot does not hand this file out any more.",
        "hubspot.no_such_inbox": "The portal has no inbox of that number or name, or none at all:"
        " make one in HubSpot, or name another with --inbox.",
        "hubspot.no_such_owner": "Who was to be responsible is no owner in the portal any more:"
        " name another one in the route.",
        "hubspot.no_such_record": "The card was deleted or merged away; its survivor is looked for,"
        " or a new one made.",
        "hubspot.no_such_note": "The note is gone from its card: somebody deleted it.",
        "hubspot.nobodys_phone": "No contact has the phone of the call, so there is no card to put"
        " it on.",
        "hubspot.not_an_id": "This is no id of HubSpot's, so what it names does not exist there.",
        "hubspot.not_found": "HubSpot has no such thing any more.",
        "hubspot.refused_or_repeated": "HubSpot says that it has this message, and it is not found"
        " where it would be: it is looked for again.",
        "hubspot.registration_refused": "HubSpot does not know the registration by its client ID,"
        " secret or redirect address: enter them again.",
        "hubspot.static_token": "The service key was refused or revoked: make a new one and connect"
        " with it.",
        "hubspot.thread_too_long": "The conversation is longer than is read at once, so what is"
        " looked for in it may be there.",
        "hubspot.token_refused": "The access token is not accepted: a new one is asked for.",
        "hubspot.too_fast": "HubSpot's limit for this portal is reached: calls wait as long as it"
        " asks.",
        "hubspot.too_much_on_a_card": "The card holds more than is looked through: look at it in"
        " HubSpot.",
        "hubspot.too_many_threads": "Too many conversations are newer than what is looked for, so"
        " it may be in any of them.",
    }
)
