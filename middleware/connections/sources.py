"""Sources: telling CRMs which channels lead to them, as deliveries like any other.

What is told depends on a route and on its channel's title, and is told anew whenever one of them
changes, or the CRM was connected again. Planning it twice is harmless.
"""

from collections.abc import Iterable

from mappers.vocabulary import ConnectionId, DeliveryKind, Priority
from middleware.connections.store import ConnectionRow
from middleware.hub import Hub
from middleware.pipeline.rules import source_lane, source_of
from middleware.store.duties import Duty
from middleware.store.rows import RouteRow


async def tell_sources(hub: Hub, connection: ConnectionId) -> None:
    """Tell CRMs of every route that begins or ends at this connection."""
    routes = [each for each in await hub.connections.routes() if connection in _ends(each)]
    await _tell(hub, routes, kept=True)


async def take_sources_back(hub: Hub, routes: Iterable[RouteRow]) -> None:
    """Tell CRMs that these routes lead to them no more."""
    await _tell(hub, routes, kept=False)


async def routes_at(
    hub: Hub, source: ConnectionId, target: ConnectionId | None = None
) -> tuple[RouteRow, ...]:
    """The routes that begin at a channel; with `target`, the one that ends there."""
    return tuple(
        each
        for each in await hub.connections.routes()
        if each.source == source and target in (None, each.target)
    )


def _ends(route: RouteRow) -> tuple[ConnectionId, ConnectionId]:
    return route.source, route.target


async def _tell(hub: Hub, routes: Iterable[RouteRow], *, kept: bool) -> None:
    for route in routes:
        channel = await hub.connections.get(route.source)
        crm = await hub.connections.get(route.target)
        is_over = crm.state == "removed" or (kept and channel.state == "removed")
        if kept and route.policy.dry_run:
            continue  # nothing is written before it goes live
        can = (await hub.directory.get(route.target)).can
        if not is_over and getattr(can, "sources", False):
            await _owe(hub, route, channel, kept=kept)


async def _owe(hub: Hub, route: RouteRow, channel: ConnectionRow, *, kept: bool) -> None:
    kind = DeliveryKind.KEEP_SOURCE
    async with hub.store.unit() as unit:
        last = await unit.latest(route.target, kind, channel.id)
        await unit.owe(
            Duty(
                workspace=channel.workspace,
                target=route.target,
                lane=source_lane(channel.id),
                kind=kind,
                subject=channel.id,
                revision=0 if last is None else last.revision + 1,
                priority=Priority.STATUS,
                detail={
                    "source": source_of(channel.provider, channel.account),
                    "title": channel.title or channel.account,
                    "pipeline": route.policy.pipeline,
                    "kept": kept,
                },
            )
        )
    hub.executor.wake(unit.touched)
