"""What stands between a portal and working well: who we are to it first, then what it lets us do.

Nothing is changed. What the portal does not show becomes a finding, and what rests on it is left
out. A refusal that concerns everything ends the look.

Source: developers.hubspot.com/docs/api/{usage-details, scopes}, …/changelog/legacy-apis-….
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeAlias
from urllib.parse import urlsplit

from crm_clients.hubspot.codes import SENTENCES
from crm_clients.hubspot.field_wire import Property
from crm_clients.hubspot.oauth import CHANNEL_SCOPES, INBOX_SCOPES, REQUIRED_SCOPES, Application
from crm_clients.hubspot.rest import Rest, only_of
from crm_clients.hubspot.versions import ACCOUNT, LAST_MONTH, OBJECTS, PROPERTIES, VERSION, path
from crm_clients.hubspot.wire import AccountDetails
from mappers.vocabulary import Failure, HttpReply, Permanent, ProviderError
from mappers.vocabulary.adapters import Finding

# Signed calls are good for five minutes.
SKEW = timedelta(minutes=2)
SOON = timedelta(days=120)
RESUME = "Resume the connection: set-up runs again."
CONSENT = "Connect the portal again: whoever consents is asked for them."
HAND = "Add them to the service key in the portal's settings."
# What is lost without a scope, in the order of how much.
GIVES = {
    CHANNEL_SCOPES[0]: "messages in the inbox; they come with Sales or Service Hub Professional",
    CHANNEL_SCOPES[1]: "messages in the inbox; they come with Sales or Service Hub Professional",
    INBOX_SCOPES[0]: "finding inboxes, and replies that were missed",
    INBOX_SCOPES[1]: "remarks beside replies",
    "tickets": "tickets",
    "files": "files of customers",
    "sales-email-read": "reading e-mails back whose answer was lost",
}
OF_CHANNEL = (*CHANNEL_SCOPES, *INBOX_SCOPES)
Look: TypeAlias = Callable[[], Awaitable[list[Finding]]]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Looks at one portal and changes nothing. `more` looks at how its messages are shown."""

    application: Application | None
    rest: Rest = field(repr=False)
    more: Sequence[Look] = ()

    async def of(self, address: str) -> tuple[Finding, ...]:
        """Look at each thing that must be in place, what the rest depends on first."""
        findings = [*self._about_version(), *self._about_token(), *self._about_scopes()]
        try:
            asked = path(ACCOUNT, "details")
            reply = await self.rest.get(asked, "account")
            account = only_of(AccountDetails, reply.value())
        except ProviderError as refused:
            return (*findings, closed("The portal does not let us in", refused.failure))
        findings = [*_about_portal(account, reply), *findings]
        if not self.rest.config.is_static:
            findings += about_address(self._address(address))
        findings += _about_clock(reply, self.rest.http.now())
        for look in (self._about_cards, self._about_markers, *self.more):
            try:
                findings += await look()
            except ProviderError as refused:
                findings.append(closed("The portal does not show this", refused.failure))
        return tuple(findings)

    def _address(self, address: str) -> str:
        known = "" if self.application is None else self.application.hook_address
        return known or address

    def _about_version(self) -> Iterator[Finding]:
        what = f"We speak HubSpot's API of {VERSION}, which is served until {LAST_MONTH}"
        left = _ends(LAST_MONTH) - self.rest.http.now().date()
        if left > SOON:
            yield ok(what)
        elif left > timedelta():
            yield warning(what, "Update Threadline before that.")
        else:
            yield problem(f"{what}: that is over", "Update Threadline.")

    def _about_token(self) -> Iterator[Finding]:
        if self.rest.config.is_static:
            what = "The token is a service key, made by hand: it does not run out, nobody renews it"
            yield ok(f"{what}, and no webhook comes with it")
        else:
            yield ok("The access token is an application's, and is renewed by itself")

    def _about_scopes(self) -> Iterator[Finding]:
        """Of a token made by hand nobody tells: what it may not do shows when it is asked to."""
        config = self.rest.config
        if not config.scopes:
            return
        how = HAND if config.is_static else CONSENT
        needed = (
            *REQUIRED_SCOPES,
            *(() if config.on_cards else OF_CHANNEL),
            *(("tickets",) if config.case == "tickets" else ()),
        )
        missing = [each for each in dict.fromkeys(needed) if not config.may(each)]
        if missing:
            yield problem(f"The application lacks scopes that it needs: {', '.join(missing)}", how)
        for scope, gives in GIVES.items():
            is_told = scope in missing or (config.on_cards and scope in OF_CHANNEL)
            if not config.may(scope) and not is_told:
                yield warning(
                    f"The application lacks the scope {scope}: without it, no {gives}", how
                )
        if not missing:
            yield ok("The application has the scopes that it needs")

    async def _about_cards(self) -> list[Finding]:
        """Ask for what every message needs; a token that may not is told which scope it lacks."""
        config = self.rest.config
        for kind in ("contacts", config.case):
            await self.rest.get(path(OBJECTS, kind), f"{kind}.look", {"limit": 1})
        return [ok(f"Contacts and {config.case} can be read")]

    async def _about_markers(self) -> list[Finding]:
        config = self.rest.config
        kept = (("contacts", config.record_marker), (config.case, config.deal_marker))
        found = [await self._about_marker(kind, name) for kind, name in kept]
        return [each for each in found if each is not None] or [
            ok("What we make is known by unique properties of ours")
        ]

    async def _about_marker(self, kind: str, name: str) -> Finding | None:
        if not name:
            what = f"There is no unique property of ours on {kind}: one whose making was cut off"
            advice = "Give us the scope that makes properties, and resume the connection."
            return warning(f"{what} may have to be decided upon by a person", advice)
        try:
            reply = await self.rest.get(path(PROPERTIES, kind, name), "properties.get")
        except ProviderError as refused:
            if isinstance(refused.failure, Permanent):
                return problem(f"Our property {name} on {kind} is not there any more", RESUME)
            raise
        held = only_of(Property, reply.value())
        if held.is_archived:
            return problem(f"Our property {name} on {kind} was archived", RESUME)
        if not held.is_unique:
            what = f"The property {name} on {kind} is not unique, so it is not ours"
            return problem(what, "Rename or delete it, and resume the connection.")
        return None


def _about_portal(account: AccountDetails, reply: HttpReply) -> Iterator[Finding]:
    what = f"The portal {account.portal} answers"
    kind = account.type.replace("_", " ").lower()
    yield ok(f"{what} ({kind} account{_tier(reply)})" if kind else what)


def _tier(reply: HttpReply) -> str:
    """What the limits of a token made by hand say of the plan; an application's say nothing."""
    daily = reply.headers.get("x-hubspot-ratelimit-daily", "")
    if not daily.isdecimal():
        return ""
    most = int(daily)
    plan = "Enterprise" if most >= 1_000_000 else "Professional" if most >= 600_000 else "Starter"
    free = "Free or " if plan == "Starter" else ""
    return f", limits of {free}{plan}: {most} calls a day"


def _about_clock(reply: HttpReply, now: datetime) -> Iterator[Finding]:
    try:
        there = parsedate_to_datetime(reply.headers.get("date", "")).astimezone(UTC)
    except (ValueError, TypeError):
        return
    off = abs(now - there)
    if off > SKEW:
        what = f"Our clock and HubSpot's are {round(off.total_seconds() / 60)} minutes apart"
        advice = "Let this machine's clock be set by the network (NTP): signed calls are refused."
        yield problem(what, advice)


def _ends(month: str) -> date:
    year, number = (int(each) for each in month.split("-"))
    return date(year + number // 12, number % 12 + 1, 1)


def about_address(address: str) -> Iterator[Finding]:
    parts = urlsplit(address)
    host = parts.hostname or ""
    is_public = "." in host and not re.fullmatch(r"[\d.]+|.*\.(local|internal|test)", host)
    if parts.scheme == "https" and is_public:
        yield ok("The public address is one that HubSpot can call")
        return
    what = "HubSpot cannot call us: it needs a public https address"
    yield problem(what, "Set the public address of this installation (THREADLINE_PUBLIC_URL).")


def ok(what: str) -> Finding:
    return Finding(level="ok", what=what)


def warning(what: str, advice: str) -> Finding:
    return Finding(level="warning", what=what, advice=advice)


def problem(what: str, advice: str) -> Finding:
    return Finding(level="problem", what=what, advice=advice)


def closed(what: str, failure: Failure) -> Finding:
    """Say it with the sentence of its code: that says what to do, too."""
    usual = "Look again in a minute."
    advice = SENTENCES.get(failure.code, usual)
    named = f" {failure.detail}" if failure.code == "hubspot.missing_scope" else ""
    is_passing = failure.kind in {"transient", "rate_limited"}
    return problem(f"{what} ({failure.code}{named})", usual if is_passing else advice)
