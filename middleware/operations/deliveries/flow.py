"""Replaying deliveries and deciding what is held: each in a transaction of its own, on record."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from mappers.vocabulary import DeliveryId, DeliveryKind, DeliveryState, Status
from middleware.errors import Conflict, NotFound
from middleware.hub import Hub
from middleware.operations.deliveries import rules
from middleware.operations.deliveries.model import (
    Decision,
    DeliveryLine,
    Filter,
    Group,
    Mapped,
    Standing,
)
from middleware.operations.deliveries.store import Change, DeliveryStore, in_change, workspace_of
from middleware.operations.model import Caller, Page, id_cursor, limited, page_of
from middleware.outbox.record import tell_progress
from middleware.pipeline.planning import News, Planner

DROPPED = "hub.dropped"


class NotReplayable(Conflict):
    code = "delivery.not_replayable"


class NotHeld(Conflict):
    """Somebody has decided already, or nobody was asked."""

    code = "delivery.not_held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of a replay of many. `refused` counts by reason; `next` continues it."""

    replayed: tuple[DeliveryId, ...]
    refused: Mapping[str, int] = field(default_factory=dict)
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a decision changed. `deliveries` is empty when everything was as decided already."""

    decision: Decision
    deliveries: tuple[DeliveryId, ...]


async def find(
    hub: Hub, caller: Caller, wanted: Filter, *, cursor: str = "", limit: int = 50
) -> Page[DeliveryLine]:
    """List deliveries, the newest first. Raises: `BadRequest` for a foreign cursor."""
    size = limited(limit)
    lines = await _store(hub, caller).page(wanted, before=id_cursor(cursor), limit=size + 1)
    return page_of(lines, size, [line.id for line in lines])


async def show(hub: Hub, caller: Caller, delivery: DeliveryId) -> DeliveryLine:
    """Raises: `NotFound`."""
    return await _store(hub, caller).one(delivery)


async def estimate(hub: Hub, caller: Caller, wanted: Filter) -> tuple[Group, ...]:
    """Say what a replay of many would touch, without touching it."""
    return await _store(hub, caller).groups(_meant(wanted))


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a replay goes about it: `again` does what is settled, too; `key` names the request."""

    again: bool = False
    key: str = ""
    mapping: Mapped = Mapped.ORIGINAL


AS_IT_IS = How()


async def replay(hub: Hub, caller: Caller, delivery: DeliveryId, how: How = AS_IT_IS) -> bool:
    """Put a delivery at the end of its lane. False when the request of this key did so before.

    Raises: `NotFound`; `NotReplayable`, with the reason.
    """

    async def work(change: Change) -> bool:
        standing = await change.take(delivery)
        if how.key and standing.asked == how.key:
            return False
        if why := rules.why_not_replay(standing, again=how.again):
            raise NotReplayable(why)
        if how.mapping is Mapped.CURRENT:
            await change.map_anew(standing)
        await change.requeue(standing, asked=how.key)
        asked = {"again": how.again, "mapping": how.mapping}
        await change.note("delivery.replayed", delivery, was=standing.state, **asked)
        return True

    replayed, touched = await in_change(hub.engine, caller, work)
    hub.executor.wake(touched)
    return replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk(How):
    """How a replay of many goes about it. `cursor` is where the last one stopped."""

    cursor: str = ""
    limit: int = 200


async def replay_many(hub: Hub, caller: Caller, wanted: Filter, how: Bulk) -> Replayed:
    """Replay what is meant in the order it was planned; one that may not be stops no other."""
    size = limited(how.limit)
    ids = await _store(hub, caller).ids(_meant(wanted), after=id_cursor(how.cursor), limit=size + 1)
    replayed: list[DeliveryId] = []
    refused: Counter[str] = Counter()
    for delivery in ids[:size]:
        try:
            if await replay(hub, caller, delivery, how):
                replayed.append(delivery)
        except NotReplayable as why:
            refused[str(why)] += 1
    last = str(ids[size - 1]) if len(ids) > size else ""
    return Replayed(replayed=tuple(replayed), refused=dict(refused), next=last)


def _meant(wanted: Filter) -> Filter:
    return replace(wanted, states=rules.replayable_states(wanted))


async def held_parts(hub: Hub, caller: Caller, subject: UUID) -> tuple[DeliveryLine, ...]:
    """Return what a held link is about: one delivery, or every part of a reply.

    Raises: `NotFound`.
    """
    store = _store(hub, caller)
    parts = await store.sent_parts(subject) or (DeliveryId(subject),)
    return tuple([await store.one(part) for part in parts])


async def settle(hub: Hub, caller: Caller, subject: UUID, decision: Decision) -> Settled:
    """Do with what is held as a person says. `subject` is a delivery, or a reply with its parts.

    Raises: `NotFound`; `NotHeld` when nothing of it waits for a decision.
    """
    store = _store(hub, caller)
    parts = await store.waiting_parts(subject)
    if not parts and await store.sent_parts(subject):
        raise NotHeld("This reply waits for nobody's decision: it was decided already.")
    settled: list[DeliveryId] = []
    for part in parts or (DeliveryId(subject),):
        await _settle_one(hub, caller, part, decision)
        settled.append(part)
    return Settled(decision=decision, deliveries=tuple(settled))


async def _settle_one(hub: Hub, caller: Caller, delivery: DeliveryId, decision: Decision) -> None:
    async def work(change: Change) -> None:
        standing = await change.take(delivery)
        if why := rules.why_not_settle(standing, decision):
            raise NotHeld(why)
        match decision:
            case Decision.SEND:
                await change.requeue(standing, asked="")
            case Decision.SENT:
                await change.close(standing, DeliveryState.DONE)
                await _tell_sent(hub, change, standing)
            case Decision.DROP:
                await change.close(standing, DeliveryState.SKIPPED)
                await _tell_dropped(hub, change, standing)
        await change.note(f"held.{decision}", delivery, was=standing.state)

    _, touched = await in_change(hub.engine, caller, work)
    hub.executor.wake(touched)


async def _tell_sent(hub: Hub, change: Change, standing: Standing) -> None:
    if standing.message is not None:
        planner = Planner(change.unit, hub.clock.now())
        await tell_progress(planner, standing.target, standing.message)


async def _tell_dropped(hub: Hub, change: Change, standing: Standing) -> None:
    """Tell the operator that a reply will not be sent, unless it is known to have failed."""
    if standing.kind is not DeliveryKind.SEND or standing.message is None:
        return
    row, _ = await change.unit.reply(standing.message)
    if await change.unit.raise_status(row.id, Status.FAILED):
        planner = Planner(change.unit, hub.clock.now())
        await planner.report(row, News(status=Status.FAILED, code=DROPPED))


def _store(hub: Hub, caller: Caller) -> DeliveryStore:
    return DeliveryStore(hub.engine, caller.workspace)


async def holder(hub: Hub, subject: UUID) -> Caller:
    """Say for whom the holder of a signed link acts. Raises: `NotFound`."""
    workspace = await workspace_of(hub.engine, subject)
    if workspace is None:
        raise NotFound("This link leads to nothing that we still know.")
    return Caller(workspace=workspace, name="held link")
