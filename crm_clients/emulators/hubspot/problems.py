"""How HubSpot refuses: its envelope, pages of its edge, and how handlers raise."""

from collections.abc import Mapping
from typing import Any

from channel_clients.emulators.stage import HTML, Response

from .crm_model import Json


class Refused(Exception):
    """Unwinds to the router, which answers with it, or to a batch, which tells it as an error.

    `more` are the envelope's other keys, by their wire names; empty ones are left out.
    """

    def __init__(
        self,
        status: int,
        message: str,
        category: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        told = {key: value for key, value in more.items() if value}
        self.body: Json = {"status": "error", "message": message, **told}
        if category:
            self.body["category"] = category


def invalid(message: str, sub_category: str = "", **more: Any) -> Refused:
    return Refused(400, message, "VALIDATION_ERROR", subCategory=sub_category, **more)


def not_found(message: str = "resource not found", sub_category: str = "") -> Refused:
    return Refused(404, message, "OBJECT_NOT_FOUND", subCategory=sub_category)


def conflict(message: str, sub_category: str = "", category: str = "CONFLICT") -> Refused:
    return Refused(409, message, category, subCategory=sub_category)


def unauthenticated(message: str) -> Refused:
    return Refused(401, message, "INVALID_AUTHENTICATION")


def missing_scopes(scopes: frozenset[str]) -> Refused:
    return Refused(
        403,
        "This app hasn't been granted all required scopes to make this call.",
        "MISSING_SCOPES",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": sorted(scopes)},
            }
        ],
        links={"scopes": "https://developers.hubspot.com/scopes"},
    )


def page(status: int, title: str) -> Response:
    """A page of the edge, which is no JSON."""
    html = f"<html><head><title>{status} {title}</title></head></html>"
    return Response(status=status, body=html.encode(), headers=HTML)
