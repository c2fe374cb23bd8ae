"""What went wrong, as problem documents (RFC 9457). They repeat nothing that was sent to us."""

from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from middleware.errors import HubError
from middleware.secrets import UnreadableSecret
from middleware.store.errors import StoreConflict, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "5"


def problem(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """Build one problem document."""
    headers = {"retry-after": RETRY_AFTER_S} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


async def _of_hub(_: Request, error: Exception) -> JSONResponse:
    refused = cast("HubError", error)  # registered for nothing else
    return problem(refused.status, refused.code, str(refused))


async def _of_validation(_: Request, error: Exception) -> JSONResponse:
    malformed = cast("RequestValidationError", error)  # registered for nothing else
    errors = [
        {"where": ".".join(str(step) for step in each["loc"]), "what": str(each["msg"])}
        for each in malformed.errors()
    ]
    return problem(422, "request.malformed", "The request cannot be understood.", errors=errors)


async def _of_http(_: Request, error: Exception) -> JSONResponse:
    refused = cast("HTTPException", error)  # registered for nothing else
    answer = problem(refused.status_code, f"http.{refused.status_code}", str(refused.detail))
    answer.headers.update(refused.headers or {})
    return answer


async def _of_store(_: Request, _error: Exception) -> JSONResponse:
    detail = "The database cannot be reached just now, or is busy. Try again in a few seconds."
    return problem(503, "store.unavailable", detail)


async def _of_secret(_: Request, _error: Exception) -> JSONResponse:
    detail = (
        "None of the keys opens this connection's secrets: put the key back that they were sealed"
        " with, or connect the account again."
    )
    return problem(500, "secret.unreadable", detail)


def install(app: FastAPI) -> None:
    """Have every error of the application told as a problem document."""
    app.add_exception_handler(HubError, _of_hub)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(StoreUnavailable, _of_store)
    app.add_exception_handler(StoreConflict, _of_store)
    app.add_exception_handler(UnreadableSecret, _of_secret)
