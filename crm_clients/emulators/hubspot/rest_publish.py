"""Messages of a channel: published by the integration, read back, and reported on."""

from datetime import datetime

from channel_clients.emulators.stage import Response

from . import channel_hooks, hooks, threads
from .call import Call, Route
from .inbox_model import (
    MESSAGE,
    Account,
    Channel,
    DeliveryId,
    Direction,
    Json,
    Mark,
    Message,
    Party,
    Reply,
    Thread,
)
from .messages import read_attachments, read_parties, required, shown_message
from .problems import conflict, invalid, not_found
from .rest_channels import ONE, READ, WRITE, own_account, own_channel

SPEC = ("attachments", "messageDirection", "recipients", "timestamp")
LIVE = ("channelAccountId", "senders", "text")
CODES = {"SENT": 1, "READ": 2, "FAILED": -1}


def publish(call: Call) -> Response:
    channel, sent = own_channel(call), call.one()
    strict = call.world.switches.publish_needs == "spec"
    required(sent, *(SPEC + LIVE if strict else LIVE))
    account = _account(call, channel, str(sent["channelAccountId"]))
    known = _known(call, account, sent)
    if known is not None:
        return Response.of(shown_message(call.world, call.portal, known), 200)
    message, whose = _read(call, channel, account, sent)
    thread = threads.open_thread(call.world, call.portal, account, whose)
    message.thread_id = thread.id
    _name(thread, message)
    thread.messages.append(message)
    _tell(call, thread, message)
    return Response.of(shown_message(call.world, call.portal, message), 201)


def _account(call: Call, channel: Channel, number: str) -> Account:
    account = own_account(call, channel, number)
    if not account.is_active:
        code = "ChannelIntegrationMessagePublishError.CHANNEL_ACCOUNT_INACTIVE"
        if call.world.switches.inactive_account_status == "404":
            raise not_found(f"Channel account {number} is not active", code)
        raise invalid(f"Channel account {number} is not active", code)
    return account


def _known(call: Call, account: Account, sent: Json) -> Message | None:
    """Return the message that was published under the same id, where anybody looks at it."""
    key, how = sent.get("integrationIdempotencyId"), call.world.switches.repeated_publish
    if not key or how == "twice":
        return None
    for _, message in call.portal.talks.messages():
        if (message.account_id, message.idempotency_id) == (account.id, key):
            if how == "conflict":
                code = "ChannelIntegrationMessagePublishError.DUPLICATE_IDEMPOTENCY_ID"
                raise conflict("A message with this idempotency id already exists", code)
            return message
    return None


def _read(
    call: Call, channel: Channel, account: Account, sent: Json
) -> tuple[Message, tuple[str, DeliveryId | None, list[int]]]:
    """Return the message, and whose thread it goes to."""
    direction = _direction(sent.get("messageDirection") or "INCOMING")
    parties = read_parties(sent, "senders"), read_parties(sent, "recipients")
    if not parties[0]:
        raise invalid("Invalid input: senders must not be empty")
    now = call.world.now()
    message = Message(
        id=call.world.hex(32),
        kind=MESSAGE,
        thread_id=0,
        at=now,
        said_ms=_moment(sent.get("timestamp"), now),
        created_by=f"I-{call.caller.app_id}",
        app_id=call.caller.app_id,
        text=str(sent["text"]),
        rich_text=str(sent.get("richText") or ""),
        direction=direction,
        channel_id=channel.id,
        account_id=account.id,
        senders=parties[0],
        recipients=parties[1],
        attachments=read_attachments(call, sent),
        in_reply_to=str(sent.get("inReplyToId") or ""),
        idempotency_id=str(sent.get("integrationIdempotencyId") or ""),
        status="RECEIVED" if direction == "INCOMING" else "SENT",
    )
    outside = parties[0] if direction == "INCOMING" else parties[1]
    customer = outside[0].delivery_id if outside else None
    return message, (_thread_id(channel, account, sent, parties), customer, _contacts(call, sent))


def _direction(given: object) -> Direction:
    match given:
        case "INCOMING" | "OUTGOING":
            return given
        case _:
            raise invalid(f"Invalid input: {given} is no messageDirection")


def _thread_id(
    channel: Channel, account: Account, sent: Json, parties: tuple[tuple[Party, ...], ...]
) -> str:
    if channel.threads_by != threads.BY_THEIR_ID:
        return threads.by_parties(account, (*parties[0], *parties[1]))
    if not sent.get("integrationThreadId"):
        raise invalid("integrationThreadId is required for the threading model of this channel")
    return str(sent["integrationThreadId"])


def _contacts(call: Call, sent: Json) -> list[int]:
    """Return the contacts that the integration says a message belongs to, the surest first."""
    direct, found = sent.get("associateWithContactId"), sent.get("preResolvedContacts") or {}
    if direct is not None and (isinstance(direct, bool) or not isinstance(direct, int)):
        raise invalid("Invalid input: associateWithContactId must be a number")
    beside = [each.get("contactVid") for each in found.get("contacts") or []]
    if not call.world.switches.pre_resolved_counts:
        beside = []
    return [int(each) for each in (direct, *beside) if each]


def _moment(given: object, now: float) -> int:
    if given is None:
        return round(now * 1000)
    try:
        said = datetime.fromisoformat(str(given))
    except ValueError:
        raise invalid(f"Invalid input: {given} is no date-time") from None
    if said.tzinfo is None:
        raise invalid(f"Invalid input: {given} has no zone")
    return round(said.timestamp() * 1000)


def _name(thread: Thread, message: Message) -> None:
    """Give the customer the name that HubSpot has for them."""
    visitor = f"V-{thread.contact_id}"
    if message.direction == "INCOMING":
        first, *others = message.senders
        named = Party(actor=visitor, name=first.name, delivery_id=first.delivery_id)
        message.senders = (named, *others)
    elif message.recipients:
        first, *others = message.recipients
        named = Party(actor=visitor, name=first.name, delivery_id=first.delivery_id)
        message.recipients = (named, *others)


def _tell(call: Call, thread: Thread, message: Message) -> None:
    told = {"messageId": message.id, "messageType": message.kind}
    hooks.tell_of_message(call.world, call.portal, thread.id, told)
    if message.direction == "OUTGOING" and call.world.switches.own_replies_told:
        reply = Reply(
            account=call.portal.name, thread=thread, message=message, user_id=0, at=message.at
        )
        channel_hooks.tell_of_reply(call.world, call.portal, reply)


def get_message(call: Call) -> Response:
    _, message = _message(call)
    return Response.of(shown_message(call.world, call.portal, message))


def _message(call: Call) -> tuple[Thread, Message]:
    channel, found = own_channel(call), call.portal.talks.message(call.args[1])
    if found is None or found[1].channel_id != channel.id:
        raise not_found(f"Message {call.args[1]} does not exist")
    return found


def report(call: Call) -> Response:
    """Take what became of a reply; nothing is later than READ, and words belong to FAILED."""
    (_, message), sent = _message(call), call.one()
    status = sent.get("statusType")
    if status not in CODES:
        raise invalid(f"Invalid input: {status} is no statusType")
    words = str(sent.get("errorMessage") or "")
    now = call.world.now()
    message.status, message.changed_at = status, now
    message.error = words if status == "FAILED" else ""
    mark = Mark(at=now, status=status, code=CODES[status], error=message.error or None)
    message.marks.append(mark)
    return Response.of(shown_message(call.world, call.portal, message))


MESSAGES = rf"{ONE}/messages"
ROUTES = (
    Route("POST", MESSAGES, publish, WRITE),
    Route("GET", rf"{MESSAGES}/([^/]+)", get_message, READ),
    Route("PATCH", rf"{MESSAGES}/([^/]+)", report, WRITE),
)
