"""Reading again what was set aside, once whatever made it unreadable is mended."""

from collections.abc import Sequence

from mappers.vocabulary import ConnectionId
from middleware.errors import NotFound
from middleware.hub import Hub
from middleware.operations.accounts.flow import own
from middleware.operations.arrivals.store import ArrivalLine, ArrivalStore
from middleware.operations.model import Caller, Page, limited, number_cursor, page_of


async def set_aside(
    hub: Hub,
    caller: Caller,
    connection: ConnectionId | None = None,
    *,
    cursor: str = "",
    limit: int = 50,
) -> Page[ArrivalLine]:
    """List parcels that nobody could read, the oldest first."""
    if connection is not None:
        await own(hub, caller, connection)
    size = limited(limit)
    lines = await ArrivalStore(hub.engine).set_aside(
        caller.workspace, connection, after=number_cursor(cursor), limit=size + 1
    )
    return page_of(lines, size, [line.arrival for line in lines])


async def read_again(
    hub: Hub, caller: Caller, connection: ConnectionId, arrivals: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Have parcels read again, in order of arrival; all that were set aside when none is named.

    Raises: `NotFound` when those named are not set aside, or their bodies are not kept any more.
    """
    await own(hub, caller, connection)
    freed = await ArrivalStore(hub.engine).read_again(caller, connection, arrivals)
    if arrivals and not freed:
        raise NotFound("None of these is set aside with its body still kept: nothing was changed.")
    if freed:
        hub.executor.wake([connection])
    return freed
