"""A Telegram good enough to demo against and nasty enough to test against.

Written from the Bot API pages and the source of the Bot API server, never from our adapter: an
import of it is a lint error, so that the two cannot share a mistake.

    stage = Stage()
    telegram = TelegramEmulator(stage)
    telegram.add_bot("7:abc", "shop_bot")
    telegram.say(1001, "Здравствуйте")                # a customer writes
    telegram.chats()                                  # what everybody sees, in order
    telegram.said                                     # what customers did
    stage.arm("flood", match="sendMessage")           # the next sendMessage is refused

Bots call `/bot<TOKEN>/<method>` and `/file/bot<TOKEN>/<path>`; updates go to their webhooks or wait
for `getUpdates`. A person exists from the first mention, a private chat from the first message.

Faults of this provider, beside those of the network:

    flood                  429 with `retry_after` 7
    flood_at_proxy         429 with a page of HTML
    token_revoked          401
    restart                500 "Internal Server Error: restart"
    blocked_by_user, user_deactivated, no_such_chat, media_refused
                           refusals of any call that names a chat
    migrated               400 with `migrate_to_chat_id`; a group really moves there
    garbled_success        the call is done, and a page of HTML answers it
    conflict               409 to `getUpdates`, as if another poller had come
    duplicate_update       the next update pushed is pushed twice
    reordered_updates      the next update pushed is overtaken by one of another queue
    lost_ack               the next 2xx of a webhook is not heard, and the update comes again

Routes of the stage, beside those of every emulator (see `stage`); bodies are JSON, `bot` is a
token, a username or an id, and may be left out while there is one bot:

    POST /_stage/say            {user_id, text, bot?, name?, reply_to?, quote?, entities?,
                                forwarded_from?}
    POST /_stage/start          {user_id, payload?, bot?}
    POST /_stage/edit           {user_id, message_id, text, bot?}
    POST /_stage/delete         {user_id, message_id, bot?}
    POST /_stage/share_contact  {user_id, phone, whose_id?, bot?}
    POST /_stage/show           {user_id, kind, caption?, entities?, content?, size_bytes?,
                                file_name?, album?, reply_to?, forwarded_from?, bot?}; kind is one
                                of `specimens`, content is base64
    POST /_stage/move           {user_id, message_id, point, bot?}: a live location goes on
    POST /_stage/press          {user_id, message_id, data, bot?}
    POST /_stage/react          {user_id, message_id, emoji, bot?}
    POST /_stage/block, /_stage/unblock   {user_id, bot?}
    POST /_stage/deactivate     {user_id}
    POST /_stage/group_say      {chat_id, user_id, text, bot?, name?, ...as in say}
    POST /_stage/connect_business     {owner_id, bot?}; returns the id of the connection
    POST /_stage/disconnect_business  {connection, bot?}
    POST /_stage/business_say         {connection, user_id, text, by_owner?, bot?}
    POST /_stage/business_show        {connection, user_id, kind, by_owner?, ...as in show}
    POST /_stage/business_edit        {connection, user_id, message_id, text, bot?}
    POST /_stage/business_delete      {connection, user_id, message_ids, bot?}
    POST /_stage/update         an update as it is, and bot?
    GET  /_stage/chats?bot=     every chat: message_id, from (customer, bot, owner), text, at, date,
                                reply_to, edited, deleted, shown (kind, file_id, file_name, title,
                                question, sha256)
    GET  /_stage/file?id=       the bytes of a file, whoever sent it
    GET  /_stage/said           what customers did, in order
    GET  /_stage/state          bots, webhooks, what is pending
"""

from channel_clients.emulators.telegram.courier import Pace, Pushed
from channel_clients.emulators.telegram.emulator import TelegramEmulator
from channel_clients.emulators.telegram.limits import Limits
from channel_clients.emulators.telegram.part import PART
from channel_clients.emulators.telegram.world import Said

__all__ = ["PART", "Limits", "Pace", "Pushed", "Said", "TelegramEmulator"]
