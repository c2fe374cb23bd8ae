"""HubSpot: a portal's CRM, and a custom channel of ours in its inbox, or messages on its cards.

`manifest` is the entry in the registry; `adapter` and `adapter_on_cards` keep the contract.
`versions` spells every path; `oauth` holds the registration, the connection and the tokens; `rest`
makes the calls and says what refusals mean, `pace` what they say of limits. `contacts` and `deals`
(which may be tickets) find and make cards, by the unique properties of `markers`. `catalogue` is
what a mapping may name, `field_values` (in HubSpot's `spelling`, and its `addresses`) what cards
hold, `owners` who may be responsible; `tasks` and `logbook` (calls and e-mails)
are what they say.

`threads` are messages in the channel, `media` their files. Where messages lie on cards,
`engagements` writes them, `bulk` many of them, and `polling` asks for answers.

`doors` lets hooks in, and `reading` says what they mean, by `told_by_account`, `told_by_channel`
and `told_by_notes`. `upkeep` and `upkeep_of_cards` set up and take down, `diagnosis` looks,
`recovery` says what has passed; `wire` is the JSON that we read.
"""

from crm_clients.hubspot.adapter import HubSpot
from crm_clients.hubspot.adapter_on_cards import HubSpotOnCards
from crm_clients.hubspot.manifest import MANIFEST
from crm_clients.hubspot.oauth import (
    Application,
    Config,
    authorize_url,
    connect_with_token,
    exchange_code,
)

__all__ = [
    "MANIFEST",
    "Application",
    "Config",
    "HubSpot",
    "HubSpotOnCards",
    "authorize_url",
    "connect_with_token",
    "exchange_code",
]
