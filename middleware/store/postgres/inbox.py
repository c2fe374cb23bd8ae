"""What arrived: appending, claiming, and saying what became of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text, Uuid

from mappers.vocabulary import ConnectionId
from middleware.store.rows import InboxRow, InboxState, Parcelled
from middleware.store.turns import in_turn

# Keys are sorted so that two flushes never deadlock; arrival numbers follow the order given, in
# which `unnest` brings the rows.
APPEND = text(
    """
    WITH parcel AS (
        SELECT p.*, nextval('inbox_arrival_seq') AS arrival
        FROM unnest(:connections, :digests, :forms, :bodies, :said_at)
             AS p(connection_id, digest, form, body, said_at)
    ), kept AS (
        INSERT INTO inbox (connection_id, digest, form, arrival, received_at, said_at)
        SELECT connection_id, digest, form, arrival, now(), said_at FROM parcel
        ORDER BY connection_id, digest
        ON CONFLICT DO NOTHING
        RETURNING connection_id, digest, received_at
    ), stored AS (
        INSERT INTO bodies (received_at, connection_id, digest, body)
        SELECT kept.received_at, kept.connection_id, kept.digest, parcel.body
        FROM kept JOIN parcel USING (connection_id, digest)
    )
    SELECT count(*) FROM kept
    """
).bindparams(
    bindparam("connections", type_=ARRAY(Uuid)),
    bindparam("digests", type_=ARRAY(BYTEA)),
    bindparam("forms", type_=ARRAY(Text)),
    bindparam("bodies", type_=ARRAY(BYTEA)),
    bindparam("said_at", type_=ARRAY(DateTime(timezone=True))),
)
UNREAD = text(
    """
    SELECT digest, tries, received_at, said_at, clock_timestamp() AS now FROM inbox
    WHERE connection_id = :connection AND state = 'new'
    ORDER BY arrival LIMIT :limit
    """
)
CLAIM = text(
    """
    WITH claimed AS (
        UPDATE inbox SET tries = tries + 1
        WHERE connection_id = :connection AND digest = ANY(:digests)
        RETURNING digest, arrival, form, received_at, tries
    )
    SELECT claimed.*, coalesce(bodies.body, '') AS body
    FROM claimed LEFT JOIN bodies
      ON bodies.received_at = claimed.received_at AND bodies.digest = claimed.digest
     AND bodies.connection_id = :connection
    """
).bindparams(bindparam("digests", type_=ARRAY(BYTEA)))
CLOSE = text(
    """
    UPDATE inbox SET state = :state, note = :note, awaits = :awaits
    WHERE connection_id = :connection AND digest = :digest
    """
)
WAKE = text(
    """
    UPDATE inbox SET state = 'new', awaits = '', tries = 0
    WHERE connection_id = :connection AND state = 'waiting' AND awaits = :awaits
    """
)


async def append(at: AsyncConnection, parcels: Sequence[Parcelled]) -> int:
    """Insert parcels with their bodies; return how many were new."""
    if not parcels:
        return 0
    return int((await at.execute(APPEND, columns(parcels))).scalar_one())


def columns(parcels: Sequence[Parcelled]) -> dict[str, list[Any]]:
    """Turn parcels into what `APPEND` takes, in its order; of repeats the first stays."""
    unique: dict[tuple[ConnectionId, bytes], Parcelled] = {}
    for parcel in parcels:
        unique.setdefault((parcel.connection, parcel.digest), parcel)
    ordered = unique.values()
    return {
        "connections": [p.connection for p in ordered],
        "digests": [p.digest for p in ordered],
        "forms": [p.form for p in ordered],
        "bodies": [p.body for p in ordered],
        "said_at": [p.said_at for p in ordered],
    }


async def claim(
    at: AsyncConnection, connection: ConnectionId, limit: int, hold: timedelta
) -> tuple[InboxRow, ...]:
    """Count up the tries of the next parcels and return them; a tried one comes alone."""
    arrived = (await at.execute(UNREAD, {"connection": connection, "limit": limit})).all()
    unread = in_turn(arrived, ripe_at=arrived[0].now - hold) if arrived else []
    digests = [row.digest for row in unread]
    tried = next((place for place, row in enumerate(unread) if row.tries), None)
    if tried is not None:
        digests = digests[: max(tried, 1)]
    if not digests:
        return ()
    claimed = await at.execute(CLAIM, {"connection": connection, "digests": digests})
    rows = {row.digest: row for row in claimed}
    return tuple(
        InboxRow(
            connection=connection,
            digest=row.digest,
            arrival=row.arrival,
            form=row.form,
            body=row.body,
            received_at=row.received_at,
            tries=row.tries,
        )
        for row in (rows[digest] for digest in digests)
    )


async def close(
    at: AsyncConnection, row: InboxRow, state: InboxState, note: str, awaits: str
) -> None:
    values = {"state": state, "note": note[:500], "awaits": awaits}
    await at.execute(CLOSE, {**values, "connection": row.connection, "digest": row.digest})


async def wake_waiting(at: AsyncConnection, connection: ConnectionId, awaits: str) -> int:
    return (await at.execute(WAKE, {"connection": connection, "awaits": awaits})).rowcount
