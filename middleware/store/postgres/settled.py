"""Settling: what became of attempts, and the lanes that go on because of it."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.types import BigInteger, Boolean, Integer, SmallInteger, Text, Uuid

from mappers.vocabulary import SETTLED, TRANSITIONS, DeliveryId, DeliveryState
from middleware.db.direct import Session
from middleware.db.tables import Moment
from middleware.store.duties import Attempt, Job, Settlement
from middleware.store.errors import NotInFlight
from middleware.store.postgres.columns import arrays, by_column
from middleware.store.postgres.planned import Lane

Ended = tuple[Job, Settlement]

# Whatever a transaction does to lanes that exist, it does to lanes locked in this order.
LOCK_LANES = text(
    """
    SELECT FROM lanes WHERE id IN (
        SELECT unnest(:lane)
        UNION SELECT lane_id FROM deliveries
              WHERE after = ANY(:settled) AND state IN ('ready', 'doubt')
        UNION SELECT id FROM lanes JOIN unnest(:target, :key) AS p(target_id, key)
              USING (target_id, key))
    ORDER BY id FOR UPDATE
    """
).bindparams(*arrays(lane=BigInteger, settled=Uuid, target=Uuid, key=Text))
_WAKE_DEPENDENTS = """
    UPDATE lanes SET due_at = clock_timestamp()
    WHERE due_at IS NOT NULL AND id IN (
        SELECT lane_id FROM deliveries
        WHERE after = ANY(:settled) AND state IN ('ready', 'doubt'))"""
WAKE_DEPENDENTS = text(_WAKE_DEPENDENTS).bindparams(*arrays(settled=Uuid))
# A lane that moves is due by what it moves to, whoever else would wake it.
SETTLE = text(
    f"""
    WITH given AS (
        SELECT * FROM unnest(:id, :was, :state, :failure, :code, :due_at, :counts, :after, :detail,
                :ends, :lane, :head)
            AS given(id, was, state, failure, code, due_at, counts, after, detail, ends, lane, head)
    ), moved AS (
        UPDATE lanes SET
            head = coalesce(given.head, lanes.head),
            due_at = CASE WHEN given.head <= tail THEN clock_timestamp()
                          WHEN given.head IS NULL THEN given.due_at END
        FROM given WHERE lanes.id = given.lane
    ), woken AS (
        {_WAKE_DEPENDENTS} AND id <> ALL(:lane)
    )
    UPDATE deliveries AS d SET state = given.state, failure = given.failure, code = given.code,
        due_at = given.due_at, failures = d.failures + given.counts,
        after = coalesce(given.after, d.after), detail = d.detail || CAST(given.detail AS jsonb),
        settled_at = CASE WHEN given.ends THEN clock_timestamp() END
    FROM given WHERE d.id = given.id AND d.state = given.was
    """  # noqa: S608 - a constant of this module
).bindparams(
    *arrays(id=Uuid, was=Text, state=Text, failure=Text, code=Text, due_at=Moment),
    *arrays(counts=SmallInteger, after=Uuid, detail=Text, ends=Boolean, lane=BigInteger),
    *arrays(head=BigInteger, settled=Uuid),
)
NOTE_ATTEMPTS = text(
    """
    INSERT INTO attempts (started_at, delivery_id, number, purpose, outcome, code, detail,
        duration_ms, exchanges, effects)
    SELECT started_at, delivery, number, purpose, outcome, code, '', duration_ms,
        CAST(exchanges AS jsonb), CAST(effects AS jsonb)
    FROM unnest(:started_at, :delivery, :number, :purpose, :outcome, :code, :duration_ms,
            :exchanges, :effects)
        AS given(started_at, delivery, number, purpose, outcome, code, duration_ms, exchanges,
            effects)
    ON CONFLICT DO NOTHING
    """
).bindparams(
    *arrays(started_at=Moment, delivery=Uuid, number=Integer, purpose=Text, outcome=Text),
    *arrays(code=Text, duration_ms=Integer, exchanges=Text, effects=Text),
)


def check(job: Job, settlement: Settlement) -> None:
    """Raises: `ValueError` for an end that a delivery in this state cannot have."""
    state, was = settlement.state, _taken_state(job)
    if state is not was and state not in TRANSITIONS[was]:
        raise ValueError(f"a delivery does not go from {was} to {state}")


async def lock_lanes(at: Session, ended: Sequence[Ended], planned_in: Collection[Lane]) -> None:
    """Lock what `settle` and planning will change, as far as it is there."""
    await at.execute(
        LOCK_LANES,
        {
            "lane": [job.lane for job, _ in ended],
            "settled": _settled(ended),
            "target": [target for target, _ in planned_in],
            "key": [key for _, key in planned_in],
        },
    )


async def settle(at: Session, ended: Sequence[Ended]) -> None:
    """Record what became of attempts, move their lanes on, and wake whoever waited for them.

    Raises: `NotInFlight` when one of them is being attempted by us no more.
    """
    rows = by_column([_row(job, settlement) for job, settlement in ended])
    changed = await at.execute(SETTLE, {**rows, "settled": _settled(ended)})
    if changed.rowcount < len(ended):
        raise NotInFlight(", ".join(str(job.id) for job, _ in ended))


def _settled(ended: Sequence[Ended]) -> list[DeliveryId]:
    return [job.id for job, settlement in ended if settlement.state in SETTLED]


def _ends(settlement: Settlement) -> bool:
    state = settlement.state
    return state in SETTLED or state in (DeliveryState.HELD, DeliveryState.DEAD)


def _stops(settlement: Settlement) -> bool:
    """Say whether nothing behind it goes on before a person has decided."""
    is_over = settlement.state in SETTLED or settlement.skip_lane
    return _ends(settlement) and not is_over


def _row(job: Job, settlement: Settlement) -> dict[str, Any]:
    """A lane that stays is due when its head is."""
    failure, stops, ends = settlement.failure, _stops(settlement), _ends(settlement)
    mark = {"stops_lane": True} if stops else {}
    return {
        "id": job.id,
        "was": _taken_state(job),
        "state": settlement.state,
        "failure": failure.kind if failure is not None else "",
        "code": failure.code if failure is not None else settlement.code,
        "due_at": settlement.due_at,
        "counts": int(settlement.counts),
        "after": settlement.after,
        "detail": json.dumps({**settlement.detail, **mark}),
        "ends": ends,
        "lane": job.lane,
        "head": job.seq + 1 if ends and not stops else None,
    }


def _taken_state(job: Job) -> DeliveryState:
    return DeliveryState.CALLING if job.was is DeliveryState.READY else job.was


async def note_attempts(at: Session, noted: Sequence[tuple[Job, Attempt]]) -> None:
    rows = [
        {
            "started_at": attempt.started_at,
            "delivery": job.id,
            "number": job.attempts,
            "purpose": attempt.purpose,
            "outcome": attempt.outcome,
            "code": attempt.failure.code if attempt.failure is not None else "",
            "duration_ms": attempt.duration_ms,
            "exchanges": json.dumps([dict(exchange) for exchange in attempt.exchanges]),
            "effects": json.dumps([dict(effect) for effect in attempt.effects]),
        }
        for job, attempt in noted
    ]
    await at.execute(NOTE_ATTEMPTS, by_column(rows))
