"""Signs of life, and what is owed after a silence: reading back the replies told meanwhile."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text, Uuid

from mappers.vocabulary import (
    ConnectionId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Priority,
    WorkspaceId,
)
from middleware.db.direct import Session
from middleware.ids import NewId
from middleware.pipeline.rules import history_lane, needs_history_again
from middleware.store.duties import RESTORED, UNSURE, Duty
from middleware.store.postgres import planned

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
LAST_READ = text(
    """
    SELECT DISTINCT ON (target_id, subject) target_id AS connection_id,
        subject AS conversation_id, state, revision
    FROM deliveries WHERE target_id = ANY(:connections) AND kind = 'read_history'
    ORDER BY target_id, subject, revision DESC, part
    """
).bindparams(bindparam("connections", type_=ARRAY(Uuid)))
# A hub with a million conversations has that many to mark.
TAKES_ITS_TIME = text("SET LOCAL statement_timeout = '10min'")
AT_ONCE = 5000
LOSE = text("UPDATE pulses SET restored_at = clock_timestamp(), lost_since = at")
DOUBT = text(
    """
    WITH doubted AS (
        UPDATE deliveries AS d SET state = 'doubt',
            called_at = least(d.called_at, p.lost_since), detail = d.detail || CAST(:why AS jsonb)
        FROM pulses AS p
        WHERE d.state IN ('ready', 'calling', 'doubt', 'parked') AND d.kind = ANY(:kinds)
          AND NOT (d.kind = 'ensure_contact' AND EXISTS (
              SELECT FROM contact_links AS k
              WHERE k.contact_id = d.contact_id AND k.connection_id = d.target_id))
          AND NOT (d.kind = 'open_conversation' AND EXISTS (
              SELECT FROM conversation_links AS o
              WHERE o.conversation_id = d.conversation_id AND o.connection_id = d.target_id))
        RETURNING d.lane_id
    )
    UPDATE lanes SET due_at = clock_timestamp() WHERE id IN (TABLE doubted)
    """
).bindparams(bindparam("kinds", type_=ARRAY(Text)), bindparam("why", type_=Text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """These CRMs may have told us something since then that we did not hear."""

    connections: tuple[ConnectionId, ...]
    since: datetime
    asks: bool


async def distrust(at: Session) -> None:
    """See `middleware.store.port.Store`."""
    await at.execute(LOSE)
    await at.execute(DOUBT, {"kinds": sorted(UNSURE), "why": json.dumps({RESTORED: True})})


async def fall_behind(at: Session, gap: Gap, new_id: NewId) -> int:
    """Mark the conversations of these CRMs and owe each its history, once.

    One that is just being opened may have been answered before we know where it lives.
    """
    await at.execute(TAKES_ITS_TIME)
    connections = list(gap.connections)
    opening = (await at.execute(OPENING, {"connections": connections})).all()
    values = {"connections": connections, "since": gap.since, "asks": gap.asks}
    rows = (await at.execute(BEHIND, values)).all()
    last = {_place(row): row for row in await at.execute(LAST_READ, {"connections": connections})}
    after = {_place(row): row.id for row in opening}
    everyone = {_place(row): row for row in (*opening, *rows)}
    owed = [
        (DeliveryId(new_id()), _history(row, last.get(place), after.get(place)))
        for place, row in sorted(everyone.items())
        if needs_history_again(DeliveryState(last[place].state) if place in last else None)
    ]
    for start in range(0, len(owed), AT_ONCE):
        await planned.plan(at, owed[start : start + AT_ONCE])
    return len(everyone)


def _history(row: Any, last: Any, after: Any) -> Duty:
    conversation = ConversationId(row.conversation_id)
    return Duty(
        workspace=WorkspaceId(row.workspace_id),
        target=ConnectionId(row.connection_id),
        lane=history_lane(conversation),
        kind=DeliveryKind.READ_HISTORY,
        subject=conversation,
        priority=Priority.BACKFILL,
        revision=0 if last is None else last.revision + 1,
        after=after,
        conversation=conversation,
        contact=row.contact_id,
    )


def _place(row: Any) -> tuple[UUID, UUID]:
    return row.conversation_id, row.connection_id
