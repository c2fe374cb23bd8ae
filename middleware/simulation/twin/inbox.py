"""What arrived: the inbox."""

import heapq
from collections.abc import Sequence
from dataclasses import replace

from mappers.vocabulary import ConnectionId
from middleware.simulation.twin.chapter import Chapter
from middleware.simulation.twin.schema import Parcel
from middleware.simulation.twin.transactions import Transaction
from middleware.store.rows import InboxClaim, InboxRow, InboxState, Parcelled
from middleware.store.turns import in_turn


class Inbox(Chapter):
    async def close_row(
        self, row: InboxRow, state: InboxState, *, note: str = "", awaits: str = ""
    ) -> None:
        tx = await self._turn()
        key = (row.connection, row.digest)
        await tx.inbox.change(key, state=state, note=note[:500], awaits=awaits)

    async def wake_waiting(self, connection: ConnectionId, awaits: str) -> None:
        tx = await self._turn()
        keys = [(each.connection, each.digest) for each in _waiting(tx, connection, awaits)]
        await tx.inbox.lock(*keys)
        for parcel in _waiting(tx, connection, awaits):
            if (parcel.connection, parcel.digest) in keys:
                self.touched.add(connection)
                tx.inbox.put(replace(parcel, state="new", awaits="", tries=0))

    async def append(self, parcels: Sequence[Parcelled]) -> int:
        self.touched.update(parcel.connection for parcel in parcels)
        return await append(await self._turn(), parcels)


def _waiting(tx: Transaction, connection: ConnectionId, awaits: str) -> list[Parcel]:
    return tx.inbox.find("waiting", (connection, awaits))


async def append(tx: Transaction, parcels: Sequence[Parcelled]) -> int:
    """Number parcels in the order given; insert them in the order of their keys."""
    rows = [
        Parcel(
            connection=each.connection,
            digest=each.digest,
            arrival=tx.number(),
            form=each.form,
            body=each.body,
            received_at=tx.now(),
            said_at=each.said_at,
        )
        for each in parcels
    ]
    rows.sort(key=lambda row: (row.connection, row.digest, row.arrival))
    return sum([await tx.inbox.insert(row) for row in rows])


async def claim(tx: Transaction, wanted: InboxClaim) -> tuple[InboxRow, ...]:
    unread = tx.inbox.find("unread", wanted.lease.connection)
    arrived = heapq.nsmallest(wanted.limit, unread, key=lambda parcel: parcel.arrival)
    first = in_turn(arrived, ripe_at=tx.now() - wanted.hold)
    fresh = next((n for n, parcel in enumerate(first) if parcel.tries), len(first))
    taken = first[:fresh] or first[:1]
    await tx.inbox.lock(*((each.connection, each.digest) for each in taken))
    rows = []
    for each in taken:
        parcel = tx.inbox.get((each.connection, each.digest))
        if parcel is not None:
            parcel = replace(parcel, tries=parcel.tries + 1)
            tx.inbox.put(parcel)
            rows.append(_row(parcel))
    return tuple(rows)


def _row(parcel: Parcel) -> InboxRow:
    return InboxRow(
        connection=parcel.connection,
        digest=parcel.digest,
        arrival=parcel.arrival,
        form=parcel.form,
        body=parcel.body or b"",
        received_at=parcel.received_at,
        tries=parcel.tries,
    )
