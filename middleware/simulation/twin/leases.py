"""Leases and the circuit: who may serve a connection, and whether it may be called."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mappers.vocabulary import ConnectionId, DeliveryState
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.schema import HeldLease
from middleware.simulation.twin.transactions import Transaction
from middleware.store.port import Lease, Purpose

DOUBTS_THAT_OPEN = 3


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
    if held is not None and held.epoch == lease.epoch and held.until > tx.now():
        tx.leases.put(replace(held, until=tx.now()))


def is_served(tx: Transaction, connection: ConnectionId) -> bool:
    held = tx.leases.get((connection, "serve"))
    return held is not None and held.until > tx.now()


def due_since(tx: Transaction, connection: ConnectionId) -> datetime | None:
    """When this connection began to need a server; None while it needs none."""
    state = there(tx.connections.get(connection), "connection").state
    moments = []
    if state != "removed":
        moments += [parcel.received_at for parcel in tx.inbox.find("unread", connection)]
    if state == "active":
        flying = tx.deliveries.find("in_flight", connection)
        calling = [each for each in flying if each.state is DeliveryState.CALLING]
        moments += [there(each.called_at, "call") for each in calling]
        due = [there(lane.due_at, "date") for lane in tx.lanes.find("due", connection)]
        moments += [moment for moment in due if moment <= tx.now()]
    return min(moments, default=None)


async def note_doubt(
    tx: Transaction, connection: ConnectionId, *, doubt: bool, pause: timedelta
) -> None:
    await tx.connections.lock(connection)
    at = there(tx.connections.get(connection), "connection")
    doubts = at.doubts_in_row + 1 if doubt else 0
    open_at = tx.now() + pause if doubts >= DOUBTS_THAT_OPEN else None
    tx.connections.put(replace(at, doubts_in_row=doubts, circuit_open_at=open_at))
