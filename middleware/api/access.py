"""`/api/v1/tokens` and `/audit`: who may do what, and who did."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from middleware.api.auth import Admin, IdempotencyKey, TheHub
from middleware.api.deliveries import Cursor, Limit
from middleware.api.schemas import CreateToken, TokenCreated, TokenShown
from middleware.operations.access import flow
from middleware.operations.access.store import AuditLine
from middleware.operations.model import Page

router = APIRouter(tags=["access"])


@router.get("/tokens", summary="List tokens, revoked ones too")
async def list_tokens(hub: TheHub, who: Admin) -> tuple[TokenShown, ...]:
    return tuple(
        TokenShown(
            id=token.id,
            name=token.name,
            scopes=token.scopes,
            created_at=token.created_at,
            revoked_at=token.revoked_at,
        )
        for token in await flow.tokens(hub, who.caller)
    )


@router.post("/tokens", summary="Create a token", status_code=status.HTTP_201_CREATED)
async def create_token(
    hub: TheHub, who: Admin, asked: CreateToken, key: IdempotencyKey = ""
) -> TokenCreated:
    """A repetition under the same key is refused (409): a token is shown only once."""
    made = await flow.create_token(hub, who.caller, asked.name, asked.scopes, key=key)
    return TokenCreated(**asdict(made))


@router.delete("/tokens/{token_id}", summary="Revoke a token", status_code=204)
async def revoke_token(hub: TheHub, who: Admin, token_id: UUID) -> None:
    await flow.revoke_token(hub, who.caller, token_id)


@router.get("/audit", summary="List what was done, the newest first")
async def list_audit(
    hub: TheHub,
    who: Admin,
    subject: Annotated[str, Query(description="Only what was done to this id.")] = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[AuditLine]:
    return await flow.audit(hub, who.caller, subject=subject, cursor=cursor, limit=limit)
