"""What a portal holds beside its CRM and its open lines: people, applications, subscriptions.

These records are mutable on purpose: they are the emulator's database. Times are Unix seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .crm_model import Crm
from .lines_model import Lines

Json = dict[str, Any]

FIRST = {"stranger": 501}  # connectors' users are users, far from the employees


@dataclass(slots=True, kw_only=True)
class User:
    id: int
    name: str
    last_name: str = ""
    email: str = ""
    is_admin: bool = False
    is_active: bool = True
    inner_phone: str = ""
    zone: str = ""  # the portal's when empty

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.last_name}".strip()


@dataclass(slots=True, kw_only=True)
class Webhook:
    """An incoming webhook: it calls in the name of its owner."""

    user_id: int
    secret: str = field(repr=False)
    scopes: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Application:
    """What a developer described. With `has_ui` its page opens in a frame when it is installed."""

    client_id: str
    client_secret: str = field(repr=False)
    name: str
    scopes: frozenset[str]
    redirect_uri: str
    install_url: str
    has_ui: bool = True
    status: str = "L"


@dataclass(slots=True, kw_only=True)
class Binding:
    """A subscription. An offline one has no handler: its events wait in the queue.

    `min_timeout`: seconds between two pings of the queue; none comes before `quiet_until`.
    """

    id: int
    event: str
    handler: str
    auth_type: int = 0
    is_offline: bool = False
    min_timeout: float = 0.0
    quiet_until: float = 0.0


@dataclass(slots=True, kw_only=True)
class QueuedEvent:
    id: int
    event: str
    data: Any
    user_id: int
    message_id: str
    at: float
    process_id: str = ""
    is_failed: bool = False


@dataclass(slots=True, kw_only=True)
class Installation:
    """An application on a portal. `is_finished`: its page said so, and events flow."""

    id: int
    application: Application
    user_id: int
    application_token: str = field(repr=False)
    scopes: frozenset[str]
    version: int = 1
    is_finished: bool = False
    is_paid: bool = True
    bindings: list[Binding] = field(default_factory=list)
    queue: list[QueuedEvent] = field(default_factory=list)
    senders: dict[str, Json] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Traffic:
    """How full the bucket of one caller's address is, and since when."""

    level: float = 0.0
    at: float = 0.0


@dataclass(slots=True, kw_only=True)
class Portal:
    """`slug` is where it is served, `former` what it was called before it was renamed."""

    slug: str
    member_id: str
    host: str
    language: str = "ru"
    former: set[str] = field(default_factory=set)
    is_deleted: bool = False
    has_rest: bool = True
    numbers: dict[str, Iterator[int]] = field(default_factory=dict, repr=False)
    users: dict[int, User] = field(default_factory=dict)
    webhooks: dict[tuple[int, str], Webhook] = field(default_factory=dict, repr=False)
    installations: dict[str, Installation] = field(default_factory=dict)
    traffic: dict[str, Traffic] = field(default_factory=dict)
    spent: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    crm: Crm = field(default_factory=Crm)
    lines: Lines = field(default_factory=Lines)
    files: dict[int, Json] = field(default_factory=dict)
    calls: dict[str, Json] = field(default_factory=dict)
    texts: dict[str, Json] = field(default_factory=dict)

    def number(self, kind: str) -> int:
        """Return the next id of a kind of things; different things have the same ids."""
        return next(self.numbers.setdefault(kind, count(FIRST.get(kind, 1))))

    def user(self, user_id: int | None = None) -> User:
        """Find an active user; without an id, the first. Raises `LookupError`."""
        if user_id is None:
            return next(user for user in self.users.values() if user.is_active)
        user = self.users.get(int(user_id))
        if user is None or not user.is_active:
            raise LookupError(f"no active user has the id {user_id}")
        return user
