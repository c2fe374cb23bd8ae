"""Who may come through our two doors.

The application's door hears the Chats API (JSON, signed over the raw body, told exactly once) and
of removals (a signed GET). The connection's door hears the account (urlencoded, unsigned, told
again when we fail): there the unguessable address is the secret, and what is said is a hint.

Source: amocrm.ru/developers/content/chats/chat-webhooks, …/crm_platform/webhooks-format,
…/oauth/step-by-step (removal).
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crm_clients.amocrm.oauth import Application, Config, subdomain_of
from crm_clients.amocrm.reading import ACCOUNT, CHAT, UNINSTALL
from crm_clients.amocrm.told_by_account import items
from crm_clients.amocrm.wire import parse_json
from crm_clients.forms import Form, parse_form
from mappers.vocabulary import (
    ForgedWebhook,
    MalformedWebhook,
    Parcel,
    Received,
    Webhook,
)

_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class ApplicationDoor:
    """Where the Chats API calls for every account, and where amoCRM tells of removals."""

    application: Application

    def receive(self, hook: Webhook) -> Received:
        if hook.method == "GET":
            return self._receive_removal(hook)
        secret = self.application.channel_secret.get_secret_value()
        shown = hook.headers.get("x-signature", "")
        # An empty secret would sign for everybody who knows that it is empty.
        if not secret or not is_signed(hook.body, shown, secret):
            raise ForgedWebhook("the signature is not that of our channel")
        body = parse_json(hook.body)
        account = body.get("account_id")
        if not isinstance(account, str) or not _ID.fullmatch(account):
            raise MalformedWebhook("the hook names no account")
        # The address is not signed: a true hook may be replayed at another account's.
        if hook.tail.strip("/") != f"{self.application.channel_id}_{account}":
            raise ForgedWebhook("the hook came to the address of another account")
        key = _chat_key(body, hook.body)
        parcel = Parcel(key=key, body=hook.body, account=account, form=CHAT, said_at=_said_at(body))
        return Received(parcels=(parcel,))

    def _receive_removal(self, hook: Webhook) -> Received:
        """The documentation names the integration's id in two ways on one page."""
        account = hook.query.get("account_id", "")
        client = hook.query.get("client_uuid") or hook.query.get("client_id") or ""
        secret = self.application.client_secret.get_secret_value()
        is_ours = bool(secret) and hmac.compare_digest(
            client.encode("utf-8", "replace"), self.application.client_id.encode()
        )
        signed = f"{self.application.client_id}|{account}".encode("utf-8", "replace")
        expected = hmac.digest(secret.encode(), signed, "sha256").hex()
        if not is_ours or not _equal(hook.query.get("signature", ""), expected):
            raise ForgedWebhook("the signature is not that of our integration")
        if not re.fullmatch(r"[0-9]{1,20}", account):
            raise MalformedWebhook("the hook names no account")
        body = json.dumps({"account_id": account}).encode()
        parcel = Parcel(key=f"uninstall:{account}", body=body, account=account, form=UNINSTALL)
        return Received(parcels=(parcel,))


def _said_at(hook: Form) -> datetime | None:
    """Return when a message was sent: the order of its hook is not promised."""
    message = hook.get("message")
    told = message.get("msec_timestamp") if isinstance(message, dict) else None
    try:
        return datetime.fromtimestamp(told / 1000, UTC) if isinstance(told, int) else None
    except (OverflowError, ValueError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class ConnectionDoor:
    """Where the account itself calls. One call is one parcel, whatever it tells of."""

    config: Config

    def receive(self, hook: Webhook) -> Received:
        if hook.method != "POST":
            raise ForgedWebhook("amoCRM only ever posts here")
        form = parse_form(hook.body)
        about = form.pop("account", None)
        self._recognise(about if isinstance(about, dict) else {})
        first = next(items(form), None)
        if first is None:
            raise MalformedWebhook("the form tells of nothing")
        digest = hashlib.sha256(hook.body).hexdigest()[:32]
        root, action, item = first
        when = item.get("updated_at") or item.get("last_modified") or ""
        words = (root, action, item.get("id") or item.get("talk_id"), when)
        named = ".".join(word for word in words if isinstance(word, str) and _ID.fullmatch(word))
        return Received(parcels=(Parcel(key=f"{named}:{digest}", body=hook.body, form=ACCOUNT),))

    def _recognise(self, about: Mapping[str, Any]) -> None:
        """The number decides: an account may be renamed, and the name alone is older samples'."""
        number, name = about.get("id"), about.get("subdomain")
        if number is not None:
            is_ours = number == self.config.account_id
        else:
            is_ours = name is None or name == subdomain_of(self.config.base)
        if not is_ours:
            raise ForgedWebhook("the hook tells of another account")


def is_signed(body: bytes, shown: str, secret: str) -> bool:
    """Compare in constant time. A client reports signatures made over the trimmed body."""
    bodies = (body, body.strip())
    expected = [hmac.digest(secret.encode(), each, "sha1").hex() for each in bodies]
    return any([_equal(shown, each) for each in expected])  # noqa: C419  # no early exit


def _chat_key(body: Form, raw: bytes) -> str:
    """A message's own id names it for ever; what has none is named by its bytes."""
    outer = body.get("message")
    inner = outer.get("message") if isinstance(outer, dict) else None
    found = inner.get("id") if isinstance(inner, dict) else None
    if isinstance(found, str) and _ID.fullmatch(found):
        return f"message:{found}"
    return f"action:{hashlib.sha256(raw).hexdigest()[:32]}"


def _equal(shown: str, expected: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "replace"), expected.encode())
