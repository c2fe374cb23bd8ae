"""Errors of people who ask us for something, as opposed to failures of providers.

Each has an HTTP status and a stable code. Its text says what happened, what it means and what to
do; it holds no secret and no customer's words.
"""

from typing import ClassVar


class HubError(Exception):
    """Rendered as problem JSON by the API and as a sentence by the CLI."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "request.refused"


class NotFound(HubError):
    status = 404
    code = "not_found"


class Conflict(HubError):
    status = 409
    code = "conflict"


class BadRequest(HubError):
    status = 422
    code = "request.malformed"
