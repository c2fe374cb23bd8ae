"""What arrived: appending, claiming, and saying what became of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.types import BigInteger, Text, Uuid

from mappers.vocabulary import ConnectionId
from middleware.db.direct import Session
from middleware.store.postgres.columns import arrays, by_column
from middleware.store.rows import InboxClaim, InboxRow, InboxState, Parcelled
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
    SELECT asked.connection_id, first.*, clock_timestamp() AS now
    FROM unnest(:connections, :limits) AS asked(connection_id, most)
    CROSS JOIN LATERAL (
        SELECT arrival, digest, tries, received_at, said_at FROM inbox
        WHERE inbox.connection_id = asked.connection_id AND state = 'new'
        ORDER BY arrival LIMIT asked.most
    ) AS first
    """
).bindparams(*arrays(connections=Uuid, limits=BigInteger))
CLAIM = text(
    """
    WITH claimed AS (
        UPDATE inbox SET tries = tries + 1
        FROM unnest(:connections, :digests) AS wanted(connection_id, digest)
        WHERE inbox.connection_id = wanted.connection_id AND inbox.digest = wanted.digest
        RETURNING inbox.connection_id, inbox.digest, arrival, form, received_at, tries
    )
    SELECT claimed.*, coalesce(bodies.body, '') AS body
    FROM claimed LEFT JOIN bodies USING (received_at, connection_id, digest)
    """
).bindparams(*arrays(connections=Uuid, digests=BYTEA))
CLOSE = text(
    """
    UPDATE inbox SET state = given.state, note = given.note, awaits = given.awaits
    FROM unnest(:connection, :digest, :state, :note, :awaits)
        AS given(connection_id, digest, state, note, awaits)
    WHERE inbox.connection_id = given.connection_id AND inbox.digest = given.digest
    """
).bindparams(*arrays(connection=Uuid, digest=BYTEA, state=Text, note=Text, awaits=Text))
WAKE = text(
    """
    UPDATE inbox SET state = 'new', awaits = '', tries = 0
    FROM unnest(:connection, :awaits) AS arrived(connection_id, awaits)
    WHERE inbox.connection_id = arrived.connection_id AND inbox.awaits = arrived.awaits
      AND inbox.state = 'waiting'
    RETURNING inbox.connection_id
    """
).bindparams(*arrays(connection=Uuid, awaits=Text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What became of a parcel. `awaits` names what a waiting one waits for."""

    row: InboxRow
    state: InboxState
    note: str
    awaits: str


async def append(at: Session, parcels: Sequence[Parcelled]) -> int:
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


async def claim(at: Session, claims: Sequence[InboxClaim]) -> tuple[tuple[InboxRow, ...], ...]:
    """Count up the tries of the next parcels and return them; a tried one comes alone."""
    asked = {
        "connections": [each.lease.connection for each in claims],
        "limits": [each.limit for each in claims],
    }
    unread: dict[ConnectionId, list[Any]] = {}
    for row in sorted(await at.execute(UNREAD, asked), key=lambda row: row.arrival):
        unread.setdefault(row.connection_id, []).append(row)
    turns = [_turn(unread.get(each.lease.connection, ()), each.hold) for each in claims]
    keys = [key for keys in turns for key in keys]
    if not keys:
        return tuple(() for _ in claims)
    connections, digests = zip(*keys, strict=True)
    claimed = await at.execute(CLAIM, {"connections": connections, "digests": digests})
    rows = {(row.connection_id, row.digest): _row(row) for row in claimed}
    return tuple(tuple(rows[key] for key in keys) for keys in turns)


def _turn(arrived: Sequence[Any], hold: timedelta) -> list[tuple[ConnectionId, bytes]]:
    """Say which of a connection's parcels are next."""
    if not arrived:
        return []
    first = in_turn(arrived, ripe_at=arrived[0].now - hold)
    fresh = next((place for place, row in enumerate(first) if row.tries), len(first))
    return [(row.connection_id, row.digest) for row in first[: fresh or 1]]


def _row(row: Any) -> InboxRow:
    return InboxRow(
        connection=ConnectionId(row.connection_id),
        digest=row.digest,
        arrival=row.arrival,
        form=row.form,
        body=row.body,
        received_at=row.received_at,
        tries=row.tries,
    )


async def close(at: Session, closed: Sequence[Closed]) -> None:
    rows = [
        {
            "connection": each.row.connection,
            "digest": each.row.digest,
            "state": each.state,
            "note": each.note[:500],
            "awaits": each.awaits,
        }
        for each in closed
    ]
    await at.execute(CLOSE, by_column(rows))


async def wake_waiting(
    at: Session, arrived: Iterable[tuple[ConnectionId, str]]
) -> frozenset[ConnectionId]:
    """Make parcels unread again that waited for these; return whose there were."""
    rows = [{"connection": connection, "awaits": name} for connection, name in arrived]
    woken = await at.execute(WAKE, by_column(rows))
    return frozenset(ConnectionId(row.connection_id) for row in woken)
