"""API tokens, and the audit log: who did what, written in the transaction that did it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import BigInteger, Text

from mappers.vocabulary import WorkspaceId
from middleware.db.engine import transaction
from middleware.operations.model import Caller

NOTE = text(
    """
    INSERT INTO audit_log (workspace_id, actor, action, subject, detail)
    VALUES (:workspace, :actor, :action, :subject, :detail)
    """
).bindparams(bindparam("detail", type_=JSONB))
AUDIT = text(
    """
    SELECT id, actor, action, subject, detail, at FROM audit_log
    WHERE workspace_id = :workspace AND (:before IS NULL OR id < :before)
      AND (:subject = '' OR subject = :subject)
    ORDER BY id DESC LIMIT :limit
    """
).bindparams(bindparam("before", type_=BigInteger), bindparam("subject", type_=Text))
ADD_TOKEN = text(
    """
    INSERT INTO api_tokens (id, workspace_id, name, digest, scopes)
    VALUES (:id, :workspace, :name, :digest, :scopes) ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("scopes", type_=ARRAY(Text)))
_LINE = "SELECT id, workspace_id, name, scopes, created_at, revoked_at FROM api_tokens "
TOKENS = text(_LINE + "WHERE workspace_id = :workspace ORDER BY created_at, id")
KNOWN_TOKEN = text(_LINE + "WHERE digest = :digest AND revoked_at IS NULL")
REVOKE = text(
    """
    UPDATE api_tokens SET revoked_at = coalesce(revoked_at, clock_timestamp())
    WHERE id = :id AND workspace_id = :workspace RETURNING name
    """
)
# Locked, so that credentials renewed at this moment are not replaced by the ones they renewed.
SEALED = {
    "connections": (
        text("SELECT id, config FROM connections ORDER BY id FOR UPDATE"),
        text("UPDATE connections SET config = :config WHERE id = :id"),
    ),
    "applications": (
        text("SELECT id, config FROM applications ORDER BY id FOR UPDATE"),
        text("UPDATE applications SET config = :config WHERE id = :id"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    id: int
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLine:
    """A token as it is kept: without the token."""

    id: UUID
    workspace: WorkspaceId
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None


async def note(
    at: AsyncConnection, caller: Caller, action: str, subject: str, detail: Mapping[str, Any]
) -> None:
    """Write down who does what, in the transaction that does it."""
    await at.execute(
        NOTE,
        {
            "workspace": caller.workspace,
            "actor": caller.name,
            "action": action,
            "subject": subject,
            "detail": dict(detail),
        },
    )


@dataclass(frozen=True, slots=True)
class AccessStore:
    engine: AsyncEngine

    async def note(self, caller: Caller, action: str, subject: str, **detail: Any) -> None:
        """Write down what was done by other means than one transaction."""
        async with transaction(self.engine) as at:
            await note(at, caller, action, subject, detail)

    async def audit(
        self, workspace: WorkspaceId, *, subject: str, before: int | None, limit: int
    ) -> tuple[AuditLine, ...]:
        """Return the newest first; all subjects when none is named."""
        values = {"workspace": workspace, "subject": subject, "before": before, "limit": limit}
        async with transaction(self.engine) as at:
            rows = (await at.execute(AUDIT, values)).mappings()
            return tuple(AuditLine(**row) for row in rows)

    async def add_token(
        self, caller: Caller, token: UUID, name: str, *, digest: bytes, scopes: tuple[str, ...]
    ) -> bool:
        """Keep a token's digest; False when this very token was made before."""
        values = {
            "id": token,
            "workspace": caller.workspace,
            "name": name,
            "digest": digest,
            "scopes": list(scopes),
        }
        async with transaction(self.engine) as at:
            added = bool((await at.execute(ADD_TOKEN, values)).rowcount)
            if added:
                await note(at, caller, "token.created", str(token), {"scopes": list(scopes)})
        return added

    async def tokens(self, workspace: WorkspaceId) -> tuple[TokenLine, ...]:
        async with transaction(self.engine) as at:
            rows = await at.execute(TOKENS, {"workspace": workspace})
            return tuple(_token(row) for row in rows)

    async def token(self, digest: bytes) -> TokenLine | None:
        """Find the token of a digest, unless it was revoked."""
        async with transaction(self.engine) as at:
            row = (await at.execute(KNOWN_TOKEN, {"digest": digest})).first()
        return None if row is None else _token(row)

    async def revoke(self, caller: Caller, token: UUID) -> bool:
        """End a token for good; False when there is none of that id."""
        values = {"id": token, "workspace": caller.workspace}
        async with transaction(self.engine) as at:
            found = (await at.execute(REVOKE, values)).first() is not None
            if found:
                await note(at, caller, "token.revoked", str(token), {})
        return found

    async def reseal(self, caller: Caller, again: Callable[[bytes], bytes]) -> int:
        """Encrypt every secret anew, all or none; return how many there were."""
        count = 0
        async with transaction(self.engine) as at:
            for select, update in SEALED.values():
                for row in (await at.execute(select)).all():
                    await at.execute(update, {"id": row.id, "config": again(row.config)})
                    count += 1
            await note(at, caller, "secrets.rotated", "secrets", {"resealed": count})
        return count


def _token(row: Any) -> TokenLine:
    return TokenLine(
        id=row.id,
        workspace=WorkspaceId(row.workspace_id),
        name=row.name,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
