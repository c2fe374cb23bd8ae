"""Who may come through our door.

A portal calls the connection's own address with forms that carry no signature: a token that it
gave us when we were installed is the proof, and the portal's id says whose it is. Tokens of users
come along, too; none of them is stored. Each event is told once and never again, and several
operators' messages may come in one: each becomes a parcel of its own.

At the same address, one step further, a portal opens the page of our connector.

Source: apidocs.bitrix24.com/api-reference/events; the scalar and the lower-case data of two events:
estvita/separator.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crm_clients.bitrix24 import pages
from crm_clients.bitrix24.lines import moment_of
from crm_clients.bitrix24.oauth import Config
from crm_clients.forms import Form, parse_form, with_lists
from mappers.vocabulary import (
    ForgedWebhook,
    HookAnswer,
    MalformedWebhook,
    Parcel,
    Received,
    Webhook,
)

EVENT, HISTORY = "event", "history"
SETTINGS = "settings"
MESSAGE_EVENTS = frozenset(
    {"ONIMCONNECTORMESSAGEADD", "ONIMCONNECTORMESSAGEUPDATE", "ONIMCONNECTORMESSAGEDELETE"}
)
_NAME = re.compile(r"[A-Z0-9_]{1,60}")
_NUMBER = re.compile(r"\d{1,15}")


@dataclass(frozen=True, slots=True)
class ConnectionDoor:
    """Where one portal tells us what happens in it."""

    config: Config

    def receive(self, hook: Webhook) -> Received:
        if hook.method != "POST":
            raise ForgedWebhook("Bitrix24 only ever posts here")
        if hook.tail.strip("/") == SETTINGS:
            return Received(answer=self._page(hook))
        form = parse_form(hook.body)
        self._recognise(form.get("auth"))
        event = form.get("event")
        if not isinstance(event, str) or not _NAME.fullmatch(event.upper()):
            raise MalformedWebhook("the form names no event")
        told = _Event(event.upper(), _seconds(form.get("ts")), with_lists(form.get("data")))
        return Received(parcels=tuple(told.parcels()))

    def _page(self, hook: Webhook) -> HookAnswer:
        return HookAnswer(
            body=pages.settings(hook.query).encode(),
            content_type="text/html; charset=utf-8",
            policy=pages.framed_by(self.config.base),
        )

    def _recognise(self, shown: Any) -> None:
        """Compare both proofs in constant time; an empty token would be everybody's."""
        auth: Form = shown if isinstance(shown, dict) else {}
        token = self.config.application_token.get_secret_value()
        known = self.config.member_id
        # A webhook tells no id of its portal, so there the token alone is the proof.
        is_portal = not known or _equal(auth.get("member_id"), known)
        is_ours = _equal(auth.get("application_token"), token)
        if not (token and is_portal and is_ours):
            raise ForgedWebhook("the token is not the one that this portal gave us")


@dataclass(frozen=True, slots=True)
class _Event:
    """One event, taken apart. `at` is when Bitrix24 sent it, in seconds."""

    name: str
    at: int
    data: Any

    def parcels(self) -> Iterator[Parcel]:
        data = self.data if isinstance(self.data, dict) else {}
        messages = data.get("MESSAGES")
        if self.name not in MESSAGE_EVENTS or not isinstance(messages, list):
            yield self._parcel(f"{self.name}:{_digest(self.data)}:{self.at}", self.data)
            return
        place = {"connector": data.get("CONNECTOR", ""), "line": data.get("LINE", "")}
        for message in messages:
            yield self._parcel(self._name_of(message), message, **place)

    def _name_of(self, message: Any) -> str:
        """A reply is said once, whoever repeats it; an edit of it may be said again later."""
        number = _number_of(message)
        if number is None:
            return f"{self.name}:{_digest(message)}:{self.at}"
        if self.name == "ONIMCONNECTORMESSAGEUPDATE":
            return f"{self.name}:{number}:{_digest(message)}:{self.at}"
        return f"{self.name}:{number}"

    def _parcel(self, key: str, data: Any, **place: Any) -> Parcel:
        told = {"event": self.name, "at": self.at, "data": data, **place}
        body = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
        return Parcel(key=key, body=body, form=EVENT, said_at=self._said_at(data))

    def _said_at(self, data: Any) -> datetime | None:
        number = _number_of(data)
        if number is None or not self.at:
            return None
        try:
            return moment_of(datetime.fromtimestamp(self.at, UTC), str(number))
        except (OverflowError, ValueError, OSError):
            return None


def _number_of(message: Any) -> int | None:
    place = message.get("im") if isinstance(message, dict) else None
    number = place.get("message_id") if isinstance(place, dict) else None
    is_number = isinstance(number, str) and number.isascii() and _NUMBER.fullmatch(number)
    return int(str(number)) if is_number else None


def _seconds(told: Any) -> int:
    is_number = isinstance(told, str) and told.isascii() and _NUMBER.fullmatch(told)
    return int(told) if is_number else 0


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:32]


def _equal(shown: Any, expected: str) -> bool:
    given = shown if isinstance(shown, str) else ""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
