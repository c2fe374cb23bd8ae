"""What a portal holds beside its CRM: people, applications, credentials, files.

These records are mutable on purpose: they are the emulator's database. Times are Unix seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from .crm_model import Change, Crm, FileHeld
from .inbox_model import Talks

Json = dict[str, Any]
Tier = Literal["free", "starter", "professional", "enterprise"]
TokenKind = Literal["service_key", "private_app", "static_app"]

# Ids of contacts and deals coincide, as they may on a real portal; those of engagements need
# more than 32 bits.
FIRST = {
    "engagement": 50_000_000_001,
    "file": 122_692_044_001,
    "owner": 7001,
    "user": 2001,
    "inbox": 481_939,
    "channel_account": 77_001,
    "thread": 6_065_362_089,
    "visitor": 900_001,
}


@dataclass(slots=True, kw_only=True)
class User:
    """`id` is the user's, `owner_id` is what records are assigned to; they differ."""

    id: int
    owner_id: int
    name: str
    last_name: str = ""
    email: str = ""
    is_active: bool = True

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.last_name}".strip()

    @property
    def actor(self) -> str:
        return f"A-{self.id}"


@dataclass(slots=True, kw_only=True)
class Subscription:
    """What an application hears of every portal that installed it."""

    id: int
    event: str
    property_name: str = ""
    object_type_id: str = ""
    is_active: bool = True


@dataclass(slots=True, kw_only=True)
class App:
    """What a developer described. `hook_url` takes CRM events; channels have their own."""

    app_id: int
    client_id: str
    client_secret: str = field(repr=False)
    developer_key: str = field(repr=False)
    name: str
    redirect_uris: tuple[str, ...]
    required: frozenset[str]
    optional: frozenset[str]
    hook_url: str = ""
    subscriptions: list[Subscription] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Installation:
    """An application on a portal, with what its administrator granted."""

    app: App
    user_id: int
    scopes: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Portal:
    """`numbers` count ids by kind. `changes` is what happened to its records, oldest first."""

    hub_id: int
    name: str
    tier: Tier = "professional"
    account_type: str = "STANDARD"
    zone: str = "Europe/Moscow"
    ui_domain: str = "app.hubspot.com"
    currency: str = "EUR"
    is_gone: bool = False
    numbers: dict[str, Iterator[int]] = field(default_factory=dict, repr=False)
    users: dict[int, User] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    crm: Crm = field(default_factory=Crm)
    talks: Talks = field(default_factory=Talks)
    files: dict[int, FileHeld] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def number(self, kind: str) -> int:
        """Return the next id of a kind of things; different things may have the same ids."""
        return next(self.numbers.setdefault(kind, count(FIRST.get(kind, 101))))

    def user(self, user_id: int | None = None) -> User:
        """Find an active user; without an id, the first. Raises `LookupError`."""
        if user_id is None:
            return next(user for user in self.users.values() if user.is_active)
        user = self.users.get(int(user_id))
        if user is None or not user.is_active:
            raise LookupError(f"no active user has the id {user_id}")
        return user

    def owner(self, owner_id: int) -> User | None:
        return next((each for each in self.users.values() if each.owner_id == owner_id), None)
