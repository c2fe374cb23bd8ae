"""Everything the emulator remembers, and where its time, ids and chance come from."""

import uuid
from dataclasses import dataclass, field
from itertools import count

from channel_clients.emulators.stage import Push, Stage
from crm_clients.emulators.workshop import Background

from .model import Account, Channel, Chat, ChatMessage, Integration, Person, Reply
from .switches import Switches

FAULTS = frozenset(
    {
        "flood",
        "flood_json",
        "blocked_403",
        "token_expired",
        "payment_required",
        "validation",
        "refresh_answer_lost",
        "duplicate_hook",
        "lost_hook",
        "reordered_hooks",
        "bad_signature_hook",
        "search_lag",
        "duplicate_msgid_error",
        "html_500",
    }
)


@dataclass(slots=True, kw_only=True)
class Grant:
    """What an administrator allowed: one line of one-time refresh tokens."""

    client_id: str
    account_id: int
    user_id: int
    refresh_token: str = field(repr=False)
    refresh_expires_at: float
    spent: dict[str, float] = field(default_factory=dict, repr=False)
    is_revoked: bool = False


@dataclass(slots=True, kw_only=True)
class AccessToken:
    value: str = field(repr=False)
    client_id: str
    account_id: int
    user_id: int
    expires_at: float
    grant: Grant | None = None
    is_revoked: bool = False


@dataclass(slots=True, kw_only=True)
class Code:
    """An authorisation code; it works once, for twenty minutes."""

    client_id: str
    account_id: int
    user_id: int
    expires_at: float
    is_used: bool = False


@dataclass(slots=True)
class Traffic:
    """The calls of one integration to one account, for the limits."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    is_blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldHook:
    """A chat hook that waits for the next one to overtake it."""

    pushes: list[Push]
    reply: Reply | None


@dataclass(slots=True)
class AddressBook:
    """What the channel's side calls the things of one scope: its ids, not amojo's."""

    people: dict[str, Person] = field(default_factory=dict)
    conversations: dict[str, Chat] = field(default_factory=dict)
    msgids: dict[str, ChatMessage] = field(default_factory=dict)


class World:
    """The emulator's memory. Parts of the emulator are functions of it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.rng = stage.rng
        self.switches = Switches()
        self.accounts: dict[int, Account] = {}
        self.integrations: dict[str, Integration] = {}
        self.channels: dict[str, Channel] = {}
        self.grants: list[Grant] = []
        self.tokens: dict[str, AccessToken] = {}
        self.codes: dict[str, Code] = {}
        self.traffic: dict[tuple[str, str], Traffic] = {}
        self.replies: list[Reply] = []
        self.files: dict[str, bytes] = {}  # what operators sent, by path
        self.fetched: dict[str, bytes | None] = {}  # what was fetched, by address; None: in vain
        self.warnings: list[str] = []
        self.held_hook: HeldHook | None = None
        self.background = Background()
        self._books: dict[str, AddressBook] = {}
        self._numbers = count(10_000_001)

    def now(self) -> float:
        return self.stage.clock.now().timestamp()

    def unix(self) -> int:
        return int(self.now())

    def number(self) -> int:
        return next(self._numbers)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def hex(self, digits: int) -> str:
        return f"{self.rng.getrandbits(digits * 4):0{digits}x}"

    def account(self, key: str | int) -> Account:
        """Find an account by subdomain, REST id or amojo id. Raises `LookupError`."""
        for account in self.accounts.values():
            if str(key) in (account.subdomain, str(account.id), account.amojo_id):
                return account
        raise LookupError(f"no account is called {key!r}")

    def book(self, channel: Channel, account: Account) -> AddressBook:
        return self._books.setdefault(channel.scope_id(account), AddressBook())

    def at_subdomain(self, subdomain: str) -> Account | None:
        everyone = self.accounts.values()
        return next((account for account in everyone if account.subdomain == subdomain), None)
