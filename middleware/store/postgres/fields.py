"""What mappings are applied with, and what they have filled."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from mappers.vocabulary import ConnectionId
from middleware.db.direct import Session
from middleware.store.duties import MappedRow
from middleware.store.rows import DealRow, Pinned, cards_of, pinned_in

REMEMBER = text(
    """
    INSERT INTO filled_places (connection_id, card, key)
    SELECT :connection, :card, given.key FROM unnest(:keys) AS given(key)
    ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("keys", type_=ARRAY(Text)))
FILLED = text(
    "SELECT key FROM filled_places WHERE connection_id = :connection AND card = ANY(:cards)"
).bindparams(bindparam("cards", type_=ARRAY(Text)))
DOCUMENT = text(
    """
    SELECT m.name, v.document FROM mapping_versions AS v JOIN mappings AS m ON m.id = v.mapping_id
    WHERE v.mapping_id = :mapping AND v.number = :version
    """
)


async def remember(at: Session, connection: ConnectionId, card: str, keys: Collection[str]) -> None:
    if keys:
        values = {"connection": connection, "card": card, "keys": sorted(keys)}
        await at.execute(REMEMBER, values)


async def mapped(
    at: Session, rows: Sequence[Any], used: Callable[[Any], DealRow | None]
) -> Mapping[UUID, MappedRow]:
    """Load what deliveries that were planned with a mapping are applied with, by their ids.

    `used` tells the deal whose card a delivery fills.
    """
    found = {}
    for row in rows:
        pinned = pinned_in(row.detail)
        if pinned is not None:
            found[row.id] = await _mapped(at, row, pinned, used(row))
    return found


async def _mapped(at: Session, row: Any, pinned: Pinned, deal: DealRow | None) -> MappedRow:
    values = {"mapping": pinned.mapping, "version": pinned.version}
    document = (await at.execute(DOCUMENT, values)).one()
    cards = list(cards_of(row.linked or "", "" if deal is None else deal.deal))
    filled = await at.execute(FILLED, {"connection": row.target_id, "cards": cards})
    return MappedRow(
        name=document.name,
        document=document.document,
        written=frozenset(filled.scalars()),
        provider=row.provider or "",
        account=row.account or "",
        title=row.title or "",
    )
