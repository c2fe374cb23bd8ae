"""Bitrix24: an application of ours in a portal, its CRM and its open lines.

`manifest` is the entry in the registry and `adapter` keeps the contract; `oauth` holds the
registration, the connection and the tokens, and `installation` how a portal installs us. `rest`
makes the calls and says what answers mean, and `questions` asks several things in one; `lines` are
messages in the words of our connector, `history` what was said in them, `bbcode` their markup,
`media` their files. `search` finds contacts and `cards` makes them and deals; `sessions` and
`line_cards` are what a line puts on cards by itself. `catalogue` is what a mapping may name,
`field_values` what cards hold, `spelling` one such value; `tasks` and `users` are for employees.
`doors` lets events in, and `reading` says what they mean. `upkeep` sets up and takes down; `wire`
and `field_wire` are the JSON that we read.
"""

from crm_clients.bitrix24.adapter import Bitrix24
from crm_clients.bitrix24.installation import install
from crm_clients.bitrix24.manifest import MANIFEST
from crm_clients.bitrix24.oauth import Application, Config, authorize_url, exchange_code

__all__ = [
    "MANIFEST",
    "Application",
    "Bitrix24",
    "Config",
    "authorize_url",
    "exchange_code",
    "install",
]
