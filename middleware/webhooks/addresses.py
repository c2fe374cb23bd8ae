"""Which address is whose: what the hook door needs to know, kept at hand.

Nothing is asked of the database for a hook to a known address. An unknown address or account
causes one reload, and then is answered from memory for a few seconds, so that a stranger who tries
addresses costs us nothing.
"""

from dataclasses import dataclass, field

import structlog

from mappers.vocabulary import ConnectionId
from mappers.vocabulary.adapters import Door
from middleware.clock import Clock
from middleware.connections.store import ApplicationRow, ConnectionRow, ConnectionStore
from middleware.registry import manifest_of
from middleware.secrets import UnreadableSecret, Vault

log = structlog.get_logger(__name__)

RELOAD_AFTER_S = 3.0


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
        self._loaded_at = float("-inf")

    async def find(self, address: str, account: str = "") -> Place | None:
        """Return what lies behind an address, and knows the account when one is named."""
        place = self._places.get(address)
        known = place is not None and (not account or place.connection(account) is not None)
        if not known and self._clock.monotonic() - self._loaded_at >= RELOAD_AFTER_S:
            await self.reload()
            place = self._places.get(address)
        return place

    async def reload(self) -> None:
        """Read every address anew. Raises: `StoreUnavailable`."""
        self._loaded_at = self._clock.monotonic()
        rows = await self._connections.all()
        places = {row.address: place for row in rows if (place := self._own(row)) is not None}
        for application in await self._connections.applications():
            place = self._shared(application, rows)
            if place is not None:
                places[application.address] = place
        self._places = places

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

    def _shared(self, application: ApplicationRow, rows: tuple[ConnectionRow, ...]) -> Place | None:
        manifest = manifest_of(application.provider)
        if manifest.application is None or manifest.application_door is None:
            return None
        try:
            config = manifest.application.model_validate(self._vault.open(application.config))
        except UnreadableSecret:
            log.exception("application.unreadable", provider=application.provider)
            return None
        accounts = {
            name: row.id
            for row in rows
            if row.application_id == application.id
            for name in (row.account, *row.aliases)
        }
        door = manifest.application_door(config)
        return Place(provider=application.provider, door=door, accounts=accounts)
