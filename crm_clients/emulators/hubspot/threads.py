"""How conversations begin and grow: which thread a message goes to, and whom it is tied to."""

from . import help_desk
from .inbox_model import (
    COMMENT,
    MESSAGE,
    Account,
    DeliveryId,
    Inbox,
    Message,
    Party,
    Thread,
)
from .model import Portal, User
from .world import World

CONTACT = "0-1"
BY_THEIR_ID = "INTEGRATION_THREAD_ID"
PROPERTIES_OF_IDS = {"HS_PHONE_NUMBER": ("phone", "mobilephone"), "HS_EMAIL_ADDRESS": ("email",)}


def add_inbox(world: World, portal: Portal, name: str, kind: str) -> Inbox:
    inbox = Inbox(
        id=portal.number("inbox"),
        name=name,
        kind="HELP_DESK" if kind == "HELP_DESK" else "INBOX",
        created_at=world.now(),
    )
    portal.talks.inboxes[inbox.id] = inbox
    return inbox


def find(portal: Portal, account: Account, external_id: str) -> Thread | None:
    """Return the thread of this name that is not in the bin."""
    for thread in portal.talks.threads.values():
        is_same = (thread.account_id, thread.external_id) == (account.id, external_id)
        if is_same and not thread.is_archived:
            return thread
    return None


def open_thread(
    world: World,
    portal: Portal,
    account: Account,
    whose: tuple[str, DeliveryId | None, list[int]],
) -> Thread:
    """Find a thread or begin one.

    `whose`: its name, the customer's id, and the contacts that the integration ties it to.
    """
    external_id, delivery_id, contacts = whose
    found = find(portal, account, external_id)
    contact = _contact(world, portal, delivery_id, contacts)
    if found is None:
        found = _begin(world, portal, account, (external_id, contact))
    elif contact and world.switches.contact_association == "any_thread":
        found.contact_id, found.is_known = contact, True
    if found.status == "CLOSED":
        found.status, found.closed_at = "OPEN", None
    return found


def _begin(world: World, portal: Portal, account: Account, whose: tuple[str, int]) -> Thread:
    external_id, contact = whose
    thread = Thread(
        id=portal.number("thread"),
        inbox_id=account.inbox_id,
        channel_id=account.channel_id,
        account_id=account.id,
        external_id=external_id,
        contact_id=contact or portal.number("visitor"),
        is_known=bool(contact),
        created_at=world.now(),
    )
    portal.talks.threads[thread.id] = thread
    is_desk = portal.talks.inboxes[account.inbox_id].kind == "HELP_DESK"
    if is_desk and world.switches.help_desk_tickets:
        thread.ticket_id = str(help_desk.open_ticket(world, portal, thread))
    return thread


def _contact(world: World, portal: Portal, delivery_id: DeliveryId | None, named: list[int]) -> int:
    """Return the contact that a message belongs to, or 0 for a visitor whom nobody knows."""
    if world.switches.contact_association != "never":
        for number in named:
            if portal.crm.record(CONTACT, number) is not None:
                return number
    if delivery_id is None:
        return 0
    for name in PROPERTIES_OF_IDS.get(delivery_id.kind, ()):
        for record in portal.crm.of(CONTACT).values():
            if not record.archived and record.value(name) == delivery_id.value:
                return record.id
    return 0


def by_parties(account: Account, parties: tuple[Party, ...]) -> str:
    """Name a thread of a channel that knows threads by who takes part in them."""
    values = sorted(each.delivery_id.value for each in parties if each.delivery_id is not None)
    return f"{account.id}:{'+'.join(values)}"


def customer_of(thread: Thread) -> Party:
    """Who wrote last from outside, as an answer is addressed to them."""
    for message in reversed(thread.messages):
        is_theirs = message.kind == MESSAGE and message.direction == "INCOMING"
        if is_theirs and message.senders:
            return message.senders[0]
    for message in thread.messages:
        if message.recipients:
            return message.recipients[0]
    raise LookupError("nobody takes part in the thread")


def comment(world: World, thread: Thread, what: tuple[str, str], by: tuple[str, int]) -> Message:
    """Leave words that colleagues alone see. `what`: plain and rich, `by`: actor and program."""
    (text, rich), (actor, app_id) = what, by
    now = world.now()
    made = Message(
        id=world.hex(32),
        kind=COMMENT,
        thread_id=thread.id,
        at=now,
        said_ms=round(now * 1000),
        created_by=actor,
        app_id=app_id,
        text=text,
        rich_text=rich,
        senders=(Party(actor=actor),),
    )
    thread.messages.append(made)
    return made


def answer(
    world: World,
    portal: Portal,
    thread: Thread,
    user: User,
    what: tuple[str, str, list[dict[str, object]]],
) -> Message:
    """Write to the customer as an employee; `what` is text, the same with markup, and files."""
    text, rich, attachments = what
    account, customer = portal.talks.accounts[thread.account_id], customer_of(thread)
    now = world.now()
    thread.assigned_to = thread.assigned_to or user.actor
    made = Message(
        id=world.hex(32),
        kind=MESSAGE,
        thread_id=thread.id,
        at=now,
        said_ms=round(now * 1000),
        created_by=user.actor,
        app_id=0,
        text=text,
        rich_text=rich,
        direction="OUTGOING",
        channel_id=thread.channel_id,
        account_id=thread.account_id,
        senders=(Party(actor=user.actor, name=user.full_name, delivery_id=account.delivery_id),),
        recipients=(Party(actor=f"V-{thread.contact_id}", delivery_id=customer.delivery_id),),
        attachments=list(attachments),
        status="SENT",
    )
    thread.messages.append(made)
    return made


def in_order(world: World, thread: Thread) -> list[Message]:
    """Return everything in the order that people see."""
    if world.switches.messages_sorted_by == "arrival":
        return list(thread.messages)
    return sorted(thread.messages, key=lambda each: each.said_ms)
