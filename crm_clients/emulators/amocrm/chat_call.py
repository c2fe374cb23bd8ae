"""One call of the chats API, and what its handlers look up: people, chats, messages."""

from dataclasses import dataclass, replace
from typing import Any

from channel_clients.emulators.stage import Request, Response

from . import strict
from .model import Account, Channel, Chat, ChatMessage, Json, Person
from .problems import Refused
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall:
    """A call whose signature was found good; `scope` is absent when it is about the channel."""

    world: World
    channel: Channel
    request: Request
    scope: Account | None = None

    @property
    def account(self) -> Account:
        if self.scope is None:
            raise LookupError("this call is about no account")
        return self.scope

    @property
    def conversations(self) -> dict[str, Chat]:
        """The chats of this scope by the channel's conversation id."""
        return self.world.book(self.channel, self.account).conversations

    @property
    def msgids(self) -> dict[str, ChatMessage]:
        """The messages of this scope by the channel's msgid."""
        return self.world.book(self.channel, self.account).msgids

    def add_chat(self, chat: Chat) -> None:
        self.account.chats[chat.id] = chat
        if chat.client_id is not None:
            self.conversations[chat.client_id] = chat

    def within(self, account: Account) -> "ChatCall":
        return replace(self, scope=account)

    def body(self, shape: strict.Shape) -> Json:
        """Return the body if it has the shape, or refuse."""
        try:
            sent: Any = self.request.json()
        except ValueError:
            raise refuse(self.world, 400, "INVALID_JSON", "The body is not JSON") from None
        self.expect(sent, shape)
        return dict(sent)

    def expect(self, value: Any, shape: strict.Shape) -> None:
        accepts_unknown = self.world.switches.unknown_keys == "accept"
        flaw = strict.flaw(value, shape, unknown_keys=accepts_unknown)
        if flaw:
            raise refuse(self.world, 400, "INVALID_REQUEST", flaw)


def refuse(world: World, status: int, kind: str, description: str) -> Refused:
    if world.switches.amojo_error_body == "empty":
        return Refused(Response(status=status))
    body = {"error_code": status, "error_type": kind, "error_description": description}
    return Refused(Response.of(body, status=status))


def person_for(call: ChatCall, given: Json) -> Person:
    """Return the client with this id of the channel's side, made or refreshed.

    A `ref_id` joins that id to the client whom an operator wrote to first.
    """
    book = call.world.book(call.channel, call.account)
    person = call.account.people.get(given.get("ref_id") or "") or book.people.get(given["id"])
    if person is None:
        person = Person(
            id=call.world.uuid(),
            channel_id=call.channel.id,
            client_id=given["id"],
            name=given["name"],
        )
        call.account.people[person.id] = person
    book.people[given["id"]] = person
    person.client_id = given["id"]
    person.name = given["name"]
    profile = given.get("profile") or {}
    person.avatar = given.get("avatar") or person.avatar
    person.phone = profile.get("phone") or person.phone
    person.email = profile.get("email") or person.email
    return person


def chat_of(
    call: ChatCall, *, client_id: str | None = None, ref_id: str | None = None
) -> Chat | None:
    """Find a chat of this scope by the channel's conversation id, or by amojo's."""
    if client_id is not None and client_id in call.conversations:
        return call.conversations[client_id]
    chat = call.account.chats.get(ref_id or "")
    return chat if chat is not None and chat.channel_id == call.channel.id else None


def message_of(
    call: ChatCall, *, amojo_id: str | None = None, client_id: str | None = None
) -> ChatMessage | None:
    """Find a message of this scope by amojo's id, or by the channel's msgid."""
    message = call.account.messages.get(amojo_id or "")
    if message is None:
        return call.msgids.get(client_id or "")
    chat = call.account.chats[message.chat_id]
    return message if chat.channel_id == call.channel.id else None
