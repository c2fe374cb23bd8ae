"""What an update means. Pure: no clock, no network, the same bytes give the same reading."""

import re
from datetime import UTC, datetime

from channel_clients.telegram import wire
from channel_clients.telegram.config import Config
from channel_clients.telegram.content import attachments_in, phone_in, service_in
from channel_clients.telegram.spans import spans_in
from mappers.text import read_json
from mappers.vocabulary import (
    ConversationMoved,
    ConversationRefused,
    Direction,
    EntryPoint,
    Identity,
    IdentityKind,
    Message,
    MessageArrived,
    MessageEdited,
    Origin,
    Person,
    Quote,
    ReachabilityChanged,
    ReactionChanged,
    Reading,
)

PRIVATE = "private"
REACHABLE = {"member": True, "kicked": False}  # a private chat has no other statuses
GROUPS = frozenset({"group", "supergroup"})
DEEP_LINK = re.compile(r"/start\s+([A-Za-z0-9_-]{1,64})\s*")
NAME = re.compile(r"[a-z_]{1,64}")
# Reactions that no Unicode emoji can say: paid stars, and pictures of the customer's own.
WORDLESS = {"paid": "⭐"}
UNSEEN_REACTION = "❔"


def read_update(body: bytes, config: Config) -> Reading:
    """Translate one `Update`.

    Raises: `ValueError` for what is not one; its words never repeat the body.
    """
    update = wire.Update.model_validate(read_json(body))
    if update.message:
        return _message(update.message, config)
    if update.edited_message:
        return _edit(update.edited_message, config)
    if update.my_chat_member:
        return _membership(update.my_chat_member)
    if update.message_reaction:
        return _reaction(update.message_reaction, config)
    kinds = tuple(kind for kind in update.model_extra or {} if NAME.fullmatch(kind))
    return _ignored(*(f"update.{kind}" for kind in kinds or ("nameless",)))


def _message(said: wire.Message, config: Config) -> Reading:
    chat = str(said.chat.id)
    if said.migrate_to_chat_id is not None:
        return Reading(events=(ConversationMoved(old=chat, new=str(said.migrate_to_chat_id)),))
    if service := service_in(said):
        return _ignored(f"message.{service}")
    if said.is_automatic_forward:  # a channel's post, repeated in the group of its readers
        return _ignored("message.is_automatic_forward")
    if said.chat.type in GROUPS:
        notice = _notice(config.username)
        refusal = ConversationRefused(conversation=chat, reason="group", notice=notice)
        return Reading(events=(refusal,))
    if said.chat.type != PRIVATE or said.sender is None:
        return _ignored("message.not_private")
    return _private(said, said.sender, config)


def _private(said: wire.Message, sender: wire.User, config: Config) -> Reading:
    text, entities = _words(said)
    attachments = attachments_in(said)
    if not text and not attachments:
        return _ignored("message.without_content")
    deep_link = DEEP_LINK.fullmatch(text)
    message = Message(
        origin=_origin(config, said.chat.id, said.message_id),
        conversation=str(said.chat.id),
        author=str(sender.id),
        direction=Direction.INBOUND,
        sent_at=_time(said.date),
        text=text,
        spans=spans_in(text, entities),
        attachments=attachments,
        quote=_quote(said, config),
        forwarded_from=said.forward_origin.name if said.forward_origin else "",
        entry_point=EntryPoint(payload=deep_link[1]) if deep_link else None,
        automatic=said.is_from_offline,
    )
    return Reading(events=(MessageArrived(message=message, person=_person(sender, said.contact)),))


def _person(sender: wire.User, card: wire.Card | None) -> Person:
    number = f"telegram:{sender.id}"
    identities = [
        Identity(kind=IdentityKind.CHANNEL_USER, value=number, evidence="telegram.user_id")
    ]
    # Anybody's card can be passed on; only one's own carries one's own id.
    if card and card.user_id == sender.id and (phone := phone_in(card)):
        shared = Identity(kind=IdentityKind.PHONE, value=phone, evidence="telegram.contact_shared")
        identities.append(shared)
    return Person(
        identities=tuple(identities),
        name=sender.full_name,
        username=sender.username,
        language=sender.language_code,
        profile_url=f"https://t.me/{sender.username}" if sender.username else "",
    )


def _quote(said: wire.Message, config: Config) -> Quote | None:
    if said.reply_to_message is None:
        return None
    replied = said.reply_to_message
    text = said.quote.text if said.quote else replied.text or replied.caption
    return Quote(origin=_origin(config, said.chat.id, replied.message_id), text=text)


def _edit(said: wire.Message, config: Config) -> Reading:
    if said.chat.type != PRIVATE:
        return _ignored("edited_message.not_private")
    if said.location:  # a live location moves by editing itself
        return _ignored("edited_message.location")
    text, entities = _words(said)
    edit = MessageEdited(
        origin=_origin(config, said.chat.id, said.message_id),
        edited_at=_time(said.date if said.edit_date is None else said.edit_date),
        text=text,
        spans=spans_in(text, entities),
    )
    return Reading(events=(edit,))


def _membership(changed: wire.MemberUpdate) -> Reading:
    reachable = REACHABLE.get(changed.new_chat_member.status)
    if changed.chat.type != PRIVATE or reachable is None:
        return _ignored("my_chat_member.not_private")
    change = ReachabilityChanged(
        conversation=str(changed.chat.id), reachable=reachable, at=_time(changed.date)
    )
    return Reading(events=(change,))


def _reaction(changed: wire.ReactionUpdate, config: Config) -> Reading:
    if changed.chat.type != PRIVATE or changed.user is None:
        return _ignored("message_reaction.not_private")
    shown = (
        reaction.emoji or WORDLESS.get(reaction.type, UNSEEN_REACTION)
        for reaction in changed.new_reaction
    )
    change = ReactionChanged(
        origin=_origin(config, changed.chat.id, changed.message_id),
        author=str(changed.user.id),
        emoji="".join(shown),
        at=_time(changed.date),
    )
    return Reading(events=(change,))


def _words(said: wire.Message) -> tuple[str, tuple[wire.Entity, ...]]:
    return (said.text, said.entities) if said.text else (said.caption, said.caption_entities)


def _notice(username: str) -> str:
    address = f": @{username}" if username else ""
    return (
        f"В группах я не отвечаю. Пожалуйста, напишите мне лично{address}\n"
        f"I do not answer in groups. Please write to me privately{address}"
    )


def _origin(config: Config, chat: int, message: int) -> Origin:
    return Origin("telegram", config.bot_id, f"{chat}:{message}")


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _ignored(*names: str) -> Reading:
    return Reading(ignored=names)
