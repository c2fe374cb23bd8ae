"""What a mapping may name: pipelines, owners, properties."""

from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import Catalogue


async def read_catalogue(rest: Rest) -> Catalogue:
    raise NotImplementedError
