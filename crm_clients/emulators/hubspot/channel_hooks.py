"""What a channel is told of, one JSON object a call: replies, and its accounts."""

import json

from .inbox_model import Account, Json, Reply
from .messages import shown_message
from .model import Portal
from .sending import ATTEMPTS, nobody, send
from .world import Letter, Told, World, iso

REPLY = "OUTGOING_CHANNEL_MESSAGE_CREATED"


def tell_of_reply(world: World, portal: Portal, reply: Reply) -> None:
    """Tell the channel what an operator wrote; its answer is kept with the reply."""
    thread = reply.thread

    def told(status: int | None) -> None:
        reply.hook_sent, reply.hook_status = True, status

    names: Json = {"channelIntegrationThreadIds": [thread.external_id]}
    if world.switches.thread_told_as == "integrationThreadId":
        names = {"integrationThreadId": thread.external_id}
    said = shown_message(world, portal, reply.message)
    if world.switches.recipient_told_as == "words":
        for party in said["recipients"]:
            party["deliveryIdentifier"] = party["deliveryIdentifier"]["value"]
    _send(world, portal, thread.channel_id, {"type": REPLY, **names, "message": said}, told)


def tell_of_account(world: World, portal: Portal, account: Account, what: str) -> None:
    """Tell that an account was CREATED, UPDATED or PURGED."""
    body: Json = {
        "type": f"CHANNEL_ACCOUNT_{what}",
        "channelAccountId": str(account.id),
        "authorized": account.is_authorized,
    }
    if account.delivery_id is not None:
        body["channelAccountDeliveryIdentifier"] = account.delivery_id.shown()
    if what == "UPDATED":
        body |= {"active": account.is_active, "archived": account.is_archived}
    _send(world, portal, account.channel_id, body)


def _send(world: World, portal: Portal, channel_id: int, body: Json, told: Told = nobody) -> None:
    channel = world.channels[channel_id]
    envelope = {
        **body,
        "portalId": str(portal.hub_id),
        "channelId": str(channel.id),
        "eventTimestamp": iso(world.now()),
        "eventId": world.uuid(),
    }
    raw = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
    letter = Letter(
        app=world.app(channel.app_id),
        url=channel.webhook_url,
        name=str(body["type"]),
        body=lambda _: raw,
        attempts=ATTEMPTS if world.switches.channel_hooks_repeated else 1,
        told=told,
    )
    send(world, letter)
