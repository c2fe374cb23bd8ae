"""`threadline trace`: everything about one id, on one screen."""

from collections.abc import Iterator
from typing import Annotated

import typer

from mappers.text import Language
from middleware.cli.previewing import line_of
from middleware.cli.session import Json, moment, session_of
from middleware.hub import Hub
from middleware.operations.model import Caller
from middleware.operations.trace import flow
from middleware.operations.trace.evidence import in_words
from middleware.operations.trace.model import (
    ArrivalTrace,
    ContactTrace,
    ConversationTrace,
    DeliveryTrace,
    MappingTrace,
    MessageTrace,
    Trace,
)


def register(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(trace)


def trace(
    context: typer.Context,
    which: Annotated[
        str,
        typer.Argument(
            help="A delivery, message, conversation or contact; a provider's id of a message, chat,"
            " record or deal; or # and an arrival number.",
        ),
    ],
    raw: Annotated[bool, typer.Option("--raw", help="Show words, phones and bodies.")] = False,
    as_json: Json = False,
) -> None:
    """Tell everything about one id: what came, who it was and why, each try, ids on both sides."""
    session = session_of(context)

    async def work(hub: Hub, caller: Caller) -> Trace:
        return await flow.trace(hub, caller, which, raw=raw)

    told = session.run(work)
    if as_json:
        session.json(told)
        return
    for line in lines_of(told, session.language):
        session.print(line)


def lines_of(told: Trace, language: Language) -> Iterator[str]:
    """Put a trace into lines, in the order in which things happened."""
    if told.arrival is not None:
        yield from _arrival(told.arrival)
    if told.contact is not None:
        yield from _contact(told.contact, language)
    for conversation in told.conversations:
        yield from _conversation(conversation)
    for delivery in told.deliveries:
        yield from _delivery(delivery)
    for message in told.messages:
        yield from _message(message)


def _arrival(arrival: ArrivalTrace, indent: str = "") -> Iterator[str]:
    note = f" ({arrival.note})" if arrival.note else ""
    yield (
        f"{indent}arrival #{arrival.arrival} {moment(arrival.received_at)} {arrival.title}"
        f" [{arrival.form or 'hook'}] {arrival.state}{note}"
    )
    if arrival.means:
        yield f"{indent}  means {', '.join(arrival.means)}"
    if arrival.body:
        yield f"{indent}  {arrival.body}"


def _contact(contact: ContactTrace, language: Language) -> Iterator[str]:
    yield f"contact {contact.id} {contact.name}"
    for each in contact.identities:
        why = f"{in_words(each.evidence, language)}, {each.confidence}, {moment(each.since)}"
        yield f"  {each.kind} {each.value}: {why}"
    for claim in contact.claims:
        why = in_words(claim.evidence, language)
        yield f"  claim {claim.kind} {claim.value}: {why}; held by {claim.holder}"
    for link in contact.links:
        why = f"{in_words(link.evidence, language)}, {moment(link.since)}"
        yield f"  record {link.record} in {link.title}: {link.state}, {why}"
    for deal in contact.deals:
        why = in_words(deal.evidence, language)
        yield f"  deal {deal.deal} in {deal.title}: {deal.state}, {why}"
    for join in contact.joins:
        other = f" {join.joined}" if join.joined else ""
        undone = f", undone {moment(join.undone_at)}" if join.undone_at else ""
        yield f"  {join.kind} {join.id}: {join.kept}{other} by {join.by} {moment(join.at)}{undone}"


def _conversation(conversation: ConversationTrace) -> Iterator[str]:
    closed = "" if conversation.reachable else ", closed by the customer"
    yield f"conversation {conversation.id} {conversation.title}: {conversation.external}{closed}"
    for each in conversation.counterparts:
        behind = f", behind since {moment(each.behind_since)}" if each.behind_since else ""
        yield (
            f"  in {each.title}: {each.external}, ours {each.ours}, record {each.record},"
            f" opened {moment(each.opened_at)}{behind}"
        )


def _message(message: MessageTrace) -> Iterator[str]:
    by = f" by {message.operator}" if message.operator else ""
    yield (
        f"message {message.id} {message.direction}{by} {moment(message.sent_at)} {message.title}:"
        f" {message.status}"
    )
    said = " ".join([*(f"[{kind}]" for kind in message.attachments), message.text]).strip()
    yield f"  {said}"
    if message.arrival is not None:
        yield from _arrival(message.arrival, "  ")
    for name in message.names:
        yield f"  id in {name.title}: {name.name}"
    for fact in message.facts:
        yield f"  {fact.kind} {moment(fact.at)}"
    for delivery in message.deliveries:
        yield from _delivery(delivery, "  ")


def _mapping(mapping: MappingTrace, indent: str) -> Iterator[str]:
    yield f"{indent}by “{mapping.name}”, version {mapping.version}"
    for each in mapping.places:
        yield f"{indent}  rule {each.rule}, {each.target}: {each.outcome}"
    for target in mapping.missing:
        yield f"{indent}  {target} is not there: its value waits"


def _delivery(delivery: DeliveryTrace, indent: str = "") -> Iterator[str]:
    line = delivery.line
    code = f" ({line.code})" if line.code else ""
    after = f", after {line.after} ({line.after_state})" if line.after else ""
    yield f"{indent}delivery {line.id} {line.kind} to {line.title}: {line.state}{code}{after}"
    if delivery.mapping is not None:
        yield from _mapping(delivery.mapping, f"{indent}  ")
    for each in delivery.attempts:
        calls = "; ".join(
            f"{call.get('label')} {call.get('status') or call.get('failure')}"
            for call in each.exchanges
        )
        yield (
            f"{indent}  {each.number}. {moment(each.started_at)} {each.purpose} {each.outcome}"
            f" {each.duration_ms} ms {calls}".rstrip()
        )
        for effect in each.effects:
            yield f"{indent}     {line_of(effect)}"
