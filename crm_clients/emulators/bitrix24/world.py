"""Everything the emulator remembers, and where its time, ids and chance come from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from channel_clients.emulators.stage import Push, Stage
from crm_clients.emulators.workshop import Background

from .lines_model import Reply
from .model import Application, Installation, Json, Portal
from .switches import Switches

FAULTS = frozenset(
    {
        "QUERY_LIMIT_EXCEEDED",
        "OPERATION_TIME_LIMIT",
        "OVERLOAD_LIMIT",
        "ERROR_CORE",
        "expired_token",
        "access_denied_plan",
        "access_denied_page",
        "portal_deleted",
        "internal_error_before",
        "internal_error_after",
        "html_500",
        "html_502",
        "empty_200",
        "batch_dies",
        "payment_required",
        "refresh_answer_lost",
        "lost_event",
        "duplicate_event",
        "reordered_events",
        "merged_events",
        "wrong_application_token",
        "event_without_tokens",
        "item_failed",
        "no_session",
        "file_lost",
        "history_denied",
        "search_lag",
    }
)
ZONE = timezone(timedelta(hours=3))
NOBODYS_BASE = "https://bitrix24.example"


@dataclass(slots=True, kw_only=True)
class Grant:
    """What an installation may do in one user's name: one line of refresh tokens."""

    client_id: str
    member_id: str
    user_id: int
    refresh_token: str = field(repr=False)
    refresh_expires_at: float
    spent: set[str] = field(default_factory=set, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    value: str = field(repr=False)
    client_id: str
    member_id: str
    user_id: int
    expires_at: float


@dataclass(slots=True, kw_only=True)
class Code:
    """An authorisation code; it works once, for half a minute."""

    client_id: str
    member_id: str
    user_id: int
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """An event on its way; `told` hears the status of the answer."""

    push: Push
    times: int
    told: Callable[[int | None], None]


@dataclass(slots=True, kw_only=True)
class HeldMessages:
    """Messages of one connector on one line that wait to be told of together."""

    portal: Portal
    place: tuple[str, int]
    event: str
    items: list[Json]
    told: list[Callable[[int | None], None]]
    by: int | None


class World:
    """The emulator's memory. Parts of the emulator are functions of it.

    `base` is where the emulator is served; unless it is given, the address by which it was called
    last.
    """

    def __init__(self, stage: Stage, base: str = "") -> None:
        self.stage = stage
        self.rng = stage.rng
        self.switches = Switches()
        self.portals: dict[str, Portal] = {}
        self.applications: dict[str, Application] = {}
        self.grants: list[Grant] = []
        self.tokens: dict[str, AccessToken] = {}
        self.codes: dict[str, Code] = {}
        self.replies: list[Reply] = []
        self.warnings: list[str] = []
        self.refreshes = 0  # pairs of tokens that were given for older ones
        self.overlaps = 0  # messages that came while another of their dialog was taken in
        self.held_event: Parcel | None = None
        self.held_messages: dict[tuple[tuple[str, int], str], HeldMessages] = {}
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

    def iso(self, at: float | None = None) -> str:
        """Tell a moment in the portal's zone."""
        moment = datetime.fromtimestamp(self.now() if at is None else at, UTC)
        return moment.astimezone(ZONE).isoformat(timespec="seconds")

    def times(self, began: float) -> Json:
        """Tell how long a call took, as every answer does."""
        ended = self.now()
        return {
            "start": began,
            "finish": ended,
            "duration": ended - began,
            "processing": ended - began,
            "date_start": self.iso(began),
            "date_finish": self.iso(ended),
        }

    def hex(self, digits: int) -> str:
        return f"{self.rng.getrandbits(digits * 4):0{digits}x}"

    def portal(self, key: str) -> Portal:
        """Find a portal by its name, host or member id. Raises `LookupError`."""
        for portal in self.portals.values():
            if key in (portal.slug, portal.host, portal.member_id):
                return portal
        raise LookupError(f"no portal is called {key!r}")

    def formerly(self, slug: str) -> Portal | None:
        """Return the portal that was called so before it was renamed."""
        return next((each for each in self.portals.values() if slug in each.former), None)

    def endpoint(self, portal: Portal) -> str:
        return f"{self.base}/{portal.slug}/rest/"

    def installation(self, portal: str, client_id: str) -> tuple[Portal, Installation]:
        """Raises `LookupError` when the application is not on the portal."""
        where = self.portal(portal)
        if client_id not in where.installations:
            raise LookupError(f"{client_id!r} is not installed on {where.slug!r}")
        return where, where.installations[client_id]
