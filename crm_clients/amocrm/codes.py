"""Failure codes that this CRM gives, one sentence each; the docs are printed from these."""

from collections.abc import Mapping
from types import MappingProxyType

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "amocrm.account_moved": "The account answers at another address now: connect it again.",
        "amocrm.blocked": "amoCRM shut out this address or integration for calling too fast; its"
        " support lets us in again.",
        "amocrm.catalogue_too_slow": "Fields and pipelines waited too long behind messages; look"
        " again when there is less traffic.",
        "amocrm.channel_refused": "The chats do not accept the channel: its secret, the account's"
        " approval, or this server's clock.",
        "amocrm.foreign_file": "The reply names a file outside amoCRM's own addresses; it is not"
        " fetched.",
        "amocrm.forbidden": "The token's user may not do this, or the account does not admit this"
        " server's address.",
        "amocrm.garbled_success": "amoCRM answered a success that cannot be read; what may have"
        " been written is looked for.",
        "amocrm.garbled_tokens": "New tokens came and could not be read; the old ones may be"
        " spent.",
        "amocrm.grant_refused": "The refresh token is spent, revoked or three months old: connect"
        " again.",
        "amocrm.history_too_long": "The chat is longer than what is read back: look at it in"
        " amoCRM.",
        "amocrm.invalid": "amoCRM refuses the request and does not say which value.",
        "amocrm.invalid.…": "amoCRM refuses a value; the last word is its own.",
        "amocrm.long_lived_token": "The long-lived token ended: make a new one and enter it.",
        "amocrm.no_channel": "No chat channel is registered, so nothing can be written to chats.",
        "amocrm.no_marker_field": "The technical field that holds our key is missing: run set-up"
        " again.",
        "amocrm.no_such_file": "amoCRM does not hand the file out at its address any more.",
        "amocrm.no_such_deal": "The deal was deleted; another one is looked for, or opened.",
        "amocrm.no_such_field": "The account has no such field any more, or it holds something else"
        " by now.",
        "amocrm.no_such_record": "The card was deleted or merged away; its survivor is looked for,"
        " or a new one made.",
        "amocrm.no_such_note": "The note is gone from its card: somebody deleted it.",
        "amocrm.nobodys_phone": "No card has the phone of the call, so amoCRM kept no call.",
        "amocrm.no_such_user": "The user who was to be responsible is not active in the"
        " account any more: name another one in the route.",
        "amocrm.not_an_id": "This is no id of amoCRM's, so what it names does not exist there.",
        "amocrm.payment_required": "The account is not paid, or its plan lacks this.",
        "amocrm.refused_or_repeated": "A message was refused, perhaps as a repeat, and the history"
        " could not be asked: it is looked for again.",
        "amocrm.too_many_notes": "There are more notes since then than are read back: look at the"
        " card in amoCRM.",
        "amocrm.uninstalled": "The integration was removed from the account: connect it again.",
    }
)
