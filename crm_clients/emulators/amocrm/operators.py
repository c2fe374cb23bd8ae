"""What the people inside the CRM say: replies, notes, reactions."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from . import fields, hooks, intake, webhooks
from .board import Board, acting
from .model import (
    Account,
    Chat,
    ChatMessage,
    Entity,
    Json,
    Note,
    Person,
    Reply,
    Talk,
)
from .world import World


def say(
    world: World, account: Account, chat: Chat, text: str, *, user_id: int | None = None
) -> Reply:
    """Write into a chat as a user of the account."""
    return _post(world, account, chat, {"type": "text", "text": text}, user_id=user_id)


def end_talk(world: World, account: Account, talk: Talk) -> None:
    talk.is_in_work = False
    talk.updated_at = world.unix()
    webhooks.talk_changed(world, account, "update", talk)


def _post(
    world: World,
    account: Account,
    chat: Chat,
    content: Json,
    *,
    user_id: int | None = None,
) -> Reply:
    user = acting(account, user_id)
    typed_before = (said.timestamp_ms for said in chat.messages if said.by_operator)
    message = ChatMessage(
        id=world.uuid(),
        chat_id=chat.id,
        client_id=None,
        direction="outgoing",
        sender_id=user.amojo_id,
        sender_name=user.name,
        content=content,
        timestamp_ms=max(int(world.now() * 1000), max(typed_before, default=0) + 1),
        visible_at=world.now(),
        by_operator=True,
    )
    account.add_message(chat, message)
    reply = Reply(
        account=account.subdomain,
        chat_id=chat.id,
        client_conversation_id=chat.client_id,
        text=message.text,
        user_id=user.id,
        message=message,
        at=world.now(),
    )
    world.replies.append(reply)
    intake.note_in_talk(world, account, chat, message)
    hooks.tell_of_message(world, account, chat, message, reply)
    webhooks.message_added(world, account, chat, message)
    return reply


class Operators(Board):
    """The part of the emulator that stands for the people at the screens.

    An account is named by subdomain, id or amojo id; a chat by its id, by the channel's
    conversation id, or by the id of its contact. Unknown ones raise `LookupError`.
    """

    world: World

    def reply(
        self,
        account: str | int,
        to: str | int,
        text: str,
        *,
        user_id: int | None = None,
        reply_to: str | None = None,
    ) -> Reply:
        """Write to a client; `reply_to` quotes a message by amojo's id. The hook is sent once."""
        where = self.world.account(account)
        chat = self.chat(account, to)
        content: Json = {"type": "text", "text": text}
        if reply_to is not None:
            content["reply_to"] = _quote(chat, reply_to)
        return _post(self.world, where, chat, content, user_id=user_id)

    def reply_with_files(
        self,
        account: str | int,
        to: str | int,
        files: Sequence[Mapping[str, Any]],
        *,
        text: str = "",
        user_id: int | None = None,
    ) -> list[Reply]:
        """Send files (`type`, `media`, `file_name`, `file_size`): one hook each, in one group.

        The text goes with the first of them.
        """
        chat = self.chat(account, to)
        group = {"media_group_id": self.world.uuid()} if len(files) > 1 else {}
        contents = [
            {**file, **group, "text": text if index == 0 else ""}
            for index, file in enumerate(files)
        ]
        where = self.world.account(account)
        return [_post(self.world, where, chat, each, user_id=user_id) for each in contents]

    def reply_with_buttons(
        self,
        account: str | int,
        to: str | int,
        text: str,
        rows: Sequence[Sequence[Mapping[str, str]]],
        *,
        template: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Write as a bot does; each button has a `text` and perhaps a `url`."""
        buttons = [[dict(button) for button in row] for row in rows]
        content: Json = {"type": "text", "text": text}
        content["markup"] = {"mode": "inline", "buttons": buttons}
        if template is not None:
            content["template"] = dict(template)
        where = self.world.account(account)
        return _post(self.world, where, self.chat(account, to), content)

    def upload(self, base: str, name: str, body: bytes, *, kind: str = "picture") -> Json:
        """Put a file where an operator's files lie; return it as `reply_with_files` takes it.

        `base` is where the emulator is served.
        """
        path = f"/attachments/{self.world.uuid()}/{name}"
        self.world.files[path] = body
        media = base.rstrip("/") + quote(path)
        return {"type": kind, "media": media, "file_name": name, "file_size": len(body)}

    def write_note(
        self,
        account: str | int,
        card_id: int,
        text: str,
        *,
        entity: Entity = "contacts",
        user_id: int | None = None,
    ) -> Note:
        """Write a note on a card, as people do in its feed."""
        where = self.world.account(account)
        if where.card(entity, card_id) is None:
            raise LookupError(f"no card of {entity} has the id {card_id}")
        user = acting(where, user_id)
        typed_before = (note.created_at for note in where.notes.values() if note.created_by)
        now = max(self.world.unix(), max(typed_before, default=0))
        note = Note(
            id=self.world.number(),
            entity=entity,
            entity_id=card_id,
            note_type="common",
            params={"text": text},
            created_by=user.id,
            responsible_user_id=user.id,
            created_at=now,
            updated_at=now,
        )
        where.notes[note.id] = note
        webhooks.note_added(self.world, where, note)
        return note

    def write_first(
        self,
        account: str | int,
        contact_id: int,
        text: str,
        *,
        user_id: int | None = None,
        source: str | None = None,
    ) -> Reply:
        """Begin a chat with a contact by phone, through the first connected channel.

        `source` is the external id of the one that was chosen.
        """
        world, where = self.world, self.world.account(account)
        contact = self.contact(account, contact_id)
        connected = [each for each in world.channels.values() if where.amojo_id in each.connections]
        if not connected:
            raise LookupError("no channel is connected to the account")
        person = Person(
            id=world.uuid(), channel_id=connected[0].id, client_id=None, name=contact.name
        )
        person.phone = next(iter(fields.values_of(where, contact, "PHONE")), "")
        where.people[person.id] = person
        chat = Chat(
            id=world.uuid(), channel_id=connected[0].id, person_id=person.id, client_id=None
        )
        chat.source_external_id = source
        where.chats[chat.id] = chat
        intake.bind(world, chat, contact.id)
        return say(world, where, chat, text, user_id=user_id)

    def type_in(self, account: str | int, to: str | int, *, user_id: int | None = None) -> None:
        """Be seen typing; channels hear of it if they asked to."""
        where, chat = self.world.account(account), self.chat(account, to)
        typing = {
            "user": {"id": acting(where, user_id).amojo_id},
            "conversation": _conversation(chat),
            "expired_at": self.world.unix() + 5,
        }
        hooks.tell_of_action(self.world, where, chat, {"typing": typing})

    def react(
        self,
        account: str | int,
        message_id: str,
        emoji: str | None,
        *,
        user_id: int | None = None,
    ) -> None:
        """Put a reaction on a message, or with None take it away."""
        where = self.world.account(account)
        message = where.messages[message_id]
        chat, user = where.chats[message.chat_id], acting(where, user_id)
        reaction: Json = {
            "msgid": message.id,
            "user": {"id": user.amojo_id},
            "conversation": _conversation(chat),
            "type": "react" if emoji else "unreact",
        }
        if emoji:
            reaction["emoji"] = message.reactions[user.amojo_id] = emoji
        else:
            message.reactions.pop(user.amojo_id, None)
        hooks.tell_of_action(self.world, where, chat, {"reaction": reaction})

    def close_talk(self, account: str | int, to: str | int) -> None:
        where = self.world.account(account)
        talk = intake.talk_of(where, self.chat(account, to))
        if talk is None:
            raise LookupError("the chat has no talk in work")
        end_talk(self.world, where, talk)

    def chat(self, account: str | int, to: str | int) -> Chat:
        """Find a chat; of several chats of one contact, the one begun last."""
        for chat in reversed(self.world.account(account).chats.values()):
            if to in (chat.id, chat.client_id, chat.contact_id):
                return chat
        raise LookupError(f"no chat is known as {to!r}")


def _conversation(chat: Chat) -> Json:
    client_id = {} if chat.client_id is None else {"client_id": chat.client_id}
    return {"id": chat.id, **client_id}


def _quote(chat: Chat, message_id: str) -> Json:
    quoted = next((each for each in chat.messages if each.id == message_id), None)
    if quoted is None:
        raise LookupError(f"no message of this chat has the id {message_id!r}")
    msgid = {} if quoted.client_id is None else {"msgid": quoted.client_id}
    return {
        "message": {
            "id": quoted.id,
            **msgid,
            "type": quoted.content["type"],
            "text": quoted.text,
            "timestamp": quoted.timestamp_ms // 1000,
            "msec_timestamp": quoted.timestamp_ms,
            "sender": {"id": quoted.sender_id, "name": quoted.sender_name},
        }
    }
