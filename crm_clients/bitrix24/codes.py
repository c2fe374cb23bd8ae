"""Failure codes that this CRM gives, one sentence each; the docs are printed from these."""

from collections.abc import Mapping
from types import MappingProxyType

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "bitrix24.access_denied": "Whoever installed the application may not do this in the"
        " portal, or its plan has no REST any more: the doctor tells which.",
        "bitrix24.another_portal": "The tokens that came belong to another portal: install the"
        " application again.",
        "bitrix24.application_required": "The portal lets only an application do this: connect by"
        " one.",
        "bitrix24.authorization_error": "Who installed the application was dismissed: install it as"
        " somebody else.",
        "bitrix24.connector_refused": "The portal did not take our connector: look at its Contact"
        " Center.",
        "bitrix24.crashed": "Bitrix24 broke down over the request; what may have been written is"
        " looked for.",
        "bitrix24.expired_token": "The access token ran out; a new one is fetched.",
        "bitrix24.foreign_file": "The reply names a file outside of its portal; it is not fetched.",
        "bitrix24.garbled": "Something in front of Bitrix24 answered, or its answer was cut; what"
        " may have been written is looked for.",
        "bitrix24.garbled_tokens": "New tokens may have come and could not be read; the old ones"
        " may be spent.",
        "bitrix24.grant_refused": "The refresh token is spent, revoked or half a year old: install"
        " the application again.",
        "bitrix24.half_written": "A message is on one of its cards and may not be on the other; it"
        " is looked for.",
        "bitrix24.history_closed": "The portal does not show what was said in a dialog that is"
        " there, so what was written cannot be looked for.",
        "bitrix24.invalid": "Bitrix24 refuses the request and does not say which value.",
        "bitrix24.invalid.…": "Bitrix24 refuses a value; the last word is its own.",
        "bitrix24.invalid_token": "The portal does not know the access token any more.",
        "bitrix24.line_deleted": "Our open line was deleted in the portal: resume the connection,"
        " and another one is found, or made.",
        "bitrix24.line_disconnected": "Our connector was taken off its open line: once it is put"
        " back in the Contact Center the connection goes on by itself, or resume it.",
        "bitrix24.line_inactive": "The open line is closed to our connector: switch it on in the"
        " portal's Contact Center.",
        "bitrix24.message_refused": "The open line refused this message and did not keep it.",
        "bitrix24.no_auth_found": "The portal found no authorization in the request.",
        "bitrix24.no_connector": "The portal does not know our connector: set the connection up"
        " again.",
        "bitrix24.nameless_customer": "The portal does not say which customer of its own wrote, so"
        " nobody can tell whether their first message arrived.",
        "bitrix24.no_line": "The connection has no open line yet: set it up again.",
        "bitrix24.no_method": "The portal lacks a module, or the application a permission, for"
        " this.",
        "bitrix24.no_portal": "No portal answers at this address.",
        "bitrix24.no_session": "The open line took a message and does not say where it lies; it is"
        " looked for.",
        "bitrix24.no_such_activity": "The activity that showed a message was deleted, so it cannot"
        " be changed.",
        "bitrix24.no_such_comment": "The comment was deleted, so nothing can be said on it.",
        "bitrix24.no_such_deal": "The deal was deleted; another one is looked for, or opened.",
        "bitrix24.no_such_field": "A field or a stage is not there any more, or holds something"
        " else: look at the mapping.",
        "bitrix24.no_such_file": "The portal does not hand the file out at its address any more.",
        "bitrix24.no_such_line": "No open line has the number that the registration names: register"
        " the application again with another --line.",
        "bitrix24.no_such_record": "The contact was deleted or merged away; another one is looked"
        " for, or made.",
        "bitrix24.no_such_user": "The user left the portal; the next one is named, or nobody.",
        "bitrix24.nobodys_phone": "No contact has the phone of this call.",
        "bitrix24.not_an_administrator": "Only an administrator can see whether a message was"
        " written: install the application as one.",
        "bitrix24.not_an_id": "This is no id of Bitrix24's, so what it names does not exist there.",
        "bitrix24.not_confirmed": "An administrator has to confirm in the portal that the"
        " application may do this.",
        "bitrix24.not_found": "What the request names is not in the portal any more.",
        "bitrix24.not_installed": "The application was removed from the portal: install it again.",
        "bitrix24.overloaded": "Bitrix24 stopped the portal's REST by hand; its support lets us in"
        " again.",
        "bitrix24.plan": "The portal's plan has no REST, or is not paid.",
        "bitrix24.portal_deleted": "The portal was closed for good.",
        "bitrix24.portal_moved": "The portal answers at another address, which nobody vouches for:"
        " connect it again.",
        "bitrix24.scope": "The application lacks a permission: add it to its card and confirm it in"
        " the portal.",
        "bitrix24.too_fast": "More calls a second than the portal lets through; it goes on by"
        " itself.",
        "bitrix24.too_long": "This kind of call took more time in ten minutes than a portal gives;"
        " it goes on by itself.",
        "bitrix24.uninstalled": "The application was removed from the portal: install it again.",
        "bitrix24.updated": "The application was updated in the portal, which drops our"
        " subscriptions: set-up runs again by itself, and what was missed is read back.",
        "bitrix24.webhook_refused": "The incoming webhook was changed or removed in the portal:"
        " connect it again by its new address.",
    }
)
