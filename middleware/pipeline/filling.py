"""Planning values for fields: one delivery for each message that a mapping is to be applied to."""

from mappers.vocabulary import ContactId, DeliveryId, DeliveryKind, Message, Priority
from middleware.fields.rules import fields_lane
from middleware.pipeline import rules
from middleware.pipeline.deals import opens_deal
from middleware.pipeline.planning import Counterpart, Incoming, Planner
from middleware.store.duties import Duty
from middleware.store.rows import ConversationRow


async def plan_fields(
    planner: Planner,
    conversation: ConversationRow,
    contact: ContactId,
    new: Incoming,
    *,
    is_new: bool,
) -> None:
    """Owe a customer's message to the fields of every CRM whose route has a mapping in force.

    It is planned after the message's entry, so that what record and deal need is owed by then.
    """
    for route in await planner.unit.routes_from(conversation.connection):
        if route.mapping is None or not await planner.carries(route, contact):
            continue
        at = Counterpart(route, conversation, contact)
        await planner.unit.owe(
            Duty(
                workspace=conversation.workspace,
                target=route.target,
                lane=fields_lane(contact),
                kind=DeliveryKind.WRITE_FIELDS,
                subject=new.id,
                priority=Priority.MESSAGE,
                after=await _cards_are_there(planner, at, new.said),
                route=route.id,
                message=new.id,
                conversation=conversation.id,
                contact=contact,
                detail={**route.mapping.detail, "new": is_new},
            )
        )


async def _cards_are_there(planner: Planner, at: Counterpart, said: Message) -> DeliveryId | None:
    """Return what makes the record and the deal exist, the deal that the CRM opens included."""
    opens = opens_deal(at.route.policy, said)
    last = await planner.prerequisites(at, DeliveryKind.OPEN_CONVERSATION, opens=opens)
    if opens and rules.adopts_deal(at.route.policy, await planner.deal(at)):
        adopting = await planner.latest(at, DeliveryKind.ENSURE_DEAL)
        return last if adopting is None else adopting.id
    return last
