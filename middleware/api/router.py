"""All of `/api/v1` in one router."""

from typing import Any

from fastapi import APIRouter

from middleware.api import access, accounts, contacts, deliveries, mappings
from middleware.api.problems import MEDIA_TYPE
from middleware.api.schemas import Problem

PREFIX = "/api/v1"
MEANINGS = {
    401: "No token, or one that is not known.",
    403: "The token's scopes do not include this.",
    404: "There is no such thing in this workspace.",
    409: "It stands in the way of something that is already so.",
    422: "The request cannot be understood, or asks for what cannot be.",
    503: "The database is away: try again in a few seconds.",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": said, "content": {MEDIA_TYPE: {}}}
    for status, said in MEANINGS.items()
}

router = APIRouter(prefix=PREFIX, responses=PROBLEMS)
for part in (deliveries, contacts, accounts, mappings, access):
    router.include_router(part.router)
