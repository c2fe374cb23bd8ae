"""A delivery and everything an attempt at it needs to know, as known at this moment."""

from hashlib import blake2b

from mappers.vocabulary import (
    ContactId,
    ConversationId,
    DeliveryKind,
    DeliveryState,
    MessageId,
)
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.messages import names_at
from middleware.simulation.twin.people import person_of
from middleware.simulation.twin.schema import Delivery, Said
from middleware.simulation.twin.transactions import Transaction
from middleware.store.port import ConversationRow, Fact, Job, LinkRow, OpenedRow, Policy
from middleware.webhooks.keys import digest_of

OVERTAKEN = frozenset({DeliveryKind.EDIT, DeliveryKind.WRITE_EDIT, DeliveryKind.REPORT})


def policy_of(tx: Transaction, delivery: Delivery) -> Policy:
    route = None if delivery.duty.route is None else tx.routes.get(delivery.duty.route)
    return Policy() if route is None else route.policy


def assemble(tx: Transaction, delivery: Delivery) -> Job:
    duty = delivery.duty
    in_doubt = delivery.state is DeliveryState.DOUBT
    said = None if duty.message is None else tx.messages.get(duty.message)
    conversation = _conversation(tx, duty.conversation)
    opened = _opened(tx, delivery)
    return Job(
        id=delivery.id,
        workspace=duty.workspace,
        target=duty.target,
        lane=delivery.lane,
        seq=delivery.seq,
        kind=duty.kind,
        subject=duty.subject,
        part=duty.part,
        revision=duty.revision,
        was=DeliveryState.DOUBT if in_doubt else DeliveryState.READY,
        attempts=delivery.attempts,
        failures=delivery.failures,
        called_at=there(delivery.called_at, "call"),
        created_at=delivery.created_at,
        policy=policy_of(tx, delivery),
        detail=delivery.detail,
        superseded=_is_overtaken(tx, delivery),
        message=None if said is None else said.content,
        message_id=duty.message,
        reply_name=_reply_name(said),
        operator="" if said is None else said.operator,
        fact=_newest_edit(tx, duty.message),
        conversation=conversation,
        contact=duty.contact,
        person=None if duty.contact is None else person_of(tx, duty.contact),
        link=_link(tx, delivery),
        opened=opened,
        ours=_ours(tx, conversation, opened),
        quoted=_quoted(tx, delivery, said),
        sent=() if duty.message is None else names_at(tx, duty.target, duty.message),
        peers=_peers(tx, delivery),
    )


def _conversation(tx: Transaction, conversation: ConversationId | None) -> ConversationRow | None:
    return None if conversation is None else tx.conversations.one("id", conversation)


def _opened(tx: Transaction, delivery: Delivery) -> OpenedRow | None:
    if delivery.duty.conversation is None:
        return None
    known = tx.conversation_links.get((delivery.duty.conversation, delivery.duty.target))
    return None if known is None else known.opened


def _link(tx: Transaction, delivery: Delivery) -> LinkRow | None:
    if delivery.duty.contact is None:
        return None
    known = tx.contact_links.get((delivery.duty.contact, delivery.duty.target))
    return None if known is None else known.link


def _ours(tx: Transaction, conversation: ConversationRow | None, opened: OpenedRow | None) -> str:
    """The id a CRM knows, or will know: made of what the outside knows, not of our row ids."""
    if opened is not None:
        return opened.ours
    if conversation is None:
        return ""
    channel = there(tx.connections.get(conversation.connection), "connection")
    about = f"{channel.account}|{conversation.external}"
    return "tl-" + blake2b(about.encode(), digest_size=12).hexdigest()


def _is_overtaken(tx: Transaction, delivery: Delivery) -> bool:
    """Say whether a later delivery of the same duty, in the same lane, says it better."""
    duty = delivery.duty
    if duty.kind not in OVERTAKEN:
        return False
    return any(
        other.state is DeliveryState.READY
        and other.lane == delivery.lane
        and other.seq > delivery.seq
        and other.duty.part == duty.part
        for other in tx.deliveries.find("duty", (duty.target, duty.kind, duty.subject))
    )


def _reply_name(said: Said | None) -> str:
    is_reply = said is not None and said.operator and said.content is not None
    return said.content.origin.message if is_reply else ""


def _newest_edit(tx: Transaction, message: MessageId | None) -> Fact | None:
    facts = [known.fact for known in tx.facts.find("message", (message, "edit"))]
    return max(facts, key=lambda fact: fact.revision, default=None)


def _quoted(tx: Transaction, delivery: Delivery, said: Said | None) -> str:
    if said is None or said.content is None or said.content.quote is None:
        return ""
    quoted = digest_of(said.content.quote.origin.message)
    known = tx.names.get((said.connection, quoted))
    if known is None:
        return ""
    return next(iter(names_at(tx, delivery.duty.target, known.message)), "")


def _peers(tx: Transaction, delivery: Delivery) -> tuple[str, ...]:
    contact: ContactId | None = delivery.duty.contact
    if contact is None:
        return ()
    conversations = tx.conversations.find("contact", contact)
    links = [tx.conversation_links.get((each.id, delivery.duty.target)) for each in conversations]
    opened = sorted((x.opened for x in links if x), key=lambda row: (row.opened_at, row.opened.id))
    return tuple(row.opened.id for row in opened)
