"""The methods about the bot itself, its updates, and what it may look up.

Source: https://core.telegram.org/bots/api, and the wording of `telegram-bot-api/Client.cpp`.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from channel_clients.emulators.telegram.bots import Bot, Call
from channel_clients.emulators.telegram.courier import Webhook
from channel_clients.emulators.telegram.refusals import (
    Refused,
    bad_request,
    other_poller,
    other_setup,
    webhook_is_set,
)
from channel_clients.emulators.telegram.updates import DEFAULT_KINDS, KINDS, within
from channel_clients.emulators.telegram.world import Wire

MAX_DOWNLOAD_BYTES = 20_000_000
LONGEST_POLL_S = 50
QUERY_LIFETIME_S = 150
_SECRET = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Told:
    """A result that comes with a `description`."""

    result: Any
    description: str


def get_me(call: Call) -> Wire:
    return {
        **call.bot.wire,
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": True,
        "has_main_web_app": False,
    }


async def get_updates(call: Call) -> list[Wire]:
    """Hand over what is waiting, or wait for it; a newer call ends the wait of an older one."""
    bot = call.bot
    if bot.courier.webhook is not None:
        raise webhook_is_set()
    end_poll(bot, other_poller())
    bot.allowed = _allowed(call)
    offset = call.asked.integer("offset")
    limit = min(max(call.asked.integer("limit", 100), 1), 100)
    waiting = bot.backlog.take(offset, limit)
    timeout_s = min(call.asked.integer("timeout"), LONGEST_POLL_S)
    if not waiting and timeout_s > 0:
        await _poll(call, timeout_s)
        waiting = bot.backlog.take(offset, limit)
    return [pending.wire for pending in waiting]


async def _poll(call: Call, timeout_s: int) -> None:
    poll = call.bot.poll = asyncio.get_running_loop().create_future()
    try:
        if await within(call.world.clock, poll, timeout_s) and (conflict := poll.result()):
            raise conflict
    finally:
        if call.bot.poll is poll:
            call.bot.poll = None


def end_poll(bot: Bot, reason: Refused) -> None:
    if bot.poll is not None and not bot.poll.done():
        bot.poll.set_result(reason)


def set_webhook(call: Call) -> Told:
    url = call.asked.text("url")
    if not url:
        return delete_webhook(call)
    webhook = _webhook(call, url)
    drop = call.asked.flag("drop_pending_updates")
    call.bot.allowed = _allowed(call)
    if call.bot.courier.webhook == webhook and not drop:
        return Told(True, "Webhook is already set")
    if drop:
        call.bot.backlog.clear()
    end_poll(call.bot, other_setup())
    call.bot.courier.use(webhook)
    return Told(True, "Webhook was set")


def delete_webhook(call: Call) -> Told:
    if call.asked.flag("drop_pending_updates"):
        call.bot.backlog.clear()
    if call.bot.courier.webhook is None:
        return Told(True, "Webhook is already deleted")
    call.bot.courier.use(None)
    return Told(True, "Webhook was deleted")


def get_webhook_info(call: Call) -> Wire:
    courier = call.bot.courier
    webhook, health = courier.webhook, courier.health
    info: Wire = {
        "url": webhook.url if webhook else "",
        "has_custom_certificate": False,
        "pending_update_count": len(call.bot.backlog),
    }
    if webhook is not None:
        info |= {"max_connections": webhook.max_connections, "ip_address": "127.0.0.1"}
    if health.last_error_at is not None:
        info["last_error_date"] = int(health.last_error_at.timestamp())
        info["last_error_message"] = health.last_error
    if call.bot.allowed != DEFAULT_KINDS:
        info["allowed_updates"] = sorted(call.bot.allowed)
    return info


def answer_callback_query(call: Call) -> bool:
    asked_at = call.bot.queries.pop(call.asked.text("callback_query_id"), None)
    now = call.world.clock.now()
    if asked_at is None or (now - asked_at).total_seconds() > QUERY_LIFETIME_S:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    return True


def get_chat(call: Call) -> Wire:
    gifts = "unlimited_gifts limited_gifts unique_gifts premium_subscription gifts_from_channels"
    return {
        **call.chat().wire,
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(gifts.split(), False),
    }


def get_business_connection(call: Call) -> Wire:
    business = call.business(call.asked.text("business_connection_id"))
    return {**business.wire, "date": call.world.date}


def get_file(call: Call) -> Wire:
    file = call.world.file(call.asked.text("file_id"))
    if file.size > MAX_DOWNLOAD_BYTES:
        raise bad_request("file is too big")
    return {**file.wire, "file_path": file.path}


def get_user_profile_photos(_: Call) -> Wire:
    return {"total_count": 0, "photos": []}


def log_out(call: Call) -> bool:
    call.bot.logged_out = True
    call.bot.courier.use(None)
    return True


def close(_: Call) -> bool:
    return True


def _webhook(call: Call, url: str) -> Webhook:
    """Read what a webhook is to be. Plain HTTP will do, as on a self-hosted server."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise bad_request("invalid webhook URL specified")
    secret = call.asked.text("secret_token")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if not _SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    connections = min(max(call.asked.integer("max_connections", 40), 1), 100)
    return Webhook(url=url, secret=secret, max_connections=connections)


def _allowed(call: Call) -> frozenset[str]:
    """Absent keeps what was, an empty list is the default, unknown names are passed over."""
    if not call.asked.has("allowed_updates"):
        return call.bot.allowed
    listed = call.asked.structure("allowed_updates") or []
    if not isinstance(listed, list):
        return call.bot.allowed
    return KINDS.intersection(str(kind) for kind in listed) or DEFAULT_KINDS
