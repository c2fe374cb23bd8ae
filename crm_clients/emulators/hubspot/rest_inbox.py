"""The conversations inbox: inboxes, channels, threads, their messages and comments, and actors."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from channel_clients.emulators.stage import Response

from . import channel_hooks, hooks, threads
from .call import Call, Route, offset, paging
from .inbox_model import COMMENT, MESSAGE, Inbox, Json, Reply, Thread
from .messages import read_attachments, required, shown_message
from .model import Portal
from .problems import Refused, invalid, not_found
from .rest_channels import listed, shown_account
from .world import answer_times, iso

READ = frozenset({"conversations.read"})
WRITE = frozenset({"conversations.write"})
OWN_CHANNELS = {1000: "chat", 1001: "Facebook Messenger", 1002: "email"}
LONGEST_PAGE = 500
SORTS = ("id", "latestMessageTimestamp")
CONTACT = "0-1"


def list_inboxes(call: Call) -> Response:
    rows = [] if call.flag("archived") else list(call.portal.talks.inboxes.values())
    return listed(call, [_inbox(each) for each in rows])


def get_inbox(call: Call) -> Response:
    found = call.portal.talks.inboxes.get(int(call.args[0]))
    if found is None:
        raise not_found(f"Inbox {call.args[0]} does not exist")
    return Response.of(_inbox(found))


def _inbox(inbox: Inbox) -> Json:
    at = iso(inbox.created_at)
    kind = {"id": str(inbox.id), "name": inbox.name, "type": inbox.kind}
    return {**kind, "createdAt": at, "updatedAt": at, "archived": False}


def list_channels(call: Call) -> Response:
    ours = {each.id: each.name for each in call.world.channels.values() if not each.is_archived}
    names = {**OWN_CHANNELS, **ours}
    return listed(call, [{"id": str(key), "name": name} for key, name in names.items()])


def list_accounts(call: Call) -> Response:
    channel, inbox = call.param("channelId"), call.param("inboxId")
    rows = [
        shown_account(each)
        for each in call.portal.talks.accounts.values()
        if channel in (None, str(each.channel_id)) and inbox in (None, str(each.inbox_id))
    ]
    return listed(call, rows)


def list_threads(call: Call) -> Response:
    sort, since = call.param("sort") or "id", call.param("latestMessageTimestampAfter")
    if sort not in SORTS:
        raise invalid(f"{sort} is no sort of threads")
    if sort == "latestMessageTimestamp" and not since:
        raise invalid("latestMessageTimestampAfter is required to sort by latestMessageTimestamp")
    if call.param("threadStatus") and not call.param("associatedContactId"):
        raise invalid("threadStatus needs associatedContactId")
    found = [each for each in call.portal.talks.threads.values() if _is_asked(call, each)]
    if since:
        after = _moment(since)
        found = [each for each in found if each.latest.said_ms / 1000 > after]
    found.sort(key=lambda each: each.id if sort == "id" else each.latest.said_ms)
    return _page(call, [shown_thread(call, each) for each in found])


def _is_asked(call: Call, thread: Thread) -> bool:
    wanted = {
        "associatedContactId": str(thread.contact_id),
        "associatedTicketId": thread.ticket_id,
        "inboxId": str(thread.inbox_id),
        "threadStatus": thread.status,
    }
    is_meant = all(call.param(name) in (None, "", value) for name, value in wanted.items())
    return is_meant and thread.is_archived == call.flag("archived")


def _moment(given: str) -> float:
    try:
        return datetime.fromisoformat(given).timestamp()
    except ValueError:
        raise invalid(f"{given} is no date-time") from None


def _page(call: Call, rows: list[Json]) -> Response:
    """Answer a page of a list that goes forward only."""
    limit, start = call.limit(LONGEST_PAGE, 100), offset(call.param("after"))
    more = paging(call, start + limit, len(rows))
    return Response.of({"results": rows[start : start + limit], **more})


def shown_thread(call: Call, thread: Thread) -> Json:
    said = [each for each in thread.messages if each.kind == MESSAGE]
    moments = {
        "latestMessageTimestamp": said,
        "latestMessageSentTimestamp": [each for each in said if each.direction == "OUTGOING"],
        "latestMessageReceivedTimestamp": [each for each in said if each.direction == "INCOMING"],
    }
    told: Json = {
        "id": str(thread.id),
        "status": thread.status,
        "createdAt": iso(thread.created_at),
        "inboxId": str(thread.inbox_id),
        "originalChannelId": str(thread.channel_id),
        "originalChannelAccountId": str(thread.account_id),
        "associatedContactId": str(thread.contact_id),
        "spam": False,
        "archived": thread.is_archived,
        **{name: iso(found[-1].said_ms / 1000) for name, found in moments.items() if found},
    }
    if thread.closed_at is not None:
        told["closedAt"] = iso(thread.closed_at)
    if thread.assigned_to:
        told["assignedTo"] = thread.assigned_to
    if thread.ticket_id and "TICKET" in call.listed("association"):
        told["threadAssociations"] = {"associatedTicketId": thread.ticket_id}
    return told


def own_thread(call: Call) -> Thread:
    thread = call.portal.talks.threads.get(int(call.args[0]))
    if thread is None or thread.is_archived != call.flag("archived"):
        raise no_thread(call.args[0])
    return thread


def no_thread(number: str) -> Refused:
    code = "ConversationsResourceNotFoundError.THREAD_NOT_FOUND"
    return not_found(f"Thread {number} does not exist", code)


def get_thread(call: Call) -> Response:
    return Response.of(shown_thread(call, own_thread(call)))


def change_thread(call: Call) -> Response:
    thread, sent = own_thread(call), call.one()
    status = sent.get("status", thread.status)
    if status not in ("OPEN", "CLOSED"):
        raise invalid(f"{status} is no status of a thread")
    thread.status = status
    thread.closed_at = call.world.now() if status == "CLOSED" else None
    if sent.get("archived") is False:
        thread.is_archived = False
    return Response.of(shown_thread(call, thread))


def archive_thread(call: Call) -> Response:
    own_thread(call).is_archived = True
    return Response(status=204)


def assign(call: Call) -> Response:
    thread = own_thread(call)
    thread.assigned_to = _agent(call, call.one().get("actorId")).actor
    return Response.of(shown_thread(call, thread))


def unassign(call: Call) -> Response:
    own_thread(call).assigned_to = ""
    return Response(status=204)


def _agent(call: Call, actor: Any) -> Any:
    for user in call.portal.users.values():
        if user.actor == actor and user.is_active:
            return user
    code = "ConversationsApiError.SENDER_AGENT_NOT_FOUND"
    raise invalid(f"No agent has the id {actor}", code)


def list_messages(call: Call) -> Response:
    found = threads.in_order(call.world, own_thread(call))
    sort = call.param("sort") or "createdAt"
    if sort.lstrip("-") != "createdAt":
        raise invalid(f"{sort} is no sort of messages")
    if sort.startswith("-"):
        found.reverse()
    return _page(call, [shown_message(call.world, call.portal, each) for each in found])


def get_message(call: Call) -> Response:
    for message in own_thread(call).messages:
        if message.id == call.args[1]:
            return Response.of(shown_message(call.world, call.portal, message))
    raise not_found(f"Message {call.args[1]} does not exist")


def get_content(call: Call) -> Response:
    for message in own_thread(call).messages:
        if message.id == call.args[1]:
            return Response.of({"text": message.text, "richText": message.rich_text})
    raise not_found(f"Message {call.args[1]} does not exist")


def write_message(call: Call) -> Response:
    sent = call.one()
    match sent.get("type"):
        case "MESSAGE":
            return _write_to_customer(call, sent)
        case "COMMENT":
            return _write_comment(call, sent)
        case other:
            raise invalid(f"{other} is no type of a message")


def _write_comment(call: Call, sent: Json) -> Response:
    required(sent, "text")
    if call.world.switches.publish_needs == "spec":
        required(sent, "attachments")
    thread = own_thread(call)
    words = str(sent["text"]), str(sent.get("richText") or "")
    app = call.caller.app_id
    made = threads.comment(call.world, thread, words, (f"I-{app}", app))
    made.attachments = read_attachments(call, sent)
    told = {"messageId": made.id, "messageType": COMMENT}
    hooks.tell_of_message(call.world, call.portal, thread.id, told)
    return Response.of(shown_message(call.world, call.portal, made), 201)


def _write_to_customer(call: Call, sent: Json) -> Response:
    """Write in an agent's name, as the page of the inbox would."""
    required(sent, "text", "recipients", "senderActorId", "channelId", "channelAccountId")
    actor = str(sent["senderActorId"])
    if actor.startswith("V-"):
        raise invalid("ActorType `VISITOR` is not supported for `sending`")
    thread, user = own_thread(call), _agent(call, actor)
    words = str(sent["text"]), str(sent.get("richText") or "")
    what = (*words, read_attachments(call, sent))
    made = threads.answer(call.world, call.portal, thread, user, what)
    made.app_id = call.caller.app_id
    reply = Reply(
        account=call.portal.name, thread=thread, message=made, user_id=user.id, at=made.at
    )
    channel_hooks.tell_of_reply(call.world, call.portal, reply)
    hooks.tell_of_message(
        call.world, call.portal, thread.id, {"messageId": made.id, "messageType": MESSAGE}
    )
    return Response.of(shown_message(call.world, call.portal, made), 201)


def get_actor(call: Call) -> Response:
    found = _actor(call.portal, call.args[0])
    if found is None:
        raise not_found(f"Actor {call.args[0]} does not exist")
    return Response.of(found)


def read_actors(call: Call) -> Response:
    asked = call.one().get("inputs")
    if not isinstance(asked, list):
        raise invalid("Invalid request: inputs must be a list of ids")
    found = [_actor(call.portal, str(each)) for each in asked]
    results = [each for each in found if each is not None]
    body: Json = {"status": "COMPLETE", "results": results}
    return Response.of({**body, **answer_times(call.began, call.world.now())})


def _actor(portal: Portal, actor: str) -> Json | None:
    kind, _, number = actor.partition("-")
    match kind:
        case "A":
            people = (each for each in portal.users.values() if each.actor == actor)
            user = next(people, None)
            if user is None:
                return None
            return {"id": actor, "type": "AGENT", "name": user.full_name, "email": user.email}
        case "V":
            return {"id": actor, "type": "VISITOR", **_visitor(portal, number)}
        case "I":
            return {"id": actor, "type": "INTEGRATOR", "name": "Integration"}
        case "S":
            return {"id": actor, "type": "SYSTEM"}
        case _:
            return None


def _visitor(portal: Portal, number: str) -> dict[str, str]:
    record = portal.crm.record(CONTACT, int(number)) if number.isdigit() else None
    if record is None:
        return {}
    told = {"name": record.name, "email": record.value("email")}
    return {key: value for key, value in told.items() if value}


ROOT, ONE = "conversations", r"conversations/threads/(\d+)"
SAID = rf"{ONE}/messages"


def _routes() -> Iterator[Route]:
    yield Route("GET", f"{ROOT}/inboxes", list_inboxes, READ)
    yield Route("GET", rf"{ROOT}/inboxes/(\d+)", get_inbox, READ)
    yield Route("GET", f"{ROOT}/channels", list_channels, READ)
    yield Route("GET", f"{ROOT}/channel-accounts", list_accounts, READ)
    yield Route("GET", f"{ROOT}/threads", list_threads, READ)
    yield Route("GET", ONE, get_thread, READ)
    yield Route("PATCH", ONE, change_thread, WRITE)
    yield Route("DELETE", ONE, archive_thread, WRITE)
    yield Route("PUT", f"{ONE}/assignee", assign, WRITE)
    yield Route("POST", f"{ONE}/assignee", assign, WRITE)
    yield Route("DELETE", f"{ONE}/assignee", unassign, WRITE)
    yield Route("GET", SAID, list_messages, READ)
    yield Route("POST", SAID, write_message, WRITE)
    yield Route("GET", rf"{SAID}/([^/]+)", get_message, READ)
    yield Route("GET", rf"{SAID}/([^/]+)/original-content", get_content, READ)
    yield Route("POST", f"{ROOT}/actors/batch/read", read_actors, READ)
    yield Route("GET", rf"{ROOT}/actors/([^/]+)", get_actor, READ)


ROUTES = tuple(_routes())
