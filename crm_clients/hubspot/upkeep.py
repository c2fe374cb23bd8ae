"""Setting a portal up for messages in a channel, and taking it down."""

from dataclasses import dataclass, field

from crm_clients.hubspot.oauth import Application
from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import Account
from mappers.vocabulary.adapters import SetUp


@dataclass(frozen=True, slots=True)
class Upkeep:
    application: Application
    rest: Rest = field(repr=False)

    async def check(self) -> Account:
        raise NotImplementedError

    async def set_up(self) -> SetUp:
        raise NotImplementedError

    async def tear_down(self) -> None:
        raise NotImplementedError

    async def is_set_up(self) -> bool:
        raise NotImplementedError
