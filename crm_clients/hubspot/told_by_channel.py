"""What the events of a custom channel mean, and the messages of a thread that were read back."""

from typing import Any

from crm_clients.hubspot.oauth import Config
from mappers.vocabulary import Reading


def read_channel(told: dict[str, Any], config: Config) -> Reading:
    raise NotImplementedError


def read_history(told: dict[str, Any], config: Config) -> Reading:
    raise NotImplementedError
