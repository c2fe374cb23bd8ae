"""The door of the chats API (amojo): signatures, scopes, and everything but the messages."""

import re

from channel_clients.emulators.stage import Request, Response

from . import messages, signing, strict
from .chat_call import ChatCall, chat_of, message_of, person_for, refuse
from .hooks import tell_of_action
from .model import Chat, ChatMessage, Connection, DeliveryStatus, Json
from .problems import Refused, empty, nginx
from .world import World

UUID = "([0-9a-f-]{36})"
SCOPE = f"{UUID}_{UUID}"
ROOT = "/v2/origin/custom"
LONGEST_HISTORY = 50
DELIVERED, READ, FAILED = 1, 2, -1
ERROR_CODES = range(901, 906)


def answer(world: World, request: Request, path: str) -> Response:
    """Answer a call; `path` is the one the client signs."""
    fault = world.stage.take(request, {"flood", "blocked_403", "html_500"})
    if fault is not None:
        return nginx({"flood": 429, "blocked_403": 403, "html_500": 500}[fault.name])
    try:
        return _route(world, request, path)
    except Refused as refused:
        return refused.response


def _route(world: World, request: Request, path: str) -> Response:
    found = re.fullmatch(f"{ROOT}/{UUID}(?:_{UUID})?(/.*)?", path)
    channel = world.channels.get(found[1]) if found else None
    if found is None or channel is None:
        raise refuse(world, 404, "NOT_FOUND", "There is no such channel")
    headers = request.headers
    flaw = signing.flaw(channel.secret, (request.method, path), headers, request.body)
    if not flaw and signing.is_stale(headers, world.stage.clock.now()):
        flaw = "Date is not within 15 minutes of now"
    if flaw:
        raise refuse(world, 403, "INVALID_SIGNATURE", flaw)
    call = ChatCall(world=world, channel=channel, request=request)
    if found[2] is None:
        return _channel_route(call, found[3] or "")
    try:
        account = world.account(found[2])
    except LookupError:
        raise refuse(world, 403, "FORBIDDEN", "There is no such account") from None
    if account.amojo_id not in channel.connections:
        raise refuse(world, 403, "FORBIDDEN", "The channel is not connected to this account")
    return _scope_route(call.within(account), found[3] or "")


def _channel_route(call: ChatCall, path: str) -> Response:
    match call.request.method, path:
        case "POST", "/connect":
            return _connect(call)
        case "DELETE", "/disconnect":
            sent = call.body(strict.DISCONNECT)
            call.channel.connections.pop(sent["account_id"], None)
            return empty(200)
        case _:
            raise refuse(call.world, 404, "INVALID_URI", "Not found")


def _scope_route(call: ChatCall, path: str) -> Response:
    method = call.request.method
    if method == "GET":
        history = re.fullmatch(f"/chats/{UUID}/history", path)
        if history:
            return _history(call, history[1])
    status = re.fullmatch("/([^/]+)/delivery_status", path)
    match method, path:
        case "POST", "":
            return messages.receive(call)
        case "POST", "/chats":
            return _create_chat(call)
        case "POST", "/typing":
            call.body(strict.TYPING)
            return empty()
        case "POST", "/react":
            return _react(call)
        case "POST", _ if status:
            return _set_status(call, status[1])
        case _:
            raise refuse(call.world, 404, "INVALID_URI", "Not found")


def _connect(call: ChatCall) -> Response:
    sent = call.body(strict.CONNECT)
    account_id, channel = sent["account_id"], call.channel
    if account_id not in channel.approved:
        status = call.world.switches.unapproved_status
        raise refuse(call.world, status, "FORBIDDEN", "The account is not approved")
    version = sent.get("hook_api_version", "v1")
    if version not in ("v1", "v2"):
        raise refuse(call.world, 400, "INVALID_REQUEST", "hook_api_version is v1 or v2")
    title = sent.get("title") or channel.title
    channel.connections[account_id] = Connection(title=title, hook_api_version=version)
    return Response.of(
        {
            "account_id": account_id,
            "scope_id": f"{channel.id}_{account_id}",
            "title": title,
            "hook_api_version": version,
        }
    )


def _create_chat(call: ChatCall) -> Response:
    """Create a chat, or find it by the conversation id; no contact and no lead come of it."""
    sent = call.body(strict.CHAT)
    person = person_for(call, sent["user"])
    chat = chat_of(call, client_id=sent["conversation_id"])
    if chat is None:
        chat = Chat(
            id=call.world.uuid(),
            channel_id=call.channel.id,
            person_id=person.id,
            client_id=sent["conversation_id"],
        )
        call.add_chat(chat)
    if sent.get("source"):
        chat.source_external_id = sent["source"]["external_id"]
    user = {
        "id": person.id,
        "client_id": person.client_id,
        "name": person.name,
        "avatar": person.avatar,
    }
    filled = {"phone": person.phone, "email": person.email}
    user |= {name: value for name, value in filled.items() if value}
    return Response.of({"id": chat.id, "user": user})


def _set_status(call: ChatCall, message_id: str) -> Response:
    sent = call.body(strict.STATUS)
    allowed = call.world.switches.delivery_status_key
    keys = ("delivery_status", "status_code") if allowed == "any" else (allowed,)
    code = next((sent[key] for key in keys if sent.get(key) is not None), None)
    if code not in (DELIVERED, READ, FAILED):
        raise refuse(call.world, 400, "INVALID_REQUEST", "delivery_status is 1, 2 or -1")
    if code == FAILED and (sent.get("error_code") not in ERROR_CODES or not sent.get("error")):
        raise refuse(call.world, 400, "INVALID_REQUEST", "error_code and error are required")
    message = message_of(call, amojo_id=message_id)
    if message is None:
        raise refuse(call.world, 404, "NOT_FOUND", "There is no such message")
    message.statuses.append(
        DeliveryStatus(
            at=call.world.unix(),
            code=code,
            error_code=sent.get("error_code"),
            error=sent.get("error"),
        )
    )
    return empty(200)


def _react(call: ChatCall) -> Response:
    sent = call.body(strict.REACTION)
    if sent["type"] not in ("react", "unreact"):
        raise refuse(call.world, 400, "INVALID_REQUEST", "type is react or unreact")
    user = sent["user"].get("ref_id") or sent["user"].get("id")
    if user is None:
        raise refuse(call.world, 400, "INVALID_REQUEST", "user needs an id")
    message = message_of(call, amojo_id=sent.get("id"), client_id=sent.get("msgid"))
    if message is None:
        raise refuse(call.world, 404, "NOT_FOUND", "There is no such message")
    if sent["type"] == "react":
        message.reactions[user] = sent.get("emoji", "")
    else:
        message.reactions.pop(user, None)
    if call.world.switches.hooks_for_own_reactions:
        _tell_back(call, message, sent)
    return empty(200)


def _tell_back(call: ChatCall, message: ChatMessage, sent: Json) -> None:
    chat = call.account.chats[message.chat_id]
    client_id = {} if chat.client_id is None else {"client_id": chat.client_id}
    reaction: Json = {
        "msgid": message.id,
        "user": {"id": chat.person_id},
        "conversation": {"id": chat.id, **client_id},
        "type": sent["type"],
    }
    if sent.get("emoji"):
        reaction["emoji"] = sent["emoji"]
    tell_of_action(call.world, call.account, chat, {"reaction": reaction})


def _history(call: ChatCall, chat_id: str) -> Response:
    """The newest messages first, as far as they have been processed."""
    limit = _number(call, "limit", LONGEST_HISTORY)
    offset = _number(call, "offset", 0)
    if limit > LONGEST_HISTORY:
        raise refuse(call.world, 400, "INVALID_REQUEST", f"limit is at most {LONGEST_HISTORY}")
    chat = call.account.chats.get(chat_id)
    if chat is None or chat.channel_id != call.channel.id:
        return empty()
    now = call.world.now()
    seen = [message for message in chat.messages if message.visible_at <= now]
    # Of equal moments, too, the newest comes first.
    seen = sorted(seen, key=lambda message: message.timestamp_ms)[::-1]
    chosen = seen[offset : offset + limit]
    if not chosen:
        return empty()
    return Response.of({"messages": [_shown(call, chat, message) for message in chosen]})


def _number(call: ChatCall, name: str, default: int) -> int:
    given = call.request.param(name)
    if given is None:
        return default
    if not given.isdigit():
        raise refuse(call.world, 400, "INVALID_REQUEST", f"{name} is a number")
    return int(given)


def _shown(call: ChatCall, chat: Chat, message: ChatMessage) -> Json:
    person = call.account.people[chat.person_id]
    client: Json = {"id": person.id, "name": person.name}
    filled = {"client_id": person.client_id, "phone": person.phone, "email": person.email}
    client |= {name: value for name, value in filled.items() if value}
    content = message.content
    shown: Json = {
        "id": message.id,
        "type": content["type"],
        "text": message.text,
        "media": content.get("media") or "",
        "thumbnail": "",
        "file_name": content.get("file_name") or "",
        "file_size": content.get("file_size") or 0,
    }
    optional = {name: content.get(name) for name in ("location", "contact", "media_group_id")}
    optional["client_id"] = message.client_id
    shown |= {name: value for name, value in optional.items() if value}
    times = {"timestamp": message.timestamp_ms // 1000, "msec_timestamp": message.timestamp_ms}
    if message.direction == "incoming":
        return {**times, "sender": client, "message": shown}
    author = {"id": message.sender_id, "name": message.sender_name}
    return {**times, "sender": author, "receiver": client, "message": shown}
