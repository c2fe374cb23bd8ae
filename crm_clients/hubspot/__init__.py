"""HubSpot: a portal's CRM, and a custom channel of ours in its inbox, or messages on its cards.

`manifest` is the entry in the registry; `adapter` and `adapter_on_cards` keep the contract.
`versions` spells every path; `oauth` holds the registration, the connection and the tokens; `rest`
makes the calls and says what refusals mean, `pace` what they say of limits. `objects` are cards of
any kind; `contacts` and `deals` (which may be tickets: `cases`; they begin and end at `stages`)
find and make them by the unique properties of `markers`, `addresses` being where a contact is
reached. `catalogue` is what a mapping may name, `field_values` (in HubSpot's `spelling`) what cards
hold, `owners` who may be responsible; `tasks` and `logbook` (calls and e-mails) are what they say.

`own_channel` is our channel and its account, `channels` what is published there, `threads` where it
is found and answered, `media` the files and `richtext` the markup; `joining` connects it from
HubSpot's side. Where messages lie on cards, `engagements` writes them as `bodies` say, `bulk` many
of them, by a key that `proof` has tried, or else found again on `timeline`; `polling` asks for
answers, and `files` stand beside them.

`doors` lets hooks in, and `reading` says what they mean, by `told_by_account`, `told_by_channel`
and `told_by_notes`. `upkeep` and `upkeep_of_cards` set up and take down; `diagnosis`, of the
channel and of cards as well, looks, and `recovery` says what has passed; `wire`, with its three
sisters, is the JSON that we read.
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
