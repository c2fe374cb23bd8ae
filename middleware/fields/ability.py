"""Which CRMs a mapping can write to."""

from typing import Protocol, TypeGuard

from crm_clients.contract import HasCatalogue, HoldsFields


class Fillable(HoldsFields, HasCatalogue, Protocol):
    """A CRM whose cards can be filled by a mapping."""


def can_fill(crm: object) -> TypeGuard[Fillable]:
    return isinstance(crm, HoldsFields) and isinstance(crm, HasCatalogue)
