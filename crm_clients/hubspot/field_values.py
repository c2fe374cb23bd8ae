"""What cards hold, in the words of mappings."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import Catalogue


@dataclass(frozen=True, slots=True)
class FieldValues:
    rest: Rest = field(repr=False)
    catalogue: Catalogue

    async def read(
        self, record: str, deal: str, keys: Collection[str]
    ) -> Mapping[str, tuple[str, ...]]:
        raise NotImplementedError

    async def write(self, record: str, deal: str, values: Mapping[str, tuple[str, ...]]) -> None:
        raise NotImplementedError
