"""A Bitrix24 to demo and test against: REST, OAuth, open lines, CRM, and events of all kinds.

Written from the provider's documentation, never from our adapter. One process plays all hosts:

    /{portal}/rest/{method}                  REST for applications, at the portal
    /{portal}/rest/{user}/{secret}/{method}  REST for an incoming webhook
    /{portal}/oauth/authorize/               the consent page; somebody clicks "allow" at once
    /{portal}/pub/im.file.php, /{portal}/~…  files, to whoever has their link
    /oauth/token/, /rest/app.info            the OAuth server
    /oauth/authorize/?portal=                the consent page of a portal, or of the first

An application with a page of its own is installed in a frame: its page is posted the tokens, and
nothing is delivered to it until its answer calls `installFinish`, or the stage does. A portal that
was renamed answers 302 at its old address, whatever was posted there.

Stage routes beside the common ones. A POST takes the arguments of the method of the same meaning
(`Operators`, `Portals`) as JSON, and answers `{"result": …}`; `account` and `portal` name a portal:

    GET  /_stage/timeline?account=   every dialog with its messages, both sides' ids, delivery
                                     marks, sessions, cards, and the digests of the files
    GET  /_stage/contacts?account=   every contact, deleted and merged ones included
    GET  /_stage/leads, /_stage/deals, /_stage/activities, /_stage/notes?account=
                                     the same of other cards, of records and of comments
    GET  /_stage/texts?account=      what was sent to phones, and its status
    GET  /_stage/replies             what operators typed, and what its event was answered
    GET  /_stage/state               counts, switches, subscriptions, warnings; how often tokens
                                     were refreshed, and messages of one dialog overlapped
    POST /_stage/reply {account, to, text, user_id?, reply_to?}
    POST /_stage/upload {name, content, account?}; content is base64, and what comes back is one
                                     of the `files` of
    POST /_stage/reply_with_files {account, to, files, text?, user_id?}
    POST /_stage/edit {account, message_id, text}, /_stage/delete {account, message_id}
    POST /_stage/whisper {account, to, text, user_id?}
    POST /_stage/close_session {account, to}, /_stage/start_vote {account, to}
    POST /_stage/write_note {account, card_id, text, entity?, user_id?}
    POST /_stage/edit_note {account, note_id, text}
    POST /_stage/complete {account, activity_id}
    POST /_stage/edit_card {account, entity, card_id, changes}
    POST /_stage/delete_card {account, entity, card_id}
    POST /_stage/merge_contacts {account, survivor_id, deleted_id}
    POST /_stage/convert_lead {account, lead_id}
    POST /_stage/send_text {account, code, phone, text, card: [entity, id]}
    POST /_stage/set_line {portal, line, CRM_CREATE?…}, /_stage/delete_line {portal, line}
    POST /_stage/deactivate {account, connector, line}
    POST /_stage/open_settings {portal, connector, line}
    POST /_stage/finish_install {portal, client_id}, /_stage/uninstall {portal, client_id, clean?}
    POST /_stage/update_application {portal, client_id, new_token?}
    POST /_stage/dismiss {portal, user_id}, /_stage/set_plan {portal, has_rest}
    POST /_stage/rename {portal, slug}, /_stage/remove {portal}
    POST /_stage/switch {name, value}      see `Switches`
    POST /_stage/setup {portal|user|line|webhook|application|installation|pipeline|field|card|
                        tokens|code: {…}}

Faults beside those of the network. The first block answers a call in place of the portal (narrow
them with `match`, the name of a method); the codes are those of the envelope:

    QUERY_LIMIT_EXCEEDED, OPERATION_TIME_LIMIT, OVERLOAD_LIMIT, expired_token
    ERROR_CORE              a value is refused, in words of the portal's language
    access_denied_plan, access_denied_page   the plan has no REST, told as JSON or as a page
    portal_deleted                           PORTAL_DELETED
    internal_error_before, internal_error_after
                            INTERNAL_SERVER_ERROR, with the write not done or done
    html_500, html_502      a page of the proxy, before anything is done
    empty_200               done, and answered with nothing

    batch_dies              half of the commands are done, and there is no answer
    payment_required        the token endpoint asks for money
    refresh_answer_lost     the refresh token is spent, and the answer is lost
    lost_event, duplicate_event
                            the next event is never sent, or sent twice
    merged_events           the next message waits for another, and both come in one event
    reordered_events        the next event is overtaken by the one after it
    wrong_application_token, event_without_tokens
                            the next event is forged, or was nobody's act
    item_failed             the next message of `send.messages` fails, in a call that succeeds
    no_session              it succeeds without a `session`, and is not there
    file_lost               the next file or picture cannot be fetched
    history_denied          the history may not be seen
    search_lag              lists and `findbycomm` do not see cards of the last `seconds`

Different things have the same ids, as on a real portal. Answered in one way where the documentation
says nothing: a message in the name of an unknown user fails its item; a stage of another category
is refused, and a value that a field's type cannot hold; a caller without rights sees `Not found`.
HTTPS is not asked for; XML and REST v3 are not answered; files are not taken by `uploadUrl`;
companies have no requisites; outgoing webhooks, quotes, invoices, bots and robots are not played.
What an operator writes in the messenger itself, past the portal, is the channel's affair: it comes
by `send.messages` or not at all.
"""

from .desk import PART
from .emulator import Bitrix24Emulator
from .switches import Switches
from .views import DialogView, MessageView, NoteView, ReplyView
from .world import FAULTS

__all__ = [
    "FAULTS",
    "PART",
    "Bitrix24Emulator",
    "DialogView",
    "MessageView",
    "NoteView",
    "ReplyView",
    "Switches",
]
