"""How Telegram says no: one exception with the documented envelope, and the faults that it can be.

Source: `telegram-bot-api/Client.cpp`, `fail_query_with_error` and its callers, read 2026-11.
"""

from collections.abc import Mapping

from channel_clients.emulators.stage import Response


class Refused(Exception):
    """The call is answered with `ok: false`; the HTTP status is the error code."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def response(self) -> Response:
        body = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            body["parameters"] = self.parameters
        return Response.of(body, self.code)


def bad_request(text: str) -> Refused:
    return Refused(400, f"Bad Request: {text}")


def forbidden(text: str) -> Refused:
    return Refused(403, f"Forbidden: {text}")


def too_many(retry_after_s: int) -> Refused:
    description = f"Too Many Requests: retry after {retry_after_s}"
    return Refused(429, description, retry_after=retry_after_s)


def migrated(new_chat_id: int) -> Refused:
    description = "Bad Request: group chat was upgraded to a supergroup chat"
    return Refused(400, description, migrate_to_chat_id=new_chat_id)


def other_poller() -> Refused:
    description = (
        "Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running"
    )
    return Refused(409, description)


def other_setup() -> Refused:
    return Refused(409, "Conflict: terminated by setWebhook request")


def webhook_is_set() -> Refused:
    description = (
        "Conflict: can't use getUpdates method while webhook is active; "
        "use deleteWebhook to delete the webhook first"
    )
    return Refused(409, description)


def _html(status: int, body: bytes) -> Response:
    return Response(status=status, body=body, headers={"content-type": "text/html"})


# Any call may meet these.
ANY_CALL: Mapping[str, Response] = {
    "flood": too_many(7).response(),
    "flood_at_proxy": _html(429, b"<html><h1>429 Too Many Requests</h1></html>"),
    "token_revoked": Refused(401, "Unauthorized").response(),
    "restart": Refused(500, "Internal Server Error: restart").response(),
}
# Only a call that speaks to a chat may meet these.
CHAT_CALL: Mapping[str, Response] = {
    "blocked_by_user": forbidden("bot was blocked by the user").response(),
    "user_deactivated": forbidden("user is deactivated").response(),
    "no_such_chat": bad_request("chat not found").response(),
    "media_refused": bad_request("PHOTO_INVALID_DIMENSIONS").response(),
}
GARBLED = _html(200, b"<html><body>Welcome to nginx!</body></html>")
ON_DELIVERY = frozenset({"duplicate_update", "reordered_updates", "lost_ack"})
FAULTS = (
    frozenset(ANY_CALL) | frozenset(CHAT_CALL) | ON_DELIVERY
    | {"migrated", "garbled_success", "conflict"}
)  # fmt: skip
