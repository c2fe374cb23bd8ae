"""Chat hooks: signed, and sent exactly once, whatever becomes of them."""

import json
from dataclasses import replace

from channel_clients.emulators.stage import Push, Request

from . import signing
from .model import Account, Channel, Chat, ChatMessage, Json, Reply
from .world import HeldHook, World

TIMEOUT_S = 5.0
HOLD_S = 5.0


def tell_of_message(
    world: World, account: Account, chat: Chat, message: ChatMessage, reply: Reply | None = None
) -> None:
    """Send the hook of an operator's message; `reply` is where the outcome is written."""
    channel = world.channels[chat.channel_id]
    if channel.connections[account.amojo_id].hook_api_version == "v1":
        body = _first_version(account, chat, message)
    else:
        body = _second_version(world, account, chat, message)
    send(world, account, channel, body, reply)


def tell_of_action(world: World, account: Account, chat: Chat, action: Json) -> None:
    """Send the hook of typing or of a reaction."""
    body = {"account_id": account.amojo_id, "time": world.unix(), "action": action}
    send(world, account, world.channels[chat.channel_id], body)


def send(
    world: World, account: Account, channel: Channel, body: Json, reply: Reply | None = None
) -> None:
    """Send a hook as the armed faults allow. The channel must be connected to the account."""
    if account.amojo_id not in channel.connections:
        return
    push = _push(channel, account, body)
    faults = world.stage
    matched = Request(method=push.method, path=push.url)
    if faults.take(matched, {"lost_hook"}):
        return
    if faults.take(matched, {"bad_signature_hook"}):
        push = replace(push, headers={**push.headers, "x-signature": "0" * 40})
    pushes = [push, push] if faults.take(matched, {"duplicate_hook"}) else [push]
    waiting, world.held_hook = world.held_hook, None
    if waiting is None and faults.take(matched, {"reordered_hooks"}):
        world.held_hook = HeldHook(pushes=pushes, reply=reply)
        world.background.start_later(_release_late(world, world.held_hook))
        return
    parcels = [(pushes, reply)]
    if waiting is not None:
        parcels.append((waiting.pushes, waiting.reply))
    world.background.start(_deliver(world, parcels))


def _push(channel: Channel, account: Account, body: Json) -> Push:
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Push(
        method="POST",
        url=channel.hook_url.replace(":scope_id", channel.scope_id(account)),
        headers={
            "content-type": signing.JSON,
            "x-signature": signing.hook_signature(channel.secret, raw),
        },
        body=raw,
        timeout_s=TIMEOUT_S,
    )


async def _deliver(world: World, parcels: list[tuple[list[Push], Reply | None]]) -> None:
    for pushes, reply in parcels:
        for push in pushes:
            status = await world.stage.push(push)
            if reply is not None:
                reply.hook_sent, reply.hook_status = True, status


async def _release_late(world: World, held: HeldHook) -> None:
    """A held hook goes out alone when no other comes to overtake it."""
    await world.stage.clock.sleep(HOLD_S)
    if world.held_hook is held:
        world.held_hook = None
        world.background.start(_deliver(world, [(held.pushes, held.reply)]))


def _second_version(world: World, account: Account, chat: Chat, message: ChatMessage) -> Json:
    person = account.people[chat.person_id]
    receiver = {"id": person.id, "phone": person.phone, "email": person.email}
    conversation = {"id": chat.id}
    if chat.client_id is not None:
        conversation["client_id"] = chat.client_id
        receiver["client_id"] = person.client_id or ""
    sender = {"id": message.sender_id}
    if world.switches.hook_sender_name:
        sender["name"] = message.sender_name
    said: Json = {
        "receiver": receiver,
        "sender": sender,
        "conversation": conversation,
        "timestamp": message.timestamp_ms // 1000,
        "msec_timestamp": message.timestamp_ms,
        "message": {"id": message.id, **_content(message)},
    }
    if chat.source_external_id:
        said["source"] = {"external_id": chat.source_external_id}
    if message.reply_to:
        said["message"]["reply_to"] = message.reply_to
    return {"account_id": account.amojo_id, "time": world.unix(), "message": said}


def _content(message: ChatMessage) -> Json:
    blank: Json = {
        "type": "text",
        "text": "",
        "markup": None,
        "tag": "",
        "media": "",
        "thumbnail": "",
        "file_name": "",
        "file_size": 0,
    }
    return {**blank, **message.content}


def _first_version(account: Account, chat: Chat, message: ChatMessage) -> Json:
    content = _content(message)
    names = ("type", "text", "media", "thumbnail", "file_name", "file_size")
    return {
        "receiver": account.people[chat.person_id].client_id,
        "conversation_id": chat.client_id,
        **{name: content[name] for name in names},
        "msec_timestamp": message.timestamp_ms,
    }
