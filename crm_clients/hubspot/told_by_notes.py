"""Answers that operators write as notes on cards."""

from typing import Any

from crm_clients.hubspot.oauth import Config
from mappers.vocabulary import Reading


def read_found(told: dict[str, Any], config: Config) -> Reading:
    """Read one note that was found by asking."""
    raise NotImplementedError


def read_answers(told: dict[str, Any], config: Config) -> Reading:
    """Read what was answered on a customer's cards, oldest first, and that this is all."""
    raise NotImplementedError
