"""Failure codes that the hub gives by itself, one sentence each; the docs are printed from these.

`middleware.http.codes` explains what the gateway says, each adapter's own `codes` what a provider
says. A code that ends in `…` stands for a family of them.
"""

from collections.abc import Mapping
from types import MappingProxyType

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "hub.interrupted": "A worker stopped between the call and its record; the provider is"
        " asked what became of it, or a person is.",
        "hub.not_confirmed": "Nobody can tell whether the message arrived, and the provider cannot"
        " be asked: a person looks, then marks it as sent or sends it again.",
        "hub.cannot_ask": "The provider refused to tell whether it has the message: a person"
        " looks.",
        "hub.too_late": "The next try would come after the age limit of replies: a person decides"
        " whether the customer still wants it.",
        "hub.too_old": "The reply was older than the age limit when it reached us: a person"
        " decides whether the customer still wants it.",
        "hub.restored": "The database was restored from a backup, and the reply was typed before"
        " that, so it may have been sent in the time that is forgotten: a person decides.",
        "hub.parked": "The connection is paused or waits for a sign-in; its deliveries go on"
        " afterwards.",
        "hub.no_record": "The contact has no record in the CRM at the moment; one is found or made"
        " first.",
        "hub.not_opened": "The conversation is not known to the CRM at the moment; it is opened"
        " first.",
        "hub.nobody_to_write_to": "An operator wrote first to somebody who never wrote to a channel"
        " that is routed here: nothing can reach them until they do.",
        "hub.no_conversation": "The delivery belongs to no conversation, so there is nowhere to"
        " send it. This is a mistake of ours: please report it.",
        "hub.message_erased": "The message's text was erased before it could be delivered.",
        "hub.contact_erased": "The contact was erased before the delivery's turn came.",
        "hub.prerequisite_skipped": "What had to happen in the CRM first was dropped by a person,"
        " or only rehearsed, so this could not happen either.",
        "hub.dry_run": "Its route is a dry run: what would be done was found out and shown, and"
        " nothing was written.",
        "hub.dropped": "A person decided that the delivery is not wanted any more.",
        "hub.tied_elsewhere": "The conversation is tied to a record that is not the customer's any"
        " more; it is tied anew first.",
        "hub.field_gone": "The mapping writes to a field that the CRM does not have, or not as the"
        " mapping means it; everything else was written. Put a version in force that writes"
        " elsewhere, and the values follow, or bring the field back and replay.",
        "hub.credentials_renewed": "The credentials had run out and are new now; it is done again"
        " at once.",
        "hub.maybe_answered": "Replies may have been missed: whether the customer still waits is"
        " known once the chat was read back.",
        "hub.unknown_task": "The delivery does not say what the task is; a newer release may have"
        " planned it.",
        "hub.channel_edits_nothing": "An operator changed a reply, and this channel cannot change"
        " what was sent: the operator is told that the customer reads the old words.",
        "hub.channel_deletes_nothing": "An operator took a reply back, and this channel cannot:"
        " the operator is told that the customer still sees it.",
        "hub.no_room_for_edit": "A changed reply is longer than the messages that it was sent as:"
        " the operator is told that the customer reads the old words.",
        "hub.no_name_to_correct": "A reply was marked as sent by a person, so nobody knows the"
        " channel's id of it, and a correction of it cannot be made.",
        "file.too_large": "The file is larger than the hub passes on, or than the provider hands"
        " out; a line of text says so.",
        "file.empty": "There is nothing in the file, and neither side takes such a file; a line of"
        " text says so.",
        "file.cannot_fetch": "The account's adapter cannot bring files; a line of text says that"
        " there was one.",
        "file.not_kept": "The file could not be written down here: look at the disk, or at the"
        " bucket. It is fetched again.",
        "file.not_at_hand": "The file is kept, and where it lies does not answer: look at the disk,"
        " or at the bucket. It is tried again.",
        "file.gone": "The file was kept once and is not there any more.",
        "crm.no_deal_yet": "The CRM was expected to open a deal and has not yet; it is looked for"
        " again.",
    }
)
USUAL: Mapping[str, str] = MappingProxyType(
    {
        "http.401": "The provider does not accept the credentials: they are renewed, or a person"
        " signs in again.",
        "http.408": "The provider gave up waiting for the request; what was not marked repeatable"
        " is in doubt.",
        "http.429": "Too many calls: the connection waits as long as the provider asks, and the"
        " try does not count.",
        "http.5…": "The provider failed. It may have done what was asked: what was not marked"
        " repeatable is in doubt and is asked about.",
        "http.…": "Any other refusal: asking again in the same words cannot help.",
    }
)
