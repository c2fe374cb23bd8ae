"""The door: one `Update` a call, proved by a shared secret; and the key an update is stored under.

Source: Bot API, setWebhook (secret_token), Update (update_id), and "Making requests when getting
updates": the answer to a call may be a call of one method; read 2026-11.
"""

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from channel_clients.telegram.config import Config
from channel_clients.telegram.wire import press_in
from mappers.vocabulary import (
    ForgedWebhook,
    HookAnswer,
    MalformedWebhook,
    Parcel,
    Received,
    Webhook,
)

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  # the header's name
DELETED = "deleted_business_messages"
PROBES = frozenset({"GET", "HEAD"})
UPDATE_ID_LIMIT = 2**63


@dataclass(frozen=True, slots=True)
class TelegramDoor:
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, config: Config, _application: None) -> "TelegramDoor":
        return cls(config.webhook_secret.get_secret_value().encode())

    def receive(self, hook: Webhook) -> Received:
        if hook.method in PROBES:
            return Received()  # a person or a monitor looks whether somebody is at home
        shown = hook.headers.get(SECRET_HEADER, "").encode(errors="surrogatepass")
        # An unset secret equals a missing header: it must shut the door, not open it.
        if not self.secret or not hmac.compare_digest(shown, self.secret):
            raise ForgedWebhook("the secret token does not match")
        if hook.method != "POST":
            raise MalformedWebhook("Telegram only posts")
        update = _update(hook.body)
        return Received(parcels=parcels_of(update, hook.body), answer=_answer(update))


def parcels_of(update: Mapping[str, Any], body: bytes, form: str = "") -> tuple[Parcel, ...]:
    """Wrap one update; several deletions in one are told apart, for each awaits its own message.

    After a week of silence Telegram may number updates anew, hence the digest beside the number.
    Raises: `MalformedWebhook` for an update without a number.
    """
    number = _number(update)
    bodies = dict.fromkeys(_split(update, body))
    digests = {one: blake2b(one, digest_size=8).hexdigest() for one in bodies}
    return tuple(Parcel(key=f"{number}:{digests[one]}", body=one, form=form) for one in bodies)


def _split(update: Mapping[str, Any], body: bytes) -> Iterator[bytes]:
    deleted = update.get(DELETED)
    numbers = deleted.get("message_ids") if isinstance(deleted, dict) else None
    if not isinstance(deleted, dict) or not isinstance(numbers, list) or len(numbers) < 2:
        yield body
        return
    for number in numbers:
        yield json.dumps({**update, DELETED: {**deleted, "message_ids": [number]}}).encode()


def _update(body: bytes) -> dict[str, Any]:
    try:
        update = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedWebhook("the body is not JSON") from None
    if not isinstance(update, dict):
        raise MalformedWebhook("the body is not an Update")
    return update


def _number(update: Mapping[str, Any]) -> int:
    number = update.get("update_id")
    if type(number) is not int or not 0 <= number < UPDATE_ID_LIMIT:
        raise MalformedWebhook("the body is not an Update")
    return number


def _answer(update: Mapping[str, Any]) -> HookAnswer:
    """Answer a pressed button at once, or the customer's phone would show it as busy."""
    press = press_in(update)
    if not press:
        return HookAnswer()
    order = {"method": "answerCallbackQuery", "callback_query_id": press}
    return HookAnswer(body=json.dumps(order).encode(), content_type="application/json")
