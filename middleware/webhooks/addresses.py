"""Which address is whose: what the hook door needs to know, kept at hand.

Nothing is asked of the database for a hook to a known address. What is not known may have been
connected a moment ago, by another process: it is looked up at once, together with everything else
that is unknown meanwhile. So a stranger who tries addresses costs a small query now and then,
however many they try.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog

from mappers.vocabulary import ConnectionId
from mappers.vocabulary.adapters import Door
from middleware.clock import Clock
from middleware.connections.store import ApplicationRow, ConnectionRow, ConnectionStore
from middleware.registry import manifest_of
from middleware.secrets import UnreadableSecret, Vault

log = structlog.get_logger(__name__)

ADDRESS = re.compile(r"[A-Za-z0-9_-]{1,64}")
LOOK_UP_EVERY_S = 0.05
MOST_LOOKED_UP = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What lies behind one address. `accounts` maps a provider's names to connections.

    `own` is the connection whose address this is; None for an application's, which serves many.
    """

    provider: str
    door: Door
    own: ConnectionId | None = None
    accounts: dict[str, ConnectionId] = field(default_factory=dict)

    def connection(self, account: str) -> ConnectionId | None:
        return self.own if not account and self.own else self.accounts.get(account)


class Addresses:
    def __init__(self, connections: ConnectionStore, vault: Vault, clock: Clock) -> None:
        self._connections = connections
        self._vault = vault
        self._clock = clock
        self._places: dict[str, Place] = {}
        self._built: dict[str, tuple[object, Place | None]] = {}
        self._unknown: set[str] = set()
        self._looking: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._looked_at = float("-inf")

    async def find(self, address: str, account: str = "") -> Place | None:
        """Return what lies behind an address, and knows the account when one is named.

        Raises: `StoreUnavailable` when that has to be looked up, and cannot.
        """
        place = self._places.get(address)
        if place is None or (account and place.connection(account) is None):
            await self._look_up(address)
            place = self._places.get(address)
        return place

    async def reload(self) -> None:
        """Read every address anew. Raises: `StoreUnavailable`."""
        rows = await self._connections.all()
        places = self._behind(rows, await self._connections.applications())
        self._built = {address: self._built[address] for address in places}
        self._places = places

    async def _look_up(self, address: str) -> None:
        """Have an address looked up with all others that are unknown when the next turn comes."""
        if len(self._unknown) >= MOST_LOOKED_UP or not ADDRESS.fullmatch(address):
            return
        self._unknown.add(address)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="look addresses up")
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        async with self._turn:
            pause = self._looked_at + LOOK_UP_EVERY_S - self._clock.monotonic()
            await self._clock.sleep(max(0.0, pause))
            unknown, self._unknown = self._unknown, set()
            self._looking = None
            self._looked_at = self._clock.monotonic()
            self._places |= self._behind(*await self._connections.behind(unknown))

    def _behind(
        self, rows: tuple[ConnectionRow, ...], applications: tuple[ApplicationRow, ...]
    ) -> dict[str, Place]:
        places = {
            row.address: self._known(row.address, row, partial(self._own, row)) for row in rows
        }
        for application in applications:
            accounts = {
                name: row.id
                for row in rows
                if row.application_id == application.id
                for name in (row.account, *row.aliases)
            }
            build = partial(self._shared, application, accounts)
            known = self._known(application.address, (application, accounts), build)
            places[application.address] = known
        return {address: place for address, place in places.items() if place is not None}

    def _known(
        self, address: str, made_of: object, build: Callable[[], Place | None]
    ) -> Place | None:
        """Build a place, unless what it is made of is as it was: opening secrets is dear."""
        was = self._built.get(address)
        if was is not None and was[0] == made_of:
            return was[1]
        place = build()
        self._built[address] = made_of, place
        return place

    def _own(self, row: ConnectionRow) -> Place | None:
        manifest = manifest_of(row.provider)
        application = None
        try:
            config = manifest.config.model_validate(self._vault.open(row.config))
            if manifest.application is not None and row.application is not None:
                sealed = self._vault.open(row.application)
                application = manifest.application.model_validate(sealed)
        except UnreadableSecret:
            log.exception("connection.unreadable", connection_id=str(row.id))
            return None
        names = dict.fromkeys((row.account, *row.aliases), row.id)
        door = manifest.door(config, application)
        return Place(provider=row.provider, door=door, own=row.id, accounts=names)

    def _shared(
        self, application: ApplicationRow, accounts: dict[str, ConnectionId]
    ) -> Place | None:
        manifest = manifest_of(application.provider)
        if manifest.application is None or manifest.application_door is None:
            return None
        try:
            config = manifest.application.model_validate(self._vault.open(application.config))
        except UnreadableSecret:
            log.exception("application.unreadable", provider=application.provider)
            return None
        door = manifest.application_door(config)
        return Place(provider=application.provider, door=door, accounts=accounts)
