"""Who may come through our door.

Both kinds of hooks come to the registration's address: those of the CRM as a list of events of any
portals, those of a channel as one event. Each is signed with the registration's secret over the
address that HubSpot knows, which is the configured one and not what a proxy made of it. The older
signature, without a time, is believed of the CRM's events alone, and where no newer one is shown.

Source: developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/
request-validation, …/docs/api/webhooks.
"""

import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from crm_clients.hubspot.oauth import Application, Config
from crm_clients.hubspot.wire import CrmEvent, parse
from mappers.vocabulary import (
    ForgedWebhook,
    MalformedWebhook,
    Parcel,
    Received,
    Webhook,
)

CRM, CHANNEL = "crm", "channel"
WINDOW = timedelta(minutes=5)
MOST_EVENTS = 1000
# What is decoded of an address before it is signed: these and nothing else.
DECODED: Mapping[str, str] = {
    f"%{ord(sign):02X}": sign
    for sign in (":", "/", "?", "@", "!", "$", "'", "(", ")", "*", ",", ";")
}
_ESCAPE = re.compile("|".join(DECODED), re.IGNORECASE)
_ID = re.compile(r"[0-9A-Za-z_.:-]{1,100}")
_NUMBER = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class ApplicationDoor:
    """Where HubSpot tells what happens in any portal that let our registration in."""

    application: Application

    def receive(self, hook: Webhook) -> Received:
        if hook.method != "POST":
            raise ForgedWebhook("HubSpot only ever posts here")
        is_new = self._prove(hook)
        told = parse(hook.body)
        if isinstance(told, dict) and is_new:
            return Received(parcels=(_of_channel(told),))
        if not isinstance(told, list) or not 0 < len(told) <= MOST_EVENTS:
            raise MalformedWebhook("the body is neither a list of events nor an event")
        return Received(parcels=tuple(_of_crm(each) for each in told))

    def _prove(self, hook: Webhook) -> bool:
        """Say whether the newer signature was shown. Raises: `ForgedWebhook`."""
        secret = self.application.client_secret.get_secret_value()
        # An empty secret would sign for everybody who knows that it is empty.
        if not secret:
            raise ForgedWebhook("the registration has no secret")
        shown = hook.headers.get("x-hubspot-signature-v3")
        if shown is not None:
            self._prove_newer(hook, shown, secret)
            return True
        older = hook.headers.get("x-hubspot-signature", "")
        is_older = hook.headers.get("x-hubspot-signature-version", "v1") == "v1"
        expected = hashlib.sha256(secret.encode() + hook.body).hexdigest()
        if not is_older or not _equal(older, expected):
            raise ForgedWebhook("the signature is not that of our registration")
        return False

    def _prove_newer(self, hook: Webhook, shown: str, secret: str) -> None:
        stamp = hook.headers.get("x-hubspot-request-timestamp", "")
        if not _equal(shown, signature(secret, hook.method, self._uri(hook), hook.body, stamp)):
            raise ForgedWebhook("the signature is not that of our registration")
        at = _moment(int(stamp)) if _NUMBER.fullmatch(stamp) else None
        if at is None or hook.received_at is None or abs(hook.received_at - at) > WINDOW:
            raise ForgedWebhook("the signature is too old, or of another time")

    def _uri(self, hook: Webhook) -> str:
        tail = f"/{hook.tail}" if hook.tail else ""
        query = f"?{hook.raw_query}" if hook.raw_query else ""
        return f"{self.application.hook_address.rstrip('/')}{tail}{query}"


@dataclass(frozen=True, slots=True)
class ConnectionDoor:
    """A portal never calls an address of its own: everything comes to the registration's."""

    config: Config

    def receive(self, hook: Webhook) -> Received:  # noqa: ARG002  # as it says
        raise ForgedWebhook("HubSpot only ever calls the address of a registration")


def signature(secret: str, method: str, uri: str, body: bytes, stamp: str) -> str:
    """Sign a call as HubSpot does since the third version; `stamp` is in milliseconds."""
    decoded = _ESCAPE.sub(lambda found: DECODED[found.group().upper()], uri)
    signed = f"{method}{decoded}".encode() + body + stamp.encode("utf-8", "replace")
    return b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def _of_crm(told: Any) -> Parcel:
    """Name an event by what it tells: its own number is not unique, and is no other's either."""
    try:
        event = CrmEvent.model_validate(told)
    except ValidationError:
        raise MalformedWebhook("the hook tells of no event of a portal") from None
    if not _NUMBER.fullmatch(event.portal):
        raise MalformedWebhook("the hook names no portal")
    return Parcel(
        key=f"crm:{_key_of(event, told)}",
        body=_packed(told),
        account=event.portal,
        form=CRM,
        said_at=_moment(event.at) if event.at else None,
    )


def _key_of(event: CrmEvent, told: Mapping[str, Any]) -> str:
    """What is repeated counts its attempts and is otherwise the same."""
    if event.message and _ID.fullmatch(event.message):
        return f"{event.portal}:message:{event.message}"
    same = {name: value for name, value in told.items() if name != "attemptNumber"}
    digest = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:32]
    words = (event.portal, event.subscription, event.object, str(event.at), digest)
    return ":".join(word for word in words if _ID.fullmatch(word))


def _of_channel(told: Mapping[str, Any]) -> Parcel:
    portal = str(told.get("portalId", ""))
    if not _NUMBER.fullmatch(portal):
        raise MalformedWebhook("the hook names no portal")
    return Parcel(
        key=f"channel:{portal}:{_name_of(told)}",
        body=_packed(told),
        account=portal,
        form=CHANNEL,
        said_at=_said_at(told),
    )


def _name_of(told: Mapping[str, Any]) -> str:
    """A message's own id names it for ever; what has none is named by the event's, or its bytes."""
    message = told.get("message")
    found = message.get("id") if isinstance(message, dict) else None
    if isinstance(found, str) and _ID.fullmatch(found):
        return f"message:{found}"
    event = told.get("eventId")
    if isinstance(event, str) and _ID.fullmatch(event):
        return f"event:{event}"
    return f"bytes:{hashlib.sha256(_packed(told)).hexdigest()[:32]}"


def _said_at(told: Mapping[str, Any]) -> datetime | None:
    message = told.get("message")
    said = message.get("createdAt") if isinstance(message, dict) else None
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return at if at is not None and at.utcoffset() is not None else None


def _packed(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")


def _moment(at_ms: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _equal(shown: str, expected: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "replace"), expected.encode())
