"""What a person asks of a benchmark."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Tell = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What every command is told.

    `database_url` is a server to use instead of our own, `only` the variants that are measured,
    `crm` the CRM that is written to, the usual one when empty.
    """

    rounds: int = 3
    seconds: float = 4.0
    database_url: str = ""
    only: tuple[str, ...] = ()
    crm: str = ""
    tell: Tell = print

    def chosen(self, variants: Mapping[str, T]) -> dict[str, T]:
        """Keep the variants that are asked for; all when none is named."""
        return {name: each for name, each in variants.items() if not self.only or name in self.only}
