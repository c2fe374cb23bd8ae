"""Planning: duties at the ends of their lanes, each once."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.types import BigInteger, Boolean, Interval, SmallInteger, Text, Uuid

from mappers.vocabulary import ConnectionId, DeliveryId, DeliveryKind, DeliveryState, MessageId
from middleware.db.direct import Session
from middleware.store.duties import RESTORED, UNSURE, Duty, Owed
from middleware.store.errors import StoreConflict
from middleware.store.postgres.columns import arrays, by_column

Key = tuple[ConnectionId, DeliveryKind, UUID, int, int]
Planned = tuple[DeliveryId, Duty]
Lane = tuple[ConnectionId, str]

KNOWN = text(
    """
    SELECT id FROM deliveries
    WHERE target_id = :target AND kind = :kind AND subject = :subject
      AND part = :part AND revision = :revision
    """
)
TAKE_NUMBERS = text(
    """
    INSERT INTO lanes (target_id, key, priority, tail, due_at)
    SELECT *, clock_timestamp() FROM unnest(:target, :key, :priority, :count)
        AS taken(target_id, key, priority, tail)
    ORDER BY target_id, key
    ON CONFLICT (target_id, key) DO UPDATE SET
        tail = lanes.tail + excluded.tail,
        due_at = CASE WHEN lanes.head > lanes.tail THEN clock_timestamp() ELSE lanes.due_at END,
        priority = CASE WHEN lanes.head > lanes.tail THEN excluded.priority
                        ELSE least(lanes.priority, excluded.priority) END
    RETURNING id, target_id, key, tail
    """
).bindparams(*arrays(target=Uuid, key=Text, priority=SmallInteger, count=BigInteger))
# What the book says of before a restore may be older than what was done: such a duty is a doubt.
INSERT = text(
    """
    WITH given AS (
        SELECT * FROM unnest(:id, :workspace, :target, :lane, :seq, :kind, :subject, :part,
                :revision, :state, :after, :route, :message, :conversation, :contact, :detail,
                :code, :wait, :unsure)
            AS given(id, workspace, target, lane, seq, kind, subject, part, revision, state, after,
                route, message, conversation, contact, detail, code, wait, unsure)
    ), lost AS (
        SELECT g.id, p.lost_since FROM given AS g CROSS JOIN pulses AS p
        WHERE g.unsure AND p.restored_at IS NOT NULL AND (
            EXISTS (SELECT FROM messages AS m WHERE m.id = g.message AND m.sent_at < p.restored_at)
            OR g.kind = 'ensure_contact' AND NOT EXISTS (
                SELECT FROM contact_links AS k
                WHERE (k.contact_id, k.connection_id) = (g.contact, g.target))
            OR g.kind = 'open_conversation' AND NOT EXISTS (
                SELECT FROM conversation_links AS o
                WHERE (o.conversation_id, o.connection_id) = (g.conversation, g.target)))
    )
    INSERT INTO deliveries (id, workspace_id, target_id, lane_id, seq, kind, subject, part,
        revision, state, after, route_id, message_id, conversation_id, contact_id, detail, code,
        due_at, called_at)
    SELECT g.id, workspace, target, lane, seq, kind, subject, part, revision,
        CASE WHEN l.id IS NULL THEN state ELSE 'doubt' END, after, route, message, conversation,
        contact,
        CAST(detail AS jsonb) || CAST(CASE WHEN l.id IS NULL THEN '{}' ELSE :why END AS jsonb),
        code, clock_timestamp() + wait, l.lost_since
    FROM given AS g LEFT JOIN lost AS l ON l.id = g.id
    ON CONFLICT DO NOTHING
    """
).bindparams(
    *arrays(id=Uuid, workspace=Uuid, target=Uuid, lane=BigInteger, seq=BigInteger),
    *arrays(kind=Text, subject=Uuid, part=SmallInteger, revision=BigInteger, state=Text),
    *arrays(after=Uuid, route=Uuid, message=Uuid, conversation=Uuid, contact=Uuid),
    *arrays(detail=Text, code=Text, wait=Interval, unsure=Boolean),
    bindparam("why", type_=Text),
)
LATEST = text(
    """
    SELECT id, state, revision FROM deliveries
    WHERE target_id = :target AND kind = :kind AND subject = :subject
    ORDER BY revision DESC, part LIMIT 1
    """
)
PARTS = text(
    """
    SELECT id, state, revision FROM deliveries
    WHERE target_id = :target AND kind = 'send' AND subject = :message ORDER BY part
    """
)


def key_of(duty: Duty) -> Key:
    return duty.target, duty.kind, duty.subject, duty.part, duty.revision


def lanes_of(planned: Collection[Planned]) -> frozenset[Lane]:
    return frozenset((duty.target, duty.lane) for _, duty in planned)


async def known(at: Session, duty: Duty) -> DeliveryId | None:
    """Find a duty that is planned already."""
    values = {
        "target": duty.target,
        "kind": duty.kind,
        "subject": duty.subject,
        "part": duty.part,
        "revision": duty.revision,
    }
    found = (await at.execute(KNOWN, values)).scalar()
    return None if found is None else DeliveryId(found)


async def plan(at: Session, planned: Sequence[Planned]) -> None:
    """Put new duties at the ends of their lanes, in this order.

    Raises: `StoreConflict` when one of them was planned beside us.
    """
    numbers = await _take_numbers(at, planned)
    rows = []
    for delivery, duty in planned:
        lane, seq = numbers[duty.target, duty.lane]
        numbers[duty.target, duty.lane] = lane, seq + 1
        rows.append({"id": delivery, "lane": lane, "seq": seq, **_row(duty)})
    inserted = await at.execute(INSERT, {**by_column(rows), "why": json.dumps({RESTORED: True})})
    if inserted.rowcount < len(rows):
        raise StoreConflict("a duty was planned beside us")


async def _take_numbers(at: Session, planned: Sequence[Planned]) -> dict[Lane, tuple[int, int]]:
    """Take as many numbers of each lane as it is given duties; return the first of them."""
    counts = Counter((duty.target, duty.lane) for _, duty in planned)
    ranks: dict[Lane, int] = {}
    for _, duty in planned:
        lane = duty.target, duty.lane
        ranks[lane] = min(duty.priority.rank, ranks.get(lane, duty.priority.rank))
    wanted = [
        {"target": lane[0], "key": lane[1], "priority": ranks[lane], "count": count}
        for lane, count in counts.items()
    ]
    taken = await at.execute(TAKE_NUMBERS, by_column(wanted))
    return {
        (row.target_id, row.key): (row.id, row.tail - counts[row.target_id, row.key] + 1)
        for row in taken
    }


def _row(duty: Duty) -> dict[str, Any]:
    detail = {**duty.detail, "held": duty.held} if duty.held else dict(duty.detail)
    return {
        "workspace": duty.workspace,
        "target": duty.target,
        "kind": duty.kind,
        "subject": duty.subject,
        "part": duty.part,
        "revision": duty.revision,
        "state": "held" if duty.held else "ready",
        "after": duty.after,
        "route": duty.route,
        "message": duty.message,
        "conversation": duty.conversation,
        "contact": duty.contact,
        "detail": json.dumps(detail),
        "code": duty.held,
        "wait": duty.wait or None,
        "unsure": duty.kind in UNSURE and not duty.held,
    }


async def latest(
    at: Session, target: ConnectionId, kind: DeliveryKind, subject: UUID
) -> Owed | None:
    values = {"target": target, "kind": kind, "subject": subject}
    row = (await at.execute(LATEST, values)).first()
    return None if row is None else _owed(row)


async def parts(at: Session, target: ConnectionId, message: MessageId) -> tuple[Owed, ...]:
    rows = await at.execute(PARTS, {"target": target, "message": message})
    return tuple(_owed(row) for row in rows)


def _owed(row: Any) -> Owed:
    return Owed(id=DeliveryId(row.id), state=DeliveryState(row.state), revision=row.revision)
