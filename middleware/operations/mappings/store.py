"""Mappings and their versions, and the messages that a preview is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Uuid

from mappers.vocabulary import (
    Confidence,
    ConnectionId,
    ContactId,
    Identity,
    IdentityKind,
    MessageId,
    WorkspaceId,
)
from middleware.db.engine import transaction
from middleware.operations.access.store import note
from middleware.operations.mappings.model import MappingLine, Sample, VersionLine
from middleware.operations.model import Caller
from middleware.store.codec import decode_message, decode_profile

_LINE = """
    SELECT m.id, m.name, m.active, m.previous, m.created_at,
        (SELECT count(*) FROM mapping_versions WHERE mapping_id = m.id) AS versions,
        (SELECT count(*) FROM routes WHERE mapping_id = m.id AND state = 'active') AS routes
    FROM mappings AS m WHERE m.workspace_id = :workspace
"""
ALL = text(f"{_LINE} ORDER BY m.name, m.id")
ONE = text(f"{_LINE} AND m.id = :id")
CREATE = text(
    """
    INSERT INTO mappings (id, workspace_id, name) VALUES (:id, :workspace, :name)
    ON CONFLICT (workspace_id, name) DO NOTHING
    """
)
LOCK = text("SELECT 1 FROM mappings WHERE id = :id FOR UPDATE")
SAME = text("SELECT number FROM mapping_versions WHERE mapping_id = :id AND digest = :digest")
ADD_VERSION = text(
    """
    INSERT INTO mapping_versions (mapping_id, number, digest, document, author)
    SELECT :id, coalesce(max(number), 0) + 1, :digest, :document, :author
    FROM mapping_versions WHERE mapping_id = :id RETURNING number
    """
)
VERSIONS = text(
    """
    SELECT number, digest, author, created_at, document FROM mapping_versions
    WHERE mapping_id = :id ORDER BY number DESC
    """
)
ACTIVATE = text(
    """
    UPDATE mappings SET previous = active, active = :number
    WHERE id = :id AND active IS DISTINCT FROM :number
    """
)
USE = text(
    """
    UPDATE routes SET mapping_id = :mapping
    WHERE workspace_id = :workspace AND source_id = :source AND target_id = :target
      AND state = 'active'
    """
).bindparams(bindparam("mapping", type_=Uuid))
SAMPLES = text(
    """
    SELECT m.id, m.content, c.contact_id, p.profile,
        (SELECT jsonb_agg(jsonb_build_object('kind', kind, 'value', value, 'evidence', evidence,
                                             'confidence', confidence) ORDER BY since, value)
         FROM identities WHERE contact_id = c.contact_id) AS identities,
        NOT EXISTS (
            SELECT FROM messages AS e JOIN conversations AS ec ON ec.id = e.conversation_id
            WHERE ec.contact_id = c.contact_id AND e.id < m.id) AS is_new
    FROM messages AS m JOIN conversations AS c ON c.id = m.conversation_id
    LEFT JOIN contacts AS p ON p.id = c.contact_id
    WHERE m.workspace_id = :workspace AND m.connection_id = :source
      AND m.direction = 'inbound' AND m.content IS NOT NULL
    ORDER BY m.id DESC LIMIT :last
    """
)


@dataclass(frozen=True, slots=True)
class MappingStore:
    """All SQL about mappings. Whoever changes one holds its row, so versions have no gaps."""

    engine: AsyncEngine

    async def all(self, workspace: WorkspaceId) -> tuple[MappingLine, ...]:
        async with transaction(self.engine) as at:
            rows = (await at.execute(ALL, {"workspace": workspace})).mappings()
            return tuple(MappingLine(**row) for row in rows)

    async def one(self, workspace: WorkspaceId, mapping: UUID) -> MappingLine | None:
        async with transaction(self.engine) as at:
            found = await at.execute(ONE, {"workspace": workspace, "id": mapping})
            row = found.mappings().first()
        return None if row is None else MappingLine(**row)

    async def create(self, caller: Caller, mapping: UUID, name: str) -> bool:
        """Make an empty mapping; False when there is one of that name."""
        values = {"id": mapping, "workspace": caller.workspace, "name": name}
        async with transaction(self.engine) as at:
            made = bool((await at.execute(CREATE, values)).rowcount)
            if made:
                await note(at, caller, "mapping.created", str(mapping), {"name": name})
        return made

    async def add_version(self, caller: Caller, mapping: UUID, document: str, digest: str) -> int:
        """Keep a document and return its number; the same document has the number it had."""
        values = {"id": mapping, "digest": digest}
        async with transaction(self.engine) as at:
            await at.execute(LOCK, values)
            known: int | None = (await at.execute(SAME, values)).scalar()
            if known is not None:
                return known
            written = {**values, "document": document, "author": caller.name}
            number = int((await at.execute(ADD_VERSION, written)).scalar_one())
            detail = {"version": number, "digest": digest}
            await note(at, caller, "mapping.version_added", str(mapping), detail)
        return number

    async def versions(self, mapping: UUID) -> tuple[VersionLine, ...]:
        """Return versions, the newest first."""
        async with transaction(self.engine) as at:
            rows = (await at.execute(VERSIONS, {"id": mapping})).mappings()
            return tuple(VersionLine(**row) for row in rows)

    async def activate(self, caller: Caller, mapping: UUID, number: int) -> None:
        """Put a version in force and remember the one before it. Safe to repeat."""
        async with transaction(self.engine) as at:
            changed = (await at.execute(ACTIVATE, {"id": mapping, "number": number})).rowcount
            if changed:
                await note(at, caller, "mapping.activated", str(mapping), {"version": number})

    async def use(
        self, caller: Caller, source: ConnectionId, target: ConnectionId, mapping: UUID | None
    ) -> bool:
        """Have a route use a mapping, or none; False when there is no such route."""
        ends = {"workspace": caller.workspace, "source": source, "target": target}
        async with transaction(self.engine) as at:
            found = bool((await at.execute(USE, {**ends, "mapping": mapping})).rowcount)
            if found:
                detail = {"target": str(target), "mapping": str(mapping or "")}
                await note(at, caller, "route.mapped", str(source), detail)
        return found

    async def samples(
        self, workspace: WorkspaceId, source: ConnectionId, last: int
    ) -> tuple[Sample, ...]:
        """Return what customers wrote last, in the order in which it came."""
        values = {"workspace": workspace, "source": source, "last": last}
        async with transaction(self.engine) as at:
            rows = (await at.execute(SAMPLES, values)).all()
        return tuple(_sample(row) for row in reversed(rows))


def _sample(row: Any) -> Sample:
    known = tuple(_identity(each) for each in row.identities or ())
    return Sample(
        id=MessageId(row.id),
        message=decode_message(row.content),
        contact=None if row.contact_id is None else ContactId(row.contact_id),
        person=None if row.profile is None else decode_profile(row.profile, known),
        is_new=row.is_new,
    )


def _identity(kept: Mapping[str, str]) -> Identity:
    return Identity(
        kind=IdentityKind(kept["kind"]),
        value=kept["value"],
        evidence=kept["evidence"],
        confidence=Confidence(kept["confidence"]),
    )
