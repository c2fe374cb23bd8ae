"""Lanes: numbers are taken at the tail, duties are settled at the head, both under one lock."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from mappers.vocabulary import (
    NEEDS_A_PERSON,
    TRANSITIONS,
    ConnectionId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
)
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.schema import Delivery, Lane, duty_key
from middleware.simulation.twin.transactions import Transaction
from middleware.store.port import Duty, Job, Owed, Settlement

GOES_ON = frozenset({DeliveryState.READY, DeliveryState.DOUBT, DeliveryState.PARKED})


def owed(delivery: Delivery) -> Owed:
    return Owed(id=delivery.id, state=delivery.state, revision=delivery.duty.revision)


def latest(tx: Transaction, target: ConnectionId, kind: DeliveryKind, subject: UUID) -> Owed | None:
    found = tx.deliveries.find("duty", (target, kind, subject))
    newest = max(found, key=lambda each: (each.duty.revision, each.duty.part), default=None)
    return None if newest is None else owed(newest)


async def owe(tx: Transaction, duty: Duty) -> DeliveryId:
    """Take the lane's next number, unless the duty is known; its row is locked from here on."""
    if (known := tx.deliveries.get(duty_key(duty))) is not None:
        return known.id
    place = (duty.target, duty.lane)
    await tx.lanes.lock(place)
    lane = tx.lanes.get(place) or _new_lane(tx, duty)
    delivery = _new_delivery(tx, duty, lane)
    if not await tx.deliveries.insert(delivery):
        return there(tx.deliveries.get(duty_key(duty)), "delivery").id
    rank = duty.priority.rank
    tx.lanes.put(
        replace(
            lane,
            tail=delivery.seq,
            priority=rank if lane.is_drained else min(lane.priority, rank),
            due_at=tx.now() if lane.is_drained else lane.due_at or tx.now(),
        )
    )
    return delivery.id


def _new_lane(tx: Transaction, duty: Duty) -> Lane:
    return Lane(
        id=tx.number(),
        target=duty.target,
        key=duty.lane,
        head=1,
        tail=0,
        priority=duty.priority.rank,
        due_at=None,
    )


def _new_delivery(tx: Transaction, duty: Duty, lane: Lane) -> Delivery:
    return Delivery(
        id=DeliveryId(tx.new_id()),
        lane=lane.id,
        seq=lane.tail + 1,
        duty=duty,
        state=DeliveryState.HELD if duty.held else DeliveryState.READY,
        after=duty.after,
        detail=dict(duty.detail),
        code=duty.held,
        created_at=tx.now(),
        settled_at=tx.now() if duty.held else None,
    )


def lane_at(tx: Transaction, lane: int) -> Lane:
    return there(tx.lanes.one("id", lane), "lane")


def head_of(tx: Transaction, lane: Lane) -> Delivery | None:
    return tx.deliveries.one("place", (lane.id, lane.head))


async def lock(tx: Transaction, lanes: Iterable[int]) -> None:
    rows = [lane_at(tx, lane) for lane in dict.fromkeys(lanes)]
    await tx.lanes.lock(*((row.target, row.key) for row in rows))


async def write(tx: Transaction, delivery: Delivery) -> None:
    await tx.deliveries.lock(duty_key(delivery.duty))
    tx.deliveries.put(delivery)


async def settle(tx: Transaction, job: Job, settlement: Settlement) -> None:
    """Change the delivery, move its lane, wake the lanes whose heads waited for it."""
    is_over = settlement.state not in GOES_ON
    waiting = _waiting_for(tx, job.id) if is_over else ()
    await lock(tx, (job.lane, *waiting))
    delivery = there(tx.deliveries.one("id", job.id), "delivery")
    _check_change(delivery, job, settlement.state)
    delivery = replace(
        delivery,
        state=settlement.state,
        after=settlement.after or delivery.after,
        detail={**delivery.detail, **settlement.detail},
        failures=delivery.failures + settlement.counts,
        called_at=delivery.called_at if settlement.state is DeliveryState.DOUBT else None,
        code="" if settlement.failure is None else settlement.failure.code,
        settled_at=tx.now() if is_over else None,
    )
    await write(tx, delivery)
    tx.lanes.put(_moved(lane_at(tx, job.lane), delivery, settlement, tx.now()))
    for each in waiting:
        lane = lane_at(tx, each)
        head = head_of(tx, lane)
        if head is not None and head.state is DeliveryState.READY and head.after == delivery.id:
            tx.lanes.put(replace(lane, due_at=tx.now()))


def _waiting_for(tx: Transaction, delivery: DeliveryId) -> tuple[int, ...]:
    found = tx.deliveries.find("after", delivery)
    return tuple(each.lane for each in found if each.seq == lane_at(tx, each.lane).head)


def _check_change(delivery: Delivery, job: Job, state: DeliveryState) -> None:
    taken_as = DeliveryState.DOUBT if job.was is DeliveryState.DOUBT else DeliveryState.CALLING
    stays_in_doubt = taken_as is state is DeliveryState.DOUBT
    may_become = state in TRANSITIONS[taken_as] or stays_in_doubt
    if delivery.state is not taken_as or not may_become:
        raise ValueError(f"a delivery {delivery.state}, taken as {taken_as}, becomes no {state}")


def _moved(lane: Lane, delivery: Delivery, settlement: Settlement, now: datetime) -> Lane:
    match delivery.state:
        case DeliveryState.READY:
            return replace(lane, due_at=settlement.due_at or now)
        case DeliveryState.DOUBT:
            return replace(lane, due_at=settlement.due_at)
        case DeliveryState.PARKED:
            return replace(lane, due_at=None)
        case state if state in NEEDS_A_PERSON and not settlement.skip_lane:
            return replace(lane, due_at=None)
        case _:
            lane = replace(lane, head=max(lane.head, delivery.seq + 1))
            return replace(lane, due_at=None if lane.is_drained else now)


async def resume(tx: Transaction, connection: ConnectionId) -> None:
    """The connection works again: what was parked is ready, doubts may be looked into."""
    parked = tx.deliveries.find("parked", connection)
    await lock(tx, [each.lane for each in parked])
    for seen in parked:
        delivery = there(tx.deliveries.one("id", seen.id), "delivery")
        if delivery.state is DeliveryState.PARKED:
            await write(tx, replace(delivery, state=DeliveryState.READY))
            tx.lanes.put(replace(lane_at(tx, delivery.lane), due_at=tx.now()))
    await _wake_doubts(tx, connection)


async def recover(tx: Transaction, connection: ConnectionId) -> int:
    """A call without an owner is in doubt, and whatever is in doubt may be looked into at once."""
    flying = tx.deliveries.find("in_flight", connection)
    await lock(tx, [each.lane for each in flying])
    recovered = 0
    for seen in flying:
        delivery = there(tx.deliveries.one("id", seen.id), "delivery")
        if delivery.state is DeliveryState.CALLING:
            code = "hub.interrupted"
            await write(tx, replace(delivery, state=DeliveryState.DOUBT, code=code))
            tx.lanes.put(replace(lane_at(tx, delivery.lane), due_at=tx.now()))
            recovered += 1
    await _wake_doubts(tx, connection)
    return recovered


async def _wake_doubts(tx: Transaction, connection: ConnectionId) -> None:
    """A doubt that was put down without a date gets one."""
    flying = tx.deliveries.find("in_flight", connection)
    await lock(tx, [each.lane for each in flying])
    for seen in flying:
        delivery = there(tx.deliveries.one("id", seen.id), "delivery")
        lane = lane_at(tx, delivery.lane)
        if delivery.state is DeliveryState.DOUBT and lane.due_at is None:
            tx.lanes.put(replace(lane, due_at=tx.now()))
