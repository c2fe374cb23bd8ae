"""Setting a portal up, taking it down, and saying what stands in the way.

Set-up registers our connector, switches it on in its open line and subscribes to events. Each step
may be repeated. The line stays when a connection goes: it holds the conversations.

Source: apidocs.bitrix24.com/api-reference/imopenlines/{imconnector, openlines}, …/events; words
that switch on, and failures inside of successes: bitrix kernel, as reported by integrators.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from crm_clients.bitrix24.batch import Command, Part
from crm_clients.bitrix24.doors import SETTINGS
from crm_clients.bitrix24.line_cards import opens_deals, questions_about
from crm_clients.bitrix24.lines import connector_of
from crm_clients.bitrix24.oauth import Application, Config
from crm_clients.bitrix24.own_line import OwnLine
from crm_clients.bitrix24.questions import ask_together
from crm_clients.bitrix24.rest import Rest, all_of, only_of, results_of
from crm_clients.bitrix24.wire import AppInfo, Binding, LineStatus, Profile
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
    "OnAppUpdate",
)
LINE_DISCONNECTED, LINE_DELETED = "bitrix24.line_disconnected", "bitrix24.line_deleted"
OF_LINES = frozenset({LINE_DISCONNECTED, "bitrix24.line_inactive", "bitrix24.no_connector"})
ON, OFF = 1, 0  # any word would switch a connector on
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
    events: tuple[str, ...] = EVENTS

    @property
    def connector(self) -> str:
        return connector_of(self.application)

    @property
    def _own_line(self) -> OwnLine:
        return OwnLine(self.config, self.application, self.rest)

    async def check(self) -> Account:
        asked = (Command("profile"), Command("app.info"))
        user, ours = results_of(await self.rest.ask_all(asked))
        profile, app = only_of(Profile, user), only_of(AppInfo, ours)
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

    async def has_passed(self, reason: str) -> bool:
        """Ask what every call needs. Whoever took us off a line must put us back by hand."""
        if reason == LINE_DELETED:
            return False
        app = only_of(AppInfo, await self.rest.ask("app.info"))
        await self.rest.ask("profile")
        works = reason not in OF_LINES or (bool(self.config.line) and await self.works_on_line())
        return app.is_installed and works

    async def is_set_up(self, address: str) -> bool:
        bound = await self._bindings()
        return all((event.upper(), address) in bound for event in self.events)

    async def works_on_line(self) -> bool:
        """Say whether our connector is in work on our line."""
        there = {"CONNECTOR": self.connector, "LINE": int(self.config.line)}
        status = only_of(LineStatus, await self.rest.ask("imconnector.status", there))
        return status.is_working

    async def set_up(self, address: str) -> SetUp:
        if not address:
            return SetUp(notes=(NO_ADDRESS,))
        await self._register(address)
        line, before = await self._own_line.choose()
        if self.config.line not in ("", line):
            await self._leave_line()
        status, app = await self._switch_on(line)
        await self.subscribe(address)
        changes = {
            "line": line,
            "line_before": before,
            "line_opens_deals": opens_deals(await ask_together(self.rest, questions_about(line))),
            "hook_address": address,
            "plan": app.plan or self.config.plan,
        }
        return SetUp(changes=changes, notes=() if status.is_working else (NOT_WORKING,))

    async def tear_down(self) -> None:
        """Undo what set-up did. Each step is tried, whatever became of those before it.

        We stop listening first: what we then switch off would be told to us as somebody's doing.
        """
        refusals: list[ProviderError] = []
        steps = (self.leave_events, self._switch_off, self._own_line.give_up, self._unregister)
        for step in steps:
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

    async def _leave_line(self) -> None:
        """Take ourselves off the line that was used before, as far as it is there."""
        for step in (self._switch_off, self._own_line.give_up):
            try:
                await step()
            except ProviderError as refused:
                if not _is_gone_already(refused.failure):
                    raise

    async def _switch_on(self, line: str) -> tuple[LineStatus, AppInfo]:
        """Put the connector on the line; return whether it works there, and who we are."""
        there = {"CONNECTOR": self.connector, "LINE": int(line)}
        described = {
            "ID": self.connector,
            "URL": self.config.base,
            "URL_IM": self.config.base,
            "NAME": self.application.title,
        }
        steps = (
            Command("imconnector.activate", {**there, "ACTIVE": ON}),
            Command("imconnector.connector.data.set", {**there, "DATA": described}),
            Command("imconnector.status", there),
            Command("app.info"),
        )
        *_, status, app = results_of(await self.rest.ask_all(steps))
        return only_of(LineStatus, status), only_of(AppInfo, app)

    async def _switch_off(self) -> None:
        if self.config.line:
            there = {"CONNECTOR": self.connector, "LINE": int(self.config.line)}
            await self.rest.ask("imconnector.activate", {**there, "ACTIVE": OFF})

    async def _unregister(self) -> None:
        await self.rest.ask("imconnector.unregister", {"ID": self.connector})

    async def subscribe(self, address: str) -> None:
        """Leave exactly one subscription to each event: ours, at our present address."""
        old = self.config.hook_address.get_secret_value()
        bound = await self._bindings()
        if old and old != address:
            await self._unbind({pair for pair in bound if pair[1] == old})
        missing = [event for event in self.events if (event.upper(), address) not in bound]
        await self._bind(missing, address)

    async def _bindings(self) -> set[tuple[str, str]]:
        found = all_of(Binding, await self.rest.ask("event.get"))
        return {(each.event.upper(), each.handler) for each in found}

    async def _bind(self, events: Sequence[str], address: str) -> None:
        """Subscribe. Whoever did so at the same moment is us: nobody else has our address."""
        there = [{"event": event, "handler": address} for event in events]
        parts = await self._all("event.bind", there)
        if any(part.failure for part in parts):
            bound = await self._bindings()
            if any((event.upper(), address) not in bound for event in events):
                results_of(parts)

    async def leave_events(self) -> None:
        if address := self.config.hook_address.get_secret_value():
            bound = await self._bindings()
            await self._unbind({pair for pair in bound if pair[1] == address})

    async def _unbind(self, pairs: set[tuple[str, str]]) -> None:
        there = [{"event": event, "handler": handler} for event, handler in sorted(pairs)]
        results_of(await self._all("event.unbind", there))

    async def _all(self, method: str, each: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
        """Ask the same of several things, in one call."""
        commands = [Command(method, params) for params in each]
        return await self.rest.ask_all(commands) if commands else ()


def _is_gone_already(failure: Failure) -> bool:
    """Whoever removed us, or our connector, has undone what a step would undo."""
    match failure:
        case AuthExpired() | Permanent():
            return True
        case Blocked(code="bitrix24.no_connector" | "bitrix24.line_inactive"):
            return True
        case _:
            return False
