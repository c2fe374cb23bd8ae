"""Setting up a portal whose messages go onto cards, and saying what stands in the way.

An application has the portal keep a queue of comments, tells it the name of its activities, and
subscribes to deletions; a webhook can do nothing of the kind, and needs nothing.

Source: apidocs.bitrix24.com/api-reference/{events, crm/timeline/activities/types},
…/local-integrations/local-webhooks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from crm_clients.bitrix24.asking import QUEUED
from crm_clients.bitrix24.entries import MESSAGE_TYPE
from crm_clients.bitrix24.oauth import Application, Config
from crm_clients.bitrix24.rest import Rest, all_of, only_of
from crm_clients.bitrix24.upkeep import NOT_ADMINISTRATOR, Upkeep
from crm_clients.bitrix24.wire import Profile
from crm_clients.bitrix24.wire_timeline import Listening
from mappers.vocabulary import Account, AuthExpired, Blocked, Permanent, ProviderError
from mappers.vocabulary.adapters import SetUp

EVENTS = ("OnCrmContactDelete", "OnCrmDealDelete", "OnAppUpdate", "OnAppUninstall")
OFFLINE = {"event_type": "offline"}
NO_ADDRESS = (
    "There is no public address: files stay behind, and deleted contacts are noticed when they are"
    " next needed. Replies are asked for and arrive."
)
NO_QUEUE = (
    "The portal keeps no queue of comments for us, so replies are looked for card by card and take"
    " longer. Install the application as an administrator."
)
REDUCED = (
    "A webhook works with comments on cards alone: a comment that begins with {prefix} is the"
    " answer, and it is found within seconds where a customer wrote lately, otherwise within"
    " minutes. Open lines, notifications of new messages, delivery marks in a chat, and news of"
    " deleted contacts need an application."
)
TELLS_HERE = (
    "Put this address into the outgoing webhook: {address}. It tells of deleted contacts and deals."
)
NO_CRM = (
    "The webhook lacks the permission CRM (crm): add it in the portal, under Developer resources."
)


@dataclass(frozen=True, slots=True)
class UpkeepOfCards:
    config: Config
    application: Application | None
    rest: Rest

    @property
    def _installed(self) -> Upkeep | None:
        if self.application is None:
            return None
        return Upkeep(self.config, self.application, self.rest, EVENTS)

    async def check(self) -> Account:
        if self._installed is not None:
            account = await self._installed.check()
            warnings = [words for words in account.warnings if words != NOT_ADMINISTRATOR]
            return replace(account, warnings=tuple(warnings))
        only_of(Profile, await self.rest.ask("profile"))
        scopes = await self.rest.ask("scope")
        has_crm = isinstance(scopes, list) and "crm" in scopes
        return Account(
            id=self.config.account,
            title=self.config.base.rpartition("/")[2],
            url=self.config.base,
            warnings=() if has_crm else (NO_CRM,),
        )

    async def has_passed(self, reason: str) -> bool:
        if self._installed is not None:
            return await self._installed.has_passed(reason)
        await self.rest.ask("profile")
        return True

    async def is_set_up(self, address: str) -> bool:
        """A webhook has nothing that could get lost; without an address there is only a queue."""
        if self._installed is None:
            return True
        if self.config.has_queue and not await self.keeps_queue():
            return False
        return not address or await self._installed.is_set_up(address)

    async def set_up(self, address: str) -> SetUp:
        notes = [] if address else [NO_ADDRESS]
        if self._installed is None:
            return SetUp(notes=(*self._said_of_webhooks(address), *notes))
        await self._name_activities()
        has_queue = await self._keep_queue()
        if address:
            await self._installed.subscribe(address)
        if not has_queue:
            notes.append(NO_QUEUE)
        changes: Mapping[str, Any] = {"has_queue": has_queue, "hook_address": address}
        return SetUp(changes=changes, notes=tuple(notes))

    def _said_of_webhooks(self, address: str) -> Iterator[str]:
        yield REDUCED.format(prefix=self.config.reply_prefix)
        if address and self.config.application_token.get_secret_value():
            yield TELLS_HERE.format(address=address)

    async def tear_down(self) -> None:
        """Undo what set-up did. Whoever removed us has undone it."""
        if self._installed is None:
            return
        try:
            await self._installed.leave_events()
            for event in await self._queued():
                await self.rest.ask("event.unbind", {"event": event, **OFFLINE})
        except ProviderError as refused:
            if not isinstance(refused.failure, AuthExpired | Permanent):
                raise

    async def _keep_queue(self) -> bool:
        """Have comments kept for us; False when whoever installed us may not ask for it."""
        there = await self._queued()
        try:
            for event in QUEUED:
                if event not in there:
                    await self.rest.ask("event.bind", {"event": event, **OFFLINE})
        except ProviderError as refused:
            if not isinstance(refused.failure, Blocked | Permanent):
                raise
            return await self.keeps_queue()
        return True

    async def keeps_queue(self) -> bool:
        """Say whether the portal keeps comments for us."""
        return set(QUEUED) <= await self._queued()

    async def _queued(self) -> set[str]:
        bound = all_of(Listening, await self.rest.ask("event.get"))
        return {each.event.upper() for each in bound if each.is_offline} & {*QUEUED}

    async def _name_activities(self) -> None:
        """Give our activities their name in the portal. One that is named already is refused."""
        if self.application is None:
            return
        fields = {"TYPE_ID": MESSAGE_TYPE, "NAME": self.application.title}
        try:
            await self.rest.ask("crm.activity.type.add", {"fields": fields})
        except ProviderError as refused:
            if not isinstance(refused.failure, Blocked | Permanent):
                raise
