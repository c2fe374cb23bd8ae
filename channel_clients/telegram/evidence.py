"""What Telegram's identities are believed by, in words."""

from collections.abc import Mapping
from types import MappingProxyType

from mappers.text import Language

EVIDENCE: Mapping[str, Mapping[Language, str]] = MappingProxyType(
    {
        "telegram.user_id": {
            "ru": "так назвал автора сам Telegram",
            "en": "Telegram itself says who wrote",
        },
        "telegram.contact_shared": {
            "ru": "клиент поделился своим контактом в Telegram",
            "en": "shared by the customer in Telegram",
        },
    }
)
