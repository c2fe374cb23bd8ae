"""Claiming: which deliveries' turn it is, in one pass over the lanes that are due."""

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
from middleware.simulation.twin.jobs import assemble, policy_of
from middleware.simulation.twin.schema import Delivery, Lane
from middleware.simulation.twin.transactions import Transaction
from middleware.store.port import Job

PREREQUISITE_POLL = timedelta(seconds=5)
PROBE_PATIENCE = timedelta(seconds=60)
POINTLESS_WITHOUT = frozenset(
    {
        DeliveryKind.EDIT,
        DeliveryKind.DELETE,
        DeliveryKind.WRITE_EDIT,
        DeliveryKind.WRITE_DELETE,
        DeliveryKind.REPORT,
    }
)


async def claim(
    tx: Transaction, connection: ConnectionId, limit: int, *, probe_only: bool
) -> tuple[Job, ...]:
    """Look at `limit` due lanes at most. Other lanes than these are neither read nor locked."""
    due = [
        (lane.priority, since, lane.id)
        for lane in tx.lanes.find("due", connection)
        if (since := _due_since(tx, lane, probe_only=probe_only)) is not None
    ]
    picked = [lane for _, _, lane in heapq.nsmallest(limit, due)]
    await lanes.lock(tx, picked)
    jobs = []
    for each in picked:
        lane = lanes.lane_at(tx, each)
        if _due_since(tx, lane, probe_only=probe_only) is not None:
            delivery = await _take(tx, lane)
            if delivery is not None:
                jobs.append(assemble(tx, delivery))
    return tuple(jobs)


def _due_since(tx: Transaction, lane: Lane, *, probe_only: bool) -> datetime | None:
    if lane.due_at is None or lane.due_at > tx.now():
        return None
    head = lanes.head_of(tx, lane) if probe_only else None
    in_doubt = head is not None and head.state is DeliveryState.DOUBT
    return lane.due_at if in_doubt or not probe_only else None


async def _take(tx: Transaction, lane: Lane) -> Delivery | None:
    """Move a lane on to the first delivery that is still ahead; take it if its turn has come."""
    while (head := lanes.head_of(tx, lane)) is not None:
        if _is_behind(tx, head):
            lane = replace(lane, head=lane.head + 1)
            continue
        if head.state is DeliveryState.READY and (state := _without(tx, head)) is not None:
            await lanes.write(tx, _given_up(head, state, tx.now()))
            continue
        due_at, head = _judge(tx, head)
        tx.lanes.put(replace(lane, due_at=due_at))
        if head is not None:
            await lanes.write(tx, head)
        return head
    tx.lanes.put(replace(lane, due_at=None))
    return None


def _is_behind(tx: Transaction, head: Delivery) -> bool:
    waits = policy_of(tx, head).lane_policy == "wait"
    return head.state in SETTLED or (head.state in NEEDS_A_PERSON and not waits)


def _judge(tx: Transaction, head: Delivery) -> tuple[datetime | None, Delivery | None]:
    """Decide when the lane is due again, and what is taken from it now."""
    now = tx.now()
    match head.state:
        case DeliveryState.READY if not _may_begin(tx, head):
            return now + PREREQUISITE_POLL, None
        case DeliveryState.READY:
            taken = replace(
                head, state=DeliveryState.CALLING, attempts=head.attempts + 1, called_at=now
            )
            return None, taken
        case DeliveryState.DOUBT:
            # Until it is settled nobody else asks, unless whoever asks now has died.
            return now + PROBE_PATIENCE, head
        case _:
            return None, None


def _may_begin(tx: Transaction, head: Delivery) -> bool:
    before = None if head.after is None else tx.deliveries.one("id", head.after)
    return before is None or before.state is DeliveryState.DONE


def _without(tx: Transaction, head: Delivery) -> DeliveryState | None:
    """What becomes of a delivery whose prerequisite was skipped; None if it was not."""
    before = None if head.after is None else tx.deliveries.one("id", head.after)
    if before is None or before.state is not DeliveryState.SKIPPED:
        return None
    is_pointless = head.duty.kind in POINTLESS_WITHOUT
    return DeliveryState.SKIPPED if is_pointless else DeliveryState.DEAD


def _given_up(head: Delivery, state: DeliveryState, now: datetime) -> Delivery:
    code = "hub.prerequisite_skipped" if state is DeliveryState.DEAD else ""
    return replace(head, state=state, code=code, settled_at=now)
