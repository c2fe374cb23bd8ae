"""Bitrix24: an application of ours in a portal, or a webhook; its CRM and its open lines.

`manifest` is the entry in the registry and `adapter` keeps the contract; `oauth` holds the
registration, the connection and the tokens, and `installation` how a portal installs us. `rest`
makes the calls and says what answers mean, `batch` and `questions` put several into one, `pace`
reads what is left of their time. `lines` are messages in the words of our connector, `bulk` many of
them, `history` what was said in them, `bbcode` their markup, `media` their files. `search` finds
contacts and `cards` makes them and deals; `sessions` and `line_cards` are what a line puts on cards
by itself. `catalogue` is what a mapping may name, `field_values` what cards hold, `spelling` one
such value; `tasks` and `users` are for employees. `logbook` keeps calls and e-mails.

Where messages go onto cards instead, `adapter_on_cards` keeps the contract: `entries` writes them,
`comments` reads and marks what operators write, `asking` looks for their answers and
`told_by_comments` says what they mean; `webhook` is the way in without an application.

`doors` lets events in, and `reading` says what they mean. `upkeep` and `upkeep_of_cards` set up and
take down, `own_line` chooses the line and puts it back, `diagnosis` and `diagnosis_of_cards` say
what stands in the way. `wire`, `wire_timeline` and `field_wire` are the JSON that we read.
"""

from crm_clients.bitrix24.adapter import Bitrix24
from crm_clients.bitrix24.adapter_on_cards import Bitrix24OnCards
from crm_clients.bitrix24.installation import install
from crm_clients.bitrix24.manifest import MANIFEST
from crm_clients.bitrix24.oauth import Application, Config, authorize_url, exchange_code

__all__ = [
    "MANIFEST",
    "Application",
    "Bitrix24",
    "Bitrix24OnCards",
    "Config",
    "authorize_url",
    "exchange_code",
    "install",
]
