"""What stands between a portal and working well, the nearest first.

Nothing is changed. What the portal does not let us see becomes a finding, and what rests on it is
left out. A refusal that concerns everything ends the look.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from crm_clients.bitrix24.codes import SENTENCES
from crm_clients.bitrix24.lines import CONNECTOR, connector_of
from crm_clients.bitrix24.oauth import USER_AGENT, Application, Config
from crm_clients.bitrix24.own_line import OwnLine
from crm_clients.bitrix24.rest import PATIENCE, Rest, all_of, moved_to, only_of
from crm_clients.bitrix24.upkeep import EVENTS
from crm_clients.bitrix24.wire import AppInfo, Binding, LineSettings, LineStatus, Profile
from mappers.vocabulary import Failure, HttpCall, ProviderError
from mappers.vocabulary.adapters import Finding

NEEDED = ("crm", "imconnector", "imopenlines")
USEFUL = ("im", "disk", "user")
USERS = ("user", "user_basic", "user_brief")
SKEW = timedelta(minutes=2)
# A method is shut for minutes once it took about seven minutes of any ten.
MUCH_OPERATING_S = 300.0
MOST_LOOKED_AT = 10
RESUME = "Resume the connection: set-up runs again."
INSTALL = "Install the application in the portal again, as an administrator."
CONTACT_CENTER = "In the portal: Contact Center, Open channels, the line's settings."


Look: TypeAlias = Callable[[], Awaitable[list[Finding]]]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Looks at one portal and changes nothing."""

    config: Config
    application: Application
    rest: Rest = field(repr=False)
    needed: tuple[str, ...] = NEEDED
    useful: tuple[str, ...] = USEFUL
    events: tuple[str, ...] = EVENTS

    async def of(self, address: str) -> tuple[Finding, ...]:
        """Look at each thing that must be in place, those at our own side first."""
        findings = [*about_address(address), *self._about_proof(address)]
        try:
            findings += await self._about_application()
        except ProviderError as refused:
            return (*findings, _shut_out(refused.failure))
        for look in self._looks(address):
            try:
                findings += await look()
            except ProviderError as refused:
                findings.append(closed("The portal does not show this", refused.failure))
        return tuple(findings)

    def _looks(self, address: str) -> Sequence[Look]:
        about_line = (self._about_connector, self._about_line, self._about_other_lines)
        return (*self._usual_looks(address), self._about_installer, *about_line)

    def _usual_looks(self, address: str) -> Sequence[Look]:
        about_events = partial(self._about_events, address)
        return (self._about_permissions, self._about_clock, about_events)

    def _about_proof(self, address: str) -> Iterator[Finding]:
        if not self.config.application_token.get_secret_value():
            yield problem("The portal gave us no token that proves its events", INSTALL)
        told = self.config.hook_address.get_secret_value()
        if told != address:
            what = "The portal was told no address, or another one than ours of today"
            yield problem(what, RESUME)

    async def _about_application(self) -> list[Finding]:
        """Ask as any call does, and look at how it is answered: where, and how dearly."""
        call = HttpCall(
            method="POST",
            url=f"{self.config.base}/rest/app.info",
            label="bitrix24.app.info",
            headers={"user-agent": USER_AGENT},
            json={"auth": self.config.access_token.get_secret_value()},
            timeout=PATIENCE,
            repeatable=True,
            budgets=("rest",),
        )
        reply = await self.rest.http.send(call)
        found = [*_about_cost(reply.at("time", "operating"))]
        if 300 <= reply.status < 400:
            base = moved_to(reply, "app.info", self.application)
            what = f"The portal was renamed: it answers at {base} now"
            found.append(warning(what, "Nothing: the address is kept with the next tokens."))
        app = only_of(AppInfo, await self.rest.ask("app.info"))
        found.append(Finding(level="ok", what=f"The portal answers: {self.config.base}"))
        if not app.is_installed:
            what = "The installation of the application is not finished: no event comes"
            found.append(problem(what, "Open the application once in the portal, or " + INSTALL))
        if app.is_unpaid:
            what = "The application is not paid for any more: the portal is about to shut it out"
            found.append(warning(what, "Ask the portal's owner about the subscription."))
        return found

    async def _about_permissions(self) -> list[Finding]:
        granted = await self.rest.ask("scope")
        has = {str(each) for each in granted} if isinstance(granted, list) else set()
        missing = [each for each in self.needed if each not in has]
        useful = [
            each
            for each in self.useful
            if each not in has and not (each in USERS and has & {*USERS})
        ]
        how = "Add them to the application's card in the portal, save, and confirm them there."
        found = []
        if missing:
            found.append(problem(f"The application lacks permissions: {', '.join(missing)}", how))
        if useful:
            found.append(warning(f"The application lacks permissions: {', '.join(useful)}", how))
        return found or [ok("The application has the permissions that it needs")]

    async def _about_clock(self) -> list[Finding]:
        told = await self.rest.ask("server.time")
        try:
            there = datetime.fromisoformat(str(told))
            off = abs(self.rest.http.now() - there)
        except (ValueError, TypeError):
            return []
        if off <= SKEW:
            return []
        what = f"Our clock and the portal's are {round(off.total_seconds() / 60)} minutes apart"
        return [warning(what, "Let this machine's clock be set by the network (NTP).")]

    async def _about_installer(self) -> list[Finding]:
        profile = only_of(Profile, await self.rest.ask("profile"))
        if profile.is_admin:
            return [ok("Who installed the application is an administrator, and active")]
        what = (
            "Who installed the application is no administrator: a lost answer cannot be looked"
            " into, and every such message waits for a person"
        )
        return [warning(what, INSTALL)]

    async def _about_events(self, address: str) -> list[Finding]:
        bound = all_of(Binding, await self.rest.ask("event.get"))
        ours = {each.event.upper() for each in bound if each.handler == address}
        missing = sorted({event.upper() for event in self.events} - ours)
        others = {each.handler for each in bound if each.handler not in ("", address)}
        found = []
        if missing:
            what = f"The portal does not tell us of {len(missing)} events, {missing[0]} the first"
            found.append(problem(what, RESUME))
        for host in sorted({urlsplit(each).hostname or "?" for each in others}):
            what = f"The portal tells another address of our application, too: {host}"
            advice = "If that is a hub that is no more, disconnect there, or ignore it."
            found.append(warning(what, advice))
        return found or [ok("The portal tells us of replies and changes")]

    async def _about_connector(self) -> list[Finding]:
        listed = await self.rest.ask("imconnector.list")
        known = {str(each).lower() for each in listed} if isinstance(listed, dict | list) else set()
        if connector_of(self.application) not in known:
            return [problem("The portal does not have our connector", RESUME)]
        others = sorted(
            each
            for each in known
            if each.startswith(CONNECTOR) and each != connector_of(self.application)
        )
        what = "Another registration of Threadline has a connector here: {}"
        advice = "Two hubs serve one portal: give each a line of its own, or disconnect one."
        return [warning(what.format(each), advice) for each in others]

    async def _about_line(self) -> list[Finding]:
        if not self.config.line:
            return [problem("The connection has no open line", RESUME)]
        line = next((each for each in await self._lines() if each.id == self.config.line), None)
        if line is None:
            what = f"The open line {self.config.line} is not there any more"
            return [problem(what, "Resume the connection: another line is found, or made.")]
        is_working = await self._works_on(line.id)
        found = [*_about_settings(line)]
        if not is_working:
            what = f"The line {line.name!r} does not take our connector into work"
            found.append(problem(what, f"{RESUME} {CONTACT_CENTER}"))
        return found or [ok(f"The line {line.name!r} takes messages to its operators")]

    async def _about_other_lines(self) -> list[Finding]:
        """On another line our connector would be another account, which nobody serves."""
        others = [each for each in await self._lines() if each.id != self.config.line][
            :MOST_LOOKED_AT
        ]
        taken = [each.name or each.id for each in others if await self._works_on(each.id)]
        what = "Our connector is on the line {!r}, too: what is answered there reaches nobody"
        return [warning(what.format(each), CONTACT_CENTER) for each in taken]

    async def _lines(self) -> tuple[LineSettings, ...]:
        return await OwnLine(self.config, self.application, self.rest).all()

    async def _works_on(self, line: str) -> bool:
        there = {"CONNECTOR": connector_of(self.application), "LINE": int(line)}
        status = only_of(LineStatus, await self.rest.ask("imconnector.status", there))
        return status.is_working


def _about_settings(line: LineSettings) -> Iterator[Finding]:
    """Settings of a line that make it work against us."""
    if not line.is_active:
        yield problem(f"The line {line.name!r} is switched off", CONTACT_CENTER)
    if not line.queue:
        what = f"Nobody is in the queue of the line {line.name!r}: nobody sees new messages"
        yield warning(what, "Put operators into the line's queue.")
    if line.creates not in ("", "none"):
        what = (
            f"The line {line.name!r} makes cards by itself ({line.creates}), and so does a route"
            " whose deals the hub owns: customers may get two"
        )
        yield warning(what, "Switch it off in the line's settings, under CRM.")
    if line.asks_for_votes:
        what = (
            f"The line {line.name!r} asks for ratings: a customer's lone 1 or 0 is a vote in the"
            " portal while it waits, and ours arrive as messages"
        )
        yield warning(what, "Switch the rating off in the line's settings, or ask in words.")


def _about_cost(operating: Any) -> Iterator[Finding]:
    is_number = isinstance(operating, int | float) and not isinstance(operating, bool)
    if is_number and operating > MUCH_OPERATING_S:
        what = f"Our calls took {operating:.0f} seconds of the portal in ten minutes"
        yield warning(what, "Nothing: calls wait when the portal asks. Other applications count.")


def about_address(address: str) -> Iterator[Finding]:
    parts = urlsplit(address)
    host = parts.hostname or ""
    is_public = "." in host and not re.fullmatch(r"[\d.]+|.*\.(local|internal|test)", host)
    if parts.scheme == "https" and is_public:
        yield ok("The public address is one that Bitrix24 can call")
        return
    what = "Bitrix24 cannot call us: it needs a public https address"
    yield problem(what, "Set the public address of this installation (THREADLINE_PUBLIC_URL).")


def ok(what: str) -> Finding:
    return Finding(level="ok", what=what)


def warning(what: str, advice: str) -> Finding:
    return Finding(level="warning", what=what, advice=advice)


def problem(what: str, advice: str) -> Finding:
    return Finding(level="problem", what=what, advice=advice)


def _shut_out(failure: Failure) -> Finding:
    """Everybody may ask what we asked, so whoever is denied it has no REST."""
    if failure.code == "bitrix24.access_denied":
        failure = replace(failure, code="bitrix24.plan")
    return closed("The portal does not let us in", failure)


def closed(what: str, failure: Failure) -> Finding:
    """Say it with the sentence of its code: that says what to do, too."""
    usual = "Look again in a minute."
    advice = SENTENCES.get(failure.code, usual)
    return problem(f"{what} ({failure.code})", usual if failure.kind == "transient" else advice)
