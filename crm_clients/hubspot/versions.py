"""Which version of HubSpot's API we speak, and where its parts lie.

Versions are dates and live for eighteen months. Nothing else here spells a path. The conversations'
inbox is the one part that has no address under our version.

Source: developers.hubspot.com/changelog/legacy-apis-and-legacy-apps-whats-going-unsupported; the
specifications of HubSpot/HubSpot-public-api-spec-collection.
"""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

VERSION, LAST_MONTH = "2026-03", "2027-09"
OBJECTS, PROPERTIES, PIPELINES = "crm/objects", "crm/properties", "crm/pipelines"
ASSOCIATIONS, OWNERS, FILES = "crm/associations", "crm/owners", "files"
CHANNELS, INBOX = "conversations/custom-channels", "conversations/conversations"
ACCOUNT, TOKENS = "account-info", "oauth"
HOOKS = "webhooks"
_ELSEWHERE: Mapping[str, str] = MappingProxyType({INBOX: "2026-09"})


def path(part: str, *steps: str) -> str:
    """Spell the path of one thing in a part of the API; `steps` may hold anything."""
    version = _ELSEWHERE.get(part, VERSION)
    return "/".join(("", part, version, *(quote(step, safe="") for step in steps)))
