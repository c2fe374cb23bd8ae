"""Everything the emulator remembers, and where its time, ids and chance come from."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from channel_clients.emulators.stage import Stage
from crm_clients.emulators.workshop import Background

from .crm_model import Change
from .inbox_model import Channel, Reply
from .model import App, Json, Portal, TokenKind
from .switches import Switches

FAULTS = frozenset(
    {
        "ten_secondly_limit",
        "daily_limit",
        "secondly_limit",
        "expired_token",
        "invalid_token",
        "scopes_missing",
        "record_locked",
        "account_moving",
        "rule_of_the_admin",
        "internal_error_before",
        "internal_error_after",
        "gateway_timeout_before",
        "gateway_timeout_after",
        "no_answer_in_100_s_before",
        "no_answer_in_100_s_after",
        "oauth_flood",
        "refresh_answer_lost",
        "hub_unknown",
        "email_race",
        "batch_dies",
        "lost_hook",
        "duplicate_hook",
        "reordered_hooks",
        "forged_hook",
        "stale_hook",
    }
)
NOBODYS_BASE = "https://hubspot.example"


@dataclass(slots=True, kw_only=True)
class Grant:
    """What an application may do on a portal: one line of refresh tokens, `spent` ones older."""

    app_id: int
    hub_id: int
    user_id: int
    scopes: frozenset[str]
    refresh_token: str = field(repr=False)
    spent: list[str] = field(default_factory=list, repr=False)
    is_revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """Of OAuth, or with a `kind` of its own and no end: a static one."""

    value: str = field(repr=False)
    app_id: int
    hub_id: int
    user_id: int
    scopes: frozenset[str]
    expires_at: float | None
    kind: TokenKind | Literal["oauth"] = "oauth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorisation code; it works once, and not for long."""

    app_id: int
    hub_id: int
    user_id: int
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str
    expires_at: float


@dataclass(slots=True, kw_only=True)
class Traffic:
    """When the calls of the window were made, and how many there were on what day."""

    calls: deque[float] = field(default_factory=deque)
    day: str = ""
    today: int = 0


Told = Callable[[int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A hook on its way. `body` writes it for an attempt, counted from nought.

    `name` is what faults are matched with beside the address, `is_batch` says that it is signed
    in the first version, too, `told` hears the status of each answer, `flaw` is a fault of it.
    """

    app: App
    url: str
    name: str
    body: Callable[[int], bytes] = field(repr=False)
    told: Told
    attempts: int = 1
    is_batch: bool = False
    flaw: str = ""
    times: int = 1


class World:
    """The emulator's memory. Parts of the emulator are functions of it.

    `base` is where the emulator is served; unless it is given, the address by which it was called
    last. `listeners` hear of every change of a record.
    """

    def __init__(self, stage: Stage, base: str = "") -> None:
        self.stage = stage
        self.rng = stage.rng
        self.switches = Switches()
        self.portals: dict[int, Portal] = {}
        self.apps: dict[str, App] = {}
        self.grants: list[Grant] = []
        self.tokens: dict[str, AccessToken] = {}
        self.codes: dict[str, Code] = {}
        self.traffic: dict[tuple[str, int, int], Traffic] = {}
        self.channels: dict[int, Channel] = {}
        self.replies: list[Reply] = []
        self.events: dict[str, list[Json]] = {}  # CRM events that wait for a batch, by client id
        self.held_hook: Letter | None = None
        self.listeners: list[Callable[[Portal, Change], None]] = []
        self.warnings: list[str] = []
        self.refreshes = 0  # pairs of tokens that were given for older ones
        self.background = Background()
        self._given_base = base.rstrip("/")
        self._seen_base = ""

    @property
    def base(self) -> str:
        return self._given_base or self._seen_base or NOBODYS_BASE

    def seen_at(self, host: str | None) -> None:
        if host:
            self._seen_base = f"http://{host}"

    def now(self) -> float:
        return self.stage.clock.now().timestamp()

    def hex(self, digits: int) -> str:
        return f"{self.rng.getrandbits(digits * 4):0{digits}x}"

    def uuid(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def visible_at(self) -> float:
        """Return from when on search will know of what is written now."""
        jitter = self.switches.search_jitter_s
        return self.now() + self.switches.search_lag_s + jitter * self.rng.random()

    def portal(self, key: int | str) -> Portal:
        """Find a portal by its id or its name. Raises `LookupError`."""
        for portal in self.portals.values():
            if str(key) in (str(portal.hub_id), portal.name):
                return portal
        raise LookupError(f"no portal is called {key!r}")

    def app(self, key: int | str) -> App:
        """Find an application by its id or its client id. Raises `LookupError`."""
        for app in self.apps.values():
            if str(key) in (str(app.app_id), app.client_id):
                return app
        raise LookupError(f"no application is called {key!r}")

    def tell(self, portal: Portal, change: Change) -> None:
        """Write down what happened to a record, and let everybody know who listens."""
        portal.changes.append(change)
        for listener in self.listeners:
            listener(portal, change)


def iso(at: float) -> str:
    """Tell a moment as HubSpot does: UTC, with milliseconds and a Z."""
    moment = datetime.fromtimestamp(round(at * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answer_times(began: float, ended: float) -> Json:
    return {"startedAt": iso(began), "completedAt": iso(ended)}
