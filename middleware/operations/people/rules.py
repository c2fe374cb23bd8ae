"""What goes where when two contacts are one person, or one contact is two. Values in, value out.

Whatever says why not is a sentence; an empty one means yes.
"""

from collections.abc import Iterable
from typing import TypeAlias
from uuid import UUID

from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
)
from middleware.operations.people.model import ClaimAt, JoinRow, Moves, RecordChoice, Side
from middleware.operations.rules import masked_identity

_Tie: TypeAlias = tuple[ConnectionId, str]

ENSURES = frozenset({DeliveryKind.ENSURE_CONTACT, DeliveryKind.ENSURE_DEAL})
UNDER_WAY = frozenset({DeliveryState.CALLING, DeliveryState.DOUBT})
TO_COME = frozenset({DeliveryState.READY, DeliveryState.PARKED})


def link(keep: Side, join: Side) -> Moves:
    """Everything of `join` goes to `keep`; a record only where `keep` has none that lives."""
    decided, moving = _claims(keep, join)
    taken = tuple(
        (at.connection, at.record)
        for at in join.records
        if at.live and not keep.lives_in(at.connection)
    )
    return Moves(
        identities=tuple(each.name for each in join.identities),
        conversations=tuple(talk.id for talk in join.talks),
        threads=tuple(talk.id for talk in join.talks if talk.thread is None),
        records=taken,
        deals=_deals(join, taken),
        deliveries=tuple(owed.id for owed in join.owed),
        claims=tuple(each.id for each in moving if each.contact == join.id),
        holds=tuple(each.id for each in moving if each.holder == join.id),
        decided=tuple(each.id for each in decided),
    )


def _claims(keep: Side, join: Side) -> tuple[list[ClaimAt], list[ClaimAt]]:
    """Part what this link answers from what is asked of the kept contact instead."""
    asked = {each.identity.name for each in keep.claims if each.contact == keep.id}
    decided: list[ClaimAt] = []
    moving: list[ClaimAt] = []
    for each in {claim.id: claim for claim in (*keep.claims, *join.claims)}.values():
        is_answered = {each.contact, each.holder} == {keep.id, join.id}
        is_asked_twice = each.contact == join.id and each.identity.name in asked
        if is_answered or is_asked_twice:
            decided += [] if each.decision else [each]
        elif join.id in {each.contact, each.holder}:
            moving.append(each)
    return decided, moving


def _deals(side: Side, records: Iterable[_Tie]) -> tuple[_Tie, ...]:
    taken = {connection for connection, _ in records}
    return tuple((at.connection, at.deal) for at in side.deals if at.connection in taken)


def unlink(side: Side, wanted: ConversationId) -> Moves:
    """A conversation leaves, with the identity that brought it and whatever else that brought."""
    chosen = next(talk for talk in side.talks if talk.id == wanted)
    talks = [talk for talk in side.talks if talk.brought_by == chosen.brought_by]
    leaving = {each.name for each in side.identities if each.value == chosen.brought_by}
    ids = {talk.id for talk in talks}
    return Moves(
        identities=tuple(sorted(leaving)),
        conversations=tuple(talk.id for talk in talks),
        threads=tuple(talk.id for talk in talks if talk.thread is None),
        deliveries=_owed_in(side, ids),
        holds=tuple(
            each.id
            for each in side.claims
            if each.holder == side.id and each.identity.name in leaving
        ),
    )


def forget(side: Side, connection: ConnectionId) -> Moves:
    """The contact is tied to its record no more, and matched anew."""
    at = side.record_in(connection)
    return Moves(dropped=((connection, at.record),)) if at is not None and at.live else Moves()


def back(done: JoinRow, there: Side, home: Side) -> Moves:
    """What of a deed still is where it was put, and can go home."""
    moved = done.moved
    identities = {each.name for each in there.identities}
    talks = {talk.id: talk for talk in there.talks}
    asked, held = _claim_ids(there)
    conversations = tuple(each for each in moved.conversations if each in talks)
    records = tuple(tie for tie in moved.records if _can_return(tie, there, home))
    deals = {(at.connection, at.deal) for at in there.deals}
    owed = _owed_in(there, set(conversations))
    return Moves(
        identities=tuple(each for each in moved.identities if each in identities),
        conversations=conversations,
        threads=tuple(
            each for each in moved.threads if each in talks and talks[each].thread == home.id
        ),
        records=records,
        deals=tuple(
            tie for tie in moved.deals if tie in deals and tie[0] in {at for at, _ in records}
        ),
        deliveries=tuple(each.id for each in there.owed if each.id in {*moved.deliveries, *owed}),
        claims=tuple(each for each in moved.claims if each in asked),
        holds=tuple(each for each in moved.holds if each in held),
        decided=moved.decided,
        dropped=tuple(tie for tie in moved.dropped if _can_revive(tie, there)),
    )


def _claim_ids(side: Side) -> tuple[set[UUID], set[UUID]]:
    asked = {each.id for each in side.claims if each.contact == side.id}
    return asked, {each.id for each in side.claims if each.holder == side.id}


def _owed_in(side: Side, conversations: set[ConversationId]) -> tuple[DeliveryId, ...]:
    """What is owed in some conversations, rather than about the contact itself."""
    return tuple(
        owed.id
        for owed in side.owed
        if owed.conversation in conversations and owed.subject != side.id
    )


def _can_return(tie: _Tie, there: Side, home: Side) -> bool:
    at = there.record_in(tie[0])
    return at is not None and at.live and at.record == tie[1] and not home.lives_in(tie[0])


def _can_revive(tie: _Tie, there: Side) -> bool:
    at = there.record_in(tie[0])
    return at is not None and not at.live and at.record == tie[1]


def left_behind(done: JoinRow, going: Moves) -> tuple[str, ...]:
    """Name what has moved on since. An identity is named by its kind: its value is not kept."""
    moved = done.moved
    return (
        *(
            f"identity {name.partition(':')[0]}"
            for name in moved.identities
            if name not in going.identities
        ),
        *(
            f"conversation {each}"
            for each in moved.conversations
            if each not in going.conversations
        ),
        *(f"record {tie[1]}" for tie in moved.records if tie not in going.records),
        *(f"record {tie[1]}" for tie in moved.dropped if tie not in going.dropped),
    )


def records_of(keep: Side, join: Side) -> tuple[RecordChoice, ...]:
    """Set the CRM's records of both beside each other, and say which one will be used."""
    titles = {at.connection: at.title for at in (*keep.records, *join.records)}
    choices = []
    for connection, title in titles.items():
        kept = _record(keep, connection)
        joined = _record(join, connection)
        choices.append(
            RecordChoice(
                connection=connection, title=title, kept=kept, joined=joined, used=kept or joined
            )
        )
    return tuple(choices)


def _record(side: Side, connection: ConnectionId) -> str:
    at = side.record_in(connection)
    return at.record if at is not None and at.live else ""


def is_shared(claim: ClaimAt, shared_after: int) -> bool:
    return claim.claimants >= shared_after


def why_not_link(keep: Side, join: Side, shared_after: int) -> str:
    """Say what stands against it, when nothing but shared identities speaks for it."""
    between = [each for each in join.claims if {each.contact, each.holder} == {keep.id, join.id}]
    if between and all(is_shared(each, shared_after) for each in between):
        return (
            f"What they have in common is claimed by {max(each.claimants for each in between)}"
            " contacts: it is likely shared, as an office's phone is. Ask with `again` to link"
            " them all the same."
        )
    return ""


def why_busy(*sides: Side) -> str:
    """A record that is being looked for or made right now would be tied to the wrong contact."""
    for side in sides:
        if any(owed.kind in ENSURES and owed.state in UNDER_WAY for owed in side.owed):
            return _busy(side.id)
    return ""


def why_too_early(keep: Side, join: Side) -> str:
    """While neither has a record, two that are owed would be made side by side."""
    for owed in join.owed:
        is_to_come = owed.kind is DeliveryKind.ENSURE_CONTACT and owed.state in TO_COME
        if is_to_come and not keep.lives_in(owed.target) and not join.lives_in(owed.target):
            return _busy(join.id)
    return ""


def _busy(contact: ContactId) -> str:
    return (
        f"The CRM's record of contact {contact} is still being found or made. Nothing was changed:"
        " try again once it is there."
    )


def why_not_unlink(side: Side, wanted: ConversationId) -> str:
    """Say why a conversation cannot become a contact of its own."""
    chosen = next((talk for talk in side.talks if talk.id == wanted), None)
    if chosen is None:
        return f"Conversation {wanted} is not this contact's."
    if all(each.value != chosen.brought_by for each in side.identities):
        return "By which identity of the contact this conversation came is not known any more."
    if all(talk.brought_by == chosen.brought_by for talk in side.talks):
        return "It is all that this contact has: nothing would be left to take it out of."
    return ""


def masked(names: Iterable[str], *sides: Side) -> tuple[str, ...]:
    """Show identities as people recognise them and nobody else learns them."""
    known = {each.name: each for side in sides for each in side.identities}
    return tuple(
        f"{each.kind} {masked_identity(each.kind, each.value)}"
        for name in names
        if (each := known.get(name)) is not None
    )
