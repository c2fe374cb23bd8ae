"""Who receives the bot's updates: making it us, undoing that, and saying what is wrong with it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from channel_clients.telegram import wire
from channel_clients.telegram.api import (
    DELETE_WEBHOOK,
    GET_ME,
    GET_WEBHOOK,
    SET_WEBHOOK,
    BotApi,
)
from mappers.vocabulary import Permanent, ProviderError
from mappers.vocabulary.adapters import Finding, SetUp, TakenBySomeoneElse

# Telegram keeps the last list it was given, so ours is always said in full.
ALLOWED_UPDATES = (
    "message",
    "edited_message",
    "message_reaction",
    "callback_query",
    "my_chat_member",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
)
MANY_PENDING = 100
RECENT = timedelta(hours=1)
NO_SECRET = Permanent(
    code="telegram.no_webhook_secret", detail="a webhook without a secret would trust anybody"
)


async def set_up(api: BotApi, address: str, *, take_over: bool) -> SetUp:
    """Register our address, or clear the way for a listener when there is none."""
    config = api.config
    listens = config.mode == "polling" or not address
    if not listens and not config.webhook_secret.get_secret_value():
        raise ProviderError(NO_SECRET)
    bot = await api.call(GET_ME)
    standing = (await api.call(GET_WEBHOOK)).url
    displaced = standing not in {"", address, config.webhook_url.get_secret_value()}
    if displaced and not take_over:
        raise TakenBySomeoneElse(_host(standing))
    if not listens:
        await api.call(SET_WEBHOOK, _registration(api, address))
    elif standing:
        await api.call(DELETE_WEBHOOK)
    changes: dict[str, Any] = {
        "username": bot.username,
        "mode": "polling" if listens else "webhook",
        "webhook_url": "" if listens else address,
    }
    if displaced:
        changes["previous_webhook"] = standing
    return SetUp(changes=changes, notes=_notes(api, standing if displaced else "", address))


async def tear_down(api: BotApi) -> None:
    """Leave the bot as we found it. What someone else has registered since is left alone."""
    ours = api.config.webhook_url.get_secret_value()
    previous = api.config.previous_webhook.get_secret_value()
    standing = (await api.call(GET_WEBHOOK)).url
    if standing not in {"", ours}:
        return
    if previous:
        # Its own list of updates is unknown by now; an empty one means Telegram's usual kinds.
        await api.call(SET_WEBHOOK, {"url": previous, "allowed_updates": []})
    elif standing:
        await api.call(DELETE_WEBHOOK)


async def diagnose(api: BotApi, address: str) -> tuple[Finding, ...]:
    """Look at the token and at who receives the updates."""
    try:
        bot = await api.call(GET_ME)
        standing = await api.call(GET_WEBHOOK)
    except ProviderError as error:
        return (_refusal(error),)
    listens = api.config.mode == "polling" or not address
    findings = (
        Finding(level="ok", what=f"the token works: @{bot.username}"),
        _receiver(standing.url, "" if listens else address),
        None if listens else _kinds(standing, address),
        _backlog(standing.pending_update_count),
        _last_error(standing, api.http.now()),
    )
    return tuple(finding for finding in findings if finding)


def _registration(api: BotApi, address: str) -> dict[str, Any]:
    return {
        "url": address,
        "secret_token": api.config.webhook_secret.get_secret_value(),
        "allowed_updates": list(ALLOWED_UPDATES),
    }


def _notes(api: BotApi, displaced: str, address: str) -> tuple[str, ...]:
    notes = []
    if displaced:
        notes.append(
            f"The webhook of {_host(displaced)} was taken over. Disconnecting puts its address "
            "back, but Telegram does not tell its secret: that system should register anew then."
        )
    if api.config.mode == "webhook" and not address:
        notes.append("There is no public address, so we listen instead of being called.")
    return tuple(notes)


def _host(url: str) -> str:
    return urlsplit(url).hostname or "an unreadable address"


def _refusal(error: ProviderError) -> Finding:
    if error.failure.kind == "auth_expired":
        advice = "Ask @BotFather for the current token and enter it here."
        return Finding(level="problem", what="Telegram does not accept the token", advice=advice)
    advice = "Check the API address, the proxy and the network, then look again."
    return Finding(level="problem", what=f"Telegram did not answer: {error}", advice=advice)


def _receiver(standing: str, expected: str) -> Finding:
    if standing == expected:
        how = "calls our address" if expected else "lets us listen"
        return Finding(level="ok", what=f"Telegram {how}")
    if not standing:
        what, advice = "no webhook is registered", "Set the connection up again."
    else:
        what = f"updates go to another address, at {_host(standing)}"
        advice = "Find out whose it is; set the connection up again to take the bot over."
    return Finding(level="problem", what=what, advice=advice)


def _kinds(standing: wire.WebhookInfo, address: str) -> Finding | None:
    """A listener says each time what it wants to hear; a webhook was told once."""
    missing = [kind for kind in ALLOWED_UPDATES if kind not in standing.allowed_updates]
    if standing.url != address or not missing:
        return None
    what = f"Telegram was not asked to tell of {', '.join(missing)}"
    return Finding(level="warning", what=what, advice="Set the connection up again.")


def _backlog(pending: int) -> Finding | None:
    if pending <= MANY_PENDING:
        return None
    advice = "If the number grows, see whether the address is reachable or the listener runs."
    return Finding(level="warning", what=f"{pending} updates wait at Telegram", advice=advice)


def _last_error(standing: wire.WebhookInfo, now: datetime) -> Finding | None:
    if standing.last_error_date is None:
        return None
    at = datetime.fromtimestamp(standing.last_error_date, UTC)
    if now - at > RECENT:
        return None
    what = f"at {at:%H:%M} UTC Telegram could not reach us: “{standing.last_error_message}”"
    advice = "Check the address from outside: DNS, certificate, ports 443, 80, 88 or 8443."
    return Finding(level="warning", what=what, advice=advice)
