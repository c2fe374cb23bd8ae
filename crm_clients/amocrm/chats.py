"""The Chats API (amojo): signed calls, and messages in its words.

Every call is signed over its exact bytes, content type, date and path, so a body is serialised
once and those bytes are sent. The date runs out in fifteen minutes: a call is signed anew each
time it is made. Ids cross over: our `msgid` comes back as `ref_id`, and the answer's `msgid` is
amoCRM's own.

Source: amocrm.ru/developers/content/chats/{chat-step-by-step, chat-api-reference}.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from crm_clients.amocrm import media
from crm_clients.amocrm.oauth import USER_AGENT, Application, Config, amojo_base
from crm_clients.amocrm.rest import failure_in, garbled, only_of
from crm_clients.amocrm.wire import HistoryPage, OpenedChat
from mappers.vocabulary import (
    AuthExpired,
    Blocked,
    Entry,
    Failure,
    Gone,
    Http,
    HttpCall,
    HttpReply,
    IdentityKind,
    OpenedConversation,
    Opening,
    Permanent,
    Person,
    ProviderError,
    Reaction,
    Status,
    StatusReport,
)

JSON = "application/json"  # signed as it stands: a charset suffix would break the signature
ORIGIN = "/v2/origin/custom"
PAGE = 50
MOST_PAGES = 200
# Senders' clocks and ours differ; a window that is read back begins this much earlier.
SLACK = timedelta(minutes=5)
CODES = {Status.SENT: 1, Status.DELIVERED: 1, Status.READ: 2, Status.FAILED: -1}
NO_SUCH_PERSON, OWN_WORDS, UNNAMED_ERROR = 904, 905, 903
NOT_REACHED = frozenset({"nobody_to_write_to", "not_started", "chat_not_found"})


@dataclass(frozen=True, slots=True)
class Chats:
    """Our channel in one account."""

    config: Config
    application: Application
    http: Http = field(repr=False)

    @property
    def scope(self) -> str:
        return f"{ORIGIN}/{self.application.channel_id}_{self.config.amojo_id}"

    async def connect(self) -> None:
        """Switch the channel on. Needed again after every installation; safe to repeat."""
        body = {
            "account_id": self.config.amojo_id,
            "title": self.application.title,
            "hook_api_version": "v2",
        }
        await self.call(post(f"{ORIGIN}/{self.application.channel_id}/connect", "connect", body))

    async def disconnect(self) -> None:
        path = f"{ORIGIN}/{self.application.channel_id}/disconnect"
        body = {"account_id": self.config.amojo_id}
        leave = HttpCall(method="DELETE", url=path, label="disconnect", json=body, repeatable=True)
        await self.call(leave)

    async def open(self, opening: Opening) -> OpenedConversation:
        """Create the chat, or learn the id of the one that has our id already."""
        body: dict[str, Any] = {"conversation_id": opening.ours, "user": customer(opening.person)}
        if opening.source:
            body["source"] = {"external_id": opening.source}
        reply = await self.call(post(f"{self.scope}/chats", "open", body))
        opened = only_of(OpenedChat, reply.value())
        return OpenedConversation(id=opened.id, user=opened.user.id)

    async def send(self, body: Mapping[str, Any], label: str, *, repeatable: bool) -> HttpReply:
        """Send a new message or an edit."""
        return await self.call(post(self.scope, label, body, repeatable=repeatable))

    async def report(self, report: StatusReport) -> None:
        """Tell how far a reply got, in the dialect that every known client speaks.

        The reference table of the same page names the keys otherwise; its dialect is tried when
        ours is refused, since nobody has seen which of the two pages is right.
        """
        path = f"{self.scope}/{quote(report.reply, safe='')}/delivery_status"
        code, error = CODES[report.status], _error(report)
        spoken = {"msgid": report.reply, "delivery_status": code, **error}
        try:
            await self.call(post(path, "report", spoken), gone="message")
        except ProviderError as refused:
            if not _is_refusal_of_words(refused.failure):
                raise
            tabled = {"status_code": code, **error}
            await self.call(post(path, "report", tabled), gone="message")

    async def react(self, reaction: Reaction) -> None:
        """Put the customer's reaction on a message, or take it back."""
        body: dict[str, Any] = {
            "conversation_ref_id": reaction.conversation.id,
            "id": reaction.message,
            "user": {"id": customer(reaction.person)["id"]},
            "type": "react" if reaction.emoji else "unreact",
        }
        if reaction.emoji:
            body["emoji"] = reaction.emoji
        await self.call(post(f"{self.scope}/react", "react", body), gone="message")

    async def history(self, conversation: str, since: datetime) -> AsyncIterator[list[Any]]:
        """Yield pages of a chat, newest first, until one lies before `since` as a whole.

        Whether amoCRM orders by the time of a message or of its import is not documented, so one
        old message does not end the reading.
        Raises: `ProviderError`, also when the chat is longer than anybody should read.
        """
        floor_ms = milliseconds(since - SLACK)
        for page in range(MOST_PAGES):
            reply = await self.page(conversation, page * PAGE)
            if reply.status == 204:
                return
            messages = reply.at("messages")
            if not isinstance(messages, list):
                raise ProviderError(garbled(repeatable=True))
            yield messages
            if len(messages) < PAGE or all(at_ms(each) < floor_ms for each in messages):
                return
        raise ProviderError(Permanent(code="amocrm.history_too_long"))

    async def page(self, conversation: str, offset: int) -> HttpReply:
        """Ask for one page of a chat; 204 when it holds nothing, or there is no such chat."""
        window = {"offset": offset, "limit": PAGE}
        path = f"{self.scope}/chats/{quote(conversation, safe='')}/history"
        look = HttpCall(method="GET", url=path, label="history", params=window, repeatable=True)
        return await self.call(look)

    async def find(self, conversation: str, key: str, since: datetime) -> str | None:
        """Return amoCRM's id of the message that we sent as `key`."""
        async for page in self.history(conversation, since):
            for each in page:
                message = each.get("message") if isinstance(each, dict) else None
                if isinstance(message, dict) and message.get("client_id") == key:
                    if not isinstance(message.get("id"), str):
                        raise ProviderError(garbled(repeatable=True))
                    return str(message["id"])
        return None

    async def call(self, call: HttpCall, gone: Gone = "") -> HttpReply:
        """Sign and make a call whose `url` is a path so far, and whose `json` is not yet bytes."""
        if not self.application.has_channel:
            raise ProviderError(Blocked(code="amocrm.no_channel", by="provider"))
        text = "" if call.json is None else json.dumps(call.json, ensure_ascii=False)
        content = text.encode("utf-8", "replace")
        secret = self.application.channel_secret.get_secret_value()
        signed = signature_headers(
            call.method, call.url, content, secret=secret, at=self.http.now()
        )
        ready = replace(
            call,
            url=amojo_base(self.config, self.application) + call.url,
            label=f"amojo.{call.label}",
            headers={**signed, "user-agent": USER_AGENT},
            json=None,
            content=content,
            budgets=("amojo",),
        )
        reply = await self.http.send(ready)
        if failure := chat_failure_in(reply, repeatable=call.repeatable, gone=gone):
            raise ProviderError(failure)
        return reply


def post(path: str, label: str, body: Mapping[str, Any], *, repeatable: bool = True) -> HttpCall:
    return HttpCall(method="POST", url=path, label=label, json=body, repeatable=repeatable)


def signature_headers(
    method: str, path: str, content: bytes, *, secret: str, at: datetime
) -> dict[str, str]:
    """Sign a call. The query string is not part of what is signed."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    date = format_datetime(at)
    signed = f"{method.upper()}\n{digest}\n{JSON}\n{date}\n{path}".encode()
    return {
        "date": date,
        "content-type": JSON,
        "content-md5": digest,
        "x-signature": hmac.digest(secret.encode(), signed, "sha1").hex(),
    }


def chat_failure_in(reply: HttpReply, *, repeatable: bool, gone: Gone) -> Failure | None:
    """Read a refusal of the Chats API.

    A bad signature is a fault of the registration, not of the account's token: renewing the token
    would spend it for nothing, so neither 401 nor 403 is `AuthExpired` here.
    """
    match failure_in(reply, repeatable=repeatable, gone=gone):
        case AuthExpired() | Blocked(code="amocrm.forbidden" | "amocrm.blocked") as failure:
            is_page = b"<html" in reply.body[:200].lower()
            code = "amocrm.blocked" if is_page else "amocrm.channel_refused"
            return Blocked(code=code, detail=failure.detail, by="provider")
        case failure:
            return failure


def new_message(entry: Entry, application: Application) -> dict[str, Any]:
    """Describe an entry. Everything in it depends on the entry alone: a repeat is equal."""
    sent_ms = milliseconds(entry.message.sent_at)
    payload: dict[str, Any] = {
        "timestamp": sent_ms // 1000,
        "msec_timestamp": sent_ms,
        "msgid": entry.key,
        "conversation_id": entry.ours,
        "silent": entry.quiet,
        **_sides(entry, application),
        "message": media.content_of(entry),
    }
    if entry.tells_ours:
        # amoCRM began this chat: the ids that it gave are told back, once, beside ours.
        client = payload["sender" if entry.author is None else "receiver"]
        client["ref_id"] = entry.conversation.user
        payload["conversation_ref_id"] = entry.conversation.id
    if entry.source:
        payload["source"] = {"external_id": entry.source}
    if entry.quoted:
        payload["reply_to"] = {"message": {"id": entry.quoted}}
    return {"event_type": "new_message", "payload": payload}


def edited_message(entry: Entry, at: datetime) -> dict[str, Any]:
    sent_ms = milliseconds(at)
    payload = {
        "timestamp": sent_ms // 1000,
        "msec_timestamp": sent_ms,
        "msgid": entry.key,
        "conversation_id": entry.ours,
        "message": media.content_of(entry),
    }
    return {"event_type": "edit_message", "payload": payload}


def customer(person: Person) -> dict[str, Any]:
    """Describe a customer the same way wherever they are named, so that amoCRM sees one person."""
    ids = {identity.kind: identity.value for identity in reversed(person.identities)}
    user_id = person.identities[0].value if person.identities else ""
    wanted = {"phone": ids.get(IdentityKind.PHONE), "email": ids.get(IdentityKind.EMAIL)}
    user: dict[str, Any] = {"id": user_id, "name": person.name or person.username or user_id}
    if profile := {name: value for name, value in wanted.items() if value}:
        user["profile"] = profile
    addresses = {"avatar": person.avatar, "profile_link": person.profile_url}
    fetchable = {name: url for name, url in addresses.items() if url.startswith("https://")}
    return {**user, **fetchable}


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def at_ms(message: Any) -> int:
    """When a message of a page was said; one without a time counts as news."""
    if not isinstance(message, dict):
        return 0
    exact, rough = message.get("msec_timestamp"), message.get("timestamp")
    if isinstance(exact, int) and exact:
        return exact
    return rough * 1000 if isinstance(rough, int) else 2**53


def history_body(page: HistoryPage) -> bytes:
    # Escaped, because half of a surrogate pair is legal in JSON and not in UTF-8.
    return json.dumps(page.model_dump()).encode()


def _sides(entry: Entry, application: Application) -> dict[str, Any]:
    """Who speaks to whom. A message of an employee goes in the name of the channel's bot.

    amoCRM sends no hook for what its bot said; whether it would for a manager's name is not
    documented, and an echo is worth more trouble than a portrait.
    """
    if entry.author is None:
        return {"sender": customer(entry.person)}
    sender = {
        "id": entry.author.id,
        "name": entry.author.name or application.title,
        "ref_id": application.channel_bot_id,
    }
    return {"sender": sender, "receiver": customer(entry.person)}


def _error(report: StatusReport) -> dict[str, Any]:
    """The two keys that a failure must carry. Only 905 makes amoCRM show our words."""
    if report.status is not Status.FAILED:
        return {}
    if report.code.rpartition(".")[2] in NOT_REACHED:
        return {"error_code": NO_SUCH_PERSON, "error": report.words or report.code}
    if report.words:
        return {"error_code": OWN_WORDS, "error": report.words}
    return {"error_code": UNNAMED_ERROR, "error": report.code}


def _is_refusal_of_words(failure: Failure) -> bool:
    return isinstance(failure, Permanent) and failure.code.startswith("amocrm.invalid")
