"""A custom channel's messages, in its words: what is published, and how it is known again.

A thread goes by our name of the exchange, and so does the customer in it: whatever is told of
either names it back to us. HubSpot describes an idempotency id and not what it does with one, so a
message is known by its time as well, which is unique within its exchange: a second that a messenger
tells is divided by the number of the message, which keeps the order, and by our key. One that shows
a file is known by that, for each file of ours lies at a place of its own.

Source: specification Conversations/Custom Channels of HubSpot/HubSpot-public-api-spec-collection;
fields that live integrations leave out: botpress/botpress.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from crm_clients.hubspot import media
from crm_clients.hubspot.oauth import Application, Config
from crm_clients.hubspot.rest import checked_id
from crm_clients.hubspot.wire_conversations import (
    INCOMING,
    MESSAGE,
    OPAQUE,
    OUTGOING,
    ThreadMessage,
)
from mappers.vocabulary import Attachment, Entry, IdentityKind, Person

Piece = dict[str, Any]
LEADING = {IdentityKind.PHONE: "phone", IdentityKind.EMAIL: "email"}
KEYED = 2  # milliseconds that the key chooses among; the rest of a second keeps the order
_NUMBER = re.compile(r"(\d{1,18})\D*\Z")


def account_name(portal: str, inbox: str) -> str:
    """Name our side of the exchanges of one inbox. An account never changes its inbox."""
    return f"threadline:{portal}:{inbox}"


def identifier(value: str) -> dict[str, str]:
    return {"type": OPAQUE, "value": value}


def message_of(
    entry: Entry, application: Application, config: Config, shown: Sequence[Piece]
) -> dict[str, Any]:
    """Describe an entry. Everything in it depends on the entry alone: a repeat is equal.

    Raises: `ProviderError` for a record that is none.
    """
    record = int(checked_id(entry.record, "record"))
    ours = account_name(config.portal_id, config.inbox_id)
    us = {"deliveryIdentifier": identifier(ours), "name": application.title}
    them = {"deliveryIdentifier": identifier(entry.ours), "name": called(entry.person, entry.ours)}
    is_theirs = entry.author is None
    message: dict[str, Any] = {
        "text": text_of(entry, config),
        "messageDirection": INCOMING if is_theirs else OUTGOING,
        "channelAccountId": config.channel_account_id,
        "integrationThreadId": entry.ours,
        "integrationIdempotencyId": entry.key,
        "timestamp": stamp_of(entry).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "senders": [them if is_theirs else us],
        "recipients": [us if is_theirs else them],
        "attachments": list(shown),
        "associateWithContactId": record,
    }
    if entry.quoted:
        message["inReplyToId"] = entry.quoted
    if led := [name for kind, name in LEADING.items() if _has(entry.person, kind)]:
        match = {"contactVid": record, "contactPropertiesLeadingToMatch": led}
        message["preResolvedContacts"] = {"contacts": [match]}
    return message


def text_of(entry: Entry, config: Config) -> str:
    """Say what an entry says. Where the portal takes no files of ours, one is a link."""
    if entry.file is None or config.may(media.SCOPE):
        return entry.text
    return "\n".join(filter(None, (entry.text, entry.file.name, entry.file.url)))


def pieces_of(entry: Entry) -> tuple[Piece, ...]:
    """A place or a card is shown as itself when the message is nothing else."""
    match entry.message.attachments:
        case (Attachment(place=place, title=title),) if place is not None and not entry.file:
            where: Piece = {"latitude": place.latitude, "longitude": place.longitude}
            return ({"type": "LOCATION", **where, **({"name": title} if title else {})},)
        case (Attachment(card=card),) if card is not None and not entry.file:
            phones = [{"phone": card.phone}] if card.phone else []
            nothing: dict[str, list[Any]] = {"addresses": [], "emails": [], "urls": []}
            profile = {"name": {"firstName": card.name}, "phones": phones, **nothing}
            return ({"type": "CONTACT", "contactProfile": profile},)
        case _:
            return ()


def called(person: Person, ours: str) -> str:
    return " ".join((person.name or person.username or ours).split())


def stamp_of(entry: Entry) -> datetime:
    """When a message was said, as HubSpot is told it, to the millisecond."""
    at = entry.message.sent_at
    number = _NUMBER.search(entry.message.origin.message)
    share = at.microsecond // 1000 // KEYED
    if not at.microsecond and number:
        share = int(number[1]) % (1000 // KEYED)
    of_key = 0 if entry.file else blake2b(entry.key.encode(), digest_size=1).digest()[0] % KEYED
    return at.replace(microsecond=0) + timedelta(milliseconds=share * KEYED + of_key)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a message of ours is known by. `since` is when we may have published it."""

    entry: Entry
    config: Config
    files: frozenset[str] = frozenset()
    since: datetime | None = field(default=None)

    def is_in(self, said: ThreadMessage) -> bool:
        direction = INCOMING if self.entry.author is None else OUTGOING
        place = (MESSAGE, direction, self.config.channel_account_id)
        if (said.type, said.direction, said.account) != place:
            return False
        if said.customer != self.entry.ours:
            return False
        if self.files:
            return self.files <= {part.file for part in said.parts}
        text = text_of(self.entry, self.config)
        return said.text.split() == text.split() and self._is_of_its_time(said.at)

    def _is_of_its_time(self, at: datetime | None) -> bool:
        """Say whether this is its time, as it was said or, where HubSpot tells its own, taken.

        One that was taken since we called is ours: nothing else of this exchange was under way.
        """
        if at is None or at == stamp_of(self.entry):
            return at is not None
        return self.since is not None and self.entry.message.sent_at < self.since <= at


def _has(person: Person, kind: IdentityKind) -> bool:
    return any(each.kind is kind for each in person.identities)
