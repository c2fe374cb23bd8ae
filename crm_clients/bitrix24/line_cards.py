"""What a line makes in the CRM by itself, which an administrator chooses in its settings.

Where a portal has no leads, a line that was to make them makes contacts and deals.

Source: apidocs.bitrix24.com/api-reference/{imopenlines/openlines, crm}; what the settings mean:
bitrix kernel, as reported by integrators.
"""

from typing import Any

from crm_clients.bitrix24.questions import Answer, Question, ask_together
from crm_clients.bitrix24.rest import Rest
from mappers.vocabulary import Blocked, Permanent

WITHOUT_LEADS = "2"


async def opens_deals(rest: Rest, line: str) -> bool:
    """Say whether a line opens deals; no where that may not be known. Raises: `ProviderError`."""
    told = await ask_together(
        rest,
        {
            "line": Question(method="imopenlines.config.get", params={"CONFIG_ID": line}),
            "mode": Question(method="crm.settings.mode.get"),
        },
    )
    config, mode = _told(told["line"]), _told(told["mode"])
    if not isinstance(config, dict) or config.get("CRM") != "Y":
        return False
    makes = str(config.get("CRM_CREATE") or "")
    return makes == "deal" or (makes == "lead" and str(mode) == WITHOUT_LEADS)


def _told(answer: Answer) -> Any:
    return None if isinstance(answer.failure, Blocked | Permanent) else answer.told()
