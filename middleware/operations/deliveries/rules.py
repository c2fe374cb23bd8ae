"""What a person may ask of a delivery. Values in, sentences out; an empty one means yes."""

from mappers.vocabulary import NEEDS_A_PERSON, SETTLED, DeliveryKind, DeliveryState
from middleware.operations.deliveries.model import CORRECTIONS, Decision, Filter, Standing


def why_not_replay(at: Standing, *, again: bool) -> str:
    """Say what stands against doing it once more."""
    if at.target_state == "removed":
        return "Its connection was disconnected; nothing can be delivered there any more."
    if at.is_dry:
        return "Its route is a dry run: nothing would be written. Let the route write first."
    if at.later is not None:
        return f"Revision {at.later} has replaced this one ({at.revision}): replay that one."
    if at.kind in CORRECTIONS and at.prerequisite is DeliveryState.SKIPPED:
        return "The message that it corrects was skipped: replay that message first."
    if at.state in SETTLED and not again and not at.was_rehearsed:
        return (
            f"It is {at.state} already. Ask with `again` to do it once more on purpose; it may"
            " then be seen twice."
        )
    if at.state not in SETTLED and at.state not in NEEDS_A_PERSON:
        return f"It is under way ({at.state}): there is nothing to replay."
    return ""


def why_not_settle(at: Standing, decision: Decision) -> str:
    """Say what stands against deciding it so."""
    if at.state not in NEEDS_A_PERSON:
        return f"It waits for nobody's decision: it is {at.state}."
    match decision:
        case Decision.SEND:
            return why_not_replay(at, again=False)
        case Decision.SENT if at.kind is not DeliveryKind.SEND:
            return "Only a reply can be known to have arrived: replay this one, or drop it."
        case _:
            return ""


def replayable_states(asked: Filter) -> tuple[DeliveryState, ...]:
    """Which states a replay of many means. What may have arrived has to be named."""
    return asked.states or (DeliveryState.DEAD,)
