"""An amoCRM to demo and test against: REST v4, OAuth, the chats API, and both kinds of hooks.

Written from the provider's documentation, never from our adapter. One process plays all hosts:

    /{subdomain}/api/v4/…       an account's REST
    /{subdomain}/oauth2/…       its token endpoint
    /amojo/v2/origin/custom/…   the chats API; the signed path starts at /v2
    /oauth?client_id=&state=    the consent page; somebody clicks "allow" at once
                                (`account=` chooses the account, `deny=1` the other button)

Stage routes beside the common ones. A POST takes the arguments of the method of the same meaning
(`Operators`, `Accounts`) as JSON, and answers `{"result": …}`:

    GET  /_stage/timeline?account=   every chat with its messages, both sides' ids, statuses, and
                                     the digest of each file that could be fetched
    GET  /_stage/contacts?account=   every contact, deleted and merged ones included
    GET  /_stage/leads?account=      every lead, unsorted and deleted ones included
    GET  /_stage/notes?account=      every note of every card
    GET  /_stage/replies             what operators typed, and what its hook was answered
    GET  /_stage/state               counts, switches, webhooks, warnings
    POST /_stage/reply {account, to, text, user_id?, reply_to?}
    POST /_stage/upload {base, name, content, kind?}; content is base64, and what comes back is
                                     one of the `files` of
    POST /_stage/reply_with_files {account, to, files, text?, user_id?}
    POST /_stage/reply_with_buttons {account, to, text, rows, template?}
    POST /_stage/write_first {account, contact_id, text, user_id?, source?}
    POST /_stage/write_note {account, card_id, text, entity?, user_id?}
    POST /_stage/typing {account, to}, /_stage/react {account, message_id, emoji}
    POST /_stage/close_talk {account, to}, /_stage/close_lead {account, lead_id, won?}
    POST /_stage/edit_contact {account, contact_id, changes}
    POST /_stage/delete_contact {account, contact_id}
    POST /_stage/merge_contacts {account, survivor_id, deleted_id}
    POST /_stage/accept_unsorted {account, uid?}, /_stage/decline_unsorted {account, uid?}
    POST /_stage/uninstall {client_id, account}, /_stage/revoke {client_id, account}
    POST /_stage/rename {account, subdomain}, /_stage/unblock {}
    POST /_stage/switch {name, value}      see `Switches`
    POST /_stage/setup {account|user|pipeline|field|contact|lead|integration|channel|connection|
                        tokens|long_lived_token|code: {…}}

Faults beside those of the network. The first seven answer a REST call in place of the account;
`flood`, `blocked_403` and `html_500` strike chats too (narrow them with `match`):

    flood, flood_json       429, from nginx or as a problem document
    blocked_403             the block page of nginx
    html_500                a server error that is not JSON
    token_expired           401
    payment_required        402
    validation              a 400 problem document
    refresh_answer_lost     the refresh token is rotated, and the answer is lost
    duplicate_msgid_error   the next repeated msgid is refused, whatever the switch says
    search_lag              `query` does not see the next new contact for `seconds`
    lost_hook, duplicate_hook, bad_signature_hook
                            the next chat hook is never sent, sent twice, signed wrongly
    reordered_hooks         the next chat hook is overtaken by the one after it

Answered in one way where the documentation says nothing: a scope that is not connected is a 403;
a PATCH of a missing card is a 400 naming `id`; an edit of an unknown message is a 400; a chat
whose contact was deleted gets a new one with the next message. Duplicate control never merges,
and companies, files and Salesbot are not played.
"""

from .accounts import Tokens
from .desk import PART
from .emulator import AmoCrmEmulator
from .switches import Switches
from .views import ChatView, MessageView, NoteView, ReplyView
from .world import FAULTS

__all__ = [
    "FAULTS",
    "PART",
    "AmoCrmEmulator",
    "ChatView",
    "MessageView",
    "NoteView",
    "ReplyView",
    "Switches",
    "Tokens",
]
