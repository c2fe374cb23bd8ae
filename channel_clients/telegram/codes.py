"""Failure codes that this channel gives, one sentence each; the docs are printed from these."""

from collections.abc import Mapping
from types import MappingProxyType

FILE_TOO_LARGE = "file.too_large"  # a word of every adapter that fetches files

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "telegram.attachment_unsupported": "What is neither a file, a place nor a card cannot be"
        " shown in Telegram.",
        "telegram.blocked_by_user": "The customer blocked the bot; nothing reaches them until they"
        " write again.",
        "telegram.button_refused": "Telegram refused a button: its address, most likely.",
        "telegram.chat_deleted": "The chat does not exist any more.",
        "telegram.chat_not_found": "Telegram knows no such chat, or not with this bot.",
        "telegram.file_cut_short": "Less of the file came than Telegram said there is; it is asked"
        " for again.",
        "telegram.file_kept_local": "The Bot API server keeps files on its own disk (`--local`) and"
        " hands none out.",
        "telegram.file_not_fetched": "Telegram could not fetch the file; it is tried again.",
        "telegram.file_too_big": "The file is larger than Telegram takes.",
        "telegram.file_unavailable": "Telegram does not hand the file out at the moment; it is"
        " asked again.",
        "telegram.file_unreachable": "The file's address is not one that Telegram can fetch.",
        "telegram.formatting_refused": "Telegram did not understand the text's formatting.",
        "telegram.garbled_refusal": "Telegram refused, and its words were cut on the way: it is"
        " asked again, and then says why.",
        "telegram.garbled_success": "Telegram answered a success that cannot be read: the message"
        " may have been sent.",
        "telegram.media_refused": "The recipient, or Telegram, does not take media of this kind.",
        "telegram.migrated": "The group became a supergroup with another id.",
        "telegram.no_right_to_write": "The bot may not write in this chat.",
        "telegram.no_such_method": "This Bot API server does not know the method.",
        "telegram.no_webhook_secret": "The webhook has no secret, so anybody could call it; none"
        " was registered.",
        "telegram.not_modified": "The message says this already.",
        "telegram.not_started": "The customer never started the bot, and a bot cannot write first.",
        "telegram.no_text_to_edit": "The message has no text that could be changed.",
        "telegram.nothing_to_delete": "The message is not there any more.",
        "telegram.nothing_to_edit": "The message to be changed is not there any more.",
        "telegram.nothing_to_react_to": "The message is not there any more, or is one that bots"
        " cannot react to.",
        "telegram.reaction_refused": "Telegram does not take this emoji as a bot's reaction: only"
        " those of its own list.",
        "telegram.query_too_old": "A button was answered too late.",
        "telegram.quoted_gone": "The quoted message is gone; the answer goes without a quote.",
        "telegram.recipient_is_a_bot": "The recipient is a bot, and bots do not write to bots.",
        "telegram.removed_from_chat": "The bot was removed from the chat.",
        "telegram.second_listener": "Another program listens to the same bot: each takes messages"
        " from the other.",
        "telegram.text_empty": "Nothing readable is left of the text.",
        "telegram.too_long": "The text is longer than Telegram takes.",
        "telegram.too_old": "The message is too old to be changed or deleted.",
        "telegram.unknown_token": "Telegram knows no bot with this token: it was revoked or"
        " mistyped.",
        "telegram.user_deactivated": "The customer's account does not exist any more.",
        "telegram.webhook_active": "Another system has set a webhook for the bot; a person decides"
        " who keeps it.",
        "telegram.webhook_refused": "Telegram does not accept the webhook's address or secret.",
        "telegram.window_closed": "The business connection is closed, or the customer cannot be"
        " written to through it.",
    }
)
