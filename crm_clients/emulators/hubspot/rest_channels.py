"""Custom channels: an application registers them, accounts of portals are connected to them."""

from typing import Any

from channel_clients.emulators.stage import Response

from . import channel_hooks
from .call import Call, Route, paging
from .inbox_model import Account, Channel, DeliveryId, Json, StagingToken
from .messages import KINDS_OF_IDS, read_delivery_id, required
from .problems import Refused, conflict, invalid, not_found
from .world import iso

READ = frozenset({"conversations.custom_channels.read", "conversations.custom_channels.write"})
WRITE = frozenset({"conversations.custom_channels.write"})
MOST_CHANNELS = 10
THREADING = {"INTEGRATION_THREAD_ID", "DELIVERY_IDENTIFIER"}
LONG_THREADING = {f"{name}_BASED_THREADING" for name in THREADING}
FLAGS = (
    "allowInlineImages",
    "allowOutgoingMessages",
    "allowConversationStart",
    "allowMultipleRecipients",
    "allowFileAttachments",
)
NUMBERS = (
    "maxFileAttachmentCount",
    "maxFileAttachmentSizeBytes",
    "maxTotalFileAttachmentSizeBytes",
)
LISTS = ("richText", "outgoingAttachmentTypes", "allowedFileAttachmentMimeTypes")
NAMES = {
    "name": "name",
    "webhookUrl": "webhook_url",
    "channelAccountConnectionRedirectUrl": "redirect_url",
    "channelDescription": "description",
    "channelLogoUrl": "logo_url",
}


def shown_channel(channel: Channel) -> Json:
    told = {wire: getattr(channel, name) for wire, name in NAMES.items()}
    return {
        "id": str(channel.id),
        "createdAt": iso(channel.created_at),
        "capabilities": channel.capabilities,
        **{wire: value for wire, value in told.items() if value},
    }


def shown_account(account: Account) -> Json:
    told: Json = {
        "id": str(account.id),
        "channelId": str(account.channel_id),
        "inboxId": str(account.inbox_id),
        "name": account.name,
        "active": account.is_active,
        "authorized": account.is_authorized,
        "archived": account.is_archived,
        "createdAt": iso(account.created_at),
    }
    if account.delivery_id is not None:
        told["deliveryIdentifier"] = account.delivery_id.shown()
    return told


def listed(call: Call, rows: list[Json]) -> Response:
    """Answer a page of a list that tells its total."""
    limit, start = call.limit(500, 100), int(call.param("after") or 0)
    page = rows[start : start + limit]
    more = paging(call, start + limit, len(rows))
    return Response.of({"total": len(rows), "results": page, **more})


def register(call: Call) -> Response:
    sent = call.one()
    required(sent, "name", "capabilities")
    _check(call, sent["capabilities"])
    if len(_mine(call)) >= MOST_CHANNELS:
        raise invalid("The app has too many channels", "CustomChannelsError.CHANNEL_LIMIT_EXCEEDED")
    channel = Channel(
        id=1_001_234 + len(call.world.channels),
        app_id=call.caller.app_id,
        name=str(sent["name"]),
        capabilities=dict(sent["capabilities"]),
        created_at=call.world.now(),
    )
    _change(channel, sent)
    call.world.channels[channel.id] = channel
    return Response.of(shown_channel(channel), 201)


def list_channels(call: Call) -> Response:
    return listed(call, [shown_channel(each) for each in _mine(call)])


def get_channel(call: Call) -> Response:
    return Response.of(shown_channel(own_channel(call)))


def change_channel(call: Call) -> Response:
    channel, sent = own_channel(call), call.one()
    if sent.get("capabilities") is not None:
        _check(call, sent["capabilities"])
        channel.capabilities = dict(sent["capabilities"])
    _change(channel, sent)
    return Response.of(shown_channel(channel))


def archive_channel(call: Call) -> Response:
    own_channel(call).is_archived = True
    return Response(status=204)


def _mine(call: Call) -> list[Channel]:
    mine = call.caller.app_id
    return [
        each
        for each in call.world.channels.values()
        if each.app_id == mine and not each.is_archived
    ]


def _change(channel: Channel, sent: Json) -> None:
    for wire, name in NAMES.items():
        if sent.get(wire) is not None:
            setattr(channel, name, str(sent[wire]))


def own_channel(call: Call) -> Channel:
    """Find the channel that the path names; one of another application is not there."""
    channel = call.world.channels.get(int(call.args[0]))
    is_ours = channel is not None and _reaches(call, channel)
    if channel is None or not is_ours or channel.is_archived:
        raise no_channel(call.args[0])
    appears_at = channel.created_at + call.world.switches.channel_appears_s
    if call.caller.kind != "developer" and call.world.now() < appears_at:
        raise no_channel(call.args[0])
    return channel


def _reaches(call: Call, channel: Channel) -> bool:
    if call.caller.kind in ("oauth", "developer"):
        return channel.app_id == call.caller.app_id
    return call.world.switches.static_tokens_reach_channels


def no_channel(number: str) -> Refused:
    code = "ChannelIntegrationMessagePublishError.CHANNEL_DOES_NOT_EXIST"
    return not_found(f"Channel {number} does not exist", code)


def _check(call: Call, capabilities: Any) -> None:
    if not isinstance(capabilities, dict):
        raise invalid("Invalid input: capabilities must be an object")
    threading = THREADING | (LONG_THREADING if call.world.switches.long_threading_names else set())
    wrong = [name for name, value in capabilities.items() if not _is_good(name, value, threading)]
    if not wrong:
        return
    pairs = [f'"{name}": "{capabilities[name]}"' for name in wrong]
    raise invalid(
        f"One or more Channel Capabilities specified had invalid values: `{'`, `'.join(pairs)}`",
        "CustomChannelsError.INVALID_CHANNEL_CAPABILITY_VALUES",
        context={"capabilityKeysAndValues": pairs},
    )


def _is_good(name: str, value: Any, threading: set[str]) -> bool:
    if name == "threadingModel":
        return value in threading
    if name == "deliveryIdentifierTypes":
        return isinstance(value, list) and bool(value) and set(value) <= KINDS_OF_IDS
    if name in FLAGS:
        return isinstance(value, bool)
    if name in NUMBERS:
        return isinstance(value, int) and not isinstance(value, bool)
    return name in LISTS and isinstance(value, list)


def add_account(call: Call) -> Response:
    channel, sent, talks = own_channel(call), call.one(), call.portal.talks
    required(sent, "inboxId", "name", "authorized")
    if not str(sent["inboxId"]).isdigit() or int(sent["inboxId"]) not in talks.inboxes:
        raise not_found(f"Inbox {sent['inboxId']} does not exist")
    named = sent.get("deliveryIdentifier")
    delivery_id = read_delivery_id(named) if named is not None else None
    _refuse_twin(call, channel, delivery_id)
    account = Account(
        id=call.portal.number("channel_account"),
        channel_id=channel.id,
        inbox_id=int(sent["inboxId"]),
        name=str(sent["name"]),
        delivery_id=delivery_id,
        created_at=call.world.now(),
        is_authorized=bool(sent["authorized"]),
    )
    talks.accounts[account.id] = account
    channel_hooks.tell_of_account(call.world, call.portal, account, "CREATED")
    return Response.of(shown_account(account), 201)


def _refuse_twin(call: Call, channel: Channel, delivery_id: DeliveryId | None) -> None:
    for account in call.portal.talks.accounts_of(channel.id):
        is_twin = delivery_id is not None and account.delivery_id == delivery_id
        if is_twin and not account.is_archived and not call.world.switches.twin_accounts:
            raise conflict(
                "A channel account with this delivery identifier already exists",
                "CustomChannelsError.CHANNEL_ACCOUNT_ALREADY_EXISTS",
            )


def list_accounts(call: Call) -> Response:
    channel = own_channel(call)
    kinds, values = call.listed("deliveryIdentifierType"), call.listed("deliveryIdentifierValue")
    rows = [
        shown_account(each)
        for each in call.portal.talks.accounts_of(channel.id)
        if each.is_archived == call.flag("archived") and _is_named(each, kinds, values)
    ]
    return listed(call, rows)


def _is_named(account: Account, kinds: list[str], values: list[str]) -> bool:
    known = account.delivery_id
    if known is None:
        return not kinds and not values
    return (not kinds or known.kind in kinds) and (not values or known.value in values)


def own_account(call: Call, channel: Channel, number: str) -> Account:
    account = call.portal.talks.accounts.get(int(number)) if number.isdigit() else None
    if account is None or account.channel_id != channel.id or account.is_archived:
        code = "CustomChannelsError.CHANNEL_ACCOUNT_NOT_FOUND"
        raise not_found(f"Channel account {number} does not exist", code)
    return account


def get_account(call: Call) -> Response:
    return Response.of(shown_account(own_account(call, own_channel(call), call.args[1])))


def change_account(call: Call) -> Response:
    account, sent = own_account(call, own_channel(call), call.args[1]), call.one()
    if not sent.keys() & {"name", "authorized"}:
        code = "CustomChannelsError.EMPTY_UPDATE_REQUEST_BODY"
        raise invalid("The update has neither a name nor authorized", code)
    if sent.get("name") is not None:
        account.name = str(sent["name"])
    if sent.get("authorized") is not None:
        account.is_authorized = bool(sent["authorized"])
    channel_hooks.tell_of_account(call.world, call.portal, account, "UPDATED")
    return Response.of(shown_account(account))


def finish_staging(call: Call) -> Response:
    """Fill an account that somebody began to connect; it comes to be when they are sent back."""
    channel, sent = own_channel(call), call.one()
    staged = call.portal.talks.staging.get(call.args[1])
    if staged is None or staged.channel_id != channel.id:
        raise not_found("The account token does not exist")
    if staged.is_used:
        raise conflict("The account token was used already")
    staged.is_used, staged.name = True, str(sent.get("accountName") or channel.name)
    if sent.get("deliveryIdentifier") is not None:
        staged.delivery_id = read_delivery_id(sent["deliveryIdentifier"])
    return Response.of(shown_staging(staged))


def shown_staging(staged: StagingToken) -> Json:
    told: Json = {
        "accountToken": staged.token,
        "accountName": staged.name,
        "createdAt": iso(staged.created_at),
        "genericChannelId": staged.channel_id,
        "inboxId": staged.inbox_id,
        "userId": staged.user_id,
    }
    if staged.delivery_id is not None:
        told["deliveryIdentifier"] = staged.delivery_id.shown()
    return told


ONE = r"custom-channels/(\d+)"
ACCOUNTS = rf"{ONE}/channel-accounts"
ROUTES = (
    Route("POST", "custom-channels", register, auth="developer"),
    Route("GET", "custom-channels", list_channels, auth="developer"),
    Route("GET", ONE, get_channel, auth="developer"),
    Route("PATCH", ONE, change_channel, auth="developer"),
    Route("DELETE", ONE, archive_channel, auth="developer"),
    Route("POST", ACCOUNTS, add_account, READ),
    Route("GET", ACCOUNTS, list_accounts, READ),
    Route("GET", rf"{ACCOUNTS}/(\d+)", get_account, READ),
    Route("PATCH", rf"{ACCOUNTS}/(\d+)", change_account, READ),
    Route("PATCH", rf"{ONE}/channel-account-staging-tokens/([^/]+)", finish_staging, READ),
)
