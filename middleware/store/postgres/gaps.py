"""Signs of life, and what is owed after a silence: reading back the replies told meanwhile."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text, Uuid

from mappers.vocabulary import (
    ConnectionId,
    ConversationId,
    DeliveryKind,
    Priority,
    WorkspaceId,
)
from middleware.ids import NewId
from middleware.pipeline.rules import history_lane, needs_history_again
from middleware.store.duties import RESTORED, UNSURE, Duty
from middleware.store.postgres import lanes

PULSE = text(
    """
    INSERT INTO pulses (id, at, database)
    SELECT 1, clock_timestamp(), system_identifier::text || '/' || timeline_id::text
    FROM pg_control_system(), pg_control_checkpoint()
    ON CONFLICT (id) DO UPDATE SET at = excluded.at, database = excluded.database
    """
)
LAST_PULSE = text(
    """
    SELECT at, clock_timestamp() AS now,
        database <> system_identifier::text || '/' || timeline_id::text AS is_restored
    FROM pulses, pg_control_system(), pg_control_checkpoint()
    """
)
BEHIND = text(
    """
    UPDATE conversation_links AS o
    SET behind_since = greatest(least(o.behind_since, :since), o.opened_at),
        asks = o.asks OR :asks
    FROM conversations AS c
    WHERE o.connection_id = ANY(:connections) AND c.id = o.conversation_id
    RETURNING o.connection_id, o.conversation_id, c.workspace_id, c.contact_id
    """
).bindparams(bindparam("connections", type_=ARRAY(Uuid)))
# Locked before the open ones are looked for: whoever is just recording an opening is waited for.
OPENING = text(
    """
    SELECT id, target_id AS connection_id, conversation_id, workspace_id, contact_id
    FROM deliveries
    WHERE target_id = ANY(:connections) AND state IN ('calling', 'doubt')
      AND kind = 'open_conversation'
    ORDER BY id FOR UPDATE
    """
).bindparams(bindparam("connections", type_=ARRAY(Uuid)))
LOSE = text("UPDATE pulses SET restored_at = clock_timestamp(), lost_since = at")
DOUBT = text(
    """
    WITH doubted AS (
        UPDATE deliveries AS d SET state = 'doubt',
            called_at = least(d.called_at, p.lost_since), detail = d.detail || :why
        FROM pulses AS p
        WHERE d.state IN ('ready', 'calling', 'doubt', 'parked') AND d.kind = ANY(:kinds)
          AND (d.kind <> 'ensure_contact' OR NOT EXISTS (
              SELECT FROM contact_links AS k
              WHERE k.contact_id = d.contact_id AND k.connection_id = d.target_id))
        RETURNING d.lane_id
    )
    UPDATE lanes SET due_at = clock_timestamp() WHERE id IN (TABLE doubted)
    """
).bindparams(bindparam("kinds", type_=ARRAY(Text)), bindparam("why", type_=JSONB))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """These CRMs may have told us something since then that we did not hear."""

    connections: tuple[ConnectionId, ...]
    since: datetime
    asks: bool


async def distrust(at: AsyncConnection) -> None:
    """See `middleware.store.port.Store`."""
    await at.execute(LOSE)
    await at.execute(DOUBT, {"kinds": sorted(UNSURE), "why": {RESTORED: True}})


async def fall_behind(at: AsyncConnection, gap: Gap, new_id: NewId) -> int:
    """Mark the conversations of these CRMs and owe each its history, once.

    One that is just being opened may have been answered before we know where it lives.
    """
    connections = list(gap.connections)
    opening = (await at.execute(OPENING, {"connections": connections})).all()
    values = {"connections": connections, "since": gap.since, "asks": gap.asks}
    rows = (await at.execute(BEHIND, values)).all()
    after = {_place(row): row.id for row in opening}
    everyone = {_place(row): row for row in (*opening, *rows)}
    for place, row in sorted(everyone.items()):
        target = ConnectionId(row.connection_id)
        last = await lanes.latest(at, target, DeliveryKind.READ_HISTORY, row.conversation_id)
        if not needs_history_again(last.state if last else None):
            continue
        conversation = ConversationId(row.conversation_id)
        duty = Duty(
            workspace=WorkspaceId(row.workspace_id),
            target=target,
            lane=history_lane(conversation),
            kind=DeliveryKind.READ_HISTORY,
            subject=conversation,
            priority=Priority.BACKFILL,
            revision=0 if last is None else last.revision + 1,
            after=after.get(place),
            conversation=conversation,
            contact=row.contact_id,
        )
        await lanes.owe(at, duty, new_id)
    return len(everyone)


def _place(row: Any) -> tuple[UUID, UUID]:
    return row.conversation_id, row.connection_id
