"""amoCRM and Kommo: the account's REST API beside the Chats API, two services with one name.

`adapter` implements the contract; `oauth` holds the registration, the connection and the tokens;
`rest` and `chats` describe the calls of the two services; `hooks` keeps the doors and reads what
came through them; `fields` turns cards into records and back; `upkeep` sets up and diagnoses;
`sdk` reads the catalogue through the amocrm-api package; `wire` is the JSON that we read.
"""

from crm_clients.amocrm.adapter import MANIFEST, AmoCrm
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
    "Application",
    "Config",
    "authorize_url",
    "connect_with_token",
    "exchange_code",
]
