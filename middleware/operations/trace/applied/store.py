"""Reading what deliveries keep of the mapping that they were made by."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from middleware.operations.trace.model import MappingTrace, PlaceTrace
from middleware.store.rows import Pinned, pinned_in

NAMES = text("SELECT id, name FROM mappings WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)


async def applied_in(
    at: AsyncConnection, details: Mapping[UUID, Mapping[str, Any]]
) -> Mapping[UUID, MappingTrace]:
    """Tell of each delivery that was planned with a mapping what the mapping did."""
    pinned = {key: found for key, kept in details.items() if (found := pinned_in(kept))}
    if not pinned:
        return {}
    ids = list({each.mapping for each in pinned.values()})
    names = {row.id: row.name for row in await at.execute(NAMES, {"ids": ids})}
    return {
        key: _applied(version, names[version.mapping], details[key])
        for key, version in pinned.items()
    }


def _applied(version: Pinned, name: str, kept: Mapping[str, Any]) -> MappingTrace:
    return MappingTrace(
        id=version.mapping,
        name=name,
        version=version.version,
        places=tuple(
            PlaceTrace(rule=rule, target=target, outcome=outcome)
            for rule, target, outcome in kept.get("changes", ())
        ),
        missing=tuple(kept.get("missing", ())),
    )
