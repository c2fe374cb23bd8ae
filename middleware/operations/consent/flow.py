"""From a consent page, an installation, or a token made by hand, to a connected account.

The state that travels through the provider names the registration and a time, signed by us: it
says for which workspace the account is connected, and nobody can make one up.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_clients.consent import CONSENTS, Consent, Installation, Values
from mappers.vocabulary import Http, ProviderError, Webhook
from mappers.vocabulary.adapters import Budget, FinishesJoining
from middleware.connections.flow import ConnectedNow, ProviderRefused, Wanted, fresh
from middleware.errors import BadRequest, HubError, NotFound
from middleware.http.gateway import without_lease
from middleware.http.link import Link
from middleware.hub import Hub
from middleware.operations.accounts.flow import connect, own_application
from middleware.operations.accounts.store import AccountStore, SealedApplication
from middleware.operations.model import Caller
from middleware.registry import manifest_of

GOOD_FOR = timedelta(hours=1)


class BadState(HubError):
    """The consent did not begin here, or began too long ago."""

    status = 403
    code = "consent.unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consented:
    """What a consent page sent back. `base` is the account's own address, as it says."""

    provider: str
    state: str
    base: str
    code: str = field(repr=False)


async def authorize(hub: Hub, caller: Caller, application: UUID, base: str = "") -> str:
    """Return the page where an account's administrator lets us in.

    `base` is the account's address, where the page is its own.
    Raises: `NotFound`; `BadRequest` for a provider without such a page, or a base that is none.
    """
    found = await own_application(hub, caller, application)
    consent = _consent(found.line.provider)
    expires = round((hub.clock.now() + GOOD_FOR).timestamp())
    state = f"{application.hex}.{expires}"
    signed = f"{state}.{hub.vault.sign(_signed(found.line.provider, state))}"
    try:
        return consent.authorize_url(_registration(hub, found), base, signed)
    except ValueError as error:
        raise BadRequest(f"The account's address cannot be used: {error}.") from error


async def take(hub: Hub, consented: Consented) -> ConnectedNow:
    """Connect the account whose administrator has consented.

    Raises: `BadState`, `BadRequest`, `ProviderRefused`, `Conflict`.
    """
    found = await _begun(hub, consented)
    consent = _consent(consented.provider)
    caller = Caller(workspace=found.workspace, name="consent page")

    async def exchange(http: Http, application: Any, base: str) -> Values:
        return await consent.exchange_code(http, application, base, consented.code)

    signing_in = SigningIn(provider=consented.provider, found=found)
    values = await _values(hub, signing_in, consented.base, exchange)
    wanted = Wanted(provider=consented.provider, values=values, application=found.line.id)
    return await connect(hub, caller, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByToken:
    """An account to be connected by a token that its administrator has made.

    Without a registration the provider is named. `values` are added to what the token brings.
    """

    provider: str
    base: str
    token: str = field(repr=False)
    application: UUID | None = None
    title: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


async def connect_by_token(hub: Hub, caller: Caller, given: ByToken) -> ConnectedNow:
    """Raises: `NotFound`, `BadRequest`, `ProviderRefused`, `Conflict`."""
    found = None
    if given.application is not None:
        found = await own_application(hub, caller, given.application)
    signing_in = SigningIn(provider=given.provider, found=found)
    with_token = _consent(given.provider).connect_with_token
    if with_token is None:
        title = manifest_of(given.provider).title
        raise BadRequest(f"Accounts of {title} are not connected by a token made by hand.")

    async def ask(http: Http, application: Any, base: str) -> Values:
        return await with_token(http, application, base, given.token)

    values = await _values(hub, signing_in, given.base, ask)
    wanted = Wanted(
        provider=given.provider,
        values={**values, **given.values},
        application=given.application,
        title=given.title,
    )
    return await connect(hub, caller, wanted)


async def install(
    hub: Hub, provider: str, application: UUID, hook: Webhook
) -> tuple[ConnectedNow, Installation]:
    """Connect the account that has just installed us, anew if it was connected before.

    Raises: `NotFound`, `BadRequest`, `ProviderRefused`, `Conflict`.
    """
    found = await AccountStore(hub.engine).application(application)
    way_in = _consent(provider).installation
    if found is None or way_in is None or found.line.provider != provider:
        raise NotFound("Nothing is installed at this address.")
    registration = _registration(hub, found)
    signing_in = SigningIn(provider=provider, found=found)
    port = _port(hub, signing_in, _consent(provider).bases(registration, ""))
    try:
        values = await way_in.take(port, registration, hook)
    except ValueError as error:
        raise BadRequest(f"This is no installation: {error}.") from error
    except ProviderError as error:
        raise ProviderRefused(
            f"The provider does not vouch for this installation ({error.failure.code})."
            " Nothing was kept. Install the application again."
        ) from error
    caller = Caller(workspace=found.workspace, name="installation")
    wanted = Wanted(
        provider=provider, values=values, application=found.line.id, is_installed_anew=True
    )
    return await connect(hub, caller, wanted), way_in


async def join(hub: Hub, provider: str, query: Mapping[str, str]) -> str:
    """Finish what somebody began on an account's own pages; return the page to go back to.

    Raises: `NotFound`, `BadRequest`, `ProviderRefused`.
    """
    consent = CONSENTS.get(provider)
    account = consent.joined(query) if consent is not None and consent.joined is not None else ""
    rows = [row for row in await hub.connections.all() if row.provider == provider]
    row = next((row for row in rows if account and row.account == account), None)
    if row is None:
        raise NotFound("No such account is connected here: connect it from the hub first.")
    adapter = hub.directory.build(await fresh(hub, row.id), without_lease).adapter
    if not isinstance(adapter, FinishesJoining):
        raise NotFound("The account is connected in a way that needs no more of this.")
    try:
        return await adapter.finish_joining(query)
    except ValueError as error:
        raise BadRequest(f"This cannot be finished here: {error}.") from error
    except ProviderError as error:
        raise ProviderRefused(
            f"The provider did not let us finish ({error.failure.code}). Begin again."
        ) from error


Ask = Callable[[Http, Any, str], Awaitable[Values]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningIn:
    """With whom an account signs in, and through which registration, if any."""

    provider: str
    found: SealedApplication | None

    @property
    def name(self) -> str:
        return self.provider if self.found is None else str(self.found.line.id)


async def _values(hub: Hub, signing_in: SigningIn, base: str, ask: Ask) -> Mapping[str, Any]:
    consent, found = _consent(signing_in.provider), signing_in.found
    registration = None if found is None else _registration(hub, found)
    try:
        trusted = consent.base(registration, base)
    except ValueError as error:
        raise BadRequest(f"The account's address cannot be used: {error}.") from error
    port = _port(hub, signing_in, consent.bases(registration, trusted))
    try:
        return await ask(port, registration, trusted)
    except ValueError as error:
        raise BadRequest(f"The account cannot be connected: {error}.") from error
    except ProviderError as error:
        raise ProviderRefused(
            f"The provider did not let us sign in ({error.failure.code}). Nothing was kept."
            " Begin again; a code and a token can be wrong, spent or out of date."
        ) from error


def _port(hub: Hub, signing_in: SigningIn, bases: tuple[str, ...]) -> Http:
    name = f"consent:{signing_in.name}"
    budgets = tuple(
        Budget(name=each, key=f"{name}:{each}", rate_per_s=2, burst=4)
        for each in _consent(signing_in.provider).budgets
    )
    link = Link(connection=name, budgets=budgets, bases=bases)
    return hub.gateway.port(link, may_start=without_lease)


async def _begun(hub: Hub, consented: Consented) -> SealedApplication:
    """Find the registration that this consent was begun with."""
    state, _, signature = consented.state.rpartition(".")
    signed = _signed(consented.provider, state)
    if not (signature.isascii() and hub.vault.is_signed(signed, signature)):
        raise BadState("This consent did not begin here: begin it again from the hub.")
    name, _, expires = state.partition(".")
    if hub.clock.now().timestamp() > int(expires):
        raise BadState("This consent began too long ago: begin it again from the hub.")
    found = await AccountStore(hub.engine).application(UUID(name))
    if found is None:
        raise NotFound("The registration that this consent began with is gone.")
    return found


def _signed(provider: str, state: str) -> str:
    return f"consent/{provider}/{state}"


def _registration(hub: Hub, found: SealedApplication) -> Any:
    manifest = manifest_of(found.line.provider)
    if manifest.application is None:
        raise BadRequest(f"{manifest.title} needs no registration of ours.")
    return manifest.application.model_validate(hub.vault.open(found.config))


def _consent(provider: str) -> Consent:
    if provider not in CONSENTS:
        raise BadRequest(f"Accounts of {manifest_of(provider).title} do not sign in on a page.")
    return CONSENTS[provider]
