"""What stands between a portal's inbox and our messages: hooks, channel, account, inbox.

Of an app of the developer platform nobody tells where its events go: that is said in files of its
project. What a developer key shows is of apps that were made before.

Source: developers.hubspot.com/docs/api-reference/conversations/custom-channels,
…/docs/api/webhooks, …/docs/apps/developer-platform/add-features/configure-webhooks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from crm_clients.hubspot.diagnosis import RESUME, Look, ok, problem, warning
from crm_clients.hubspot.oauth import Application
from crm_clients.hubspot.rest import Rest
from crm_clients.hubspot.versions import CHANNELS, HOOKS, INBOX, path
from mappers.vocabulary import AuthExpired, Blocked, HttpReply, Permanent, ProviderError
from mappers.vocabulary.adapters import Finding

INBOXES = "In HubSpot: Settings, Inbox & Help Desk, the inbox, its channels."
NO_KEY = (
    "The registration has no developer API key: nobody can look whether its channel calls us at the"
    " right address"
)
KEY_ADVICE = "Enter the key of the developer account that the app belongs to."


@dataclass(frozen=True, slots=True)
class DiagnosisOfChannel:
    """Looks at what makes a conversation of the inbox ours, and changes nothing."""

    application: Application
    rest: Rest = field(repr=False)

    @property
    def looks(self) -> Sequence[Look]:
        return (self.about_hooks, self._about_channel, self._about_account, self._about_inbox)

    async def about_hooks(self) -> list[Finding]:
        ours, app = self.application.hook_address, self.application.app_id
        what = "Where HubSpot sends the portal's events is said in the app's project: targetUrl"
        usual = [ok(f"{what} must be {ours}")]
        told = await self._as_developer(path(HOOKS, app, "settings"), "hooks.settings")
        target = "" if told is None else str(told.at("targetUrl") or "")
        if not target:
            return usual
        if not _is_ours(target, ours):
            what = "HubSpot sends the portal's events to another address than ours of today"
            return [problem(what, f"Let the app's webhooks go to {ours}.")]
        return [ok("HubSpot sends the portal's events to us")]

    async def _about_channel(self) -> list[Finding]:
        if not self._channel:
            return [problem("There is no channel of ours yet", RESUME)]
        if not self.application.developer_key.get_secret_value():
            return [warning(NO_KEY, KEY_ADVICE)]
        told = await self._as_developer(path(CHANNELS, self._channel), "channel.get")
        if told is None:
            what = f"The channel {self._channel} is not there any more, or not this app's"
            return [problem(what, RESUME)]
        if not _is_ours(str(told.at("webhookUrl") or ""), self.application.hook_address):
            what = "The channel sends replies to another address than ours of today"
            return [problem(what, RESUME)]
        return [ok("The channel sends replies to us")]

    async def _about_account(self) -> list[Finding]:
        config = self.rest.config
        if not (self._channel and config.channel_account_id):
            return [problem("The portal has no account in our channel", RESUME)]
        where = path(CHANNELS, self._channel, "channel-accounts", config.channel_account_id)
        try:
            held = await self.rest.get(where, "channel.account")
        except ProviderError as refused:
            if isinstance(refused.failure, Permanent):
                return [problem("The portal's account in our channel is not there", RESUME)]
            raise
        if held.at("archived") is True:
            return [problem("The portal's account in our channel was removed", RESUME)]
        if held.at("active") is False:
            what = "Somebody switched our channel off in the inbox: no message can be written"
            return [problem(what, INBOXES)]
        if held.at("authorized") is False:
            return [problem("HubSpot shows our channel as one that must be connected anew", RESUME)]
        return [ok(f"The inbox takes messages of our channel ({held.at('name')})")]

    async def _about_inbox(self) -> list[Finding]:
        inbox = self.rest.config.inbox_id
        if not inbox:
            return []
        try:
            held = await self.rest.get(path(INBOX, "inboxes", inbox), "inboxes.get")
        except ProviderError as refused:
            if isinstance(refused.failure, Permanent):
                return [problem(f"The inbox {inbox} is not there any more", RESUME)]
            raise
        if held.at("archived") is True:
            return [problem(f"The inbox {held.at('name')} was archived", RESUME)]
        if held.at("type") == "HELP_DESK":
            what = f"The inbox {held.at('name')} is a help desk: it makes a ticket of each thread"
            return [self._about_help_desk(what)]
        return [ok(f"Conversations are in the inbox {held.at('name')}")]

    def _about_help_desk(self, what: str) -> Finding:
        """Where tickets are our deals, a route that opens them as well makes two."""
        if self.rest.config.case != "tickets":
            return ok(what)
        return warning(what, "Let HubSpot open them (the route's deal_owner: crm), not us, too.")

    @property
    def _channel(self) -> str:
        return self.rest.config.channel_id or self.application.channel_id

    async def _as_developer(self, where: str, label: str) -> HttpReply | None:
        """Ask for the registration; None where it may not be seen, or is not there."""
        try:
            return await self.rest.as_developer("GET", where, label)
        except ProviderError as refused:
            if isinstance(refused.failure, Permanent | Blocked | AuthExpired):
                return None
            raise


def _is_ours(told: str, ours: str) -> bool:
    return bool(ours) and told.rstrip("/").startswith(ours.rstrip("/"))
