"""Lanes: numbers are taken at the tail, duties are settled at the head, both under one lock."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from mappers.vocabulary import (
    NEEDS_A_PERSON,
    SETTLED,
    TRANSITIONS,
    ConnectionId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
)
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.owed import Delivery, Lane, duty_key
from middleware.simulation.twin.transactions import Transaction
from middleware.store.duties import RESTORED, UNSURE, Duty, Job, Owed, Settlement
from middleware.store.errors import NotInFlight

STOPS = "stops_lane"


def owed(delivery: Delivery) -> Owed:
    return Owed(id=delivery.id, state=delivery.state, revision=delivery.duty.revision)


def latest(tx: Transaction, target: ConnectionId, kind: DeliveryKind, subject: UUID) -> Owed | None:
    found = tx.deliveries.find("duty", (target, kind, subject))
    newest = max(found, key=lambda each: (each.duty.revision, -each.duty.part), default=None)
    return None if newest is None else owed(newest)


async def owe(tx: Transaction, duty: Duty) -> DeliveryId:
    """Take the lane's next number, unless the duty is known. The lane is locked from here on.

    A number that turns out not to be needed, because somebody planned the same duty in another
    lane meanwhile, stays unused: lanes may have holes.
    """
    if (known := tx.deliveries.get(duty_key(duty))) is not None:
        return known.id
    lane = await _take_number(tx, duty)
    lost = _lost_since(tx, duty)
    state = DeliveryState.READY if lost is None else DeliveryState.DOUBT
    doubt = {} if lost is None else {RESTORED: True}
    delivery = Delivery(
        id=DeliveryId(tx.new_id()),
        lane=lane.id,
        seq=lane.tail,
        duty=duty,
        state=DeliveryState.HELD if duty.held else state,
        after=duty.after,
        detail={**duty.detail, "held": duty.held} if duty.held else {**duty.detail, **doubt},
        called_at=lost,
        code=duty.held,
        due_at=tx.now() + duty.wait if duty.wait else None,
        created_at=tx.now(),
    )
    if await tx.deliveries.insert(delivery):
        return delivery.id
    return there(tx.deliveries.get(duty_key(duty)), "delivery").id


def _lost_since(tx: Transaction, duty: Duty) -> datetime | None:
    """Since when it may have been done without our remembering; None when it surely was not."""
    pulse = tx.pulses.get(1)
    if pulse is None or pulse.restored_at is None or duty.kind not in UNSURE or duty.held:
        return None
    said = None if duty.message is None else tx.messages.get(duty.message)
    is_old = said is not None and said.sent_at < pulse.restored_at
    return pulse.lost_since if is_old or is_unmet(tx, duty) else None


def is_unmet(tx: Transaction, duty: Duty) -> bool:
    """Whether it is about somebody, or some exchange, of whom we know nothing in the CRM."""
    if duty.kind is DeliveryKind.ENSURE_CONTACT:
        return duty.contact is None or (tx.contact_links.get((duty.contact, duty.target)) is None)
    if duty.kind is DeliveryKind.OPEN_CONVERSATION:
        return duty.conversation is None or (
            tx.conversation_links.get((duty.conversation, duty.target)) is None
        )
    return False


async def _take_number(tx: Transaction, duty: Duty) -> Lane:
    rank = duty.priority.rank
    place = (duty.target, duty.lane)
    await tx.lanes.lock(place)
    lane = tx.lanes.get(place) or Lane(
        id=tx.number(),
        target=duty.target,
        key=duty.lane,
        head=1,
        tail=0,
        priority=rank,
        due_at=None,
    )
    lane = replace(
        lane,
        tail=lane.tail + 1,
        priority=rank if lane.is_drained else min(lane.priority, rank),
        due_at=tx.now() if lane.is_drained else lane.due_at,
    )
    tx.lanes.put(lane)
    return lane


def lane_at(tx: Transaction, lane: int) -> Lane:
    return there(tx.lanes.one("id", lane), "lane")


async def lock(tx: Transaction, lanes: Iterable[int]) -> None:
    rows = [lane_at(tx, lane) for lane in dict.fromkeys(lanes)]
    await tx.lanes.lock(*((row.target, row.key) for row in rows))


async def settle(tx: Transaction, job: Job, settlement: Settlement) -> None:
    """Change the delivery, move its lane, and wake the lanes that waited for it to end well."""
    state = settlement.state
    taken_as = DeliveryState.CALLING if job.was is DeliveryState.READY else job.was
    if state is not taken_as and state not in TRANSITIONS[taken_as]:
        raise ValueError(f"a delivery does not go from {taken_as} to {state}")
    seen = tx.deliveries.one("id", job.id)
    if seen is None:
        raise NotInFlight(str(job.id))
    await tx.deliveries.lock(duty_key(seen.duty))
    delivery = there(tx.deliveries.one("id", job.id), "delivery")
    if delivery.state is not taken_as:
        raise NotInFlight(str(job.id))
    stops = state in NEEDS_A_PERSON and not settlement.skip_lane
    delivery = _settled(delivery, settlement, tx.now(), stops=stops)
    tx.deliveries.put(delivery)
    await lock(tx, [job.lane])
    lane = lane_at(tx, job.lane)
    tx.lanes.put(_moved(lane, delivery, settlement.due_at, tx.now(), stops=stops))
    if state in SETTLED:
        await _wake_dependents(tx, delivery.id)


def _settled(delivery: Delivery, settlement: Settlement, now: datetime, *, stops: bool) -> Delivery:
    state = settlement.state
    is_over = state in SETTLED or state in NEEDS_A_PERSON
    mark = {STOPS: True} if stops else {}
    return replace(
        delivery,
        state=state,
        after=settlement.after or delivery.after,
        detail={**delivery.detail, **settlement.detail, **mark},
        failures=delivery.failures + settlement.counts,
        due_at=settlement.due_at,
        code=settlement.code if settlement.failure is None else settlement.failure.code,
        settled_at=now if is_over else None,
    )


def _moved(
    lane: Lane, delivery: Delivery, due_at: datetime | None, now: datetime, *, stops: bool
) -> Lane:
    if delivery.settled_at is not None and not stops:
        lane = replace(lane, head=delivery.seq + 1)
        return replace(lane, due_at=None if lane.is_drained else now)
    goes_on = delivery.state in {DeliveryState.READY, DeliveryState.DOUBT}
    return replace(lane, due_at=due_at if goes_on else None)


async def _wake_dependents(tx: Transaction, delivery: DeliveryId) -> None:
    """Make lanes due at once that were put off; others are in flight, parked or stopped."""
    lanes = [each.lane for each in tx.deliveries.find("after", delivery)]
    waiting = [lane for lane in lanes if lane_at(tx, lane).due_at is not None]
    await lock(tx, waiting)
    for each in waiting:
        lane = lane_at(tx, each)
        if lane.due_at is not None:
            tx.lanes.put(replace(lane, due_at=tx.now()))


async def recover(tx: Transaction, connection: ConnectionId) -> int:
    """A call without an owner is in doubt, and a doubt that nobody looks into is looked into."""
    flying = tx.deliveries.find("in_flight", connection)
    await lock(tx, [each.lane for each in flying])
    recovered = 0
    for seen in flying:
        delivery = there(tx.deliveries.one("id", seen.id), "delivery")
        lane = lane_at(tx, delivery.lane)
        if delivery.state is DeliveryState.CALLING:
            await tx.deliveries.change(duty_key(delivery.duty), state=DeliveryState.DOUBT)
            tx.lanes.put(replace(lane, due_at=tx.now()))
            recovered += 1
        elif delivery.state is DeliveryState.DOUBT and lane.due_at is None:
            tx.lanes.put(replace(lane, due_at=tx.now()))
    return recovered


async def resume(tx: Transaction, connection: ConnectionId) -> None:
    """The connection works again: what was parked is ready, and doubts may be looked into."""
    await tx.connections.change(connection, state="active", reason="")
    parked = tx.deliveries.find("parked", connection)
    doubted = tx.deliveries.find("in_flight", connection)
    await lock(tx, [each.lane for each in (*parked, *doubted)])
    for each in parked:
        await tx.deliveries.change(duty_key(each.duty), state=DeliveryState.READY)
    in_doubt = [each for each in doubted if each.state is DeliveryState.DOUBT]
    for each in (*parked, *in_doubt):
        tx.lanes.put(replace(lane_at(tx, each.lane), due_at=tx.now()))
