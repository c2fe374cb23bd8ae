"""A HubSpot to demo and test against: OAuth, CRM, files, conversations, and webhooks.

Written from the provider's documentation, never from our adapter. One process plays all hosts:

    /oauth/authorize, /oauth/{portal}/authorize     the consent page of the first portal, or of one
    /oauth/{v1|v3|version}/token…                   the OAuth server
    /hubfs/{portal}/{file}/…                        files; private ones by a signed address alone
    /crm/{v3|v4}/…, /crm/{area}/{version}/…         both families of addresses, one core behind them

A portal is named by its id (`hub_id`) or its name, an application by its id or its client id.
Stage routes beside the common ones. A POST takes the arguments of the method of the same meaning
(`Portals`, `People`, `Operators`) as JSON, and answers `{"result": …}`:

    GET  /_stage/timeline?account=      every thread with its messages and the digests of its files
    GET  /_stage/contacts, /_stage/deals, /_stage/tickets?account=
                                        every record, deleted and merged ones included
    GET  /_stage/entries?account=       every note, message, call, e-mail and task, with its files
    GET  /_stage/changes?account=       what happened to records, oldest first
    GET  /_stage/notes?account=         every note on a deal or a contact, its title apart
    GET  /_stage/replies                what operators typed, and what its hook was answered
    GET  /_stage/state                  counts, switches, warnings; how often tokens were refreshed
    POST /_stage/set_hook {app, url}, /_stage/subscribe {app, event, property_name?, …}
    POST /_stage/dismiss {portal, user_id}, /_stage/set_account {portal, tier?, zone?…}
    POST /_stage/uninstall {portal, app}, /_stage/revoke_token {token}, /_stage/remove {portal}
    POST /_stage/reply {account, to, text, user_id?, reply_to?}
    POST /_stage/reply_richly {account, to, text, rich_text}
    POST /_stage/upload {name, content, kind?, account?}; content is base64, and what comes back is
                                        one of the `files` of
    POST /_stage/reply_with_files {account, to, files, text?, user_id?}
    POST /_stage/write_note {account, card_id, text, entity?, user_id?}
    POST /_stage/comment {account, to, text, user_id?}
    POST /_stage/close_thread, /_stage/delete_thread {account, to}
    POST /_stage/associate {account, to, contact_id}
    POST /_stage/set_account_active {account, channel_account, active}
    POST /_stage/purge_account {account, channel_account}
    POST /_stage/connect_account {account, channel, inbox?}; it opens the page of the channel, from
                                        where /_stage/return_from_channel {account, token} comes
    POST /_stage/edit_record {account, kind, record_id, changes, user_id?}
    POST /_stage/delete_record, /_stage/restore_record {account, kind, record_id}
    POST /_stage/merge_records {account, survivor_id, deleted_id, kind?}
    POST /_stage/switch {name, value}   see `Switches`
    POST /_stage/setup {portal|user|application|installation|tokens|code|static_token|inbox|
                        record|contact|property|pipeline: {…}}

Faults beside those of the network, which answer a call in place of HubSpot (narrow them with
`match`, a part of "METHOD /path"):

    ten_secondly_limit, daily_limit, secondly_limit     the three bodies of 429
    expired_token, invalid_token, scopes_missing        401, 401, 403
    record_locked, account_moving                       423, and 477 with Retry-After
    rule_of_the_admin                                   400 of a rule that an administrator made
    internal_error_before/after                         500 as JSON, with the write not done or done
    gateway_timeout_before/after                        504, a page
    no_answer_in_100_s_before/after                     524, a page
    oauth_flood             the token endpoint answers 429
    hub_unknown             the token endpoint answers BAD_HUB
    refresh_answer_lost     the pair is given, and the answer is lost
    lost_hook, duplicate_hook
                            the next hook is never sent, or sent twice
    reordered_hooks         the next hook is overtaken by the one after it
    forged_hook, stale_hook the next hook is signed with another secret, or six minutes ago
    batch_dies              half of the inputs are done, and there is no answer
    email_race              somebody makes the same contact a moment before: 409 names no record

Ids of contacts, deals and tickets coincide, as they may on a real portal. Answered in one way where
the documentation says nothing: a record that is tied to nobody's id is refused as a whole; a life
cycle that would go back is left as it is; attached files need not be there. Not played: v3 lists of
associations, labels of a portal's own, leads, products and custom objects, histories of properties,
folders beyond the making of them, imports by address, events of applications, and workflows.
"""

from .desk import PART
from .emulator import HubSpotEmulator
from .switches import Switches
from .world import FAULTS

__all__ = ["FAULTS", "PART", "HubSpotEmulator", "Switches"]
