"""What an update means. Pure: no clock, no network, the same bytes give the same reading."""

import re
from datetime import UTC, datetime

from channel_clients.telegram import wire
from channel_clients.telegram.chats import ChatAddress
from channel_clients.telegram.config import Config
from channel_clients.telegram.content import attachments_in, phone_in, service_in, words_in
from channel_clients.telegram.spans import spans_in
from mappers.text import read_json
from mappers.vocabulary import (
    Arrival,
    ConversationMoved,
    ConversationRefused,
    Direction,
    EntryPoint,
    Identity,
    IdentityKind,
    Message,
    MessageArrived,
    MessageDeleted,
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


def read_update(arrival: Arrival, config: Config) -> Reading:
    """Translate one `Update`.

    Raises: `ValueError` for what is not one; its words never repeat the body.
    """
    update = wire.Update.model_validate(read_json(arrival.body))
    if said := update.message or update.business_message:
        return _message(said, config)
    if edited := update.edited_message or update.edited_business_message:
        return _edit(edited, config)
    if update.deleted_business_messages:
        return _deletion(update.deleted_business_messages, arrival.received_at, config)
    if update.callback_query:
        return _press(update.callback_query, arrival.received_at, config)
    if update.my_chat_member:
        return _membership(update.my_chat_member)
    if update.message_reaction:
        return _reaction(update.message_reaction, config)
    return _ignored(*_names(update))


def _names(update: wire.Update) -> tuple[str, ...]:
    if update.business_connection:
        state = "enabled" if update.business_connection.is_enabled else "disabled"
        return (f"business_connection.{state}",)
    kinds = tuple(kind for kind in update.model_extra or {} if NAME.fullmatch(kind))
    return tuple(f"update.{kind}" for kind in kinds or ("nameless",))


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
    if said.sender_business_bot and str(said.sender_business_bot.id) == config.bot_id:
        return _ignored("business_message.sent_by_us")
    text, entities = words_in(said)
    attachments = attachments_in(said)
    if not text and not attachments:
        return _ignored("message.without_content")
    is_outbound = _is_of_the_owner(said, sender)
    deep_link = None if is_outbound else DEEP_LINK.fullmatch(text)
    message = Message(
        origin=_origin(config, _address(said), said.message_id),
        conversation=_address(said).conversation,
        author=str(sender.id),
        direction=Direction.OUTBOUND if is_outbound else Direction.INBOUND,
        sent_at=_time(said.date),
        text=text,
        spans=spans_in(text, entities),
        attachments=attachments,
        quote=_quote(said, config),
        forwarded_from=said.forward_origin.name if said.forward_origin else "",
        entry_point=EntryPoint(payload=deep_link[1]) if deep_link else None,
        automatic=said.is_from_offline or said.sender_business_bot is not None,
    )
    person = _person(said.chat.person) if is_outbound else _person(sender, said.contact)
    return Reading(events=(MessageArrived(message=message, person=person),))


def _is_of_the_owner(said: wire.Message, sender: wire.User) -> bool:
    """A business account's chat is named after the customer: who else writes there is its own."""
    return bool(said.business_connection_id) and sender.id != said.chat.id


def _person(sender: wire.User, card: wire.Card | None = None) -> Person:
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
    return Quote(origin=_origin(config, _address(said), replied.message_id), text=text)


def _edit(said: wire.Message, config: Config) -> Reading:
    if said.chat.type != PRIVATE:
        return _ignored("edited_message.not_private")
    if said.location:  # a live location moves by editing itself
        return _ignored("edited_message.location")
    text, entities = words_in(said)
    edit = MessageEdited(
        origin=_origin(config, _address(said), said.message_id),
        edited_at=_time(said.date if said.edit_date is None else said.edit_date),
        text=text,
        spans=spans_in(text, entities),
    )
    return Reading(events=(edit,))


def _deletion(deleted: wire.Deleted, heard_at: datetime, config: Config) -> Reading:
    """Telegram tells no time of a deletion, so it is when we heard of it."""
    where = ChatAddress(str(deleted.chat.id), deleted.business_connection_id)
    events = tuple(
        MessageDeleted(origin=_origin(config, where, number), deleted_at=heard_at)
        for number in deleted.message_ids
    )
    return Reading(events=events) if events else _ignored("deleted_business_messages.none")


def _press(press: wire.Press, heard_at: datetime, config: Config) -> Reading:
    """A pressed button is a message that says what the button says; it has no time of its own."""
    under = press.message
    if under is None or under.chat.type != PRIVATE or press.sender.id != under.chat.id:
        return _ignored("callback_query.not_private")
    if not press.label:
        return _ignored("callback_query.without_data")
    where = ChatAddress(str(under.chat.id), under.business_connection_id)
    message = Message(
        origin=_origin(config, where, f"press-{press.id}"),
        conversation=where.conversation,
        author=str(press.sender.id),
        direction=Direction.INBOUND,
        sent_at=heard_at,
        text=press.label,
        quote=Quote(
            origin=_origin(config, where, under.message_id), text=under.text or under.caption
        ),
    )
    return Reading(events=(MessageArrived(message=message, person=_person(press.sender)),))


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
    shown = [
        reaction.emoji or WORDLESS.get(reaction.type, UNSEEN_REACTION)
        for reaction in changed.new_reaction
    ]
    change = ReactionChanged(
        origin=_origin(config, ChatAddress(str(changed.chat.id)), changed.message_id),
        author=str(changed.user.id),
        emoji=shown[-1] if shown else "",  # a premium customer may leave several
        at=_time(changed.date),
    )
    return Reading(events=(change,))


def _notice(username: str) -> str:
    address = f": @{username}" if username else ""
    return (
        f"В группах я не отвечаю. Пожалуйста, напишите мне лично{address}\n"
        f"I do not answer in groups. Please write to me privately{address}"
    )


def _address(said: wire.Message) -> ChatAddress:
    return ChatAddress(str(said.chat.id), said.business_connection_id)


def _origin(config: Config, where: ChatAddress, message: int | str) -> Origin:
    return Origin("telegram", config.bot_id, where.message(message))


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _ignored(*names: str) -> Reading:
    return Reading(ignored=names)
