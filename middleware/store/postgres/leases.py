"""Leases by the database's clock, and the schedule that says who needs one."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.types import BigInteger, Text, Uuid

from mappers.vocabulary import ConnectionId
from middleware.db.direct import Session
from middleware.store.errors import LeaseLost
from middleware.store.postgres.columns import arrays
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
_HELD = """unnest(:connections, :purposes, :epochs) AS held(connection_id, purpose, epoch)"""
PROVE = text(
    f"""
    SELECT leases.connection_id, leases.purpose FROM leases
    JOIN {_HELD} USING (connection_id, purpose, epoch)
    WHERE leases.until > clock_timestamp()
    FOR KEY SHARE OF leases
    """  # noqa: S608 - a constant of this module
).bindparams(*arrays(connections=Uuid, purposes=Text, epochs=BigInteger))
RENEW = text(
    f"""
    UPDATE leases SET until = clock_timestamp() + :ttl
    FROM {_HELD}
    WHERE leases.connection_id = held.connection_id AND leases.purpose = held.purpose
      AND leases.epoch = held.epoch AND leases.until > clock_timestamp()
    RETURNING leases.connection_id, leases.purpose
    """  # noqa: S608 - as above
).bindparams(*arrays(connections=Uuid, purposes=Text, epochs=BigInteger))
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
# From what there is to do to whose it is, one step of an index for each: connections without work
# cost nothing, and one with a million parcels costs no more than one with a single parcel.
# Whoever was served longest ago comes first, so that many who are due at once take turns.
DUE = text(
    """
    WITH RECURSIVE heard AS (
        (SELECT connection_id AS id FROM inbox WHERE state = 'new' ORDER BY connection_id LIMIT 1)
        UNION ALL
        SELECT (SELECT connection_id FROM inbox WHERE state = 'new' AND connection_id > heard.id
                ORDER BY connection_id LIMIT 1)
        FROM heard WHERE heard.id IS NOT NULL
    ), dated AS (
        (SELECT target_id AS id, priority FROM lanes WHERE due_at IS NOT NULL
         ORDER BY target_id, priority LIMIT 1)
        UNION ALL
        SELECT next.id, next.priority FROM dated CROSS JOIN LATERAL (
            SELECT target_id AS id, priority FROM lanes
            WHERE due_at IS NOT NULL AND (target_id, priority) > (dated.id, dated.priority)
            ORDER BY target_id, priority LIMIT 1) AS next
    ), busy AS (
        SELECT id FROM heard WHERE id IS NOT NULL
        UNION
        SELECT id FROM dated WHERE EXISTS (
            SELECT FROM lanes WHERE target_id = dated.id AND priority = dated.priority
              AND due_at <= statement_timestamp())
        UNION
        SELECT d.target_id FROM deliveries AS d JOIN lanes AS l ON l.id = d.lane_id
        WHERE d.state IN ('calling', 'doubt') AND l.due_at IS NULL
    )
    SELECT c.id FROM busy JOIN connections AS c ON c.id = busy.id
    LEFT JOIN leases AS s ON s.connection_id = c.id AND s.purpose = 'serve'
    WHERE c.state = 'active' AND (s.until IS NULL OR s.until <= statement_timestamp())
    ORDER BY s.until NULLS FIRST
    LIMIT :limit
    """
)


async def acquire(
    at: Session, connection: ConnectionId, purpose: Purpose, owner: str, ttl: timedelta
) -> Lease | None:
    values = {"connection": connection, "purpose": purpose, "owner": owner, "ttl": ttl}
    await at.execute(WAIT_FOR_THE_LAST, {"connection": connection, "purpose": purpose})
    epoch = (await at.execute(ACQUIRE, values)).scalar()
    if epoch is None:
        return None
    return Lease(connection=connection, purpose=purpose, owner=owner, epoch=epoch)


async def prove(at: Session, held: Collection[Lease]) -> None:
    """Hold the leases' rows until the transaction ends, or learn that one is not ours any more."""
    ours = _of(held, await at.execute(PROVE, _columns(held)))
    for lease in held:
        if lease not in ours:
            raise LeaseLost(f"{lease.purpose} of {lease.connection}, epoch {lease.epoch}")


async def renew(at: Session, held: Collection[Lease], ttl: timedelta) -> frozenset[Lease]:
    return _of(held, await at.execute(RENEW, {**_columns(held), "ttl": ttl}))


def _columns(held: Collection[Lease]) -> dict[str, Any]:
    ordered = sorted(held, key=lambda lease: (lease.connection, lease.purpose))
    return {
        "connections": [lease.connection for lease in ordered],
        "purposes": [lease.purpose for lease in ordered],
        "epochs": [lease.epoch for lease in ordered],
    }


def _of(held: Collection[Lease], rows: Any) -> frozenset[Lease]:
    ours = {(row.connection_id, row.purpose) for row in rows}
    return frozenset(lease for lease in held if (lease.connection, lease.purpose) in ours)


async def release(at: Session, lease: Lease) -> None:
    values = {"connection": lease.connection, "purpose": lease.purpose, "epoch": lease.epoch}
    await at.execute(RELEASE, values)


async def owner(at: Session, connection: ConnectionId, purpose: Purpose) -> str | None:
    values = {"connection": connection, "purpose": purpose}
    found: str | None = (await at.execute(OWNER, values)).scalar()
    return found


async def due(at: Session, limit: int) -> tuple[ConnectionId, ...]:
    rows = await at.execute(DUE, {"limit": limit})
    return tuple(ConnectionId(row.id) for row in rows)
