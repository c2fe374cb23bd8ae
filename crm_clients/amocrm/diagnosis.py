"""What stands between an account and working well, the nearest first; and the letter to support."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from crm_clients.amocrm import oauth
from crm_clients.amocrm.oauth import Application, Config
from crm_clients.amocrm.rest import all_of
from crm_clients.amocrm.upkeep import NO_HOOKS, Upkeep, destination_of
from crm_clients.amocrm.wire import Subscription
from mappers.vocabulary import (
    Failure,
    ProviderError,
)
from mappers.vocabulary.adapters import Finding

SOON = timedelta(days=14)
NOTES_MODE = (
    "Messages go onto cards as notes, as this connection was told to (timeline: notes);"
    " a note that begins with {prefix} is an answer to the customer"
)
NO_SOURCES = (
    "The account takes no sources from this integration: its pipelines cannot tell our channels"
    " apart"
)
HOW_TO_SOURCES = (
    "Nothing else depends on it. An integration made by a consent button never has sources; any"
    " other has them once an archive with the location `lead_sources` was uploaded to it."
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Looks at one account and changes nothing."""

    upkeep: Upkeep

    async def of(self, address: str) -> tuple[Finding, ...]:
        """Look at each thing that must be in place, the ones nearest to us first."""
        findings = [*_about_address(address), *self._about_token(self.upkeep.rest.http.now())]
        findings += await self._about_channel(address)
        try:
            account = await self.upkeep.read_account()
        except ProviderError as refused:
            return (*findings, _refused("The account does not answer us", refused.failure))
        findings.append(Finding(level="ok", what=f"The account answers: {account.subdomain}"))
        findings += [
            Finding(level="problem", what=warning, advice="Connect the account again.")
            for warning in self.upkeep.warnings(account)
            if "connect it again" in warning
        ]
        findings += self._about_fields()
        findings += await self._about_sources()
        return (*findings, *await self._about_hooks(address))

    def _about_token(self, now: datetime) -> Iterator[Finding]:
        token = self.upkeep.config.access_token.get_secret_value()
        ends = self.upkeep.config.expires_at or oauth.expiry_in(token)
        if self.upkeep.config.refresh_token is not None:
            yield Finding(level="ok", what="The access token is renewed by itself")
        elif ends is None:
            yield Finding(
                level="warning",
                what="The token is long-lived, and nobody can tell when it runs out",
                advice="Note its date from the integration's Keys tab.",
            )
        else:
            yield Finding(
                level="ok" if ends - now > SOON else "warning" if ends > now else "problem",
                what=f"The long-lived token runs out on {ends:%Y-%m-%d}; it cannot be renewed",
                advice="" if ends - now > SOON else "Make a new one on the Keys tab and enter it.",
            )

    async def _about_channel(self, address: str) -> list[Finding]:
        """Reading the history of a chat that never was proves the signature and the connection."""
        if self.upkeep.config.timeline == "notes":
            return [
                Finding(level="ok", what=NOTES_MODE.format(prefix=self.upkeep.config.reply_prefix))
            ]
        if self.upkeep.chats is None:
            return [
                Finding(
                    level="problem",
                    what="No chat channel is registered: messages cannot be written",
                    advice=registration_request(
                        self.upkeep.application, self.upkeep.config, address
                    ),
                )
            ]
        try:
            await self.upkeep.chats.page(str(UUID(int=0)), 0)
        except ProviderError as refused:
            return [_refused("The chat channel does not serve this account", refused.failure)]
        return [Finding(level="ok", what="The chat channel serves this account")]

    def _letter(self, address: str) -> str:
        return registration_request(self.upkeep.application, self.upkeep.config, address)

    def _about_fields(self) -> Iterator[Finding]:
        fields = (self.upkeep.config.record_marker_field, self.upkeep.config.deal_marker_field)
        if None in fields:
            yield Finding(
                level="problem",
                what="A technical field is missing: nothing can be created in the account",
                advice="Run set-up with a token of an administrator.",
            )

    async def _about_sources(self) -> list[Finding]:
        if self.upkeep.sources is None:
            return []
        try:
            listed = await self.upkeep.sources.listed()
        except ProviderError as refused:
            return [_refused("The account's sources cannot be seen", refused.failure)]
        if listed is None:
            return [Finding(level="warning", what=NO_SOURCES, advice=HOW_TO_SOURCES)]
        return [Finding(level="ok", what="The account lists our channels as its sources")]

    async def _about_hooks(self, address: str) -> list[Finding]:
        wanted = destination_of(address)
        try:
            query = {"filter[destination]": wanted}
            reply = await self.upkeep.rest.get("webhooks", "webhooks", query)
            hooks = all_of(Subscription, reply, "webhooks")
        except ProviderError as refused:
            return [_refused("The account's hooks cannot be seen", refused.failure)]
        ours = [hook for hook in hooks if hook.destination == wanted]
        if not ours:
            return [
                Finding(
                    level="warning",
                    what="The account's hooks are not set",
                    advice=NO_HOOKS[self.upkeep.config.timeline],
                )
            ]
        if ours[0].disabled:
            return [
                Finding(
                    level="problem",
                    what="amoCRM switched the account's hooks off after too many bad answers",
                    advice="Run set-up again once this address answers within two seconds.",
                )
            ]
        return [Finding(level="ok", what="The account tells us of changes")]


def registration_request(application: Application | None, config: Config, address: str) -> str:
    """The letter by which amoCRM's support registers a channel, ready to be sent."""
    known = application.hook_address if application is not None else ""
    client = application.client_id if application is not None else "<id of the integration>"
    hooks = known or f"{_origin(address)}/hooks/<address of the application>"
    lines = (
        "Send this to amoCRM's support; it takes one to three working days.",
        "Service name: Threadline (Latin letters, not starting with a digit)",
        f"Webhook URL: {hooks.rstrip('/')}/:scope_id",
        f"Hook version: v2. Accounts while the channel is private: {config.account_id}",
        "Write first: yes. Time window: none. Typing hooks: yes.",
        "Quotes and forwards: yes. Voice messages: yes. Reactions: all.",
        "We store files ourselves: no. For distribution: no.",
        f"Integration (client_uuid): {client}",
        "Widget code: the code of the archive uploaded to the integration, if any",
        "Icon: attached (round SVG, 14 by 14, at most 100 KB). Contact e-mail: yours",
        "They answer with the channel's id, secret and code (amo.ext.…), and the id of its bot.",
        "Enter these four in the registration and run set-up again.",
        "Until then, or instead, messages can go in as notes: connect the account with --notes.",
    )
    return "\n".join(lines)


def _about_address(address: str) -> Iterator[Finding]:
    parts = urlsplit(address)
    host = parts.hostname or ""
    is_public = "." in host and not re.fullmatch(r"[\d.]+|.*\.(local|internal|test)", host)
    if parts.scheme != "https" or not is_public:
        yield Finding(
            level="problem",
            what="amoCRM cannot call us: it needs a public https address",
            advice="Set the public address of this installation.",
        )
    elif not host.isascii() or "xn--" in host:
        yield Finding(
            level="problem",
            what="amoCRM does not call Cyrillic domains",
            advice="Use a domain in Latin letters for the public address.",
        )
    else:
        yield Finding(level="ok", what="The public address is one that amoCRM can call")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "https://<your address>"


def _refused(what: str, failure: Failure) -> Finding:
    advice = {
        "auth_expired": "Connect the account again.",
        "rate_limited": "Look again in a minute.",
        "transient": "Look again in a minute.",
    }
    told = "Ask amoCRM's support, or see the page on amoCRM: Troubleshooting."
    return Finding(
        level="problem",
        what=f"{what} ({failure.code})",
        advice=advice.get(failure.kind, told),
    )
