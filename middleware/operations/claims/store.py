"""The review queue: identities that one contact showed and another one holds."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Uuid

from mappers.vocabulary import ContactId, WorkspaceId
from middleware.db.engine import transaction
from middleware.errors import NotFound
from middleware.operations.people.model import ClaimAt, ClaimLine, KnownIdentity, Who
from middleware.operations.rules import masked_identity, masked_text
from middleware.store.codec import decode_profile

_CLAIMS = """
    SELECT * FROM (
        SELECT a.*, count(*) OVER (PARTITION BY a.kind, a.value) AS claimants
        FROM claims AS a JOIN contacts AS c ON c.id = a.contact_id
        WHERE c.workspace_id = :workspace
    ) AS asked
"""
OPEN_CLAIMS = text(
    f"{_CLAIMS} WHERE decision = '' AND (CAST(:after AS uuid) IS NULL"  # noqa: S608 - a constant of this module
    " OR (at, id) > (SELECT at, id FROM claims WHERE id = :after)) ORDER BY at, id LIMIT :limit"
).bindparams(bindparam("after", type_=Uuid))
CLAIM = text(f"{_CLAIMS} WHERE id = :id")
WHO = text(
    """
    SELECT c.id, c.profile,
        (SELECT count(*) FROM conversations AS v WHERE v.contact_id = c.id) AS conversations,
        ARRAY(SELECT s.title || ': ' || l.record FROM contact_links AS l
              JOIN connections AS s ON s.id = l.connection_id
              WHERE l.contact_id = c.id AND l.state = 'live' ORDER BY l.since) AS records
    FROM contacts AS c WHERE c.id = ANY(:ids)
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))


async def open_claims(
    engine: AsyncEngine, workspace: WorkspaceId, shared_after: int, after: UUID | None, limit: int
) -> tuple[ClaimLine, ...]:
    """Return claims that nobody has decided, the oldest first, `after` a claim."""
    values = {"workspace": workspace, "after": after, "limit": limit}
    async with transaction(engine) as at:
        rows = (await at.execute(OPEN_CLAIMS, values)).mappings().all()
        ids = {row[end] for row in rows for end in ("contact_id", "holder_id")}
        found = (await at.execute(WHO, {"ids": list(ids)})).mappings()
        people = {row["id"]: _who(row) for row in found}
    return tuple(_line(row, people, shared_after) for row in rows)


async def claim_of(at: AsyncConnection, workspace: WorkspaceId, claim: UUID) -> ClaimAt:
    """Raises: `NotFound`."""
    row = (await at.execute(CLAIM, {"id": claim, "workspace": workspace})).first()
    if row is None:
        raise NotFound(f"There is no claim {claim}.")
    return ClaimAt(
        id=row.id,
        contact=ContactId(row.contact_id),
        holder=ContactId(row.holder_id),
        identity=KnownIdentity(kind=row.kind, value=row.value),
        decision=row.decision,
        claimants=row.claimants,
    )


def _line(row: RowMapping, people: Mapping[UUID, Who], shared_after: int) -> ClaimLine:
    said: dict[str, Any] = {
        name: row[name] for name in ("id", "kind", "evidence", "at", "claimants")
    }
    return ClaimLine(
        **said,
        value=masked_identity(row["kind"], row["value"]),
        shared=row["claimants"] >= shared_after,
        contact=people[row["contact_id"]],
        holder=people[row["holder_id"]],
    )


def _who(row: RowMapping) -> Who:
    return Who(
        id=ContactId(row["id"]),
        name=masked_text(decode_profile(row["profile"], ()).name),
        conversations=row["conversations"],
        records=tuple(row["records"]),
    )
