"""What a town is made of, before anything is started."""

from dataclasses import dataclass
from pathlib import Path

from channel_clients.emulators.contract import ChannelPart
from channel_clients.emulators.registry import CHANNEL_PARTS
from crm_clients.emulators.contract import Part
from crm_clients.emulators.registry import PARTS
from mappers.text import Language

USUAL_CHANNEL = next(iter(CHANNEL_PARTS))
USUAL_CRM = next(iter(PARTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a town is made of. `limited`: providers refuse what comes too fast, as in life.

    `shops` have an account of the `crms` in turn; several of one CRM are told apart by their names.
    `workers`: so many processes serve, woken through a broker; none: the hub is one process.
    """

    folder: Path
    shops: tuple[str, ...] = ("lavka",)
    channel: str = USUAL_CHANNEL
    crms: tuple[str, ...] = (USUAL_CRM,)
    operators: tuple[str, ...] = ("Ольга Менеджер", "Иван Продавец")
    language: Language = "ru"
    limited: bool = True
    hub_port: int = 0
    workers: int = 0

    @property
    def channel_part(self) -> ChannelPart:
        return CHANNEL_PARTS[self.channel]

    @property
    def crm_parts(self) -> tuple[Part, ...]:
        return tuple(PARTS[name] for name in self.crms)

    def crm_of(self, number: int) -> str:
        """Name the CRM of the shop with this number."""
        return self.crms[number % len(self.crms)]


def unplayed(crms: tuple[str, ...]) -> tuple[str, ...]:
    """Return those that no emulator plays."""
    return tuple(name for name in crms if name not in PARTS)


def playable() -> tuple[str, ...]:
    return tuple(PARTS)
