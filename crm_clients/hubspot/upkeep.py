"""Setting a portal up for messages in a channel, and taking it down.

Set-up finds or makes our unique properties, the registration's channel, and our account in an
inbox of the portal. Each step may be repeated. When a connection goes, the account stays with its
conversations and says that it is not connected any more; the channel is other portals' as well.

Source: specification Conversations/Custom Channels of HubSpot/HubSpot-public-api-spec-collection;
developers.hubspot.com/docs/api-reference/…/account-information.
"""

from dataclasses import dataclass, field
from typing import Any

from crm_clients.hubspot.markers import keep_markers
from crm_clients.hubspot.oauth import CHANNEL_SCOPES, Application
from crm_clients.hubspot.own_channel import OwnChannel
from crm_clients.hubspot.proof import LOGGED, keeps_keys, marked_kinds
from crm_clients.hubspot.rest import Rest, only_of
from crm_clients.hubspot.versions import ACCOUNT, path
from crm_clients.hubspot.wire import AccountDetails
from crm_clients.hubspot.wire_conversations import HELP_DESK
from mappers.vocabulary import Account, AuthExpired, Blocked, Permanent, ProviderError
from mappers.vocabulary.adapters import SetUp

NEEDED = (*CHANNEL_SCOPES, "conversations.read")
NO_ADDRESS = "There is no public address: no employee's reply can reach us, so no channel was made."
SWITCHED_OFF = (
    "The channel is switched off in its inbox: switch it on in HubSpot, under Settings, Inbox &"
    " Help Desk, Channels."
)
NO_KEY = (
    "The registration has no developer API key, so nobody can see where the channel's events go:"
    " they must go to {address}"
)
NOT_GRANTED = (
    "The portal did not let us have a custom channel, which takes Sales Hub or Service Hub"
    " Professional: consent again once it has one, or connect it with --cards."
)
NO_FILES = "The portal did not let us have its files (files): customers' files arrive as links."
NO_COMMENTS = (
    "The portal did not let us write into conversations (conversations.write): employees are told"
    " nothing beside their replies."
)


@dataclass(frozen=True, slots=True)
class Upkeep:
    application: Application
    rest: Rest = field(repr=False)

    @property
    def _own(self) -> OwnChannel:
        return OwnChannel(self.application, self.rest)

    async def check(self) -> Account:
        config = self.rest.config
        lacks = (
            (NOT_GRANTED, not all(map(config.may, NEEDED))),
            (NO_FILES, not config.may("files")),
            (NO_COMMENTS, not config.may("conversations.write")),
        )
        return await account_of(self.rest, tuple(words for words, holds in lacks if holds))

    async def set_up(self) -> SetUp:
        """Raises: `ProviderError`, also where the portal's plan has no channels."""
        config, address = self.rest.config, self.application.hook_address
        if not all(map(config.may, NEEDED)):
            raise ProviderError(Blocked(code="hubspot.channel_not_granted", by="provider"))
        changes: dict[str, Any] = {
            **await keep_markers(self.rest),
            "marked": await marked_kinds(self.rest, LOGGED),
        }
        if not address:
            return SetUp(changes=changes, notes=(NO_ADDRESS,))
        channel = await self._own.keep()
        inbox = await self._own.choose_inbox()
        account = await self._own.keep_account(channel, inbox.id)
        await self._leave_other_than(account.id)
        changes |= {
            "channel_id": channel,
            "channel_account_id": account.id,
            "inbox_id": inbox.id,
            "inbox_opens_tickets": inbox.type == HELP_DESK,
        }
        notes = (
            (SWITCHED_OFF, not account.is_active),
            (NO_KEY.format(address=address), not self._own.has_key),
        )
        return SetUp(changes=changes, notes=tuple(words for words, holds in notes if holds))

    async def tear_down(self) -> None:
        """Say in the inbox that nobody answers for the channel there. Safe to repeat."""
        await self._leave_other_than("")

    async def is_set_up(self) -> bool:
        """Say whether our account is authorized, and whether its events come here.

        That people switched it off is theirs to change. What calls, e-mails and tasks are found by
        must be there as well.
        """
        if not await keeps_keys(self.rest, self.rest.config.marked):
            return False
        account = await self._own.account()
        if account is None or account.is_archived or not account.is_authorized:
            return False
        if not self._own.has_key:
            return True
        channel = await self._own.find()
        return channel is not None and channel.address == self.application.hook_address

    async def _leave_other_than(self, account: str) -> None:
        """Give up the account that was used before, as far as it is there."""
        config = self.rest.config
        if not config.channel_account_id or config.channel_account_id == account:
            return
        try:
            number = config.channel_account_id
            await self._own.authorize(config.channel_id, number, authorized=False)
        except ProviderError as refused:
            if not isinstance(refused.failure, AuthExpired | Permanent):
                raise


async def account_of(rest: Rest, warnings: tuple[str, ...] = ()) -> Account:
    """Ask the portal who it is."""
    reply = await rest.get(path(ACCOUNT, "details"), "account")
    told = only_of(AccountDetails, reply.value())
    return Account(
        id=told.portal,
        title=f"HubSpot {told.portal}",
        url=f"https://{told.ui_domain}" if told.ui_domain else "",
        warnings=warnings,
    )
