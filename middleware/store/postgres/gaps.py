"""Signs of life, and what is owed after a silence: reading back the replies told meanwhile."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text, Uuid

from mappers.vocabulary import (
    ConnectionId,
    ConversationId,
    DeliveryId,
    DeliveryState,
    WorkspaceId,
)
from middleware.db.direct import Session
from middleware.ids import NewId
from middleware.pipeline.rules import history_duty, needs_history_again
from middleware.store.duties import RESTORED, UNSURE
from middleware.store.postgres import planned
from middleware.store.postgres.columns import arrays
from middleware.store.rows import Gap

Place = tuple[UUID, UUID]

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
    WITH portion AS MATERIALIZED (
        SELECT conversation_id, connection_id FROM conversation_links
        WHERE connection_id = ANY(:connections)
          AND (conversation_id, connection_id) > (:conversation, :connection)
        ORDER BY conversation_id, connection_id LIMIT :most
    )
    UPDATE conversation_links AS o
    SET behind_since = greatest(least(o.behind_since, :since), o.opened_at),
        asks = o.asks OR :asks
    FROM portion AS p, conversations AS c
    WHERE (o.conversation_id, o.connection_id) = (p.conversation_id, p.connection_id)
      AND c.id = o.conversation_id
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
    FROM deliveries
    WHERE target_id = ANY(:connections) AND kind = 'read_history' AND subject = ANY(:conversations)
    ORDER BY target_id, subject, revision DESC, part
    """
).bindparams(*arrays(connections=Uuid, conversations=Uuid))
# No statement may take long, and a hub may have a million conversations to mark.
PORTION = 5000
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


async def distrust(at: Session) -> None:
    """See `middleware.store.port.Store`."""
    await at.execute(LOSE)
    await at.execute(DOUBT, {"kinds": sorted(UNSURE), "why": json.dumps({RESTORED: True})})


async def fall_behind(at: Session, gap: Gap, new_id: NewId) -> int:
    """Mark the conversations of these CRMs and owe each its history, once.

    One that is just being opened may have been answered before we know where it lives.
    """
    rows = (await at.execute(OPENING, {"connections": list(gap.connections)})).all()
    opening = {_place(row): row for row in rows}
    behind, last = 0, (UUID(int=0), UUID(int=0))
    while marked := await _mark(at, gap, last):
        behind, last = behind + len(marked), max(marked)
        await _owe_histories(at, marked, opening, new_id)
        opening = {place: row for place, row in opening.items() if place not in marked}
    await _owe_histories(at, opening, opening, new_id)
    return behind + len(opening)


async def _mark(at: Session, gap: Gap, last: Place) -> dict[Place, Any]:
    """Mark the next conversations after that one."""
    values = {
        "connections": list(gap.connections),
        "since": gap.since,
        "asks": gap.asks,
        "conversation": last[0],
        "connection": last[1],
        "most": PORTION,
    }
    return {_place(row): row for row in await at.execute(BEHIND, values)}


async def _owe_histories(
    at: Session, behind: Mapping[Place, Any], opening: Mapping[Place, Any], new_id: NewId
) -> None:
    if not behind:
        return
    values = {
        "conversations": [conversation for conversation, _ in behind],
        "connections": list({connection for _, connection in behind}),
    }
    last = {_place(row): row for row in await at.execute(LAST_READ, values)}
    owed = []
    for place, row in sorted(behind.items()):
        known = last.get(place)
        if not needs_history_again(DeliveryState(known.state) if known else None):
            continue
        duty = history_duty(
            WorkspaceId(row.workspace_id),
            ConnectionId(row.connection_id),
            ConversationId(row.conversation_id),
            row.contact_id,
        )
        revision = known.revision + 1 if known else 0
        after = opening[place].id if place in opening else None
        owed.append((DeliveryId(new_id()), replace(duty, revision=revision, after=after)))
    if owed:
        await planned.plan(at, owed)


def _place(row: Any) -> Place:
    return row.conversation_id, row.connection_id
