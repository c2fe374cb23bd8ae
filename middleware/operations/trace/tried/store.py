"""Reading the attempts at deliveries, with what rehearsals would have done."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from middleware.operations.trace.model import AttemptTrace
from middleware.outbox.effects import effects_of

ATTEMPTS = text(
    """
    SELECT delivery_id, number, purpose, outcome, code, started_at, duration_ms, exchanges, effects
    FROM attempts WHERE delivery_id = ANY(:ids) ORDER BY started_at, number
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))


async def tried_in(
    at: AsyncConnection, deliveries: Sequence[UUID]
) -> Mapping[UUID, list[AttemptTrace]]:
    """Return the attempts at each of these deliveries, in order."""
    found: dict[UUID, list[AttemptTrace]] = defaultdict(list)
    for row in (await at.execute(ATTEMPTS, {"ids": list(deliveries)})).mappings():
        found[row["delivery_id"]].append(_attempt(row))
    return found


def _attempt(row: RowMapping) -> AttemptTrace:
    values = {name: value for name, value in row.items() if name != "delivery_id"}
    exchanges, effects = tuple(row["exchanges"]), effects_of(row["effects"])
    return AttemptTrace(**{**values, "exchanges": exchanges, "effects": effects})
