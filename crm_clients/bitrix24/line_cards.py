"""What a line makes in the CRM by itself, which an administrator chooses in its settings.

Where a portal has no leads, a line that was to make them makes contacts and deals.

Source: apidocs.bitrix24.com/api-reference/{imopenlines/openlines, crm}; what the settings mean:
bitrix kernel, as reported by integrators.
"""

from collections.abc import Mapping
from typing import Any

from crm_clients.bitrix24.batch import Command, Part
from mappers.vocabulary import Blocked, Permanent

WITHOUT_LEADS = "2"


def questions_about(line: str) -> dict[str, Command]:
    """What to ask a portal; `opens_deals` reads the answers."""
    return {
        "line": Command("imopenlines.config.get", {"CONFIG_ID": line}),
        "mode": Command("crm.settings.mode.get"),
    }


def opens_deals(told: Mapping[str, Part]) -> bool:
    """Say whether a line opens deals; no where that may not be known. Raises: `ProviderError`."""
    config, mode = _told(told["line"]), _told(told["mode"])
    if not isinstance(config, dict) or config.get("CRM") != "Y":
        return False
    makes = str(config.get("CRM_CREATE") or "")
    return makes == "deal" or (makes == "lead" and str(mode) == WITHOUT_LEADS)


def _told(answer: Part) -> Any:
    return None if isinstance(answer.failure, Blocked | Permanent) else answer.told()
