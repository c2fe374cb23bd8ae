"""Our custom channel: registered once for all portals, with an account in one inbox of each.

The registration's developer key finds or makes the channel; where a registration only names one, it
is used as it is. What an earlier attempt made, whose answer was lost, is found by the address that
its events go to, and an account by our name of the inbox. An account cannot be deleted, nor moved.

Source: specification Conversations/Custom Channels of HubSpot/HubSpot-public-api-spec-collection;
capabilities: …/custom-channels/guide, live registrations of integrators.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from crm_clients.hubspot.channels import account_name, identifier
from crm_clients.hubspot.oauth import Application
from crm_clients.hubspot.rest import Rest, after, all_of, only_of
from crm_clients.hubspot.versions import CHANNELS, INBOX, path
from crm_clients.hubspot.wire_conversations import OPAQUE, Channel, ChannelAccount, Inbox
from mappers.vocabulary import Blocked, HttpReply, ProviderError, Transient

ModelT = TypeVar("ModelT", bound=BaseModel)
PAGE, MOST_PAGES = 100, 20
MEGABYTE = 1024 * 1024
CAPABILITIES: dict[str, Any] = {
    "deliveryIdentifierTypes": [OPAQUE],
    "threadingModel": "INTEGRATION_THREAD_ID",
    "richText": ["HYPERLINK", "BOLD", "ITALIC", "BLOCKQUOTE", "LISTS"],
    "allowInlineImages": False,
    "allowOutgoingMessages": True,
    "allowConversationStart": False,
    "allowMultipleRecipients": False,
    "outgoingAttachmentTypes": ["FILE"],
    "allowedFileAttachmentMimeTypes": ["image/*", "audio/*", "video/*", "application/*", "text/*"],
    "maxFileAttachmentCount": 10,
    "maxFileAttachmentSizeBytes": 20 * MEGABYTE,
    "maxTotalFileAttachmentSizeBytes": 50 * MEGABYTE,
}


@dataclass(frozen=True, slots=True)
class OwnChannel:
    application: Application
    rest: Rest = field(repr=False)

    @property
    def has_key(self) -> bool:
        return bool(self.application.developer_key.get_secret_value())

    @property
    def _page(self) -> str:
        """Where somebody lands who begins to connect the channel in an inbox; empty for nowhere."""
        home, found, _ = self.application.redirect_uri.rpartition("/callback")
        return f"{home}/join" if found else ""

    @property
    def _addresses(self) -> dict[str, str]:
        page = {"channelAccountConnectionRedirectUrl": self._page} if self._page else {}
        return {"webhookUrl": self.application.hook_address, **page}

    async def keep(self) -> str:
        """Return the channel, whose events come to us; a missing one is made.

        Raises: `ProviderError` for a number that no channel of the registration has.
        """
        if not self.has_key and self.application.channel_id:
            return self.application.channel_id
        found = await self.find()
        if found is None and self.application.channel_id:
            raise ProviderError(Blocked(code="hubspot.no_such_channel", by="provider"))
        if found is None:
            return await self._register()
        if (found.address, found.page) != (self.application.hook_address, self._page):
            there = path(CHANNELS, found.id)
            await self.rest.as_developer("PATCH", there, "channel.point", json=self._addresses)
        return found.id

    async def find(self) -> Channel | None:
        """Return the channel by its number where we know it, else by where its events go."""
        channels = await self._all()
        wanted, known = self.application.channel_id, self.rest.config.channel_id
        for number in (wanted,) if wanted else (known,):
            if found := next((each for each in channels if number and each.id == number), None):
                return found
        if wanted:
            return None
        here = self.application.hook_address
        return next((each for each in channels if each.address == here), None)

    async def choose_inbox(self) -> Inbox:
        """Raises: `ProviderError` when there is no inbox of that number or name, or none."""
        reply = await self.rest.get(path(INBOX, "inboxes"), "inboxes", {"limit": PAGE})
        inboxes = [each for each in all_of(Inbox, reply) if not each.is_archived]
        wanted, known = self.rest.config.inbox.strip(), self.rest.config.inbox_id
        meant = [each for each in inboxes if wanted and _is_meant(each, wanted)]
        kept = [each for each in inboxes if each.id == known]
        found = next(iter(meant if wanted else kept or inboxes), None)
        if found is None:
            raise ProviderError(Blocked(code="hubspot.no_such_inbox", by="provider"))
        return found

    async def keep_account(self, channel: str, inbox: str) -> ChannelAccount:
        """Return our account in the inbox, authorized; a missing one is made."""
        found = await self._account(channel, inbox)
        if found is None:
            return await self._open_account(channel, inbox)
        if found.is_authorized:
            return found
        return await self.authorize(channel, found.id, authorized=True)

    async def authorize(self, channel: str, account: str, *, authorized: bool) -> ChannelAccount:
        there = path(CHANNELS, channel, "channel-accounts", account)
        reply = await self.rest.patch(there, "account.authorize", {"authorized": authorized})
        return only_of(ChannelAccount, reply.value())

    async def account(self) -> ChannelAccount | None:
        """Return the account that we use, as it is now; None when it is gone, or there is none."""
        config = self.rest.config
        if not (config.channel_id and config.channel_account_id):
            return None
        steps = (config.channel_id, "channel-accounts", config.channel_account_id)
        reply = await self.rest.keeping(404).get(path(CHANNELS, *steps), "account")
        return None if reply.status == 404 else only_of(ChannelAccount, reply.value())

    async def there(self) -> ChannelAccount | None:
        """Return that account or, once it is gone, the one that somebody connected in its place."""
        config = self.rest.config
        held = await self.account()
        if held is not None or not (config.channel_id and config.inbox_id):
            return held
        return await self._account(config.channel_id, config.inbox_id)

    async def _account(self, channel: str, inbox: str) -> ChannelAccount | None:
        """Raises: `ProviderError` while HubSpot does not know a channel that was just made."""
        name = account_name(self.rest.config.portal_id, inbox)
        asked = {"deliveryIdentifierValue": name, "limit": PAGE}
        there = path(CHANNELS, channel, "channel-accounts")
        reply = await self.rest.keeping(404).get(there, "accounts", asked)
        accounts = all_of(ChannelAccount, _settled(reply))
        ours = (each for each in accounts if each.identifier.value == name)
        return next((each for each in ours if not each.is_archived), None)

    async def _open_account(self, channel: str, inbox: str) -> ChannelAccount:
        wanted = {
            "inboxId": inbox,
            "name": self.application.title,
            "authorized": True,
            "deliveryIdentifier": identifier(account_name(self.rest.config.portal_id, inbox)),
        }
        there = path(CHANNELS, channel, "channel-accounts")
        reply = _settled(await self.rest.keeping(404).post(there, "account.make", wanted))
        return only_of(ChannelAccount, reply.value(), repeatable=False)

    async def _register(self) -> str:
        wanted = {
            "name": self.application.title,
            **self._addresses,
            "channelDescription": "Messages of your customers from messengers.",
            "capabilities": CAPABILITIES,
        }
        reply = await self.rest.as_developer("POST", path(CHANNELS), "channel.make", json=wanted)
        return only_of(Channel, reply.value(), repeatable=False).id

    async def _all(self) -> tuple[Channel, ...]:
        found: list[Channel] = []
        asked: dict[str, Any] = {"limit": PAGE}
        for _ in range(MOST_PAGES):
            reply = await self.rest.as_developer("GET", path(CHANNELS), "channels", params=asked)
            found += all_of(Channel, reply)
            asked["after"] = after(reply)
            if not asked["after"]:
                break
        return tuple(found)


def _settled(reply: HttpReply) -> HttpReply:
    if reply.status == 404:
        raise ProviderError(Transient(code="hubspot.channel_unknown"))
    return reply


def _is_meant(inbox: Inbox, wanted: str) -> bool:
    return wanted == inbox.id or wanted.casefold() == inbox.name.strip().casefold()
