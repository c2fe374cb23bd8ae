"""Letting values follow: what waited for a field is written by the version that is in force now."""

from uuid import UUID

from mappers.vocabulary import ConnectionId, DeliveryId, DeliveryState
from middleware.hub import Hub
from middleware.operations.deliveries.rules import why_not_replay
from middleware.operations.deliveries.store import Change, in_change
from middleware.operations.model import Caller
from middleware.operations.unfilled.model import MissingTarget
from middleware.operations.unfilled.store import UnfilledStore, pin
from middleware.store.rows import Pinned


async def missing(
    hub: Hub, caller: Caller, connection: ConnectionId | None = None
) -> tuple[MissingTarget, ...]:
    """List the targets that something waits for, in one CRM or in all."""
    return await UnfilledStore(hub.engine, caller.workspace).missing(connection)


async def follow(hub: Hub, caller: Caller, mapping: UUID) -> int:
    """Set ready again what waits on the mapping's routes, under the version in force.

    Returns how many there were. What has been decided meanwhile is passed over.
    """
    waiting = await UnfilledStore(hub.engine, caller.workspace).outdated(mapping)
    return sum([await _follow(hub, caller, each, pinned) for each, pinned in waiting])


async def _follow(hub: Hub, caller: Caller, delivery: DeliveryId, pinned: Pinned) -> bool:
    async def work(change: Change) -> bool:
        standing = await change.take(delivery)
        if standing.state is not DeliveryState.DEAD or why_not_replay(standing, again=False):
            return False
        await pin(change, delivery, pinned)
        await change.requeue(standing, asked="")
        await change.note("delivery.mapped_anew", delivery, **pinned.detail)
        return True

    done, touched = await in_change(hub.engine, caller, work)
    hub.executor.wake(touched)
    return done
