"""Leases by the database's clock, and the schedule that says who needs one."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger, Text, Uuid

from mappers.vocabulary import ConnectionId
from middleware.store.port import LeaseLost
from middleware.store.rows import Lease, Purpose

# Units hold the lease's row with a key share, which renewing does not touch and this waits for:
# nobody takes over while a transaction of the last owner may still commit.
WAIT_FOR_THE_LAST = text(
    """
    SELECT 1 FROM leases
    WHERE connection_id = :connection AND purpose = :purpose AND until <= clock_timestamp()
    FOR UPDATE
    """
)
ACQUIRE = text(
    """
    INSERT INTO leases (connection_id, purpose, owner, epoch, until)
    VALUES (:connection, :purpose, :owner, 1, clock_timestamp() + :ttl)
    ON CONFLICT (connection_id, purpose) DO UPDATE
    SET owner = excluded.owner, epoch = leases.epoch + 1, until = excluded.until
    WHERE leases.until <= clock_timestamp()
    RETURNING epoch
    """
)
PROVE = text(
    """
    SELECT 1 FROM leases
    WHERE connection_id = :connection AND purpose = :purpose AND epoch = :epoch
      AND until > clock_timestamp()
    FOR KEY SHARE
    """
)
RENEW = text(
    """
    UPDATE leases SET until = clock_timestamp() + :ttl
    FROM unnest(:connections, :purposes, :epochs) AS held(connection_id, purpose, epoch)
    WHERE leases.connection_id = held.connection_id AND leases.purpose = held.purpose
      AND leases.epoch = held.epoch AND leases.until > clock_timestamp()
    RETURNING leases.connection_id, leases.purpose
    """
).bindparams(
    bindparam("connections", type_=ARRAY(Uuid)),
    bindparam("purposes", type_=ARRAY(Text)),
    bindparam("epochs", type_=ARRAY(BigInteger)),
)
RELEASE = text(
    """
    UPDATE leases SET until = clock_timestamp()
    WHERE connection_id = :connection AND purpose = :purpose AND epoch = :epoch
    """
)
OWNER = text(
    """
    SELECT owner FROM leases
    WHERE connection_id = :connection AND purpose = :purpose AND until > clock_timestamp()
    """
)
# Whoever was served longest ago comes first, so that many who are due at once take turns.
DUE = text(
    """
    SELECT c.id FROM connections AS c
    LEFT JOIN leases AS s ON s.connection_id = c.id AND s.purpose = 'serve'
    WHERE c.state = 'active' AND (s.until IS NULL OR s.until <= clock_timestamp())
      AND (EXISTS (SELECT FROM inbox WHERE connection_id = c.id AND state = 'new')
        OR EXISTS (SELECT FROM lanes WHERE target_id = c.id AND due_at <= clock_timestamp())
        OR EXISTS (SELECT FROM deliveries AS d JOIN lanes AS l ON l.id = d.lane_id
                   WHERE d.target_id = c.id AND d.state IN ('calling', 'doubt')
                     AND l.due_at IS NULL))
    ORDER BY s.until NULLS FIRST
    LIMIT :limit
    """
)


async def acquire(
    at: AsyncConnection, connection: ConnectionId, purpose: Purpose, owner: str, ttl: timedelta
) -> Lease | None:
    values = {"connection": connection, "purpose": purpose, "owner": owner, "ttl": ttl}
    await at.execute(WAIT_FOR_THE_LAST, {"connection": connection, "purpose": purpose})
    epoch = (await at.execute(ACQUIRE, values)).scalar()
    if epoch is None:
        return None
    return Lease(connection=connection, purpose=purpose, owner=owner, epoch=epoch)


async def prove(at: AsyncConnection, lease: Lease) -> None:
    """Hold the lease's row until the transaction ends, or learn that it is not ours any more."""
    values = {"connection": lease.connection, "purpose": lease.purpose, "epoch": lease.epoch}
    if (await at.execute(PROVE, values)).scalar() is None:
        raise LeaseLost(f"{lease.purpose} of {lease.connection}, epoch {lease.epoch}")


async def renew(at: AsyncConnection, held: Sequence[Lease], ttl: timedelta) -> frozenset[Lease]:
    ordered = sorted(held, key=lambda lease: (lease.connection, lease.purpose))
    rows = await at.execute(
        RENEW,
        {
            "ttl": ttl,
            "connections": [lease.connection for lease in ordered],
            "purposes": [lease.purpose for lease in ordered],
            "epochs": [lease.epoch for lease in ordered],
        },
    )
    ours = {(row.connection_id, row.purpose) for row in rows}
    return frozenset(lease for lease in held if (lease.connection, lease.purpose) in ours)


async def release(at: AsyncConnection, lease: Lease) -> None:
    values = {"connection": lease.connection, "purpose": lease.purpose, "epoch": lease.epoch}
    await at.execute(RELEASE, values)


async def owner(at: AsyncConnection, connection: ConnectionId, purpose: Purpose) -> str | None:
    found: str | None = (
        await at.execute(OWNER, {"connection": connection, "purpose": purpose})
    ).scalar()
    return found


async def due(at: AsyncConnection, limit: int) -> tuple[ConnectionId, ...]:
    rows = await at.execute(DUE, {"limit": limit})
    return tuple(ConnectionId(row.id) for row in rows)
