"""Lanes: taking numbers, taking turns, and moving on.

A lane's row is the lock of its order. `owe` and `settle` change it under that lock; `claim`
passes over lanes that somebody is changing right now, they come next time.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger, Interval, SmallInteger, Text, Uuid

from mappers.vocabulary import (
    SETTLED,
    TRANSITIONS,
    ConnectionId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    MessageId,
)
from middleware.ids import NewId
from middleware.store.duties import DRY_RUN, RESTORED, UNSURE, Attempt, Duty, Job, Owed, Settlement
from middleware.store.port import NotInFlight

KNOWN = text(
    """
    SELECT id FROM deliveries
    WHERE target_id = :target AND kind = :kind AND subject = :subject
      AND part = :part AND revision = :revision
    """
)
TAKE_NUMBER = text(
    """
    INSERT INTO lanes (target_id, key, priority, tail, due_at)
    VALUES (:target, :lane, :priority, 1, clock_timestamp())
    ON CONFLICT (target_id, key) DO UPDATE SET
        tail = lanes.tail + 1,
        due_at = CASE WHEN lanes.head > lanes.tail THEN clock_timestamp() ELSE lanes.due_at END,
        priority = CASE WHEN lanes.head > lanes.tail THEN excluded.priority
                        ELSE least(lanes.priority, excluded.priority) END
    RETURNING id, tail
    """
)
INSERT = text(
    """
    WITH lost AS (
        SELECT lost_since FROM pulses
        WHERE CAST(:unsure AS boolean) AND restored_at IS NOT NULL AND (
            EXISTS (SELECT FROM messages WHERE id = :message AND sent_at < restored_at)
            OR :kind = 'ensure_contact' AND NOT EXISTS (
                SELECT FROM contact_links WHERE contact_id = :contact AND connection_id = :target))
    )
    INSERT INTO deliveries (id, workspace_id, target_id, lane_id, seq, kind, subject, part,
        revision, state, after, route_id, message_id, conversation_id, contact_id, detail, code,
        due_at, called_at)
    VALUES (:id, :workspace, :target, :lane_id, :seq, :kind, :subject, :part, :revision,
        CASE WHEN EXISTS (TABLE lost) THEN 'doubt' ELSE :state END,
        :after, :route, :message, :conversation, :contact,
        CASE WHEN EXISTS (TABLE lost) THEN :detail || :why ELSE :detail END, :code,
        clock_timestamp() + CAST(:wait AS interval), (TABLE lost))
    ON CONFLICT DO NOTHING
    """
).bindparams(
    bindparam("why", type_=JSONB),
    bindparam("detail", type_=JSONB),
    bindparam("after", type_=Uuid),
    bindparam("route", type_=Uuid),
    bindparam("message", type_=Uuid),
    bindparam("conversation", type_=Uuid),
    bindparam("contact", type_=Uuid),
    bindparam("wait", type_=Interval),
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
DUE_LANES = text(
    """
    SELECT id, head, tail FROM lanes
    WHERE target_id = :target AND due_at <= clock_timestamp()
    ORDER BY priority, due_at, id LIMIT :limit
    FOR UPDATE SKIP LOCKED
    """
)
HEADS = text(
    """
    SELECT lane.id AS lane_id, head.*
    FROM unnest(:lanes, :heads) AS lane(id, head)
    CROSS JOIN LATERAL (
        SELECT d.id, d.seq, d.state, d.kind, d.after, d.due_at, a.state AS after_state,
            a.code AS after_code
        FROM deliveries AS d LEFT JOIN deliveries AS a ON a.id = d.after
        WHERE d.lane_id = lane.id AND d.seq >= lane.head AND d.state NOT IN ('done', 'skipped')
          AND (d.state NOT IN ('held', 'dead') OR d.detail ? 'stops_lane')
        ORDER BY d.seq LIMIT 1
    ) AS head
    """
).bindparams(
    bindparam("lanes", type_=ARRAY(BigInteger)), bindparam("heads", type_=ARRAY(BigInteger))
)
MOVE = text(
    """
    UPDATE lanes SET head = moved.head, due_at = moved.due_at
    FROM unnest(:lanes, :heads, CAST(:due AS timestamptz[])) AS moved(id, head, due_at)
    WHERE lanes.id = moved.id
    """
).bindparams(
    bindparam("lanes", type_=ARRAY(BigInteger)), bindparam("heads", type_=ARRAY(BigInteger))
)
CALL = text(
    """
    UPDATE deliveries SET
        state = CASE WHEN state = 'ready' THEN 'calling' ELSE state END,
        called_at = CASE WHEN state = 'ready' THEN clock_timestamp() ELSE called_at END,
        attempts = attempts + 1
    WHERE id = ANY(:ids)
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))
GIVE_UP = text(
    """
    UPDATE deliveries SET state = given.state, code = 'hub.prerequisite_skipped',
        settled_at = clock_timestamp()
    FROM unnest(:ids, :states) AS given(id, state) WHERE deliveries.id = given.id
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)), bindparam("states", type_=ARRAY(Text)))
SETTLE = text(
    """
    UPDATE deliveries SET state = :state, failure = :failure, code = :code, due_at = :due_at,
        failures = failures + :counts, after = coalesce(:after, after), detail = detail || :detail,
        settled_at = CASE WHEN :settled THEN clock_timestamp() END
    WHERE id = :id AND state = :was
    """
).bindparams(
    bindparam("detail", type_=JSONB),
    bindparam("after", type_=Uuid),
    bindparam("counts", type_=SmallInteger),
)
MOVE_ON = text(
    """
    UPDATE lanes SET head = :head, due_at = CASE WHEN :head <= tail THEN clock_timestamp() END
    WHERE id = :lane
    """
)
PUT_OFF = text("UPDATE lanes SET due_at = :due_at WHERE id = :lane")
WAKE_DEPENDENTS = text(
    """
    UPDATE lanes SET due_at = clock_timestamp()
    WHERE id IN (
        SELECT l.id FROM lanes AS l WHERE l.due_at IS NOT NULL AND l.id IN
            (SELECT lane_id FROM deliveries WHERE after = :id AND state IN ('ready', 'doubt'))
        ORDER BY l.id FOR UPDATE)
    """
)
# A doubt whose lane has no date was being asked about when its asker died.
RECOVER = text(
    """
    WITH doubted AS (
        UPDATE deliveries SET state = 'doubt'
        WHERE target_id = :target AND state = 'calling' RETURNING lane_id
    ), woken AS (
        UPDATE lanes SET due_at = clock_timestamp()
        WHERE id IN (SELECT lane_id FROM doubted
                     UNION SELECT d.lane_id FROM deliveries AS d JOIN lanes AS l ON l.id = d.lane_id
                     WHERE d.target_id = :target AND d.state = 'doubt' AND l.due_at IS NULL)
    )
    SELECT count(*) FROM doubted
    """
)
NOTE_ATTEMPT = text(
    """
    INSERT INTO attempts (started_at, delivery_id, number, purpose, outcome, code, detail,
        duration_ms, exchanges, effects)
    VALUES (:started_at, :delivery, :number, :purpose, :outcome, :code, '', :duration_ms,
        :exchanges, :effects)
    ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("exchanges", type_=JSONB), bindparam("effects", type_=JSONB))

FOLLOWERS = frozenset(
    {
        DeliveryKind.WRITE_EDIT,
        DeliveryKind.WRITE_DELETE,
        DeliveryKind.WRITE_REACTION,
        DeliveryKind.REACT,
        DeliveryKind.REPORT,
        DeliveryKind.EDIT,
        DeliveryKind.DELETE,
    }
)
LOOK_AGAIN = timedelta(seconds=5)


async def owe(at: AsyncConnection, duty: Duty, new_id: NewId) -> DeliveryId:
    """Plan a duty at the end of its lane, or find it planned."""
    key = {
        "target": duty.target,
        "kind": duty.kind,
        "subject": duty.subject,
        "part": duty.part,
        "revision": duty.revision,
    }
    if (known := (await at.execute(KNOWN, key)).scalar()) is not None:
        return DeliveryId(known)
    place = {"target": duty.target, "lane": duty.lane, "priority": duty.priority.rank}
    lane = (await at.execute(TAKE_NUMBER, place)).one()
    delivery = DeliveryId(new_id())
    inserted = await at.execute(
        INSERT,
        {
            **key,
            "id": delivery,
            "workspace": duty.workspace,
            "lane_id": lane.id,
            "seq": lane.tail,
            "state": "held" if duty.held else "ready",
            "after": duty.after,
            "route": duty.route,
            "message": duty.message,
            "conversation": duty.conversation,
            "contact": duty.contact,
            "detail": {**duty.detail, "held": duty.held} if duty.held else dict(duty.detail),
            "code": duty.held,
            "wait": duty.wait or None,
            "unsure": duty.kind in UNSURE and not duty.held,
            "why": {RESTORED: True},
        },
    )
    if inserted.rowcount:
        return delivery
    # Another transaction planned it while we waited for the lane; the number we took stays unused.
    return DeliveryId((await at.execute(KNOWN, key)).scalar_one())


async def latest(
    at: AsyncConnection, target: ConnectionId, kind: DeliveryKind, subject: UUID
) -> Owed | None:
    values = {"target": target, "kind": kind, "subject": subject}
    row = (await at.execute(LATEST, values)).first()
    return None if row is None else _owed(row)


async def parts(at: AsyncConnection, target: ConnectionId, message: MessageId) -> tuple[Owed, ...]:
    rows = await at.execute(PARTS, {"target": target, "message": message})
    return tuple(_owed(row) for row in rows)


def _owed(row: Any) -> Owed:
    return Owed(id=DeliveryId(row.id), state=DeliveryState(row.state), revision=row.revision)


async def claim(
    at: AsyncConnection, target: ConnectionId, limit: int, *, probe_only: bool
) -> Mapping[UUID, DeliveryState]:
    """Take the heads of due lanes; return their ids with the states they were taken in."""
    lanes = (await at.execute(DUE_LANES, {"target": target, "limit": limit})).all()
    if not lanes:
        return {}
    now = (await at.execute(text("SELECT clock_timestamp()"))).scalar_one()
    numbers = {"lanes": [lane.id for lane in lanes], "heads": [lane.head for lane in lanes]}
    heads = {row.lane_id: row for row in await at.execute(HEADS, numbers)}
    turn = _Turn(now=now, probe_only=probe_only)
    for lane in lanes:
        turn.consider(lane, heads.get(lane.id))
    await turn.record(at)
    return turn.taken


class _Turn:
    """Decides, lane by lane, whose turn it is, and records all of it in three statements."""

    def __init__(self, *, now: datetime, probe_only: bool) -> None:
        self.now = now
        self.probe_only = probe_only
        self.taken: dict[UUID, DeliveryState] = {}
        self.given_up: dict[UUID, str] = {}
        self.moves: dict[int, tuple[int, datetime | None]] = {}

    def consider(self, lane: Any, head: Any) -> None:
        if head is None:
            self.moves[lane.id] = (lane.tail + 1, None)
            return
        self.moves[lane.id] = (head.seq, self._due(head))

    def _due(self, head: Any) -> datetime | None:
        """Take the head, or say when to look at its lane again; None means not by itself."""
        match head.state:
            case "ready" | "doubt" if head.due_at is not None and head.due_at > self.now:
                return head.due_at  # type: ignore[no-any-return]
            case "ready" if head.after is None or head.after_state in ("done", None):
                return self._take(head, DeliveryState.READY)
            case "ready" if head.after_state == "skipped":
                follows = DeliveryKind(head.kind) in FOLLOWERS
                if head.after_code == DRY_RUN and not follows:
                    return self._take(head, DeliveryState.READY)
                self.given_up[head.id] = "skipped" if follows else "dead"
                return self.now
            case "ready":
                return self.now + LOOK_AGAIN
            case "doubt" if head.after_state not in (None, "done", "skipped"):
                return self.now + LOOK_AGAIN
            case "doubt":
                return self._take(head, DeliveryState.DOUBT)
            case _:
                return None

    def _take(self, head: Any, state: DeliveryState) -> datetime | None:
        if self.probe_only and state is DeliveryState.READY:
            return self.now + LOOK_AGAIN
        self.taken[head.id] = state
        return None

    async def record(self, at: AsyncConnection) -> None:
        await at.execute(
            MOVE,
            {
                "lanes": list(self.moves),
                "heads": [head for head, _ in self.moves.values()],
                "due": [due for _, due in self.moves.values()],
            },
        )
        if self.taken:
            await at.execute(CALL, {"ids": list(self.taken)})
        if self.given_up:
            values = {"ids": list(self.given_up), "states": list(self.given_up.values())}
            await at.execute(GIVE_UP, values)


async def settle(at: AsyncConnection, job: Job, settlement: Settlement) -> None:
    """Record what became of an attempt, move the lane on, and wake whoever waited for it."""
    state, was = settlement.state, _taken_state(job)
    if state is not was and state not in TRANSITIONS[was]:
        raise ValueError(f"a delivery does not go from {was} to {state}")
    ends = state in SETTLED or state in (DeliveryState.HELD, DeliveryState.DEAD)
    stops = ends and state not in SETTLED and not settlement.skip_lane
    detail = {**settlement.detail, "stops_lane": True} if stops else dict(settlement.detail)
    failure = settlement.failure
    changed = await at.execute(
        SETTLE,
        {
            "id": job.id,
            "was": was,
            "state": state,
            "failure": failure.kind if failure is not None else "",
            "code": failure.code if failure is not None else settlement.code,
            "due_at": settlement.due_at,
            "counts": int(settlement.counts),
            "after": settlement.after,
            "detail": detail,
            "settled": ends,
        },
    )
    if not changed.rowcount:
        raise NotInFlight(str(job.id))
    if ends and not stops:
        await at.execute(MOVE_ON, {"lane": job.lane, "head": job.seq + 1})
    else:
        due = None if ends or state is DeliveryState.PARKED else settlement.due_at
        await at.execute(PUT_OFF, {"lane": job.lane, "due_at": due})
    if state in SETTLED:
        await at.execute(WAKE_DEPENDENTS, {"id": job.id})


def _taken_state(job: Job) -> DeliveryState:
    return DeliveryState.CALLING if job.was is DeliveryState.READY else job.was


async def recover(at: AsyncConnection, target: ConnectionId) -> int:
    return int((await at.execute(RECOVER, {"target": target})).scalar_one())


async def note_attempt(at: AsyncConnection, job: Job, attempt: Attempt) -> None:
    await at.execute(
        NOTE_ATTEMPT,
        {
            "started_at": attempt.started_at,
            "delivery": job.id,
            "number": job.attempts,
            "purpose": attempt.purpose,
            "outcome": attempt.outcome,
            "code": attempt.failure.code if attempt.failure is not None else "",
            "duration_ms": attempt.duration_ms,
            "exchanges": [dict(exchange) for exchange in attempt.exchanges],
            "effects": [dict(effect) for effect in attempt.effects],
        },
    )
