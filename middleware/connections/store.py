"""Connections as they are kept: rows with sealed configs, and what doors need to know of them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Text, Uuid

from mappers.vocabulary import ConnectionId, RouteId, WorkspaceId
from middleware.connections.model import ConnectionSettings, UnknownConnection
from middleware.db.engine import transaction
from middleware.errors import Conflict, NotFound
from middleware.ids import uuid7
from middleware.registry import Kind
from middleware.store.codec import decode_policy, encode_policy
from middleware.store.policy import Policy
from middleware.store.rows import RouteRow

_COLUMNS = (
    "c.id, c.workspace_id, c.kind, c.provider, c.application_id, c.account, c.aliases, c.title, "
    "c.config, c.config_version, c.address, c.state, c.reason, c.settings, c.created_at, "
    "a.config AS application, a.address AS application_address "
    "FROM connections AS c LEFT JOIN applications AS a ON a.id = c.application_id"
)
ONE = text(f"SELECT {_COLUMNS} WHERE c.id = :id")
ALL = text(f"SELECT {_COLUMNS} WHERE c.state <> 'removed' ORDER BY c.created_at, c.id")
_AT = (
    "SELECT id FROM connections WHERE address = ANY(:addresses) UNION ALL "
    "SELECT id FROM connections WHERE application_id IN "
    "(SELECT id FROM applications WHERE address = ANY(:addresses))"
)
AT = text(f"SELECT {_COLUMNS} WHERE c.state <> 'removed' AND c.id IN ({_AT})").bindparams(
    bindparam("addresses", type_=ARRAY(Text))
)
VERSION = text("SELECT config_version, state FROM connections WHERE id = :id")
ADD = text(
    """
    INSERT INTO connections (id, workspace_id, kind, provider, application_id, account, aliases,
        title, config, address, settings, state)
    VALUES (:id, :workspace, :kind, :provider, :application, :account, :aliases, :title, :config,
        :address, :settings, :state)
    ON CONFLICT DO NOTHING
    """
).bindparams(
    bindparam("settings", type_=JSONB),
    bindparam("aliases", type_=ARRAY(Text)),
    bindparam("application", type_=Uuid),
)
NAMED = text(
    f"SELECT {_COLUMNS} WHERE c.provider = :provider AND c.account = :account "
    "AND c.state <> 'removed'"
)
TAKE_UP = text(
    """
    UPDATE connections SET config = :config, config_version = config_version + 1,
        application_id = :application
    WHERE id = :id AND config_version = :version AND state <> 'removed'
    """
).bindparams(bindparam("application", type_=Uuid))
SET_CONFIG = text(
    """
    UPDATE connections SET config = :config, config_version = config_version + 1
    WHERE id = :id AND config_version = :version
    """
)
SET_SETTINGS = text(
    """
    UPDATE connections SET settings = settings || :settings, config_version = config_version + 1
    WHERE id = :id
    """
).bindparams(bindparam("settings", type_=JSONB))
SET_STATE = text(
    "UPDATE connections SET state = :state, reason = :reason WHERE id = :id AND state <> 'removed'"
)
UNPARK = text(
    """
    WITH freed AS (
        UPDATE deliveries SET state = 'ready' WHERE target_id = :id AND state = 'parked'
        RETURNING lane_id
    )
    UPDATE lanes SET due_at = clock_timestamp()
    WHERE id IN (SELECT lane_id FROM freed
                 UNION SELECT lane_id FROM deliveries WHERE target_id = :id AND state = 'doubt')
    """
)
ADD_APPLICATION = text(
    """
    INSERT INTO applications (id, workspace_id, provider, external_id, config, address)
    VALUES (:id, :workspace, :provider, :external, :config, :address)
    ON CONFLICT (provider, external_id) DO UPDATE SET config = excluded.config
    RETURNING id, address
    """
)
APPLICATIONS = text("SELECT id, provider, external_id, config, address FROM applications")
APPLICATIONS_AT = text(f"{APPLICATIONS.text} WHERE address = ANY(:addresses)").bindparams(
    bindparam("addresses", type_=ARRAY(Text))
)
LISTENERS = text(
    """
    SELECT id FROM connections AS c
    WHERE state = 'active' AND settings ->> 'listens' = 'true'
      AND NOT EXISTS (SELECT FROM leases WHERE connection_id = c.id AND purpose = 'listen'
                      AND until > clock_timestamp())
    """
)
SET_ROUTE = text(
    """
    INSERT INTO routes (id, workspace_id, source_id, target_id, policy)
    VALUES (:id, :workspace, :source, :target, :policy)
    ON CONFLICT (source_id, target_id) DO UPDATE
    SET policy = excluded.policy, state = 'active'
    """
).bindparams(bindparam("policy", type_=JSONB))
DROP_ROUTE = text(
    "UPDATE routes SET state = 'off' WHERE source_id = :source AND target_id = :target"
)
ROUTES = text(
    "SELECT id, source_id, target_id, policy FROM routes WHERE state = 'active' ORDER BY id"
)
ENSURE_WORKSPACE = text(
    """
    INSERT INTO workspaces (id, name)
    SELECT :id, :name WHERE NOT EXISTS (SELECT FROM workspaces)
    """
)
FIRST_WORKSPACE = text("SELECT id FROM workspaces ORDER BY created_at, id LIMIT 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """A connection as it is kept. Configs are sealed."""

    id: ConnectionId
    workspace: WorkspaceId
    kind: Kind
    provider: str
    account: str
    aliases: tuple[str, ...]
    title: str
    config: bytes = field(repr=False)
    version: int
    address: str = field(repr=False)
    state: str
    reason: str
    settings: ConnectionSettings
    listens: bool
    created_at: datetime
    application_id: UUID | None = None
    application: bytes | None = field(default=None, repr=False)
    application_address: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRow:
    id: UUID
    provider: str
    external: str
    config: bytes = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    workspace: WorkspaceId
    kind: Kind
    provider: str
    account: str
    aliases: tuple[str, ...]
    title: str
    config: bytes = field(repr=False)
    address: str = field(repr=False)
    settings: ConnectionSettings
    listens: bool
    application: UUID | None = None


@dataclass(frozen=True, slots=True)
class ConnectionStore:
    """All SQL about accounts, registrations and routes."""

    engine: AsyncEngine

    async def workspace(self) -> WorkspaceId:
        """Return the first workspace, made when there is none."""
        async with transaction(self.engine) as at:
            await at.execute(ENSURE_WORKSPACE, {"id": uuid7(), "name": "Threadline"})
            return WorkspaceId((await at.execute(FIRST_WORKSPACE)).scalar_one())

    async def get(self, connection: ConnectionId) -> ConnectionRow:
        """Raises: `UnknownConnection`."""
        async with transaction(self.engine) as at:
            row = (await at.execute(ONE, {"id": connection})).first()
        if row is None:
            raise UnknownConnection(str(connection))
        return _connection(row)

    async def all(self) -> tuple[ConnectionRow, ...]:
        async with transaction(self.engine) as at:
            return tuple(_connection(row) for row in await at.execute(ALL))

    async def behind(
        self, addresses: Collection[str]
    ) -> tuple[tuple[ConnectionRow, ...], tuple[ApplicationRow, ...]]:
        """Return what lies behind addresses: an application's with all connections that use it."""
        asked = {"addresses": list(addresses)}
        async with transaction(self.engine) as at:
            rows = tuple(_connection(row) for row in await at.execute(AT, asked))
            return rows, tuple(
                _application(row) for row in await at.execute(APPLICATIONS_AT, asked)
            )

    async def version(self, connection: ConnectionId) -> tuple[int, str]:
        """Return the config's version and the connection's state. Raises: `UnknownConnection`."""
        async with transaction(self.engine) as at:
            row = (await at.execute(VERSION, {"id": connection})).first()
        if row is None:
            raise UnknownConnection(str(connection))
        return row.config_version, row.state

    async def add(self, new: NewConnection) -> ConnectionId:
        """Raises: `Conflict` when the account is connected already."""
        connection = ConnectionId(uuid7())
        async with transaction(self.engine) as at:
            added = await at.execute(
                ADD,
                {
                    "id": connection,
                    "workspace": new.workspace,
                    "kind": new.kind,
                    "provider": new.provider,
                    "application": new.application,
                    "account": new.account,
                    "aliases": list(new.aliases),
                    "title": new.title,
                    "config": new.config,
                    "address": new.address,
                    "settings": _stored_settings(new.settings, listens=new.listens),
                    "state": "paused",
                },
            )
        if not added.rowcount:
            raise Conflict(
                f"this {new.provider} account is connected already. Pause or disconnect that "
                "connection first: two would take each other's messages."
            )
        return connection

    async def named(self, provider: str, account: str) -> ConnectionRow | None:
        """Find the connection of an account, whatever its state and whoever's it is."""
        async with transaction(self.engine) as at:
            values = {"provider": provider, "account": account}
            row = (await at.execute(NAMED, values)).first()
        return None if row is None else _connection(row)

    async def take_up(self, known: ConnectionRow, config: bytes, application: UUID | None) -> bool:
        """Give a connection other credentials, unless somebody did so since it was looked at."""
        values = {"id": known.id, "config": config, "version": known.version}
        async with transaction(self.engine) as at:
            taken = await at.execute(TAKE_UP, {**values, "application": application})
            return bool(taken.rowcount)

    async def set_config(self, connection: ConnectionId, config: bytes, *, version: int) -> bool:
        """Replace a config if nobody replaced it since `version`."""
        async with transaction(self.engine) as at:
            values = {"id": connection, "config": config, "version": version}
            return bool((await at.execute(SET_CONFIG, values)).rowcount)

    async def set_settings(
        self, connection: ConnectionId, settings: ConnectionSettings, *, listens: bool
    ) -> None:
        """Replace what an admin decided; every worker sees it with its next look at the account."""
        values = {"id": connection, "settings": _stored_settings(settings, listens=listens)}
        async with transaction(self.engine) as at:
            await at.execute(SET_SETTINGS, values)

    async def set_state(self, connection: ConnectionId, state: str, reason: str = "") -> None:
        async with transaction(self.engine) as at:
            values = {"id": connection, "state": state, "reason": reason}
            changed = await at.execute(SET_STATE, values)
            if not changed.rowcount:
                raise NotFound(f"no connection {connection}. `threadline connections` lists them.")
            if state == "active":
                await at.execute(UNPARK, {"id": connection})

    async def save_application(
        self, workspace: WorkspaceId, provider: str, external: str, config: bytes, address: str
    ) -> tuple[UUID, str]:
        """Keep our registration at a provider; return its id and its door's address."""
        values = {
            "id": uuid7(),
            "workspace": workspace,
            "provider": provider,
            "external": external,
            "config": config,
            "address": address,
        }
        async with transaction(self.engine) as at:
            row = (await at.execute(ADD_APPLICATION, values)).one()
        return row.id, row.address

    async def applications(self) -> tuple[ApplicationRow, ...]:
        async with transaction(self.engine) as at:
            return tuple(_application(row) for row in await at.execute(APPLICATIONS))

    async def listeners(self) -> tuple[ConnectionId, ...]:
        """Connections that want to be listened to, and that nobody listens to now."""
        async with transaction(self.engine) as at:
            return tuple(ConnectionId(row.id) for row in await at.execute(LISTENERS))

    async def set_route(
        self, workspace: WorkspaceId, source: ConnectionId, target: ConnectionId, policy: Policy
    ) -> None:
        values = {
            "id": uuid7(),
            "workspace": workspace,
            "source": source,
            "target": target,
            "policy": encode_policy(policy),
        }
        async with transaction(self.engine) as at:
            await at.execute(SET_ROUTE, values)

    async def drop_route(self, source: ConnectionId, target: ConnectionId) -> None:
        async with transaction(self.engine) as at:
            await at.execute(DROP_ROUTE, {"source": source, "target": target})

    async def routes(self) -> tuple[RouteRow, ...]:
        async with transaction(self.engine) as at:
            return tuple(
                RouteRow(
                    id=RouteId(row.id),
                    source=ConnectionId(row.source_id),
                    target=ConnectionId(row.target_id),
                    policy=decode_policy(row.policy),
                )
                for row in await at.execute(ROUTES)
            )


def _stored_settings(settings: ConnectionSettings, *, listens: bool) -> dict[str, Any]:
    return {
        "on_doubt": settings.on_doubt,
        "reply_age_limit_s": settings.reply_age_limit.total_seconds(),
        "language": settings.language,
        "file_wait_s": settings.file_wait.total_seconds(),
        "listens": listens,
    }


def _application(row: Any) -> ApplicationRow:
    return ApplicationRow(
        id=row.id,
        provider=row.provider,
        external=row.external_id,
        config=row.config,
        address=row.address,
    )


def _connection(row: Any) -> ConnectionRow:
    stored = row.settings
    default = ConnectionSettings()
    age_s = stored.get("reply_age_limit_s", default.reply_age_limit.total_seconds())
    wait_s = stored.get("file_wait_s", default.file_wait.total_seconds())
    return ConnectionRow(
        id=ConnectionId(row.id),
        workspace=WorkspaceId(row.workspace_id),
        kind=row.kind,
        provider=row.provider,
        account=row.account,
        aliases=tuple(row.aliases),
        title=row.title,
        config=row.config,
        version=row.config_version,
        address=row.address,
        state=row.state,
        reason=row.reason,
        settings=ConnectionSettings(
            on_doubt=stored.get("on_doubt", default.on_doubt),
            reply_age_limit=timedelta(seconds=age_s),
            language=stored.get("language", default.language),
            file_wait=timedelta(seconds=wait_s),
        ),
        listens=bool(stored.get("listens")),
        created_at=row.created_at,
        application_id=row.application_id,
        application=row.application,
        application_address=row.application_address,
    )
