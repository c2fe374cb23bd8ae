"""Bitrix24: an application of ours in a portal, or a webhook; its CRM and its open lines.

`manifest` is the entry in the registry and `adapter` keeps the contract; `oauth` holds the
registration, the connection and the tokens, and `installation` how a portal installs us. `rest`
makes the calls and says what answers mean; `lines` are messages in the words of our connector,
`history` what was said in them, `bbcode` their markup, `media` their files; `cards` finds and makes
contacts and deals. Where messages go onto cards instead, `adapter_on_cards` keeps the contract:
`entries` writes them, `comments` reads and marks what operators write, `asking` looks for their
answers and `told_by_comments` says what they mean; `upkeep_of_cards` sets up. `webhook` is the way
in without an application, `together` asks several things in one call, and `logbook` keeps calls and
e-mails. `doors` lets events in, and `reading` says what they mean. `upkeep` sets up and takes down;
`wire` and `wire_timeline` are the JSON that we read.
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
