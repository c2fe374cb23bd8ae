"""Open lines: our connector in a portal, and messages in its words.

A dialog is named by four things, of which two are ours: the connector, and a name of the exchange
that serves as the customer's, too, so that whoever knows one knows the other. The fourth is the
portal's own number of the customer; any call that names the customer brings it, one that changes
nothing among them, so it is known before the first message.

A message has our name and is found by it in the history of its dialog. Bitrix24 compares names
with nobody's: sent twice, it is there twice.

Source: apidocs.bitrix24.com/api-reference/imopenlines; names kept with messages, votes, missing
sessions and the numbers of customers: bitrix kernel, as reported by integrators.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from pydantic import ValidationError

from crm_clients.bitrix24 import bbcode
from crm_clients.bitrix24.history import History
from crm_clients.bitrix24.oauth import Application, Config
from crm_clients.bitrix24.rest import Rest, garbled, only_of
from crm_clients.bitrix24.wire import HistoryMessage, Sent
from mappers.vocabulary import (
    Ambiguous,
    Blocked,
    Entry,
    IdentityKind,
    Permanent,
    Person,
    ProviderError,
    Receipt,
    StatusReport,
)

LONGEST_NAME, LONGEST_FILE_NAME, LONGEST_KEY = 25, 50, 100
NOBODY = "0"  # who says what the system says; what they say is not told back to us
OPENING = "opening"
_ODD = re.compile(r"[^\w\s'-]|[\d_]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Lines:
    """Our connector on the line of one portal."""

    config: Config
    application: Application
    rest: Rest = field(repr=False)

    @property
    def connector(self) -> str:
        return connector_of(self.application)

    @property
    def history(self) -> History:
        return History(self.rest)

    async def learn_customer(self, ours: str, person: Person) -> str:
        """Return the portal's number of the customer.

        Editing a message that was never written changes nothing; the answer names the customer.
        """
        nothing = _message(ours, person, {"id": OPENING, "text": "-"})
        return (await self._call("imconnector.update.messages", nothing, repeatable=True)).user

    async def find_customer(self, ours: str) -> str:
        """Return the same for a dialog that has begun; empty when none has.

        Cards tell of dialogs that are on some. Of others an edit does that names the customer by
        nothing but our name: whoever has written is known by it.
        """
        begins = self.code_of(ours, "")
        codes = [each.params.code for each in await self.history.sessions(begins)]
        if codes:
            return codes[0].removeprefix(begins)
        here = {"id": external(ours)}
        nothing = {"user": here, "message": {"id": OPENING, "text": "-"}, "chat": here}
        return (await self._call("imconnector.update.messages", nothing, repeatable=True)).user

    async def send(self, message: Mapping[str, Any]) -> Sent:
        """Write one message. Raises: `ProviderError`; one that may not be stored is doubt."""
        return stored(await self._call("imconnector.send.messages", message, repeatable=False))

    async def edit(self, message: Mapping[str, Any]) -> None:
        await self._call("imconnector.update.messages", message, repeatable=True)

    async def _call(self, method: str, message: Mapping[str, Any], *, repeatable: bool) -> Sent:
        """One message a call: its result is its own, and a repeat concerns nobody else's."""
        ask = self.rest.ask if repeatable else self.rest.make
        return item_in(await ask(method, self.asked(message)), repeatable=repeatable)

    def asked(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Say where a message belongs. Raises: `ProviderError` when there is no line yet."""
        return {**self._line(), "MESSAGES": [message]}

    async def mark_delivered(self, report: StatusReport) -> None:
        """Take the sending sign off a reply and give it our name, without which nobody tells of
        its edits and deletions. The names go as a list, even one alone.
        """
        chat, message = parts_of(report.reply)
        reached = {
            "im": {"chat_id": int(chat), "message_id": int(message)},
            "message": {"id": [report.reply], "date": round(self.rest.http.now().timestamp())},
            "chat": {"id": external(report.conversation.id)},
        }
        asked = {**self._line(), "MESSAGES": [reached]}
        await self.rest.ask("imconnector.send.status.delivery", asked)

    async def note_failure(self, report: StatusReport) -> None:
        """Say under a reply that it did not arrive. There is no status for it, only words.

        The system's words are told back to nobody. They have a name: once is enough.
        """
        chat, _ = parts_of(report.reply)
        name = f"failed:{report.reply}"
        if await self.history.chat_holds(chat, name):
            return
        words = bbcode.escape(report.words or report.code)
        here = external(report.conversation.id)
        said = {
            "user": {"id": here},
            "message": {"id": name, "text": words, "user_id": int(NOBODY)},
            "chat": {"id": here},
        }
        await self.send(said)

    def codes_of(self, ours: str, customer: str) -> tuple[str, ...]:
        """Return what the portal may call a dialog, the likeliest first."""
        return self.code_of(ours, customer), self.code_of(ours, external(ours))

    def code_of(self, ours: str, customer: str) -> str:
        return f"{self.connector}|{self.config.line}|{external(ours)}|{customer}"

    def _line(self) -> Mapping[str, Any]:
        if not self.config.line:
            raise ProviderError(Blocked(code="bitrix24.no_line", by="provider"))
        return {"CONNECTOR": self.connector, "LINE": int(self.config.line)}


def item_in(result: Any, *, repeatable: bool) -> Sent:
    """Read the only item of an answer about messages."""
    try:
        (item,) = result["DATA"]["RESULT"]
    except (KeyError, TypeError, ValueError):
        raise ProviderError(garbled(repeatable=repeatable)) from None
    return only_of(Sent, item, repeatable=repeatable)


def stored(sent: Sent) -> Sent:
    """What failed inside of a success was not stored; what has no session may have been."""
    if not sent.is_success:
        detail = "; ".join(sent.errors)[:500]
        raise ProviderError(Permanent(code="bitrix24.message_refused", detail=detail))
    if sent.session is None or not sent.session.chat:
        raise ProviderError(Ambiguous(code="bitrix24.no_session"))
    return sent


def receipt_of(entry: Entry, customer: str) -> Receipt:
    """The portal tells no number of what it took: a message goes by our name."""
    return Receipt(provider_ids=(name_of(entry.key),), user=customer)


def connector_of(application: Application) -> str:
    """Name our connector. A portal knows connectors by name alone, so it holds our registration."""
    digest = hashlib.sha256(application.client_id.encode()).hexdigest()
    return f"threadline_{digest[:10]}"


def external(ours: str) -> str:
    """Spell an id of ours as one that a dialog may have: a bar would cut its code in two."""
    return quote(ours, safe=":/@+ ")


def internal(theirs: str) -> str:
    return unquote(theirs)


def message_of(entry: Entry) -> dict[str, Any]:
    """Describe an entry. Everything in it depends on the entry alone: a repeat is equal."""
    said: dict[str, Any] = {
        "id": name_of(entry.key),
        "date": round(entry.message.sent_at.timestamp()),
        "text": bbcode.escape(entry.text),
    }
    if entry.file is not None:
        said["files"] = [{"url": entry.file.url, "name": entry.file.name[-LONGEST_FILE_NAME:]}]
    if entry.author is not None:
        said["user_id"] = int(NOBODY)
    return _message(entry.ours, entry.person, said)


def correction_of(entry: Entry) -> dict[str, Any]:
    """Describe what an entry says by now; the file that it showed stays."""
    said = {"id": name_of(entry.key), "text": bbcode.escape(entry.text)}
    return _message(entry.ours, entry.person, said)


def name_of(key: str) -> str:
    """Name a message by its key; a name that is too long to be kept is not found again."""
    if len(key) <= LONGEST_KEY:
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def customer(ours: str, person: Person) -> dict[str, Any]:
    """Describe a customer the same way wherever they are named."""
    first, _, rest = _speakable(person.name or person.username).partition(" ")
    described = {
        "name": first[:LONGEST_NAME] or "Customer",
        "last_name": rest[:LONGEST_NAME].strip(),
        "phone": _known(person, IdentityKind.PHONE),
        "email": _known(person, IdentityKind.EMAIL),
        "url": _fetchable(person.profile_url),
    }
    user: dict[str, Any] = {"id": external(ours)}
    user |= {name: value for name, value in described.items() if value}
    if picture := _fetchable(person.avatar):
        user["picture"] = {"url": picture}
    return user


def reply_id(chat: str, message: str) -> str:
    """Name a reply so that its name tells where it was said."""
    return f"{chat}:{message}"


def moment_of(at: datetime, message: str) -> datetime:
    """When a message was said. Of those of one second, the portal's numbers tell the order."""
    number = int(message) if message.isascii() and message.isdecimal() else 0
    return at + timedelta(microseconds=number % 10**6)


def parts_of(reply: str) -> tuple[str, str]:
    """Take a reply's name apart. Raises: `ProviderError` for a name that no reply ever had."""
    chat, _, message = reply.partition(":")
    if not (chat.isdecimal() and message.isdecimal()):
        raise ProviderError(Permanent(code="bitrix24.not_an_id", gone="message"))
    return chat, message


def readable(raw: Any) -> HistoryMessage | None:
    try:
        return HistoryMessage.model_validate(raw)
    except ValidationError:
        return None


def _message(ours: str, person: Person, said: Mapping[str, Any]) -> dict[str, Any]:
    chat: dict[str, Any] = {"id": external(ours)}
    return {"user": customer(ours, person), "message": dict(said), "chat": chat}


def _speakable(name: str) -> str:
    """Keep what a name may hold: letters, spaces, hyphens, apostrophes."""
    return _SPACES.sub(" ", _ODD.sub(" ", name)).strip()


def _known(person: Person, kind: IdentityKind) -> str:
    return next((each.value for each in person.identities if each.kind is kind), "")


def _fetchable(address: str) -> str:
    return address if address.startswith("https://") else ""
