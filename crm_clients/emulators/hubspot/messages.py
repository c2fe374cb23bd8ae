"""How parties, attachments and messages are read, and how they are told."""

from collections.abc import Iterable
from typing import Any

from . import file_links
from .call import Call
from .inbox_model import COMMENT, MESSAGE, DeliveryId, Json, Message, Party
from .model import Portal
from .problems import invalid
from .world import World, iso

KINDS_OF_IDS = frozenset(
    {"CHANNEL_SPECIFIC_OPAQUE_ID", "HS_EMAIL_ADDRESS", "HS_PHONE_NUMBER", "HS_SHORT_CODE"}
)
USAGES = frozenset({"AUDIO", "IMAGE", "OTHER", "STICKER", "VOICE_RECORDING"})
# What each type of an attachment cannot do without.
ATTACHMENTS = {
    "FILE": ("fileId",),
    "LOCATION": ("latitude", "longitude"),
    "CONTACT": ("contactProfile",),
    "UNSUPPORTED_CONTENT": (),
    "MESSAGE_HEADER": (),
    "QUICK_REPLIES": ("quickReplies",),
    "SOCIAL_MEDIA_METADATA": ("socialMetadata",),
}


def required(sent: Json, *names: str) -> None:
    missing = [name for name in names if sent.get(name) is None]
    if missing:
        raise invalid(f"Some required fields were not set: [{', '.join(missing)}]")


def read_delivery_id(value: Any) -> DeliveryId:
    """Raises: `Refused` for what names nobody."""
    if not isinstance(value, dict) or not value.get("value"):
        raise invalid("Invalid input: deliveryIdentifier needs a type and a value")
    if value.get("type") not in KINDS_OF_IDS:
        raise invalid(f"Invalid input: {value.get('type')} is no type of a deliveryIdentifier")
    return DeliveryId(kind=str(value["type"]), value=str(value["value"]))


def read_parties(sent: Json, name: str) -> tuple[Party, ...]:
    parties = sent.get(name) or []
    if not isinstance(parties, list) or not all(isinstance(each, dict) for each in parties):
        raise invalid(f"Invalid input: {name} must be a list of objects")
    return tuple(
        Party(
            actor=str(each.get("senderActorId") or ""),
            name=str(each.get("name") or ""),
            delivery_id=read_delivery_id(each.get("deliveryIdentifier")),
        )
        for each in parties
    )


def read_attachments(call: Call, sent: Json) -> list[Json]:
    """Return attachments as they are stored; a file has to be one of the portal's."""
    given = sent.get("attachments") or []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise invalid("Invalid input: attachments must be a list of objects")
    return [_attachment(call.portal, each) for each in given]


def _attachment(portal: Portal, sent: Json) -> Json:
    kind = sent.get("type")
    if kind not in ATTACHMENTS:
        raise invalid(f"Invalid input: {kind} is no type of an attachment")
    required(sent, *ATTACHMENTS[kind])
    if kind != "FILE":
        return dict(sent)
    held = portal.files.get(int(sent["fileId"])) if str(sent["fileId"]).isdigit() else None
    if held is None or held.archived_at is not None:
        raise invalid(f"File {sent['fileId']} does not exist")
    usage = sent.get("fileUsageType") or "OTHER"
    if usage not in USAGES:
        raise invalid(f"Invalid input: {usage} is no fileUsageType")
    return {"type": "FILE", "fileId": str(held.id), "fileUsageType": usage}


def shown_message(world: World, portal: Portal, message: Message) -> Json:
    """Tell a message as the API does; a comment has fewer keys than a message."""
    told: Json = {
        "id": message.id,
        "type": message.kind,
        "conversationsThreadId": str(message.thread_id),
        "createdAt": iso(message.said_ms / 1000),
        "updatedAt": iso(message.changed_at or message.at),
        "createdBy": message.created_by,
        "client": _client(message),
        "senders": [shown_party(each, "sender") for each in message.senders],
        "recipients": [shown_party(each, "recipient") for each in message.recipients],
        "archived": False,
    }
    if message.kind not in (MESSAGE, COMMENT):
        return told
    told |= {"text": message.text, "attachments": _attachments(world, portal, message.attachments)}
    if message.rich_text or message.kind == COMMENT:
        told["richText"] = message.rich_text or message.text
    return told | _of_messages(message) if message.kind == MESSAGE else told


def _of_messages(message: Message) -> Json:
    more: Json = {
        "truncationStatus": "NOT_TRUNCATED",
        "direction": message.direction,
        "channelId": str(message.channel_id),
        "channelAccountId": str(message.account_id),
        "status": {"statusType": message.status},
    }
    if message.error:
        details = {"errorMessage": message.error, "errorMessageTokens": {}}
        more["status"]["failureDetails"] = details
    if message.in_reply_to:
        more["inReplyToId"] = message.in_reply_to
    return more


def _client(message: Message) -> Json:
    if message.app_id:
        return {"clientType": "INTEGRATION", "integrationAppId": message.app_id}
    return {"clientType": "HUBSPOT"}


def shown_party(party: Party, role: str) -> Json:
    told: Json = {"name": party.name, "actorId": party.actor, f"{role}Field": ""}
    if party.delivery_id is not None:
        told["deliveryIdentifier"] = party.delivery_id.shown()
    return {key: value for key, value in told.items() if value}


def _attachments(world: World, portal: Portal, kept: Iterable[Json]) -> list[Json]:
    return [file_links.shown(world, portal, each) for each in kept]
