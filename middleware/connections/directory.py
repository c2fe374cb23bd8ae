"""The directory: builds adapters from sealed configs, and keeps credentials fresh.

An adapter is rebuilt when its config changed. Credentials that run out are renewed under a lease
of their own, because a refresh token may be good for one use only: whoever gets the lease looks
first whether someone else has renewed them meanwhile, and the new pair is stored before it is used.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from mappers.vocabulary import ConnectionId
from mappers.vocabulary.adapters import RefreshesCredentials
from middleware.clock import Clock
from middleware.connections.model import (
    Connected,
    ConnectedChannel,
    ConnectedCrm,
    UnknownConnection,
)
from middleware.connections.store import ConnectionRow, ConnectionStore
from middleware.http.gateway import Gateway, MayStart
from middleware.http.link import Link
from middleware.registry import manifest_of
from middleware.secrets import UnreadableSecret, Vault, plain
from middleware.serve.keeper import Keeper
from middleware.store.port import Store
from middleware.store.rows import Lease, Purpose

log = structlog.get_logger(__name__)

JUST_RENEWED_S = 60.0
A_MOMENT_S = 5.0


@dataclass(frozen=True, slots=True)
class Built:
    """An adapter with what it was built from."""

    row: ConnectionRow
    connected: Connected


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens and changes a connection's config. `owner` is this process, as leases name it."""

    connections: ConnectionStore
    store: Store
    vault: Vault
    owner: str
    lease_ttl: timedelta


class StoredDirectory:
    """Connections of one process, by id and by what their calls are protected with."""

    def __init__(self, keys: Keys, gateway: Gateway, keeper: Keeper, clock: Clock) -> None:
        self._connections = keys.connections
        self._store = keys.store
        self._vault = keys.vault
        self._owner = keys.owner
        self._ttl = keys.lease_ttl
        self._gateway = gateway
        self._keeper = keeper
        self._clock = clock
        self._renewed_at: dict[ConnectionId, float] = {}
        self._looked_at: dict[ConnectionId, float] = {}
        self._built: dict[tuple[ConnectionId, Purpose], Built] = {}

    async def get(self, connection: ConnectionId, purpose: Purpose = "serve") -> Connected:
        """Return the connection with its adapter built, whatever its state.

        Raises: `UnknownConnection`.
        """
        version, _ = await self._connections.version(connection)
        known = self._built.get((connection, purpose))
        if known is None or known.row.version != version:
            row = await self._connections.get(connection)
            known = Built(row, self.build(row, self._lease_says(connection, purpose)))
            self._built[connection, purpose] = known
        return known.connected

    async def glance(self, connection: ConnectionId) -> Connected:
        """Return the connection as it was a moment ago. Raises: `UnknownConnection`."""
        known, now = self._built.get((connection, "serve")), self._clock.monotonic()
        if known is not None and now - self._looked_at.get(connection, 0.0) < A_MOMENT_S:
            return known.connected
        self._looked_at[connection] = now
        return await self.get(connection)

    async def renew(self, connected: Connected) -> bool:
        """Renew credentials that ran out; return whether there are new ones to try.

        Raises: `ProviderError` when the provider could not be asked, or wants a person.
        """
        built = self._built.get((connected.id, "serve"))
        version, _ = await self._connections.version(connected.id)
        if built is None or built.row.version != version:
            return True
        renewing = await self._renewing_lease(connected.id)
        if renewing is None:
            return True
        try:
            return await self._renew_under_lease(connected.id, built.row.version)
        finally:
            self._keeper.drop(renewing)
            await self._store.release(renewing)

    async def _renewing_lease(self, connection: ConnectionId) -> Lease | None:
        """Take the right to renew; None when another worker is about it."""
        asked_at = self._clock.monotonic()
        lease = await self._store.acquire(connection, "refresh", self._owner, self._ttl)
        if lease is not None:
            self._keeper.keep(lease, asked_at=asked_at)
        return lease

    async def _renew_under_lease(self, connection: ConnectionId, seen: int) -> bool:
        row = await self._connections.get(connection)
        if row.version != seen:
            return True
        adapter = self.build(row, self._lease_says(connection, "refresh")).adapter
        if not isinstance(adapter, RefreshesCredentials) or self._was_just_renewed(connection):
            return False
        changes = await adapter.refresh()
        sealed = self._vault.seal({**self._vault.open(row.config), **plain(changes)})
        if await self._connections.set_config(connection, sealed, version=row.version):
            self._renewed_at[connection] = self._clock.monotonic()
            log.info("credentials.renewed", connection_id=str(connection))
        return True

    def _was_just_renewed(self, connection: ConnectionId) -> bool:
        """New credentials that are refused at once will not get better by renewing again."""
        at = self._renewed_at.get(connection)
        return at is not None and self._clock.monotonic() - at < JUST_RENEWED_S

    async def active(self, connection: ConnectionId, purpose: Purpose) -> Connected:
        """Raises: `UnknownConnection` unless the connection is active."""
        _, state = await self._connections.version(connection)
        if state != "active":
            raise UnknownConnection(f"{connection} is {state}")
        return await self.get(connection, purpose)

    def _lease_says(self, connection: ConnectionId, purpose: Purpose) -> MayStart:
        if purpose == "listen":
            # A long poll outlasts any lease and changes nothing: that it is ours now is enough.
            return lambda _: self._keeper.may_start(connection, purpose, timedelta())
        return lambda span: self._keeper.may_start(connection, purpose, span)

    def build(self, row: ConnectionRow, may_start: MayStart) -> Connected:
        """Build an adapter from its row. Raises: `UnreadableSecret`."""
        manifest = manifest_of(row.provider)
        config = manifest.config.model_validate(self._vault.open(row.config))
        application = None
        if manifest.application is not None and row.application is not None:
            application = manifest.application.model_validate(self._vault.open(row.application))
        link = Link(
            connection=str(row.id),
            budgets=manifest.budgets(config, application),
            bases=manifest.bases(config, application),
        )
        port = self._gateway.port(link, may_start=may_start)
        adapter = manifest.build(config, application, port)
        return _connected(row, adapter, manifest.can_of(config))

    def config_of(self, row: ConnectionRow) -> dict[str, Any]:
        return self._vault.open(row.config)

    def can(self, row: ConnectionRow) -> Any:
        """What this very account can, as it is used; one that cannot be read, what is usual."""
        manifest = manifest_of(row.provider)
        try:
            config = manifest.config.model_validate(self._vault.open(row.config))
        except (UnreadableSecret, ValueError):
            return manifest.can
        return manifest.can_of(config)


def _connected(row: ConnectionRow, adapter: Any, can: Any) -> Connected:
    kind = ConnectedChannel if row.kind == "channel" else ConnectedCrm
    return kind(
        id=row.id,
        workspace=row.workspace,
        provider=row.provider,
        account=row.account,
        title=row.title,
        settings=row.settings,
        adapter=adapter,
        can=can,
    )
