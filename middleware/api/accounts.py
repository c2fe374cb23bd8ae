"""`/api/v1/connections`, `/applications`, `/routes`, `/inbox`: accounts, and how well they are."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, status

from mappers.vocabulary import ConnectionId
from mappers.vocabulary.adapters import Finding
from middleware.api.auth import Admin, Operator, Reader, TheHub
from middleware.api.deliveries import Cursor, Limit
from middleware.api.schemas import (
    Authorization,
    Connect,
    Connected,
    Notes,
    ReadAgain,
    ReadAgainAnswer,
    Register,
    Registered,
    RouteShown,
)
from middleware.connections.flow import Wanted
from middleware.operations.accounts import flow
from middleware.operations.accounts.store import ApplicationLine, ConnectionHealth
from middleware.operations.arrivals import flow as arrivals
from middleware.operations.arrivals.store import ArrivalLine
from middleware.operations.consent import flow as consent
from middleware.operations.model import Page

router = APIRouter(tags=["connections"])


@router.get("/connections", summary="List connections with their health")
async def list_connections(hub: TheHub, who: Reader) -> tuple[ConnectionHealth, ...]:
    return await flow.health(hub, who.caller)


@router.post("/connections", summary="Connect an account", status_code=status.HTTP_201_CREATED)
async def connect_account(hub: TheHub, who: Admin, asked: Connect) -> Connected:
    """Connecting an account whose connection works is refused (409); another is taken up again."""
    wanted = Wanted(
        provider=asked.provider,
        values=asked.values,
        application=asked.application,
        title=asked.title,
        settings=asked.settings.value(),
        listen=asked.listen,
        take_over=asked.take_over,
    )
    done = await flow.connect(hub, who.caller, wanted)
    return Connected(id=done.id, title=done.account.title, notes=done.notes)


@router.get("/connections/{connection_id}", summary="Show a connection with its health")
async def show_connection(hub: TheHub, who: Reader, connection_id: UUID) -> ConnectionHealth:
    return await flow.health_of(hub, who.caller, ConnectionId(connection_id))


@router.get("/connections/{connection_id}/diagnosis", summary="Ask the provider what is wrong")
async def diagnose(hub: TheHub, who: Operator, connection_id: UUID) -> tuple[Finding, ...]:
    return await flow.diagnose(hub, who.caller, ConnectionId(connection_id))


@router.post("/connections/{connection_id}/pause", summary="Stop serving an account for a while")
async def pause(hub: TheHub, who: Operator, connection_id: UUID) -> Notes:
    await flow.pause(hub, who.caller, ConnectionId(connection_id))
    return Notes()


@router.post("/connections/{connection_id}/resume", summary="Check an account, and go on")
async def resume(hub: TheHub, who: Operator, connection_id: UUID) -> Notes:
    return Notes(notes=await flow.resume(hub, who.caller, ConnectionId(connection_id)))


@router.delete("/connections/{connection_id}", summary="Disconnect an account for good")
async def disconnect(hub: TheHub, who: Admin, connection_id: UUID) -> Notes:
    return Notes(notes=await flow.disconnect(hub, who.caller, ConnectionId(connection_id)))


@router.get("/inbox", summary="List parcels that could not be read", tags=["inbox"])
async def list_set_aside(
    hub: TheHub,
    who: Reader,
    connection: UUID | None = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[ArrivalLine]:
    at = None if connection is None else ConnectionId(connection)
    return await arrivals.set_aside(hub, who.caller, at, cursor=cursor, limit=limit)


@router.post(
    "/connections/{connection_id}/inbox/read-again",
    summary="Read parcels again that were set aside",
    tags=["inbox"],
)
async def read_again(
    hub: TheHub, who: Operator, connection_id: UUID, asked: ReadAgain
) -> ReadAgainAnswer:
    freed = await arrivals.read_again(hub, who.caller, ConnectionId(connection_id), asked.arrivals)
    return ReadAgainAnswer(arrivals=freed)


@router.get("/applications", summary="List our registrations at providers")
async def list_applications(hub: TheHub, who: Admin) -> tuple[ApplicationLine, ...]:
    return await flow.applications(hub, who.caller)


@router.put("/applications", summary="Keep our registration at a provider")
async def register(hub: TheHub, who: Admin, asked: Register) -> Registered:
    application, hooks = await flow.register(hub, who.caller, asked.provider, asked.values)
    return Registered(id=application, hooks=hooks)


@router.post(
    "/applications/{application_id}/authorization",
    summary="Begin to connect an account by its administrator's consent",
)
async def authorize(hub: TheHub, who: Admin, application_id: UUID, base: str = "") -> Authorization:
    return Authorization(url=await consent.authorize(hub, who.caller, application_id, base))


@router.get("/routes", summary="List routes", tags=["routes"])
async def list_routes(hub: TheHub, who: Reader) -> tuple[RouteShown, ...]:
    return tuple(
        RouteShown(source=route.source, target=route.target, policy=asdict(route.policy))
        for route in await flow.routes(hub, who.caller)
    )


@router.put("/routes/{source_id}/{target_id}", summary="Let messages go on", tags=["routes"])
async def set_route(
    hub: TheHub,
    who: Admin,
    source_id: UUID,
    target_id: UUID,
    policy: Annotated[dict[str, Any], Body(description="See the reference of routes.")],
) -> RouteShown:
    """What is left out takes its default. All that is wrong is said at once (422)."""
    source, target = ConnectionId(source_id), ConnectionId(target_id)
    decided = await flow.set_route(hub, who.caller, source, target, policy)
    return RouteShown(source=source, target=target, policy=asdict(decided))


@router.patch("/routes/{source_id}/{target_id}", summary="Change a route", tags=["routes"])
async def change_route(
    hub: TheHub,
    who: Admin,
    source_id: UUID,
    target_id: UUID,
    changes: Annotated[dict[str, Any], Body(description="See the reference of routes.")],
) -> RouteShown:
    """What is left out stays as it is; null puts the default back."""
    source, target = ConnectionId(source_id), ConnectionId(target_id)
    decided = await flow.change_route(hub, who.caller, source, target, changes)
    return RouteShown(source=source, target=target, policy=asdict(decided))


@router.delete("/routes/{source_id}/{target_id}", summary="Stop a route", tags=["routes"])
async def drop_route(hub: TheHub, who: Admin, source_id: UUID, target_id: UUID) -> Notes:
    """What was planned already is still delivered."""
    await flow.drop_route(hub, who.caller, ConnectionId(source_id), ConnectionId(target_id))
    return Notes()
