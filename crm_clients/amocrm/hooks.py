"""Hooks: who may come through our two doors, and what their parcels mean.

The application's door hears the Chats API (JSON, signed over the raw body, told exactly once) and
of removals (a signed GET). The connection's door hears the account (urlencoded, unsigned, told
again when we fail): there the unguessable address is the secret, and what is said is a hint.

Two quirks shaped the reading. Companies arrive under `contacts`, told apart by `type`. Incoming
messages come under `message` or, from Kommo, without a root; we relay neither, since what a
customer says reaches us through their own channel.

Source: amocrm.ru/developers/content/chats/chat-webhooks, …/crm_platform/webhooks-format,
…/oauth/step-by-step (removal).
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from crm_clients.amocrm.fields import state_of
from crm_clients.amocrm.oauth import Application, Config, subdomain_of
from crm_clients.amocrm.wire import (
    ChatContent,
    ChatMessage,
    Form,
    HistoryPage,
    Reaction,
    parse_form,
    parse_json,
)
from mappers.vocabulary import (
    AccessRevoked,
    Arrival,
    Attachment,
    AttachmentKind,
    Card,
    DealChanged,
    Direction,
    Event,
    ForgedWebhook,
    HistoryRead,
    MalformedWebhook,
    Message,
    Operator,
    OperatorReplied,
    Origin,
    Parcel,
    Place,
    Quote,
    ReactionChanged,
    Reading,
    Received,
    RecordChanged,
    Webhook,
)

CHAT, UNINSTALL, ACCOUNT, HISTORY = "chat", "uninstall", "account", "history"
KINDS = {
    "picture": AttachmentKind.IMAGE,
    "file": AttachmentKind.FILE,
    "video": AttachmentKind.VIDEO,
    "voice": AttachmentKind.VOICE,
    "audio": AttachmentKind.AUDIO,
    "sticker": AttachmentKind.STICKER,
    "location": AttachmentKind.LOCATION,
    "contact": AttachmentKind.CONTACT,
}
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_NAME = re.compile(r"[a-z_]{1,40}")


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
        first = next(_items(form), None)
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


def read(arrival: Arrival, amojo_id: str) -> Reading:
    """Read a parcel of any form."""
    match arrival.form:
        case "chat":
            return read_chat(parse_json(arrival.body), amojo_id)
        case "history":
            page = HistoryPage.model_validate(parse_json(arrival.body))
            return read_history(page, amojo_id)
        case "account":
            return read_account(parse_form(arrival.body))
        case "uninstall":
            return Reading(events=(AccessRevoked(reason="amocrm.uninstalled"),))
        case _:
            return Reading(ignored=("amocrm.unknown_form",))


def read_chat(hook: Form, amojo_id: str) -> Reading:
    """Read what the Chats API told: a reply, a reaction, or something we do not relay."""
    if isinstance(hook.get("message"), dict):
        said = ChatMessage.model_validate(hook["message"])
        if said.conversation is None:
            return Reading(ignored=("chat.message_without_conversation",))
        return _as_reply(said, said.conversation.id, said.conversation.client_id, amojo_id)
    action = hook.get("action")
    if not isinstance(action, dict):
        return Reading(ignored=("chat.unknown",))
    if isinstance(action.get("reaction"), dict):
        reaction = Reaction.model_validate(action["reaction"])
        return _as_reaction(reaction, _seconds(hook.get("time")), amojo_id)
    named = sorted(name for name in action if _NAME.fullmatch(name))
    return Reading(ignored=tuple(f"chat.{name}" for name in named[:3]) or ("chat.unknown",))


def read_history(page: HistoryPage, amojo_id: str) -> Reading:
    """Read a page of history: what operators and bots said since then, oldest first.

    Whatever carries our own id was brought here by us: a customer's words, an employee's.
    """
    told: list[OperatorReplied] = []
    ignored: list[str] = []
    for raw in reversed(page.messages):
        try:
            said = ChatMessage.model_validate(raw)
        except ValidationError:
            # It has no id or no words: raising would hold up every reply after it for nothing.
            ignored.append("history.unreadable_message")
            continue
        is_ours = bool(said.message.client_id)
        is_to_customer = bool(said.receiver and said.receiver.client_id)
        if is_ours or (said.sender.client_id and not is_to_customer) or said.at_ms < page.since_ms:
            continue
        reading = _as_reply(said, page.conversation, page.ours, amojo_id, recovered=True)
        told.extend(each for each in reading.events if isinstance(each, OperatorReplied))
        ignored.extend(reading.ignored)
    told.sort(key=lambda reply: reply.message.sent_at)
    end: tuple[Event, ...] = (HistoryRead(conversation=page.conversation),) if page.is_last else ()
    return Reading(events=(*told, *end), ignored=tuple(ignored))


def read_account(form: Form) -> Reading:
    """Read an account's hook: what became of records and deals. The rest is named and left."""
    events: list[Event] = []
    ignored: list[str] = []
    for root, action, item in _items(form):
        event = _about_record(root, action, item) or _about_deal(root, action, item)
        if event:
            events.append(event)
        elif root != "account":
            ignored.append(_named(root, action, item))
    return Reading(events=tuple(events), ignored=tuple(ignored))


def _about_record(root: str, action: str, item: Form) -> Event | None:
    """`type` is missing from older samples; a company without it is harmless, as nobody's record.

    amoCRM tells of a merge as a deletion beside an update: the survivor is found by its chats.
    """
    record = item.get("id")
    if root != "contacts" or item.get("type") == "company" or not _is_number(record):
        return None
    match action:
        case "delete":
            return RecordChanged(record=str(record), change="deleted")
        case "update":
            return RecordChanged(record=str(record), change="updated")
        case "restore":
            return RecordChanged(record=str(record), change="restored")
        case _:
            return None


def _about_deal(root: str, action: str, item: Form) -> Event | None:
    deal = item.get("id")
    if root != "leads" or not _is_number(deal):
        return None
    if action == "delete":
        return DealChanged(deal=str(deal), state="deleted")
    if action in ("status", "restore") and _is_number(item.get("status_id")):
        return DealChanged(deal=str(deal), state=state_of(item["status_id"]))
    return None


def _items(form: Form) -> Iterator[tuple[str, str, Form]]:
    """Walk `root[action][0][…]`; a root-less `add[0][…]` is a message or a review of a template."""
    for root, actions in form.items():
        if root == "add":
            for item in _values(actions):
                yield "message" if "chat_id" in item else "template_review", "add", item
            continue
        if isinstance(actions, dict):
            for action, items in actions.items():
                for item in _values(items):
                    yield root, action, item


def _values(items: Any) -> list[Form]:
    found = items.values() if isinstance(items, dict) else ()
    return [item for item in found if isinstance(item, dict)]


def _named(root: str, action: str, item: Form) -> str:
    words = ("companies" if item.get("type") == "company" else root, action)
    is_known = all(_NAME.fullmatch(word) for word in words)
    return f"account.{'.'.join(words)}" if is_known else "account.unknown"


def _as_reply(
    said: ChatMessage, conversation: str, ours: str, amojo_id: str, *, recovered: bool = False
) -> Reading:
    content = said.message
    text = "\n".join(part for part in (content.text, *_buttons(content.markup)) if part)
    attachments = _attachments(content)
    if not text and not attachments:
        return Reading(ignored=("chat.empty_message",))
    quoted = content.reply_to.message if content.reply_to else None
    message = Message(
        origin=Origin("amocrm", amojo_id, content.id),
        conversation=conversation,
        author=said.sender.id,
        direction=Direction.OUTBOUND,
        sent_at=_moment(said.at_ms),
        text=text,
        attachments=attachments,
        quote=Quote(origin=Origin("amocrm", amojo_id, quoted.id), text=quoted.text)
        if quoted and quoted.id
        else None,
    )
    operator = Operator(id=said.sender.id, name=said.sender.name)
    reply = OperatorReplied(message=message, operator=operator, ours=ours, recovered=recovered)
    return Reading(events=(reply,))


def _attachments(content: ChatContent) -> tuple[Attachment, ...]:
    """What the message shows. A file without an address still gets its honest line."""
    if content.type in ("", "text") and not content.media:
        return ()
    title, place, card = content.file_name, None, None
    if content.location:
        title = f"{content.location.lat}, {content.location.lon}"
        place = Place(latitude=content.location.lat, longitude=content.location.lon)
    elif content.contact:
        card = Card(name=content.contact.name, phone=content.contact.phone)
        title = " ".join(part for part in (content.contact.name, content.contact.phone) if part)
    kind = AttachmentKind.FILE if content.type in ("", "text") else AttachmentKind.OTHER
    return (
        Attachment(
            kind=KINDS.get(content.type, kind),
            handle=content.media,
            title=title or ("" if content.type in KINDS else content.type),
            size_bytes=content.file_size or None,
            duration_s=content.media_duration or None,
            place=place,
            card=card,
        ),
    )


def _buttons(markup: Any) -> Iterator[str]:
    """A bot's buttons as lines of text: the channel gets words, and the customer every choice."""
    rows = markup.get("buttons") if isinstance(markup, dict) else None
    for row in rows if isinstance(rows, list) else ():
        for button in row if isinstance(row, list) else ():
            if isinstance(button, dict) and isinstance(button.get("text"), str):
                url = button.get("url")
                yield f"• {button['text']}" + (f": {url}" if isinstance(url, str) and url else "")


def _as_reaction(reaction: Reaction, at: datetime, amojo_id: str) -> Reading:
    if not reaction.msgid:
        return Reading(ignored=("chat.reaction_to_nothing",))
    event = ReactionChanged(
        origin=Origin("amocrm", amojo_id, reaction.msgid),
        author=reaction.user.id,
        emoji="" if reaction.type == "unreact" else reaction.emoji,
        at=at,
    )
    return Reading(events=(event,))


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


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20


def _seconds(value: Any) -> datetime:
    return _moment(value * 1000 if isinstance(value, int) and 0 <= value < 2**40 else 0)


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise MalformedWebhook("the time is outside of all calendars") from None
