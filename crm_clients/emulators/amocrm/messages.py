"""Messages that the channel brings to amojo: new, repeated, and edited ones."""

from channel_clients.emulators.stage import Push, Response

from . import intake, strict
from .chat_call import ChatCall, chat_of, message_of, person_for, refuse
from .hooks import tell_of_message
from .model import Chat, ChatMessage, DeliveryStatus, Direction, Json, Person
from .world import World

FETCH_TIMEOUT_S = 10.0

NEEDS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "contact": ("contact",),
    "file": ("media", "file_name", "file_size"),
    "video": ("media", "file_name", "file_size"),
    "picture": ("media", "file_name", "file_size"),
    "voice": ("media",),
    "audio": ("media",),
    "sticker": (),
    "location": ("location",),
}


def receive(call: ChatCall) -> Response:
    """Take a message in. The answer says no more than that it was accepted."""
    sent = call.body({"event_type!": str, "payload!": dict})
    payload: Json = sent["payload"]
    match sent["event_type"]:
        case "new_message":
            call.expect(payload, strict.NEW_MESSAGE)
            return _new(call, payload)
        case "edit_message":
            call.expect(payload, strict.EDIT_MESSAGE)
            return _edit(call, payload)
        case other:
            raise refuse(call.world, 400, "INVALID_REQUEST", f"unknown event_type {other!r}")


def _new(call: ChatCall, payload: Json) -> Response:
    _check_content(call, payload["message"])
    direction = _direction(call, payload)
    _check_quotes(call, payload)
    duplicate = message_of(call, client_id=payload["msgid"])
    if duplicate is not None:
        fault = call.world.stage.take(call.request, {"duplicate_msgid_error"})
        if fault or call.world.switches.duplicate_msgid == "error":
            raise refuse(call.world, 400, "DUPLICATE_MSGID", "This msgid is already known")
        if call.world.switches.duplicate_msgid == "same_ids":
            return _accepted(call, payload, duplicate)
    client = payload["sender"] if direction == "incoming" else payload["receiver"]
    person = person_for(call, client)
    chat = _chat_for(call, payload, person)
    message = _message(call, payload, direction, chat)
    call.account.add_message(chat, message)
    call.msgids[payload["msgid"]] = message
    silent = bool(payload.get("silent"))
    if call.world.switches.processing_delay_s:
        call.world.background.start(_process_later(call, chat, message, silent=silent))
    else:
        _process(call, chat, message, silent=silent)
    return _accepted(call, payload, message)


def _check_content(call: ChatCall, content: Json) -> None:
    kind = content["type"]
    if kind not in NEEDS:
        raise refuse(call.world, 400, "INVALID_REQUEST", f"unknown message type {kind!r}")
    missing = [name for name in NEEDS[kind] if content.get(name) in (None, "")]
    if missing:
        raise refuse(call.world, 400, "INVALID_REQUEST", f"a {kind} needs {', '.join(missing)}")
    limit = call.world.switches.text_limit
    if limit and len(content.get("text") or "") > limit:
        raise refuse(call.world, 400, "INVALID_REQUEST", f"text is longer than {limit}")


def _direction(call: ChatCall, payload: Json) -> Direction:
    """A receiver makes a message outgoing; its sender must be a manager or the channel's bot."""
    ref_id = payload["sender"].get("ref_id")
    staff = {user.amojo_id for user in call.account.users.values()} | {call.channel.bot_id}
    if payload.get("receiver") is None:
        if ref_id in staff:
            raise refuse(call.world, 400, "INVALID_REQUEST", "an outgoing message needs a receiver")
        if ref_id is not None and ref_id not in call.account.people:
            raise refuse(call.world, 400, "INVALID_REQUEST", "sender.ref_id is unknown")
        return "incoming"
    if ref_id not in staff:
        raise refuse(call.world, 400, "INVALID_REQUEST", "sender.ref_id is no manager and no bot")
    return "outgoing"


def _check_quotes(call: ChatCall, payload: Json) -> None:
    quoted = (payload.get("reply_to") or {}).get("message")
    if quoted and (quoted.get("id") or quoted.get("msgid")):
        ids = {"amojo_id": quoted.get("id"), "client_id": quoted.get("msgid")}
        if message_of(call, **ids) is None and not quoted.get("type"):
            raise refuse(call.world, 400, "INVALID_REQUEST", "reply_to names no known message")
    if len((payload.get("forwards") or {}).get("messages") or ()) > 1:
        raise refuse(call.world, 400, "INVALID_REQUEST", "forwards carries one message at most")
    source = payload.get("source")
    if source and len(source["external_id"]) > 40:
        raise refuse(call.world, 400, "INVALID_REQUEST", "source.external_id is too long")


def _chat_for(call: ChatCall, payload: Json, person: Person) -> Chat:
    ref_id = payload.get("conversation_ref_id")
    chat = chat_of(call, client_id=payload["conversation_id"])
    if chat is None and ref_id:
        chat = chat_of(call, ref_id=ref_id)
        if chat is None:
            raise refuse(call.world, 400, "INVALID_REQUEST", "conversation_ref_id is unknown")
        chat.client_id = payload["conversation_id"]
        call.conversations[chat.client_id] = chat
    if chat is None:
        chat = Chat(
            id=call.world.uuid(),
            channel_id=call.channel.id,
            person_id=person.id,
            client_id=payload["conversation_id"],
        )
        call.add_chat(chat)
    if payload.get("source"):
        chat.source_external_id = payload["source"]["external_id"]
    return chat


def _message(call: ChatCall, payload: Json, direction: Direction, chat: Chat) -> ChatMessage:
    sender = payload["sender"]
    switches = call.world.switches
    wait = switches.processing_delay_s + switches.history_delay_s
    sent_ms = payload.get("msec_timestamp") or payload["timestamp"] * 1000
    return ChatMessage(
        id=call.world.uuid(),
        chat_id=chat.id,
        client_id=payload["msgid"],
        direction=direction,
        sender_id=chat.person_id if direction == "incoming" else sender["ref_id"],
        sender_name=sender["name"],
        content=payload["message"],
        timestamp_ms=sent_ms,
        visible_at=call.world.now() + wait,
        reply_to=payload.get("reply_to"),
    )


async def _process_later(call: ChatCall, chat: Chat, message: ChatMessage, *, silent: bool) -> None:
    await call.world.stage.clock.sleep(call.world.switches.processing_delay_s)
    _process(call, chat, message, silent=silent)


def _process(call: ChatCall, chat: Chat, message: ChatMessage, *, silent: bool) -> None:
    intake.take_in(call.world, call.account, chat, message, silent=silent)
    if call.world.switches.fetches_media and message.content.get("media"):
        call.world.background.start(fetch(call.world, message.content["media"]))
    by_bot = message.sender_id == call.channel.bot_id
    if message.direction == "outgoing" and not by_bot and call.world.switches.hooks_for_imported:
        tell_of_message(call.world, call.account, chat, message)


async def fetch(world: World, url: str) -> None:
    """Get a file from the address that a message names, as anybody on the internet would."""
    ask = Push(method="GET", url=url, headers={}, body=b"", timeout_s=FETCH_TIMEOUT_S)
    answer = await world.stage.deliver(ask)
    is_there = answer is not None and answer.status == 200
    world.fetched[url] = answer.body if answer is not None and is_there else None
    if not is_there and world.switches.fetch_again_s:
        world.background.start_later(_fetch_later(world, url))


async def _fetch_later(world: World, url: str) -> None:
    await world.stage.clock.sleep(world.switches.fetch_again_s)
    await fetch(world, url)


def _accepted(call: ChatCall, payload: Json, message: ChatMessage) -> Response:
    answer: Json = {"msgid": message.id, "ref_id": message.client_id}
    receiver = payload.get("receiver")
    chat = call.account.chats[message.chat_id]
    if call.world.switches.message_ids == "client":
        receiver_id = receiver and receiver["id"]
        ids = (payload["conversation_id"], payload["sender"]["id"], receiver_id)
    else:
        ids = (chat.id, message.sender_id, chat.person_id if receiver else None)
    if call.world.switches.message_ids != "omit":
        answer |= dict(zip(("conversation_id", "sender_id", "receiver_id"), ids, strict=True))
    return Response.of({"new_message": answer})


def _edit(call: ChatCall, payload: Json) -> Response:
    """Change a message that is known by `id` or by `msgid`; both together tie one to the other."""
    _check_content(call, payload["message"])
    message = message_of(call, amojo_id=payload.get("id"), client_id=payload.get("msgid"))
    if message is None:
        raise refuse(call.world, 400, "NOT_FOUND", "There is no such message")
    if payload.get("id") and payload.get("msgid"):
        message.client_id = payload["msgid"]
        call.msgids[payload["msgid"]] = message
    status = payload["message"].get("delivery_status")
    if status:
        message.statuses.append(
            DeliveryStatus(
                at=call.world.unix(),
                code=status["status_code"],
                error_code=status.get("error_code"),
                error=status.get("error"),
            )
        )
    message.content = {**message.content, **payload["message"]}
    message.edited = True
    return Response.of({"edit_message": {"msgid": message.id, "ref_id": message.client_id}})
