"""A delivery and everything an attempt at it needs to know, as known at this moment."""

from dataclasses import replace

from mappers.vocabulary import ConnectionId, ContactId, DeliveryKind, DeliveryState, Person
from middleware.identity.rules import as_met
from middleware.pipeline.deals import ABOUT_DEALS, Wish
from middleware.pipeline.rules import source_of
from middleware.simulation.twin.chapter import there
from middleware.simulation.twin.crm_side import deals_of
from middleware.simulation.twin.fields import mapped
from middleware.simulation.twin.files import files_of
from middleware.simulation.twin.messages import names_at, question_of
from middleware.simulation.twin.owed import Delivery
from middleware.simulation.twin.people import person_of
from middleware.simulation.twin.schema import Said
from middleware.simulation.twin.transactions import Transaction
from middleware.store.duties import (
    CORRECTS_REPLIES,
    FACTS_OF,
    SAYS_REPLIES,
    SUPERSEDABLE,
    TAKEN_BACK,
    Job,
    Spoken,
)
from middleware.store.policy import Policy
from middleware.store.rows import (
    ConversationRow,
    DealRow,
    Fact,
    FileRow,
    LinkRow,
    OpenedRow,
    OpenQuestion,
)
from middleware.webhooks.keys import digest_of


def assemble(tx: Transaction, delivery: Delivery) -> Job:
    duty = delivery.duty
    said = None if duty.message is None else tx.messages.get(duty.message)
    exchange = duty.conversation and tx.conversations.one("id", duty.conversation)
    contact = duty.contact or (exchange.contact if exchange else None)
    opened = _opened(tx, delivery)
    link = _link(tx, contact, duty.target)
    deals = _deals(tx, contact, delivery)
    used = _used(tx, delivery, deals, exchange or None)
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
        was=_taken_in(delivery),
        attempts=delivery.attempts,
        failures=delivery.failures,
        called_at=there(delivery.called_at, "call"),
        taken_at=tx.now(),
        created_at=delivery.created_at,
        policy=_policy(tx, delivery),
        detail=delivery.detail,
        superseded=_is_superseded(tx, delivery),
        message=None if said is None else said.content,
        message_id=duty.message,
        operator="" if said is None else said.operator,
        fact=_newest_fact(tx, delivery),
        conversation=exchange or None,
        contact=contact,
        person=_person(tx, contact, exchange or None),
        link=link,
        opened=opened,
        ours=_ours(tx, exchange or None, opened),
        source=_source(tx, exchange or None),
        quoted=_quoted(tx, delivery, said),
        sent=() if duty.message is None else names_at(tx, duty.target, duty.message),
        peers=_peers(tx, delivery, contact),
        deals=deals,
        files=_files(tx, said),
        mapped=mapped(tx, delivery, used, link, exchange or None),
        route=duty.route,
        question=_question(tx, delivery),
        taken_back=_is_taken_back(tx, delivery),
        spoken=_spoken(tx, delivery),
    )


def _taken_in(delivery: Delivery) -> DeliveryState:
    in_doubt = delivery.state is DeliveryState.DOUBT
    return DeliveryState.DOUBT if in_doubt else DeliveryState.READY


def _person(
    tx: Transaction, contact: ContactId | None, exchange: ConversationRow | None
) -> Person | None:
    person = None if contact is None else person_of(tx, contact)
    channel = None if exchange is None else tx.connections.get(exchange.connection)
    if person is None or exchange is None or channel is None:
        return person
    met = as_met(person.identities, channel.provider, exchange.external)
    return replace(person, identities=met)


def _policy(tx: Transaction, delivery: Delivery) -> Policy:
    route = None if delivery.duty.route is None else tx.routes.get(delivery.duty.route)
    return Policy() if route is None else route.policy


def _opened(tx: Transaction, delivery: Delivery) -> OpenedRow | None:
    if delivery.duty.conversation is None:
        return None
    known = tx.conversation_links.get((delivery.duty.conversation, delivery.duty.target))
    return None if known is None else known.opened


def _link(tx: Transaction, contact: ContactId | None, target: ConnectionId) -> LinkRow | None:
    known = None if contact is None else tx.contact_links.get((contact, target))
    return None if known is None else known.link


def _ours(tx: Transaction, conversation: ConversationRow | None, opened: OpenedRow | None) -> str:
    """Made of what the outside knows, not of our row ids, as long as the CRM was told nothing."""
    if opened is not None:
        return opened.ours
    if conversation is None:
        return ""
    channel = there(tx.connections.get(conversation.connection), "connection")
    return f"{channel.provider}:{channel.account}:{conversation.external}"


def _source(tx: Transaction, conversation: ConversationRow | None) -> str:
    if conversation is None:
        return ""
    channel = there(tx.connections.get(conversation.connection), "connection")
    return source_of(channel.provider, channel.account)


def _is_superseded(tx: Transaction, delivery: Delivery) -> bool:
    if delivery.duty.kind not in SUPERSEDABLE:
        return False
    return any(
        later.duty.kind is delivery.duty.kind and later.seq > delivery.seq
        for later in tx.deliveries.find("ready", delivery.lane)
    )


def _used(
    tx: Transaction,
    delivery: Delivery,
    deals: tuple[DealRow, ...],
    exchange: ConversationRow | None,
) -> DealRow | None:
    channel = None if exchange is None else exchange.connection
    return Wish(policy=_policy(tx, delivery), channel=channel, now=tx.now()).choose(deals)


def _question(tx: Transaction, delivery: Delivery) -> OpenQuestion | None:
    conversation = delivery.duty.conversation
    if delivery.duty.kind is not DeliveryKind.CREATE_TASK or conversation is None:
        return None
    return question_of(tx, conversation)


def _newest_fact(tx: Transaction, delivery: Delivery) -> Fact | None:
    kind = FACTS_OF.get(delivery.duty.kind)
    facts = [known.fact for known in tx.facts.find("message", (delivery.duty.message, kind))]
    return max(facts, key=lambda fact: fact.revision, default=None)


def _is_taken_back(tx: Transaction, delivery: Delivery) -> bool:
    says = delivery.duty.kind in SAYS_REPLIES
    return says and bool(tx.facts.find("message", (delivery.duty.message, TAKEN_BACK)))


def _spoken(tx: Transaction, delivery: Delivery) -> tuple[Spoken, ...]:
    """The parts of the reply that a correction is about."""
    duty = delivery.duty
    if duty.kind not in CORRECTS_REPLIES or duty.message is None:
        return ()
    planned = tx.deliveries.find("duty", (duty.target, DeliveryKind.SEND, duty.message))
    return tuple(
        Spoken(
            part=each.duty.part,
            detail=each.detail,
            names=names_at(tx, duty.target, duty.message, part=each.duty.part),
        )
        for each in sorted(planned, key=lambda each: each.duty.part)
    )


def _deals(tx: Transaction, contact: ContactId | None, delivery: Delivery) -> tuple[DealRow, ...]:
    if contact is None or delivery.duty.kind not in ABOUT_DEALS:
        return ()
    return deals_of(tx, contact, delivery.duty.target)


def _files(tx: Transaction, said: Said | None) -> tuple[FileRow, ...]:
    shows = said is not None and said.content is not None and said.content.attachments
    return files_of(tx, said.id) if said is not None and shows else ()


def _quoted(tx: Transaction, delivery: Delivery, said: Said | None) -> str:
    """The target's own name of the quoted message, when the target has it."""
    if said is None or said.content is None or said.content.quote is None:
        return ""
    quoted = digest_of(said.content.quote.origin.message)
    known = tx.names.get((said.connection, quoted))
    if known is None:
        return ""
    return next(iter(names_at(tx, delivery.duty.target, known.message)), "")


def _peers(tx: Transaction, delivery: Delivery, contact: ContactId | None) -> tuple[str, ...]:
    ensures = delivery.duty.kind is DeliveryKind.ENSURE_CONTACT or _policy(tx, delivery).dry_run
    if not ensures or contact is None:
        return ()
    conversations = tx.conversations.find("contact", contact)
    links = [tx.conversation_links.get((each.id, delivery.duty.target)) for each in conversations]
    return tuple(sorted(link.opened.opened.id for link in links if link is not None))
