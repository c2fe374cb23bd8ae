"""What stands between a portal and working well."""

from dataclasses import dataclass, field

from crm_clients.hubspot.oauth import Application
from crm_clients.hubspot.rest import Rest
from mappers.vocabulary.adapters import Finding


@dataclass(frozen=True, slots=True)
class Diagnosis:
    application: Application | None
    rest: Rest = field(repr=False)

    async def of(self, address: str) -> tuple[Finding, ...]:
        raise NotImplementedError
