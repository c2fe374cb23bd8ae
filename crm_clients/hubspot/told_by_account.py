"""What the events of a portal's CRM mean: contacts and deals that changed, answers on cards."""

from typing import Any

from crm_clients.hubspot.oauth import Config
from mappers.vocabulary import Reading


def read_event(told: dict[str, Any], config: Config) -> Reading:
    raise NotImplementedError
