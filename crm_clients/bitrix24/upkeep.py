"""Setting a portal up, taking it down, and saying what stands in the way.

Set-up registers our connector, finds or makes an open line of its own for it, switches it on there
and subscribes to events. Each step may be repeated. The line stays when a connection goes: it
holds the conversations.

An administrator chooses a line's settings. Ours begins with two: it ties what is said to the cards
that there are, and makes none, since the hub does.

Source: apidocs.bitrix24.com/api-reference/imopenlines/{imconnector, openlines}, …/events; words
that switch on, and failures inside of successes: bitrix kernel, as reported by integrators.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from crm_clients.bitrix24.doors import SETTINGS
from crm_clients.bitrix24.line_cards import opens_deals, questions_about
from crm_clients.bitrix24.lines import connector_of
from crm_clients.bitrix24.oauth import Application, Config
from crm_clients.bitrix24.questions import Question, ask_together
from crm_clients.bitrix24.rest import Rest, all_of, created_id, only_of
from crm_clients.bitrix24.wire import AppInfo, Binding, Line, LineStatus, Profile
from mappers.vocabulary import (
    Account,
    AuthExpired,
    Blocked,
    Failure,
    Permanent,
    ProviderError,
)
from mappers.vocabulary.adapters import SetUp

EVENTS = (
    "OnImConnectorMessageAdd",
    "OnImConnectorMessageUpdate",
    "OnImConnectorMessageDelete",
    "OnImConnectorStatusDelete",
    "OnImConnectorLineDelete",
    "OnCrmContactDelete",
    "OnCrmDealDelete",
    "OnAppUninstall",
)
ON, OFF = 1, 0  # any word would switch a connector on
MOST_LINES = 200
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    '<path fill="#fff" d="M4 5h16v10H9l-5 4z"/></svg>'
)
NO_ADDRESS = "There is no public address: no operator's reply can reach us."
NOT_WORKING = (
    "The open line does not take our connector into work: open it in the Contact Center of the"
    " portal and look what it says."
)
NO_PROOF = (
    "The portal gave us no application token, so none of its events is believed: install the"
    " application in the portal again."
)
NOT_FINISHED = "The application's installation is not finished: until then no event comes."
NOT_ADMINISTRATOR = (
    "Who installed the application is no administrator: after a lost answer we could not tell"
    " whether a message was written, and would ask a person. Install it as an administrator."
)


@dataclass(frozen=True, slots=True)
class Upkeep:
    config: Config
    application: Application
    rest: Rest = field(repr=False)

    @property
    def connector(self) -> str:
        return connector_of(self.application)

    async def check(self) -> Account:
        profile = only_of(Profile, await self.rest.ask("profile"))
        app = only_of(AppInfo, await self.rest.ask("app.info"))
        warnings = (
            (NO_PROOF, not self.config.application_token.get_secret_value()),
            (NOT_FINISHED, not app.is_installed),
            (NOT_ADMINISTRATOR, not profile.is_admin),
        )
        return Account(
            id=self.config.member_id,
            title=self.config.base.rpartition("/")[2],
            url=self.config.base,
            warnings=tuple(words for words, holds in warnings if holds),
        )

    async def set_up(self, address: str) -> SetUp:
        if not address:
            return SetUp(notes=(NO_ADDRESS,))
        await self._register(address)
        line = self.config.line or await self._find_line() or await self._make_line()
        await self._switch_on(line)
        await self._subscribe(address)
        there = {"CONNECTOR": self.connector, "LINE": int(line)}
        asked = {"status": Question(method="imconnector.status", params=there)}
        told = await ask_together(self.rest, {**asked, **questions_about(line)})
        status = only_of(LineStatus, told["status"].told())
        changes = {
            "line": line,
            "hook_address": address,
            "line_opens_deals": opens_deals(told),
        }
        return SetUp(changes=changes, notes=() if status.is_working else (NOT_WORKING,))

    async def tear_down(self) -> None:
        """Undo what set-up did. Each step is tried, whatever became of those before it.

        We stop listening first: what we then switch off would be told to us as somebody's doing.
        """
        refusals: list[ProviderError] = []
        for step in (self._leave_events, self._switch_off, self._unregister):
            try:
                await step()
            except ProviderError as refused:
                if not _is_gone_already(refused.failure):
                    refusals.append(refused)
        if refusals:
            raise refusals[0]

    async def _register(self, address: str) -> None:
        """Register the connector, or change it to be so. A refusal comes inside of a success."""
        can = {"DEL_EXTERNAL_MESSAGES": False, "NEWSLETTER": False, "NEED_SIGNATURE": False}
        wanted: dict[str, Any] = {
            "ID": self.connector,
            "NAME": self.application.title,
            "ICON": {"DATA_IMAGE": f"data:image/svg+xml,{quote(ICON)}", "COLOR": "#2067b0"},
            "PLACEMENT_HANDLER": f"{address.rstrip('/')}/{SETTINGS}",
            "EDIT_INTERNAL_MESSAGES": True,
            "DEL_INTERNAL_MESSAGES": True,
            "NEED_SYSTEM_MESSAGES": True,
            "CHAT_GROUP": False,
            **can,
        }
        answer = await self.rest.ask("imconnector.register", wanted)
        if not (isinstance(answer, dict) and answer.get("result") is True):
            raise ProviderError(Blocked(code="bitrix24.connector_refused", by="provider"))

    async def _find_line(self) -> str:
        """Find the line that an earlier set-up made, whose answer may have been lost."""
        asked = {"PARAMS": {"select": ["ID", "LINE_NAME"], "limit": MOST_LINES}}
        lines = all_of(Line, await self.rest.ask("imopenlines.config.list.get", asked))
        return next((each.id for each in lines if each.name == self.application.title), "")

    async def _make_line(self) -> str:
        wanted = {
            "LINE_NAME": self.application.title,
            "ACTIVE": "Y",
            "CRM": "Y",
            "CRM_CREATE": "none",
        }
        return created_id(await self.rest.make("imopenlines.config.add", {"PARAMS": wanted}))

    async def _switch_on(self, line: str) -> None:
        there = {"CONNECTOR": self.connector, "LINE": int(line)}
        await self.rest.ask("imconnector.activate", {**there, "ACTIVE": ON})
        described = {
            "ID": self.connector,
            "URL": self.config.base,
            "URL_IM": self.config.base,
            "NAME": self.application.title,
        }
        await self.rest.ask("imconnector.connector.data.set", {**there, "DATA": described})

    async def _switch_off(self) -> None:
        if self.config.line:
            there = {"CONNECTOR": self.connector, "LINE": int(self.config.line)}
            await self.rest.ask("imconnector.activate", {**there, "ACTIVE": OFF})

    async def _unregister(self) -> None:
        await self.rest.ask("imconnector.unregister", {"ID": self.connector})

    async def _subscribe(self, address: str) -> None:
        """Leave exactly one subscription to each event: ours, at our present address."""
        old = self.config.hook_address.get_secret_value()
        bound = await self._bindings()
        if old and old != address:
            await self._unbind({pair for pair in bound if pair[1] == old})
        for event in EVENTS:
            if (event.upper(), address) not in bound:
                await self._bind(event, address)

    async def _bindings(self) -> set[tuple[str, str]]:
        found = all_of(Binding, await self.rest.ask("event.get"))
        return {(each.event.upper(), each.handler) for each in found}

    async def _bind(self, event: str, address: str) -> None:
        """Subscribe. Whoever did so at the same moment is us: nobody else has our address."""
        try:
            await self.rest.ask("event.bind", {"event": event, "handler": address})
        except ProviderError:
            if (event.upper(), address) not in await self._bindings():
                raise

    async def _leave_events(self) -> None:
        if address := self.config.hook_address.get_secret_value():
            bound = await self._bindings()
            await self._unbind({pair for pair in bound if pair[1] == address})

    async def _unbind(self, pairs: set[tuple[str, str]]) -> None:
        for event, handler in sorted(pairs):
            asked: Mapping[str, str] = {"event": event, "handler": handler}
            await self.rest.ask("event.unbind", asked)


def _is_gone_already(failure: Failure) -> bool:
    """Whoever removed us, or our connector, has undone what a step would undo."""
    match failure:
        case AuthExpired() | Permanent():
            return True
        case Blocked(code="bitrix24.no_connector" | "bitrix24.line_inactive"):
            return True
        case _:
            return False
