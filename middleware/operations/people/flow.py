"""Deciding who is who: each decision in a transaction of its own, on record, and undoable."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from mappers.vocabulary import ConnectionId, ContactId, ConversationId, DeliveryKind
from middleware.errors import BadRequest, Conflict
from middleware.hub import Hub
from middleware.operations.model import Caller
from middleware.operations.people import rules
from middleware.operations.people.model import (
    How,
    Joined,
    JoinKind,
    JoinRow,
    Moves,
    Side,
    Verdict,
)
from middleware.operations.people.store import Change, in_change
from middleware.pipeline.planning import Counterpart, Planner

T = TypeVar("T")
AT_ONCE = How()


class IdentityShared(Conflict):
    code = "identity.shared"


class RecordUnderWay(Conflict):
    """The CRM is being asked about one of the contacts at this moment."""

    code = "contact.record_under_way"


class NotSeparable(Conflict):
    code = "contact.not_separable"


class AlreadyUndone(Conflict):
    code = "join.undone"


async def link(
    hub: Hub, caller: Caller, keep: ContactId, join: ContactId, how: How = AT_ONCE
) -> Joined:
    """Say that two contacts are one person: everything of `join` goes to `keep`.

    Raises: `NotFound`; `BadRequest`; `IdentityShared`; `RecordUnderWay`.
    """

    async def work(change: Change) -> Joined:
        return await link_within(hub, change, keep, join, how)

    return await _done(hub, caller, work)


async def link_within(
    hub: Hub, change: Change, keep: ContactId, join: ContactId, how: How
) -> Joined:
    """Link two contacts in a transaction that may hold more than that. See `link`."""
    if keep == join:
        raise BadRequest("A contact cannot be linked to itself: name another one.")
    kept, joined = await _sides(change, keep, join, preview=how.preview)
    why = rules.why_not_link(kept, joined, hub.settings.shared_after)
    if why and not how.again:
        raise IdentityShared(why)
    moves = rules.link(kept, joined)
    told = _told(JoinKind.LINK, (kept, joined), moves, preview=how.preview)
    if how.preview or moves == Moves():
        return told
    _let_records_be(rules.why_busy(kept, joined) or rules.why_too_early(kept, joined))
    await change.move(moves, joined, keep, thread=join)
    await change.decide(moves.decided, Verdict.SAME)
    await _tie(hub, change, moves, keep)
    done = await change.record(JoinKind.LINK, keep, join, moves)
    await change.note("contact.linked", keep, joined=str(join), join=str(done))
    return replace(told, id=done)


async def unlink(
    hub: Hub,
    caller: Caller,
    contact: ContactId,
    conversation: ConversationId,
    *,
    preview: bool = False,
) -> Joined:
    """Make a conversation a contact of its own, with the identity that brought it.

    Raises: `NotFound`; `NotSeparable`; `RecordUnderWay`.
    """

    async def work(change: Change) -> Joined:
        side = (await _sides(change, contact, preview=preview))[0]
        if why := rules.why_not_unlink(side, conversation):
            raise NotSeparable(why)
        moves = rules.unlink(side, conversation)
        told = _told(JoinKind.UNLINK, (side,), moves, preview=preview)
        if preview:
            return told
        _let_records_be(rules.why_busy(side))
        other = await change.new_contact()
        await change.move(moves, side, other, thread=contact)
        done = await change.record(JoinKind.UNLINK, contact, other, moves)
        await change.note("contact.unlinked", contact, joined=str(other), join=str(done))
        return replace(told, id=done, joined=other)

    return await _done(hub, caller, work)


async def forget_record(
    hub: Hub,
    caller: Caller,
    contact: ContactId,
    connection: ConnectionId,
    *,
    preview: bool = False,
) -> Joined:
    """Untie a contact from its record in one CRM: the next message looks for it anew.

    Raises: `NotFound`; `NotSeparable`; `RecordUnderWay`.
    """

    async def work(change: Change) -> Joined:
        side = (await _sides(change, contact, preview=preview))[0]
        moves = rules.forget(side, connection)
        if moves == Moves():
            raise NotSeparable("This contact is tied to no record there: nothing to forget.")
        told = _told(JoinKind.UNLINK, (side,), moves, preview=preview)
        there = tuple(each for each in told.records if each.connection == connection)
        told = replace(told, records=tuple(replace(each, used="") for each in there))
        if preview:
            return told
        _let_records_be(rules.why_busy(side))
        await change.set_records(contact, moves.dropped, "dropped")
        done = await change.record(JoinKind.UNLINK, contact, None, moves)
        await change.note("contact.record_forgotten", contact, join=str(done))
        return replace(told, id=done)

    return await _done(hub, caller, work)


async def undo(hub: Hub, caller: Caller, join: UUID, *, preview: bool = False) -> Joined:
    """Put back what a link or an unlink moved, as far as it still is where it was put.

    Raises: `NotFound`; `AlreadyUndone`; `RecordUnderWay`.
    """

    async def work(change: Change) -> Joined:
        done = await change.join(join)
        if done.undone_at is not None:
            raise AlreadyUndone("This was undone already. To do it once more, link them again.")
        there, home = await _ends(change, done, preview=preview)
        going = rules.back(done, there, home)
        sides = (there,) if there.id == home.id else (there, home)
        told = _told(done.kind, sides, going, preview=preview)
        told = replace(told, records=(), stays=rules.left_behind(done, going))
        if preview:
            return told
        _let_records_be(rules.why_busy(*sides))
        await change.move(going, there, home.id, thread=None)
        await change.reopen(going.decided)
        await change.set_records(home.id, going.dropped, "live")
        await _tie(hub, change, going, home.id)
        await change.close_join(join)
        await change.note("join.undone", join, kept=str(done.kept))
        return replace(told, id=join)

    return await _done(hub, caller, work)


async def _ends(change: Change, done: JoinRow, *, preview: bool) -> tuple[Side, Side]:
    """Say where it was put, and where it came from."""
    if done.joined is None:
        side = (await _sides(change, done.kept, preview=preview))[0]
        return side, side
    kept, joined = await _sides(change, done.kept, done.joined, preview=preview)
    return (kept, joined) if done.kind is JoinKind.LINK else (joined, kept)


async def _sides(change: Change, *contacts: ContactId, preview: bool) -> tuple[Side, ...]:
    if not preview:
        await change.lock(*contacts)
    return tuple([await change.side(contact) for contact in contacts])


def _let_records_be(why: str) -> None:
    if why:
        raise RecordUnderWay(why)


async def _tie(hub: Hub, change: Change, moves: Moves, contact: ContactId) -> None:
    """Show the conversations that moved on the record of whoever has them now."""
    planner, unit = Planner(change.unit, hub.clock.now()), change.unit
    for each in moves.conversations:
        conversation = await unit.conversation(each)
        for route in await unit.routes_from(conversation.connection):
            opened = await unit.opened(each, route.target)
            tied = await unit.link(contact, route.target)
            if opened is None or tied is None or not tied.live or opened.record == tied.record:
                continue
            at = Counterpart(route, conversation, contact)
            await planner.require(at, DeliveryKind.OPEN_CONVERSATION)


def _told(kind: JoinKind, sides: tuple[Side, ...], moves: Moves, *, preview: bool) -> Joined:
    one, other = sides[0], sides[1] if len(sides) > 1 else None
    return Joined(
        id=None,
        kind=kind,
        preview=preview,
        kept=one.id,
        joined=None if other is None else other.id,
        identities=rules.masked(moves.identities, *sides),
        conversations=moves.conversations,
        deliveries=len(moves.deliveries),
        claims=len(moves.claims) + len(moves.holds) + len(moves.decided),
        records=rules.records_of(one, other or Side(id=one.id)),
    )


async def _done(hub: Hub, caller: Caller, work: Callable[[Change], Awaitable[T]]) -> T:
    result, touched = await in_change(hub.engine, caller, work)
    hub.executor.wake(touched)
    return result
