"""`/api/v1/deliveries`, `/replays`, `/held`, `/trace`: what is owed, and what became of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from mappers.vocabulary import (
    DeliveryId,
    DeliveryState,
)
from middleware.api.auth import IdempotencyKey, Operator, Reader, TheHub
from middleware.api.schemas import (
    ListDeliveries,
    ReplayAnswer,
    ReplayedOne,
    ReplayMany,
    ReplayOne,
    Settle,
)
from middleware.operations.access.rules import Scope
from middleware.operations.deliveries import flow
from middleware.operations.deliveries.flow import Bulk, How, Settled
from middleware.operations.deliveries.model import DeliveryLine, Filter
from middleware.operations.model import Page
from middleware.operations.rehearsals import flow as rehearsals
from middleware.operations.rehearsals.flow import Look
from middleware.operations.trace import flow as tracing
from middleware.operations.trace.model import Trace
from middleware.operations.trace.rules import masked_line, masked_page

router = APIRouter(tags=["deliveries"])

Cursor = Annotated[str, Query(description="`next` of the page before; empty for the first.")]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/deliveries", summary="List deliveries, the newest first")
async def list_deliveries(
    hub: TheHub, who: Reader, asked: Annotated[ListDeliveries, Query()]
) -> Page[DeliveryLine]:
    wanted = asked.filter()
    return masked_page(
        await flow.find(hub, who.caller, wanted, cursor=asked.cursor, limit=asked.limit)
    )


@router.get("/deliveries/{delivery_id}", summary="Show a delivery")
async def show_delivery(hub: TheHub, who: Reader, delivery_id: UUID) -> DeliveryLine:
    return masked_line(await flow.show(hub, who.caller, DeliveryId(delivery_id)))


@router.post("/deliveries/{delivery_id}/replay", summary="Deliver once more, or see what that does")
async def replay_delivery(
    hub: TheHub, who: Operator, delivery_id: UUID, asked: ReplayOne, key: IdempotencyKey = ""
) -> ReplayedOne:
    """Put a delivery at the end of its lane. Its idempotency key stays what it was.

    A dry run asks the provider what is there and writes nothing, nowhere.
    """
    if asked.dry_run:
        if asked.raw:
            who.demand(Scope.ADMIN)
        look = Look(again=asked.again, raw=asked.raw, mapping=asked.mapping)
        shown = await rehearsals.preview(hub, who.caller, DeliveryId(delivery_id), look)
        return ReplayedOne(replayed=False, preview=shown)
    how = How(again=asked.again, key=key, mapping=asked.mapping)
    replayed = await flow.replay(hub, who.caller, DeliveryId(delivery_id), how)
    return ReplayedOne(replayed=replayed)


@router.post("/replays", summary="Deliver many once more, or see how many that would be")
async def replay_deliveries(
    hub: TheHub, who: Operator, asked: ReplayMany, key: IdempotencyKey = ""
) -> ReplayAnswer:
    wanted = asked.filter()
    estimate = await flow.estimate(hub, who.caller, wanted)
    if asked.dry_run:
        return ReplayAnswer(dry_run=True, estimate=estimate)
    how = Bulk(
        again=asked.again,
        key=key,
        mapping=asked.mapping,
        cursor=asked.cursor,
        limit=asked.limit,
    )
    done = await flow.replay_many(hub, who.caller, wanted, how)
    return ReplayAnswer(
        dry_run=False,
        estimate=estimate,
        replayed=done.replayed,
        refused=dict(done.refused),
        next=done.next,
    )


@router.get("/held", summary="List what waits for a person's decision")
async def list_held(
    hub: TheHub, who: Reader, cursor: Cursor = "", limit: Limit = 50
) -> Page[DeliveryLine]:
    wanted = Filter(states=(DeliveryState.HELD,))
    return masked_page(await flow.find(hub, who.caller, wanted, cursor=cursor, limit=limit))


@router.post("/held/{subject}", summary="Decide about a held delivery, or a reply's held parts")
async def settle_held(hub: TheHub, who: Operator, subject: UUID, asked: Settle) -> Settled:
    """Deciding a second time is refused (409), and changes nothing."""
    return await flow.settle(hub, who.caller, subject, asked.decision)


@router.get("/trace/{asked:path}", summary="Tell everything about one id", tags=["trace"])
async def show_trace(
    hub: TheHub,
    who: Reader,
    asked: Annotated[
        str,
        Path(
            description="A delivery, message, conversation or contact; a provider's id of a"
            " message, chat, record or deal; or `#` and an arrival number."
        ),
    ],
    raw: Annotated[bool, Query(description="Unmasked, with bodies: for admins.")] = False,  # noqa: FBT002 - a query
) -> Trace:
    if raw:
        who.demand(Scope.ADMIN)
    return await tracing.trace(hub, who.caller, asked, raw=raw)
