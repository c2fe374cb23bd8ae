"""What the servers of a process ask of the store, done together: records, and claims of work.

Side by side a hundred connections are served, and a transaction costs the same for one of them as
for all. Each batch proves the leases of everybody in it.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from mappers.vocabulary import ConnectionId
from middleware.clock import Clock
from middleware.serve.keeper import Keeper
from middleware.serve.together import Together
from middleware.store.duties import Job
from middleware.store.port import Store, Unit
from middleware.store.retry import in_unit
from middleware.store.rows import Arrived, InboxClaim, InboxRow, JobsClaim, Lease

RECORD_AGAIN = timedelta(milliseconds=300)

Work = Callable[[Unit], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Record:
    """Work to be committed under a lease; what `arrived` by it is read ahead."""

    lease: Lease
    work: Work
    arrived: Sequence[Arrived] = ()


class Desk:
    """One for all servers of a process. `wake` rings for connections that got work."""

    def __init__(
        self,
        store: Store,
        keeper: Keeper,
        clock: Clock,
        wake: Callable[[Iterable[ConnectionId]], None],
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._wake = wake
        self._records = Together[Record, None](self._commit, self._may_insist, settled=None)
        self._reads = Together[InboxClaim, tuple[InboxRow, ...]](store.claim_inbox, settled=())
        self._takes = Together[JobsClaim, tuple[Job, ...]](store.claim_jobs, settled=())

    async def commit(self, record: Record) -> None:
        """Do its work in a unit, then wake whom it gave something to do.

        The outcome of a call is known only here: letting it go would turn a certainty into a
        doubt. So it is tried for as long as the lease lasts.
        """
        await self._records.ask(record)

    async def rest(self) -> None:
        """Return once everything that is being committed now has ended."""
        await self._records.rest()

    async def claim_inbox(self, claim: InboxClaim) -> tuple[InboxRow, ...]:
        return await self._reads.ask(claim)

    async def claim_jobs(self, claim: JobsClaim) -> tuple[Job, ...]:
        return await self._takes.ask(claim)

    async def _commit(self, records: Sequence[Record]) -> Sequence[None]:
        arrived = [each for record in records for each in record.arrived]

        async def all_of_it(unit: Unit) -> Unit:
            if arrived:
                await unit.foresee(arrived)
            for each in records:
                await each.work(unit)
            return unit

        leases = dict.fromkeys(each.lease for each in records)
        unit = await in_unit(self._store, all_of_it, *leases)
        self._wake(unit.touched)
        return [None] * len(records)

    async def _may_insist(self, records: Sequence[Record]) -> Sequence[bool]:
        """Wait before records are tried again; not for those whose leases will not last for it."""
        span = RECORD_AGAIN * 2
        may = [
            self._keeper.may_start(each.lease.connection, each.lease.purpose, span)
            for each in records
        ]
        if any(may):
            await self._clock.sleep(RECORD_AGAIN.total_seconds())
        return may
