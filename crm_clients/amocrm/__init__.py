"""amoCRM and Kommo: the account's REST API beside the Chats API, two services with one name.

`manifest` is the entry in the registry and `adapter` keeps the contract; `oauth` holds the
registration, the connection and the tokens; `rest` and `chats` describe the calls of the two
services. `notes` writes messages where no chat channel is registered, and `polling` asks for the
replies. `doors` lets hooks in, and `reading` says what they mean, by `told_by_chats`,
`told_by_account` and `told_by_notes`. `cards` finds and makes contacts and leads, `fields` turns
them into records and back, and `field_values` reads and fills what mappings name; `tasks`,
`sources` and `logbook` (calls and e-mails) are what they say. `upkeep` sets up and takes down,
`diagnosis` looks; `sdk` reads the catalogue through the amocrm-api package; `wire` is the JSON
that we read.
"""

from crm_clients.amocrm.adapter import AmoCrm, AmoCrmNotes
from crm_clients.amocrm.manifest import MANIFEST
from crm_clients.amocrm.oauth import (
    Application,
    Config,
    authorize_url,
    connect_with_token,
    exchange_code,
)

__all__ = [
    "MANIFEST",
    "AmoCrm",
    "AmoCrmNotes",
    "Application",
    "Config",
    "authorize_url",
    "connect_with_token",
    "exchange_code",
]
