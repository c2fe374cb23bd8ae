"""Deals as last seen, and which channel they were used for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from mappers.vocabulary import ConnectionId, ContactId
from middleware.db.direct import Session
from middleware.db.tables import Moment
from middleware.pipeline.deals import CLOSED
from middleware.store.rows import DealRow

OF = text(
    """
    SELECT contact_id, connection_id, deal, record, state, pipeline, source_id, seen_at, closed_at,
        used_at
    FROM deals WHERE contact_id = ANY(:contacts) AND state <> 'deleted'
    ORDER BY seen_at DESC, deal DESC
    """
).bindparams(bindparam("contacts", type_=ARRAY(Uuid)))
SAVE = text(
    """
    INSERT INTO deals (connection_id, deal, contact_id, record, state, evidence, pipeline,
        source_id, closed_at, used_at)
    VALUES (:target, :deal, :contact, :record, :state, :evidence, :pipeline, :source,
        CASE WHEN :is_closed THEN coalesce(:closed_at, clock_timestamp()) END, clock_timestamp())
    ON CONFLICT (connection_id, deal) DO UPDATE
    SET contact_id = excluded.contact_id, record = excluded.record, state = excluded.state,
        pipeline = excluded.pipeline, source_id = coalesce(deals.source_id, excluded.source_id),
        closed_at = CASE WHEN :is_closed
                         THEN coalesce(:closed_at, deals.closed_at, clock_timestamp()) END,
        seen_at = clock_timestamp(), used_at = excluded.used_at
    """
).bindparams(bindparam("source", type_=Uuid), bindparam("closed_at", type_=Moment))
USE = text(
    """
    UPDATE deals SET used_at = clock_timestamp() WHERE connection_id = :target AND deal = :deal
    """
)
SET_STATE = text(
    """
    UPDATE deals
    SET state = :state, pipeline = coalesce(nullif(:pipeline, ''), pipeline),
        closed_at = CASE WHEN :is_closed THEN coalesce(closed_at, clock_timestamp()) END,
        seen_at = CASE WHEN :state <> 'open' THEN clock_timestamp()
                  ELSE least(seen_at, clock_timestamp() - interval '1 day') END
    WHERE connection_id = :target AND deal = :deal
    """
)


async def of(
    at: Session, contacts: Sequence[UUID]
) -> Mapping[tuple[UUID, UUID], tuple[DealRow, ...]]:
    """Return what is known of deals, by contact and CRM."""
    found: dict[tuple[UUID, UUID], list[DealRow]] = defaultdict(list)
    for row in await at.execute(OF, {"contacts": list(contacts)}):
        found[row.contact_id, row.connection_id].append(_deal(row))
    return {key: tuple(deals) for key, deals in found.items()}


async def save(
    at: Session, contact: ContactId, target: ConnectionId, seen: DealRow, evidence: str
) -> None:
    values = {
        "target": target,
        "contact": contact,
        "deal": seen.deal,
        "record": seen.record,
        "state": seen.state,
        "evidence": evidence,
        "pipeline": seen.pipeline,
        "source": seen.source,
        "closed_at": seen.closed_at,
        "is_closed": seen.state in CLOSED,
    }
    await at.execute(SAVE, values)


async def set_state(
    at: Session, target: ConnectionId, deal: str, state: str, pipeline: str
) -> None:
    values = {"target": target, "deal": deal, "state": state, "pipeline": pipeline}
    await at.execute(SET_STATE, {**values, "is_closed": state in CLOSED})


def _deal(row: Any) -> DealRow:
    return DealRow(
        deal=row.deal,
        record=row.record,
        state=row.state,
        seen_at=row.seen_at,
        pipeline=row.pipeline,
        source=None if row.source_id is None else ConnectionId(row.source_id),
        closed_at=row.closed_at,
        used_at=row.used_at,
    )
