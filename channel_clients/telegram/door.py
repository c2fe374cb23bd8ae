"""The door: one `Update` a call, proved by a shared secret; and the key an update is stored under.

Source: Bot API, setWebhook (secret_token) and Update (update_id); read 2026-11.
"""

import hmac
import json
from dataclasses import dataclass, field
from hashlib import blake2b

from channel_clients.telegram.config import Config
from mappers.vocabulary import ForgedWebhook, MalformedWebhook, Parcel, Received, Webhook

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  # the header's name
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
        return Received(parcels=(parcel(_update_id(hook.body), hook.body),))


def parcel(update_id: int, body: bytes, form: str = "") -> Parcel:
    """Wrap one update.

    After a week of silence Telegram may number updates anew, hence the digest beside the number.
    """
    digest = blake2b(body, digest_size=8).hexdigest()
    return Parcel(key=f"{update_id}:{digest}", body=body, form=form)


def _update_id(body: bytes) -> int:
    try:
        update = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedWebhook("the body is not JSON") from None
    number = update.get("update_id") if isinstance(update, dict) else None
    if type(number) is not int or not 0 <= number < UPDATE_ID_LIMIT:
        raise MalformedWebhook("the body is not an Update")
    return number
