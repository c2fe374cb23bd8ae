"""What a trace hides, and which messages a parcel speaks of."""

from dataclasses import replace

from mappers.vocabulary import (
    Event,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    OperatorReplied,
    ReactionChanged,
    Reading,
    StatusChanged,
)
from middleware.operations.deliveries.model import DeliveryLine
from middleware.operations.model import Page
from middleware.operations.rules import (
    masked_effect,
    masked_id,
    masked_identity,
    masked_text,
)
from middleware.operations.trace.model import (
    ArrivalTrace,
    ContactTrace,
    ConversationTrace,
    DeliveryTrace,
    MessageTrace,
    Trace,
)


def names_in(reading: Reading) -> tuple[str, ...]:
    """List the provider's ids of the messages that a parcel tells of."""
    return tuple(name for event in reading.events if (name := _name_in(event)))


def _name_in(event: Event) -> str:
    match event:
        case MessageArrived(message=message) | OperatorReplied(message=message):
            return message.origin.message
        case MessageEdited() | MessageDeleted() | ReactionChanged():
            return event.origin.message
        case StatusChanged(receipt=receipt):
            return receipt
        case _:
            return ""


def events_in(reading: Reading) -> tuple[str, ...]:
    """Name what a parcel means, as the log would."""
    return tuple(type(event).__name__ for event in reading.events) + reading.ignored


def masked(trace: Trace) -> Trace:
    """Hide words, names, phones and raw bytes."""
    return replace(
        trace,
        arrival=_arrival(trace.arrival),
        contact=_contact(trace.contact) if trace.contact is not None else None,
        conversations=tuple(_conversation(each) for each in trace.conversations),
        messages=tuple(_message(each) for each in trace.messages),
        deliveries=tuple(_delivery(each) for each in trace.deliveries),
    )


def masked_line(line: DeliveryLine) -> DeliveryLine:
    return replace(line, words=masked_text(line.words))


def masked_page(page: Page[DeliveryLine]) -> Page[DeliveryLine]:
    return Page(tuple(masked_line(line) for line in page.items), page.next)


def _arrival(arrival: ArrivalTrace | None) -> ArrivalTrace | None:
    return replace(arrival, body="") if arrival is not None else None


def _contact(contact: ContactTrace) -> ContactTrace:
    return replace(
        contact,
        name=masked_text(contact.name),
        identities=tuple(
            replace(each, value=masked_identity(each.kind, each.value))
            for each in contact.identities
        ),
        claims=tuple(
            replace(each, value=masked_identity(each.kind, each.value)) for each in contact.claims
        ),
    )


def _conversation(conversation: ConversationTrace) -> ConversationTrace:
    return replace(
        conversation,
        external=masked_id(conversation.external),
        counterparts=tuple(
            replace(each, ours=masked_id(each.ours)) for each in conversation.counterparts
        ),
    )


def _message(message: MessageTrace) -> MessageTrace:
    return replace(
        message,
        text=masked_text(message.text),
        origin=masked_id(message.origin),
        names=tuple(replace(each, name=masked_id(each.name)) for each in message.names),
        deliveries=tuple(_delivery(each) for each in message.deliveries),
        arrival=_arrival(message.arrival),
    )


def _delivery(delivery: DeliveryTrace) -> DeliveryTrace:
    attempts = tuple(
        replace(each, effects=tuple(map(masked_effect, each.effects))) for each in delivery.attempts
    )
    return replace(delivery, line=masked_line(delivery.line), attempts=attempts)
