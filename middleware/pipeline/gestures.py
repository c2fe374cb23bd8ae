"""What people mean without words: reactions, and that somebody is writing."""

from dataclasses import replace

from mappers.vocabulary import (
    NEEDS_A_PERSON,
    SETTLED,
    ConnectionId,
    DeliveryKind,
    OperatorTypes,
    Priority,
    ReactionChanged,
)
from middleware.connections.model import Connected, ConnectedCrm
from middleware.pipeline import rules
from middleware.pipeline.planning import Planner
from middleware.store.duties import FACTS_OF, Duty
from middleware.store.port import Unit
from middleware.store.rows import ConversationRow, Fact, MessageRow


async def plan_reaction(
    planner: Planner, heard_from: Connected, message: MessageRow, event: ReactionChanged
) -> str:
    """Owe a reaction to whoever is on the other side; the one set last wins.

    A CRM may tell us of the reaction that we showed there ourselves.
    """
    unit = planner.unit
    conversation = await unit.conversation(message.conversation)
    if not isinstance(heard_from, ConnectedCrm):
        revision = await _note(unit, message, DeliveryKind.WRITE_REACTION, event)
        await _tell_crms(planner, message, conversation, revision)
        return "reaction.recorded"
    opened = await unit.opened(conversation.id, heard_from.id)
    if opened is not None and event.author == opened.opened.user:
        return "reaction.told_by_us"
    revision = await _note(unit, message, DeliveryKind.REACT, event)
    sent = await unit.parts(conversation.connection, message.id) if message.is_reply else ()
    after = sent[0].id if sent else None
    duty = _duty(message, conversation, DeliveryKind.REACT, conversation.connection)
    await unit.owe(replace(duty, revision=revision, after=after))
    return "reaction.recorded"


async def plan_typing(planner: Planner, heard_from: Connected, event: OperatorTypes) -> str:
    """Owe the customer a sign that an answer is being written, unless one is owed already."""
    unit = planner.unit
    conversation = await unit.conversation_in_crm(heard_from.id, event.conversation, event.ours)
    if conversation is None:
        return "typing.of_unknown_conversation"
    if event.until <= planner.now:
        return "typing.too_late"
    kind, channel = DeliveryKind.SHOW_TYPING, conversation.connection
    last = await unit.latest(channel, kind, conversation.id)
    if last is not None and last.state not in SETTLED | NEEDS_A_PERSON:
        return "typing.owed_already"
    await unit.owe(
        Duty(
            workspace=conversation.workspace,
            target=channel,
            lane=rules.typing_lane(conversation.id),
            kind=kind,
            subject=conversation.id,
            revision=0 if last is None else last.revision + 1,
            priority=Priority.BACKFILL,
            conversation=conversation.id,
            contact=conversation.contact,
            detail={"until": event.until.isoformat()},
        )
    )
    return "typing.planned"


async def _note(unit: Unit, message: MessageRow, kind: DeliveryKind, event: ReactionChanged) -> int:
    """Remember a reaction and return its revision.

    Providers tell the time in seconds, and people change their minds faster: of two in one
    second, the one that was heard later is later.
    """
    fact = Fact(revision=int(event.at.timestamp() * 1000), text=event.emoji)
    while not await unit.add_fact(message.id, FACTS_OF[kind], fact):
        fact = replace(fact, revision=fact.revision + 1)
    return fact.revision


async def _tell_crms(
    planner: Planner, message: MessageRow, conversation: ConversationRow, revision: int
) -> None:
    """A reply is known to the CRM that it was typed in, anything else to every CRM routed to."""
    kind = DeliveryKind.WRITE_REACTION
    if not message.is_reply:
        await planner.correct(kind, message, conversation, revision)
        return
    duty = _duty(message, conversation, kind, message.connection)
    await planner.unit.owe(replace(duty, revision=revision))


def _duty(
    message: MessageRow, conversation: ConversationRow, kind: DeliveryKind, target: ConnectionId
) -> Duty:
    return Duty(
        workspace=conversation.workspace,
        target=target,
        lane=rules.message_lane(message.id),
        kind=kind,
        subject=message.id,
        priority=Priority.STATUS,
        message=message.id,
        conversation=conversation.id,
        contact=conversation.contact,
    )
