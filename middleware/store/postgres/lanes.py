"""Lanes: whose turn it is.

A lane's row is the lock of its order. Planning and settling change it under that lock; `claim`
passes over lanes that somebody is changing right now, they come next time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, SmallInteger, Text, Uuid

from mappers.vocabulary import (
    ConnectionId,
    DeliveryKind,
    DeliveryState,
    Priority,
)
from middleware.db.direct import Session
from middleware.store.duties import DRY_RUN
from middleware.store.postgres.columns import arrays
from middleware.store.rows import JobsClaim

# Each priority is a stretch of the index in which what is due comes first: a million lanes that
# are put off are passed over in one step.
DUE_LANES = text(
    """
    SELECT asked.target_id, first.id, first.head, first.tail
    FROM unnest(:targets, :limits) AS asked(target_id, most) CROSS JOIN LATERAL (
        SELECT due.*, urgent.priority FROM unnest(:priorities) AS urgent(priority)
        CROSS JOIN LATERAL (
            SELECT id, head, tail, due_at FROM lanes
            WHERE lanes.target_id = asked.target_id AND lanes.priority = urgent.priority
              AND due_at <= statement_timestamp()
            ORDER BY due_at, id LIMIT asked.most
            FOR UPDATE SKIP LOCKED
        ) AS due
        ORDER BY urgent.priority, due.due_at, due.id LIMIT asked.most
    ) AS first
    ORDER BY first.priority, first.due_at, first.id
    """
).bindparams(*arrays(targets=Uuid, limits=BigInteger, priorities=SmallInteger))
HEADS = text(
    """
    SELECT lane.id AS lane_id, head.*, clock_timestamp() AS now
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
GIVE_UP = text(
    """
    UPDATE deliveries SET state = given.state, code = 'hub.prerequisite_skipped',
        settled_at = clock_timestamp()
    FROM unnest(:ids, :states) AS given(id, state) WHERE deliveries.id = given.id
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)), bindparam("states", type_=ARRAY(Text)))
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
PRIORITIES = sorted(each.rank for each in Priority)


async def turns(at: Session, claims: Sequence[JobsClaim]) -> "Turns":
    """Lock lanes that are due and say whose turn it is in each."""
    values = {
        "targets": [each.lease.connection for each in claims],
        "limits": [each.limit for each in claims],
        "priorities": PRIORITIES,
    }
    lanes = (await at.execute(DUE_LANES, values)).all()
    found = Turns(frozenset(each.lease.connection for each in claims if each.probe_only))
    if lanes:
        # Not together with the locks: what was planned while we waited for one has to be seen.
        numbers = {"lanes": [lane.id for lane in lanes], "heads": [lane.head for lane in lanes]}
        heads = {row.lane_id: row for row in await at.execute(HEADS, numbers)}
        for lane in lanes:
            found.consider(lane, heads.get(lane.id))
    return found


@dataclass(slots=True)
class Turns:
    """Decides, lane by lane, whose turn it is; for targets that are only `probed`, of doubts.

    `taken` are heads with the states they are taken in, `moves` where each lane stands from now on,
    and `given_up` the heads whose prerequisites came to nothing, with how they end.
    """

    probed: frozenset[ConnectionId]
    taken: dict[UUID, DeliveryState] = field(default_factory=dict)
    given_up: dict[UUID, str] = field(default_factory=dict)
    moves: dict[int, tuple[int, datetime | None]] = field(default_factory=dict)

    def consider(self, lane: Any, head: Any) -> None:
        if head is None:
            self.moves[lane.id] = (lane.tail + 1, None)
            return
        self.moves[lane.id] = (head.seq, self._due(head, is_probed=lane.target_id in self.probed))

    def _due(self, head: Any, *, is_probed: bool) -> datetime | None:
        """Take the head, or say when to look at its lane again; None means not by itself."""
        match head.state:
            case "ready" | "doubt" if head.due_at is not None and head.due_at > head.now:
                return head.due_at  # type: ignore[no-any-return]
            case "ready" if head.after is None or head.after_state in ("done", None):
                return self._begin(head, is_probed=is_probed)
            case "ready" if head.after_state == "skipped":
                follows = DeliveryKind(head.kind) in FOLLOWERS
                if head.after_code == DRY_RUN and not follows:
                    return self._begin(head, is_probed=is_probed)
                self.given_up[head.id] = "skipped" if follows else "dead"
                return head.now  # type: ignore[no-any-return]
            case "ready":
                return head.now + LOOK_AGAIN  # type: ignore[no-any-return]
            case "doubt" if head.after_state not in (None, "done", "skipped"):
                return head.now + LOOK_AGAIN  # type: ignore[no-any-return]
            case "doubt":
                self.taken[head.id] = DeliveryState.DOUBT
            case _:
                pass
        return None

    def _begin(self, head: Any, *, is_probed: bool) -> datetime | None:
        if is_probed:
            return head.now + LOOK_AGAIN  # type: ignore[no-any-return]
        self.taken[head.id] = DeliveryState.READY
        return None


async def give_up(at: Session, given_up: Mapping[UUID, str]) -> None:
    if given_up:
        values = {"ids": list(given_up), "states": list(given_up.values())}
        await at.execute(GIVE_UP, values)


async def recover(at: Session, target: ConnectionId) -> int:
    return int((await at.execute(RECOVER, {"target": target})).scalar_one())
