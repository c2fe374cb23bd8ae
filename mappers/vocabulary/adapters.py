"""What channel and CRM adapters have in common: doors, budgets, abilities, the manifest.

An adapter object *is* one connection: built from its validated config, its application's config
(our registration at the provider, shared by many connections) and the HTTP port, it holds nothing
else. Optional abilities are one-method protocols; the hub asks `isinstance`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from mappers.vocabulary.hooks import Arrival, Polled, Reading, Received, Webhook
from mappers.vocabulary.http import Http
from mappers.vocabulary.media import FetchedFile
from mappers.vocabulary.messages import Attachment
from mappers.vocabulary.outgoing import Account


class Door(Protocol):
    """The hooks of one address: who is calling, for whom, and what it wants to hear."""

    def receive(self, hook: Webhook) -> Received:
        """Prove the caller and split the call by account. No I/O; this is the hot path.

        Raises: `ForgedWebhook` unless the call is signed for us; `MalformedWebhook` when it is,
        and still cannot be taken apart.
        """
        ...


class Adapter(Protocol):
    """One connected account, of either kind."""

    def read(self, arrival: Arrival) -> Reading:
        """Translate a stored parcel. Pure: same bytes in, same reading out.

        Nonsense may raise: the parcel is safe in the inbox, where it is set aside, shown, and can
        be read again once the adapter is fixed.
        """
        ...

    async def check(self) -> Account:
        """Ask the provider who we are; proves the credentials work.

        Raises: `ProviderError`.
        """
        ...


@runtime_checkable
class Polls(Protocol):
    """The account can be listened to without a public address."""

    async def poll(self, cursor: str) -> Polled:
        """Wait for news after `cursor` (empty at first) and return them. Waits a minute at most.

        Raises: `ProviderError`.
        """
        ...


@runtime_checkable
class RefreshesCredentials(Protocol):
    """Credentials run out and can be renewed without a person."""

    def is_stale(self, now: datetime) -> bool:
        """Say whether to refresh before the next call."""
        ...

    async def refresh(self) -> Mapping[str, Any]:
        """Return the config values that replace ours. They are stored before they are used.

        Called under a lease, since a refresh token may be good for one use only.
        Raises: `ProviderError`; `AuthExpired` means that a person must sign in again.
        """
        ...


@runtime_checkable
class FetchesFiles(Protocol):
    """Attachments of this account's messages can be turned into bytes."""

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        """Download what `attachment.handle` refers to; a repeat is harmless.

        Raises: `ProviderError`; `Permanent(code="file.too_large")` when it is larger than the
        limit, or than the provider hands out.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """What `set_up` changed. `changes` are config values to keep; `notes` are for the admin."""

    changes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()


class TakenBySomeoneElse(Exception):
    """The provider already calls another address. `holder` names it, without secrets."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"another system receives this account's events: {holder}")
        self.holder = holder


@runtime_checkable
class SetsUp(Protocol):
    """The provider can be told where to call us, and told to stop."""

    async def set_up(self, address: str, *, take_over: bool) -> SetUp:
        """Make the account ready to work with us. Safe to repeat.

        `address` is our public hook address for this connection; empty means that we have none
        and will listen instead, where the adapter can.
        Raises: `ProviderError`; `TakenBySomeoneElse` unless `take_over`.
        """
        ...

    async def tear_down(self) -> None:
        """Remove what `set_up` made and put back what it changed. Safe to repeat."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of a diagnosis. `advice` says what to do; empty when all is well."""

    level: Literal["ok", "warning", "problem"]
    what: str
    advice: str = ""


@runtime_checkable
class Diagnoses(Protocol):
    """The adapter can say what stands between this account and working well."""

    async def diagnose(self, address: str) -> tuple[Finding, ...]:
        """Look, change nothing. A provider that refuses becomes a finding, not an error."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A provider's rate limit. All calls that the provider counts together share one `key`.

    `name` is what `HttpCall.budgets` says; `"chat:501"` draws on the budget named `chat`, from a
    bucket of its own. `rate_per_s` is below the published limit where excess means a block.
    """

    name: str
    key: str
    rate_per_s: float
    burst: int


@runtime_checkable
class Recovers(Protocol):
    """What shuts us out of an account may pass without a person's doing anything here."""

    async def has_passed(self, reason: str) -> bool:
        """Say whether what shut us out has passed; `reason` is its code. Changes nothing.

        Raises: `ProviderError`.
        """
        ...


@runtime_checkable
class KnowsItsSetUp(Protocol):
    """What `set_up` made can get lost at the provider without anybody telling us."""

    async def is_set_up(self, address: str) -> bool:
        """Say whether the provider still calls us at this address. Changes nothing.

        Raises: `ProviderError`.
        """
        ...


@runtime_checkable
class FinishesJoining(Protocol):
    """People of the account begin to connect us on its own pages, which then open one of ours."""

    async def finish_joining(self, query: Mapping[str, str]) -> str:
        """Finish what was begun; return the account's page to go back to. Safe to repeat.

        Raises: `ProviderError`; `ValueError`, in words for whoever began it.
        """
        ...


ConfigT = TypeVar("ConfigT")
ApplicationT = TypeVar("ApplicationT")
AdapterT_co = TypeVar("AdapterT_co", covariant=True)
CanT_co = TypeVar("CanT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Generic[ConfigT, ApplicationT, AdapterT_co, CanT_co]):
    """An adapter's entry in the registry.

    Shape: `application` is None for a provider where an account needs no registration of ours;
    then `build`, `door` and `budgets` are given None in its place. `accounts` lists the names by
    which the provider may call the account, its canonical name first: two active connections
    never share that one. `door` opens the connection's own address, `application_door` the
    address that serves all of its accounts. `bases` lists the addresses that the adapter will
    call, for the guard's allow-list. `can` is what accounts usually can; where accounts are used
    in several ways, `mode` names an account's own and `modes` says what those that differ can.
    Where only some accounts need a registration, those functions raise `ValueError` without it.
    `evidence` explains, in words for admins, what its identities are believed by.
    """

    name: str
    title: str
    config: type[ConfigT]
    application: type[ApplicationT] | None
    accounts: Callable[[ConfigT], tuple[str, ...]]
    build: Callable[[ConfigT, ApplicationT | None, Http], AdapterT_co]
    door: Callable[[ConfigT, ApplicationT | None], Door]
    application_door: Callable[[ApplicationT], Door] | None
    budgets: Callable[[ConfigT, ApplicationT | None], tuple[Budget, ...]]
    bases: Callable[[ConfigT, ApplicationT | None], tuple[str, ...]]
    can: CanT_co
    mode: Callable[[ConfigT], str] = lambda _: ""
    modes: Mapping[str, CanT_co] = field(default_factory=dict)
    evidence: Mapping[str, Mapping[Literal["ru", "en"], str]] = field(default_factory=dict)

    def can_of(self, config: ConfigT) -> CanT_co:
        """What one account can, as it is used."""
        return self.modes.get(self.mode(config), self.can)
