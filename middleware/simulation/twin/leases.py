"""Leases, by the twin's clock, and the schedule that says who needs one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from mappers.vocabulary import ConnectionId
from middleware.simulation.twin import lanes
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.schema import HeldLease
from middleware.simulation.twin.transactions import Transaction
from middleware.store.rows import Lease, Purpose


async def acquire(tx: Transaction, wanted: Lease, ttl: timedelta) -> Lease | None:
    key = (wanted.connection, wanted.purpose)
    await tx.leases.lock(key)
    held = tx.leases.get(key)
    if held is not None and held.until > tx.now():
        return None
    lease = replace(wanted, epoch=1 if held is None else held.epoch + 1)
    tx.leases.put(
        HeldLease(
            connection=lease.connection,
            purpose=lease.purpose,
            owner=lease.owner,
            epoch=lease.epoch,
            until=tx.now() + ttl,
        )
    )
    return lease


async def renew(tx: Transaction, leases: Sequence[Lease], ttl: timedelta) -> frozenset[Lease]:
    await tx.leases.lock(*((lease.connection, lease.purpose) for lease in leases))
    ours = set()
    for lease in leases:
        held = tx.leases.get((lease.connection, lease.purpose))
        if held is not None and held.epoch == lease.epoch and held.until > tx.now():
            tx.leases.put(replace(held, until=tx.now() + ttl))
            ours.add(lease)
    return frozenset(ours)


async def release(tx: Transaction, lease: Lease) -> None:
    key = (lease.connection, lease.purpose)
    await tx.leases.lock(key)
    held = tx.leases.get(key)
    if held is not None and held.epoch == lease.epoch:
        tx.leases.put(replace(held, until=tx.now()))


def owner(tx: Transaction, connection: ConnectionId, purpose: Purpose) -> str | None:
    held = tx.leases.get((connection, purpose))
    return held.owner if held is not None and held.until > tx.now() else None


def needs_a_server(tx: Transaction, connection: ConnectionId) -> bool:
    """Something is unread or due, or was left in flight; and nobody is there to see to it."""
    held = tx.leases.get((connection, "serve"))
    if held is not None and held.until > tx.now():
        return False
    if there(tx.connections.get(connection), "connection").state != "active":
        return False
    return (
        bool(tx.inbox.find("unread", connection))
        or any(lane.due_at and lane.due_at <= tx.now() for lane in tx.lanes.find("due", connection))
        or any(
            lanes.lane_at(tx, each.lane).due_at is None
            for each in tx.deliveries.find("in_flight", connection)
        )
    )
