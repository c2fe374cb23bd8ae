"""How well the connections of a workspace are, by the database, and whose registrations are."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Uuid

from mappers.vocabulary import ConnectionId, RouteId, WorkspaceId
from middleware.db.engine import transaction
from middleware.operations.unfilled.model import MissingTarget
from middleware.store.codec import decode_policy
from middleware.store.rows import RouteRow

HEALTH = text(
    """
    SELECT c.id, c.kind, c.provider, c.account, c.title, c.state, c.reason, c.created_at,
        coalesce(c.settings ->> 'listens', '') = 'true' AS listens,
        (SELECT count(*) FROM inbox WHERE connection_id = c.id AND state = 'new') AS unread,
        (SELECT count(*) FROM inbox WHERE connection_id = c.id AND state = 'waiting') AS waiting,
        (SELECT count(*) FROM inbox WHERE connection_id = c.id AND state = 'set_aside')
            AS set_aside,
        lane.due_lanes, lane.oldest_due, stuck.held, stuck.dead, stuck.parked, stuck.doubt,
        (SELECT received_at FROM bodies WHERE connection_id = c.id
         ORDER BY received_at DESC LIMIT 1) AS last_arrival,
        (SELECT coalesce(sum(count), 0) FROM refusals
         WHERE address IN (c.address, a.address)
           AND hour > clock_timestamp() - interval '24 hours') AS refused
    FROM connections AS c LEFT JOIN applications AS a ON a.id = c.application_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS due_lanes, min(due_at) AS oldest_due FROM lanes
        WHERE target_id = c.id AND due_at <= clock_timestamp()) AS lane
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state = 'held') AS held,
            count(*) FILTER (WHERE state = 'dead') AS dead,
            count(*) FILTER (WHERE state = 'parked') AS parked,
            count(*) FILTER (WHERE state = 'doubt') AS doubt
        FROM deliveries WHERE target_id = c.id
          AND state IN ('calling', 'doubt', 'parked', 'held', 'dead')) AS stuck
    WHERE c.workspace_id = :workspace AND c.state <> 'removed' AND (:id IS NULL OR c.id = :id)
    ORDER BY c.created_at, c.id
    """
).bindparams(bindparam("id", type_=Uuid))
APPLICATIONS = text(
    """
    SELECT id, provider, external_id, address, created_at FROM applications
    WHERE workspace_id = :workspace ORDER BY created_at, id
    """
)
_APPLICATION = (
    "SELECT id, workspace_id, provider, external_id, address, created_at, config FROM applications "
)
REGISTERED = text(_APPLICATION + "WHERE provider = :provider AND external_id = :external")
APPLICATION = text(_APPLICATION + "WHERE id = :id")
ROUTES = text(
    """
    SELECT id, source_id, target_id, policy FROM routes
    WHERE workspace_id = :workspace AND state = 'active' ORDER BY id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionHealth:
    """A connection and its troubles. `refused` counts calls at its door in 24 hours.

    `missing` are targets of mappings that the account does not have.
    """

    id: ConnectionId
    kind: str
    provider: str
    account: str
    title: str
    state: str
    reason: str
    listens: bool
    created_at: datetime
    unread: int
    waiting: int
    set_aside: int
    due_lanes: int
    oldest_due: datetime | None
    held: int
    dead: int
    parked: int
    doubt: int
    last_arrival: datetime | None
    refused: int
    missing: tuple[MissingTarget, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationLine:
    """Our registration at a provider. Its address is a secret of sorts: whoever knows it knocks."""

    id: UUID
    provider: str
    external: str
    address: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SealedApplication:
    line: ApplicationLine
    workspace: WorkspaceId
    config: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountStore:
    engine: AsyncEngine

    async def health(
        self, workspace: WorkspaceId, connection: ConnectionId | None = None
    ) -> tuple[ConnectionHealth, ...]:
        """Look at every connection that was not disconnected, or at one."""
        async with transaction(self.engine) as at:
            rows = await at.execute(HEALTH, {"workspace": workspace, "id": connection})
            return tuple(
                ConnectionHealth(**{**row, "refused": int(row["refused"])})
                for row in rows.mappings()
            )

    async def applications(self, workspace: WorkspaceId) -> tuple[ApplicationLine, ...]:
        async with transaction(self.engine) as at:
            rows = await at.execute(APPLICATIONS, {"workspace": workspace})
            return tuple(_application(row) for row in rows)

    async def application(self, application: UUID) -> SealedApplication | None:
        """Find a registration, whoever's it is."""
        return await self._application(APPLICATION, {"id": application})

    async def registered(self, provider: str, external: str) -> SealedApplication | None:
        """Find a registration by what its provider calls it, whoever's it is."""
        return await self._application(REGISTERED, {"provider": provider, "external": external})

    async def _application(
        self, query: TextClause, values: dict[str, Any]
    ) -> SealedApplication | None:
        async with transaction(self.engine) as at:
            row = (await at.execute(query, values)).first()
        if row is None:
            return None
        return SealedApplication(_application(row), WorkspaceId(row.workspace_id), row.config)

    async def routes(self, workspace: WorkspaceId) -> tuple[RouteRow, ...]:
        async with transaction(self.engine) as at:
            return tuple(
                RouteRow(
                    id=RouteId(row.id),
                    source=ConnectionId(row.source_id),
                    target=ConnectionId(row.target_id),
                    policy=decode_policy(row.policy),
                )
                for row in await at.execute(ROUTES, {"workspace": workspace})
            )


def _application(row: Any) -> ApplicationLine:
    return ApplicationLine(
        id=row.id,
        provider=row.provider,
        external=row.external_id,
        address=row.address,
        created_at=row.created_at,
    )
