"""Claiming: whose turn it is, in one pass over the lanes that are due."""

import heapq
from dataclasses import replace
from datetime import datetime, timedelta

from mappers.vocabulary import (
    NEEDS_A_PERSON,
    SETTLED,
    ConnectionId,
    DeliveryKind,
    DeliveryState,
)
from middleware.simulation.twin import lanes
from middleware.simulation.twin.jobs import assemble
from middleware.simulation.twin.owed import Delivery, Lane, duty_key
from middleware.simulation.twin.transactions import Transaction
from middleware.store.duties import DRY_RUN, Job
from middleware.store.rows import JobsClaim

LOOK_AGAIN = timedelta(seconds=5)
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


async def claim(tx: Transaction, wanted: JobsClaim) -> tuple[Job, ...]:
    """Pass over lanes that somebody is changing right now; they come next time."""
    taken = []
    for lane in _due(tx, wanted.lease.connection, wanted.limit):
        head = _first_ahead(tx, lane)
        if head is None:
            tx.lanes.put(replace(lane, head=lane.tail + 1, due_at=None))
            continue
        due_at, head = _turn(tx, head, probe_only=wanted.probe_only)
        tx.lanes.put(replace(lane, head=head.seq, due_at=due_at))
        await tx.deliveries.lock(duty_key(head.duty))
        tx.deliveries.put(head)
        if due_at is None and _is_in_flight(head):
            taken.append(head)
    return tuple(assemble(tx, delivery) for delivery in taken)


def _due(tx: Transaction, connection: ConnectionId, limit: int) -> list[Lane]:
    now = tx.now()
    due = [
        (lane.priority, lane.due_at, lane.id)
        for lane in tx.lanes.find("due", connection)
        if lane.due_at is not None and lane.due_at <= now
    ]
    heapq.heapify(due)
    locked: list[Lane] = []
    while due and len(locked) < limit:
        lane = lanes.lane_at(tx, heapq.heappop(due)[-1])
        if tx.lanes.try_lock((lane.target, lane.key)):
            locked.append(lane)
    return locked


def _first_ahead(tx: Transaction, lane: Lane) -> Delivery | None:
    """Return the first delivery that is neither over nor to be passed by."""
    for seq in range(lane.head, lane.tail + 1):
        delivery = tx.deliveries.one("place", (lane.id, seq))
        if delivery is None or delivery.state in SETTLED:
            continue
        if delivery.state not in NEEDS_A_PERSON or lanes.STOPS in delivery.detail:
            return delivery
    return None


def _is_in_flight(delivery: Delivery) -> bool:
    return delivery.state in {DeliveryState.CALLING, DeliveryState.DOUBT}


def _turn(tx: Transaction, head: Delivery, *, probe_only: bool) -> tuple[datetime | None, Delivery]:
    """Say when the lane is due again, and what becomes of its head. Taken, it has no date."""
    now = tx.now()
    match head.state:
        case DeliveryState.READY | DeliveryState.DOUBT if head.due_at and head.due_at > now:
            return head.due_at, head
        case DeliveryState.READY:
            return _ready(tx, head, now, probe_only=probe_only)
        case DeliveryState.DOUBT if _must_wait(tx, head):
            return now + LOOK_AGAIN, head
        case DeliveryState.DOUBT:
            return None, replace(head, attempts=head.attempts + 1)
        case _:
            return None, head


def _must_wait(tx: Transaction, head: Delivery) -> bool:
    before = None if head.after is None else tx.deliveries.one("id", head.after)
    return before is not None and before.state not in SETTLED


def _ready(
    tx: Transaction, head: Delivery, now: datetime, *, probe_only: bool
) -> tuple[datetime | None, Delivery]:
    before = None if head.after is None else tx.deliveries.one("id", head.after)
    follows = head.duty.kind in FOLLOWERS
    was_skipped = before is not None and before.state is DeliveryState.SKIPPED
    was_dry = before is not None and was_skipped and before.code == DRY_RUN
    if was_skipped and (follows or not was_dry):
        state = DeliveryState.SKIPPED if follows else DeliveryState.DEAD
        code = "hub.prerequisite_skipped"
        return now, replace(head, state=state, code=code, settled_at=now)
    may_begin = before is None or was_dry or before.state is DeliveryState.DONE
    if probe_only or not may_begin:
        return now + LOOK_AGAIN, head
    called = replace(head, state=DeliveryState.CALLING, called_at=now, attempts=head.attempts + 1)
    return None, called
