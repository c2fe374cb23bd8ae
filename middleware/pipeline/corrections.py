"""What people say of a message later: that it reads otherwise, or that they took it back.

A customer's correction is owed to every CRM that holds the message; an operator's to the channel
that their reply went to.
"""

from dataclasses import replace

from mappers.text import clean
from mappers.vocabulary import DeliveryKind, MessageDeleted, MessageEdited, Priority
from middleware.pipeline import rules
from middleware.pipeline.planning import Planner
from middleware.store.duties import TAKEN_BACK, Duty, Job
from middleware.store.port import Unit
from middleware.store.rows import ConversationRow, Fact, MessageRow

Correction = MessageEdited | MessageDeleted


async def plan_correction(planner: Planner, message: MessageRow, event: Correction) -> str:
    """Remember what was said of a message, and owe it to whoever has the message."""
    what = "edit" if isinstance(event, MessageEdited) else TAKEN_BACK
    conversation = await planner.unit.conversation(message.conversation)
    if message.is_reply:
        revision = await _note_of_operator(planner.unit, message, event)
        if revision is None:
            return f"{what}.known"
        await _owe_to_channel(planner, message, conversation, event, revision)
        return f"{what}.planned"
    fact = _fact(event)
    if not await planner.unit.add_fact(message.id, what, fact):
        return f"{what}.known"
    is_edit = isinstance(event, MessageEdited)
    kind = DeliveryKind.WRITE_EDIT if is_edit else DeliveryKind.WRITE_DELETE
    await planner.correct(kind, message, conversation, fact.revision)
    return f"{what}.recorded"


async def _note_of_operator(unit: Unit, message: MessageRow, event: Correction) -> int | None:
    """Remember what an operator changed; None when they had taken the reply back already.

    CRMs tell the time in seconds: of two edits in one second, the one heard later is later.
    """
    fact = _fact(event)
    if isinstance(event, MessageDeleted):
        is_new = await unit.add_fact(message.id, TAKEN_BACK, replace(fact, revision=0))
        return fact.revision if is_new else None
    while not await unit.add_fact(message.id, "edit", fact):
        fact = replace(fact, revision=fact.revision + 1)
    return fact.revision


async def _owe_to_channel(
    planner: Planner,
    message: MessageRow,
    conversation: ConversationRow,
    event: Correction,
    revision: int,
) -> None:
    """Owe the correction behind the last part of the reply.

    What is not said yet is said in its newest form anyway. That may be being said right now in an
    older one, so the correction is owed nevertheless, and finds out. A reply that is not planned
    yet has no parts, and needs none.
    """
    is_edit = isinstance(event, MessageEdited)
    parts = await planner.unit.parts(conversation.connection, message.id)
    if not parts:
        return
    await planner.unit.owe(
        Duty(
            workspace=conversation.workspace,
            target=conversation.connection,
            lane=rules.message_lane(message.id),
            kind=DeliveryKind.EDIT if is_edit else DeliveryKind.DELETE,
            subject=message.id,
            revision=revision,
            priority=Priority.REPLY,
            after=parts[-1].id,
            message=message.id,
            conversation=conversation.id,
            contact=conversation.contact,
        )
    )


async def plan_remark(planner: Planner, message: MessageRow, about: Job, code: str) -> None:
    """Owe the operator a word about a correction of theirs that the customer does not see."""
    await planner.unit.owe(
        Duty(
            workspace=message.workspace,
            target=message.connection,
            lane=rules.message_lane(message.id),
            kind=DeliveryKind.REMARK,
            subject=message.id,
            part=int(about.kind is DeliveryKind.DELETE),  # an edit may be as old to the second
            revision=about.revision,
            priority=Priority.STATUS,
            message=message.id,
            conversation=message.conversation,
            detail={"about": about.kind.value, "code": code},
        )
    )


def _fact(event: Correction) -> Fact:
    if isinstance(event, MessageDeleted):
        return Fact(revision=int(event.deleted_at.timestamp() * 1000), text="")
    revision = int(event.edited_at.timestamp() * 1000)
    return Fact(revision=revision, text=clean(event.text), spans=event.spans)
