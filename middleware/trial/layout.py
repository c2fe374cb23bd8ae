"""What a town is made of, before anything is started."""

from dataclasses import dataclass
from pathlib import Path

from mappers.text import Language

CHANNEL, CRM = "telegram", "amocrm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a town is made of. `limited`: providers refuse what comes too fast, as in life.

    `workers`: so many processes serve, woken through a broker; none: the hub is one process.
    """

    folder: Path
    shops: tuple[str, ...] = ("lavka",)
    operators: tuple[str, ...] = ("Ольга Менеджер", "Иван Продавец")
    language: Language = "ru"
    limited: bool = True
    hub_port: int = 0
    workers: int = 0

    @property
    def channel_env(self) -> str:
        """What a shell calls the address of the emulated channel."""
        return CHANNEL.upper()

    @property
    def crm_env(self) -> str:
        return CRM.upper()
