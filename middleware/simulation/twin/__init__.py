"""The store's twin: the same port on dictionaries, in virtual time, with every race left in.

PostgreSQL is the original (`middleware.store.postgres`), and one property test keeps the two
alike. What the port leaves open, both answer in the same way:

- **Steps.** Before each method of a unit, and around its commit, other tasks may run; the loop's
  seed chooses them. A unit sees what was committed before its last step, and its own changes.
- **Locks** last to the end of a transaction. `owe` locks its lane, then the duty's key; `settle`
  its delivery, its lane, then the lanes it wakes, sorted; `claim_jobs` passes over locked lanes. An
  insert waits for whoever holds its key uncommitted. A circle of waiting, or five seconds of it,
  undoes one transaction with `StoreConflict`; eight idle seconds end one with `StoreUnavailable`.
- **Leases.** A transaction under a lease shares the lease's row to its end: `acquire` and `renew`
  wait for it. An expired lease is not renewed, even if nobody took it. Rows are never deleted.
- **Numbers.** Arrival and lane numbers are taken before the commit, so a later one may be visible
  first. A lane's number whose duty turns out to be known stays unused: lanes have holes.
- **Inbox.** Parcels of one call arrive in the order given. A parcel that waited has no tries.
- **People.** The first identity decides, whatever its confidence; of the others the strong ones
  are linked or claimed. The looks of a contact are those last seen.
- **Lanes.** A lane is due while its next turn is worth a look; it has no date while its head is
  in flight, parked or stopping it, or when it is drained. Held and dead deliveries are passed by
  unless they were settled with `skip_lane=False`. A head whose prerequisite was skipped is skipped
  too if it only follows it (an edit, a report), and dead otherwise; its lane goes on at the next
  claim.
- **In flight.** `recover` makes every call a doubt, and dates every doubt that has no date: its
  asker died. Until then `due` names the connection, so that somebody comes to recover it.
- **Settling** what is not in flight raises `NotInFlight`; a change that `TRANSITIONS` does not
  know, `ValueError`. Staying in doubt is no change.
"""

from middleware.simulation.twin.schema import Tables
from middleware.simulation.twin.store import Backup, TwinStore
from middleware.simulation.twin.transactions import Fault
from middleware.simulation.twin.unit import TwinUnit

__all__ = ["Backup", "Fault", "Tables", "TwinStore", "TwinUnit"]
