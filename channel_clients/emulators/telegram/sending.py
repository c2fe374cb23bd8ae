"""The methods by which a bot speaks in a chat. Source: https://core.telegram.org/bots/api."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from channel_clients.emulators.telegram.bots import Call
from channel_clients.emulators.telegram.markup import Formatted, formatted
from channel_clients.emulators.telegram.parameters import Parameters, objects_in
from channel_clients.emulators.telegram.refusals import bad_request
from channel_clients.emulators.telegram.world import Chat, Entry, Wire

TEXT_LIMIT = 4096
BUTTON_DATA_LIMIT_BYTES = 64
DELETABLE_FOR = timedelta(hours=48)
_ENTITY_FIELDS = ("offset", "length")
_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)
_ADDRESSES = ("https://", "http://", "tg://")
# https://core.telegram.org/bots/api#reactiontypeemoji
# Each between spaces, since some are made of several characters.
_REACTIONS = (
    " 👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥"
    " 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨"
    " 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"
    " "
)
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


def send_message(call: Call) -> Wire:
    if not call.asked.text("text"):
        raise bad_request("message text is empty")
    words = words_of(call, "text", "entities")
    chat = call.open_chat()
    if not words.text:
        raise bad_request("message text is empty")
    if words.length > TEXT_LIMIT:
        raise bad_request("message is too long")
    return post(call, chat, _text_content(words))


def edit_message_text(call: Call) -> Wire:
    words = words_of(call, "text", "entities")
    if not words.text:
        raise bad_request("message text is empty")
    markup = inline_markup(call)
    chat = call.open_chat()
    entry = call.entry(chat, "message to edit")
    if entry.side != "bot":
        raise bad_request("message can't be edited")
    if "text" not in entry.wire:
        raise bad_request("there is no text in the message to edit")
    if words.length > TEXT_LIMIT:
        raise bad_request("MESSAGE_TOO_LONG")
    content = _text_content(words) | markup
    return replaced(call, chat, entry, content, ("text", "entities", "reply_markup"))


def replaced(call: Call, chat: Chat, entry: Entry, content: Wire, kept: Sequence[str]) -> Wire:
    """Put `content` in the place of the fields named in `kept`.

    Raises: `Refused` when that changes nothing.
    """
    if {name: entry.wire[name] for name in kept if name in entry.wire} == content:
        raise bad_request(_NOT_MODIFIED)
    call.world.meter.admit(call.bot.id, chat.id)
    rest = {name: value for name, value in entry.wire.items() if name not in kept}
    entry.wire = {**rest, **content, "edit_date": call.world.date}
    return entry.wire


def delete_message(call: Call) -> bool:
    entry = call.entry(call.open_chat(), "message to delete")
    written = datetime.fromtimestamp(entry.wire["date"], UTC)
    if call.world.clock.now() - written > DELETABLE_FOR:
        raise bad_request("message can't be deleted for everyone")
    entry.deleted = True
    return True


def delete_business_messages(call: Call) -> bool:
    """Delete messages of one chat of an account; the ids are the account's own."""
    business = call.business(call.asked.text("business_connection_id"))
    numbers = call.asked.structure("message_ids") or []
    if not isinstance(numbers, list) or not 1 <= len(numbers) <= 100:
        raise bad_request("wrong number of message identifiers")
    for chat in business.chats.values():
        for entry in (chat.living(number) for number in numbers):
            if entry is not None:
                entry.deleted = True
    return True


def send_chat_action(call: Call) -> bool:
    action = call.asked.text("action").lower()
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    call.open_chat().actions.append(action)
    return True


def set_message_reaction(call: Call) -> bool:
    wanted = call.asked.objects("reaction")
    chat = call.open_chat()
    entry = call.entry(chat, "message to react")
    if len(wanted) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    for reaction in wanted:
        emoji = str(reaction.get("emoji", "")).replace("\ufe0f", "")
        if reaction.get("type") != "emoji" or f" {emoji} " not in _REACTIONS:
            raise bad_request("REACTION_INVALID")
    entry.reactions[call.bot.id] = wanted
    return True


def post(call: Call, chat: Chat, content: Wire) -> Wire:
    content = reply_of(call, chat) | content | inline_markup(call)
    call.world.meter.admit(call.bot.id, chat.id)
    if not chat.business:
        return chat.post("bot", call.bot.wire, call.world.moment, content).wire
    owner = call.business(chat.business).owner.wire
    content = {**content, "sender_business_bot": call.bot.wire}
    wire = chat.post("bot", owner, call.world.moment, content).wire
    if call.bot.echoes:
        call.bot.announce("business_message", wire)
    return wire


def words_of(call: Call, text: str, entities: str) -> Formatted:
    listed = call.asked.objects(entities)
    if not all(isinstance(mark.get(field), int) for mark in listed for field in _ENTITY_FIELDS):
        raise bad_request("can't parse entities: field offset and length must be of type Number")
    return formatted(call.asked.text(text), call.asked.text("parse_mode"), listed)


def _text_content(words: Formatted) -> Wire:
    content: Wire = {"text": words.text}
    if words.entities:
        content["entities"] = list(words.entities)
    return content


def reply_of(call: Call, chat: Chat) -> Wire:
    """Read `reply_parameters`, or the two parameters that did its work before Bot API 7.0."""
    nested = call.asked.mapping("reply_parameters")
    asked = Parameters(nested) if nested else call.asked
    message_id = asked.integer("message_id" if nested else "reply_to_message_id")
    if message_id == 0:
        return {}
    target = chat.living(message_id)
    if target is None:
        if asked.flag("allow_sending_without_reply"):
            return {}
        raise bad_request("message to be replied not found")
    return replying(target, asked.text("quote"))


def replying(target: Entry, quote: str | None) -> Wire:
    """Return the fields of a reply. A reply shown inside a reply has none of its own.

    Raises: `Refused` for a quote of what the message does not say.
    """
    shown = {key: value for key, value in target.wire.items() if key != "reply_to_message"}
    if not quote:
        return {"reply_to_message": shown}
    before, found, _ = target.text.partition(quote)
    if not found:
        raise bad_request("QUOTE_TEXT_INVALID")
    position = len(before.encode("utf-16-le")) // 2
    part = {"text": quote, "position": position, "is_manual": True}
    return {"reply_to_message": shown, "quote": part}


def inline_markup(call: Call) -> Wire:
    """Return the buttons that stay with a message; a reply keyboard is not part of it."""
    rows = call.asked.mapping("reply_markup").get("inline_keyboard") or []
    if not isinstance(rows, list):
        raise bad_request("field inline_keyboard must be of type Array")
    for button in (button for row in rows for button in objects_in(row, "row of buttons")):
        if len(str(button.get("callback_data", "")).encode()) > BUTTON_DATA_LIMIT_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
        if not button.get("text") or not (button.get("callback_data") or button.get("url")):
            raise bad_request("can't parse inline keyboard button: Text buttons are unallowed")
        if not str(button.get("url") or "https://").startswith(_ADDRESSES):
            raise bad_request("BUTTON_URL_INVALID")
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}
