"""The REST door of an account: which token, how often, and which handler."""

import re
from collections.abc import Callable

from channel_clients.emulators.stage import Request, Response

from . import (
    limits,
    rest_calls,
    rest_cards,
    rest_intake,
    rest_notes,
    rest_settings,
    rest_tasks,
)
from .call import Call, Handler
from .model import Account
from .problems import Refused, nginx, problem
from .world import AccessToken, World

CARDS = "(contacts|leads)"
ID = r"(\d+)"
UID = "([0-9a-f]{40,})"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "account", rest_settings.get_account),
    ("GET", "users", rest_settings.list_users),
    ("GET", f"users/{ID}", rest_settings.get_user),
    ("GET", "leads/pipelines", rest_settings.list_pipelines),
    ("GET", f"leads/pipelines/{ID}", rest_settings.get_pipeline),
    ("GET", f"leads/pipelines/{ID}/statuses", rest_settings.list_statuses),
    ("GET", f"{CARDS}/tags", rest_settings.list_tags),
    ("POST", f"{CARDS}/tags", rest_settings.create_tags),
    ("GET", f"{CARDS}/custom_fields", rest_settings.list_fields),
    ("POST", f"{CARDS}/custom_fields", rest_settings.create_fields),
    ("GET", f"{CARDS}/custom_fields/{ID}", rest_settings.get_field),
    ("DELETE", f"{CARDS}/custom_fields/{ID}", rest_settings.delete_field),
    ("GET", "webhooks", rest_settings.list_webhooks),
    ("POST", "webhooks", rest_settings.subscribe),
    ("DELETE", "webhooks", rest_settings.unsubscribe),
    ("POST", "contacts/chats", rest_cards.bind_chats),
    ("GET", "contacts/chats", rest_cards.list_bindings),
    ("GET", "leads/unsorted", rest_intake.list_unsorted),
    ("GET", "leads/unsorted/summary", rest_intake.unsorted_summary),
    ("GET", f"leads/unsorted/{UID}", rest_intake.get_unsorted),
    ("POST", f"leads/unsorted/{UID}/accept", rest_intake.accept),
    ("DELETE", f"leads/unsorted/{UID}/decline", rest_intake.decline),
    ("POST", f"leads/unsorted/{UID}/link", rest_intake.link),
    ("GET", "talks", rest_intake.list_talks),
    ("GET", f"talks/{ID}", rest_intake.get_talk),
    ("POST", f"talks/{ID}/close", rest_intake.close_talk),
    ("GET", f"talks/{ID}/messages", rest_intake.talk_messages),
    ("POST", f"talks/{ID}/send_message", rest_intake.send_talk_message),
    ("GET", "sources", rest_intake.list_sources),
    ("POST", "sources", rest_intake.create_sources),
    ("GET", f"sources/{ID}", rest_intake.get_source),
    ("PATCH", f"sources/{ID}", rest_intake.update_source),
    ("DELETE", f"sources/{ID}", rest_intake.delete_source),
    ("GET", "events", rest_notes.list_events),
    ("GET", "tasks", rest_tasks.list_tasks),
    ("POST", "tasks", rest_tasks.create_tasks),
    ("GET", f"tasks/{ID}", rest_tasks.get_task),
    ("PATCH", f"tasks/{ID}", rest_tasks.update_task),
    ("POST", "calls", rest_calls.create_calls),
    ("GET", f"{CARDS}/notes", rest_notes.list_notes),
    ("POST", f"{CARDS}/notes", rest_notes.create_notes),
    ("GET", f"{CARDS}/{ID}/notes", rest_notes.list_notes),
    ("POST", f"{CARDS}/{ID}/notes", rest_notes.create_notes),
    ("GET", f"{CARDS}/(?:{ID}/)?notes/{ID}", rest_notes.get_note),
    ("PATCH", f"{CARDS}/(?:{ID}/)?notes/{ID}", rest_notes.update_note),
    ("POST", f"{CARDS}/link", rest_cards.link_cards),
    ("POST", f"{CARDS}/unlink", rest_cards.unlink_cards),
    ("GET", f"{CARDS}/{ID}/links", rest_cards.list_links),
    ("POST", f"{CARDS}/{ID}/link", rest_cards.link_cards),
    ("POST", f"{CARDS}/{ID}/unlink", rest_cards.unlink_cards),
    ("GET", CARDS, rest_cards.list_cards),
    ("POST", CARDS, rest_cards.create_cards),
    ("PATCH", CARDS, rest_cards.update_cards),
    ("GET", f"{CARDS}/{ID}", rest_cards.get_card),
    ("PATCH", f"{CARDS}/{ID}", rest_cards.update_card),
)

CANNED: dict[str, Callable[[], Response]] = {
    "flood": lambda: nginx(429),
    "flood_json": lambda: problem(429, "Too many requests"),
    "blocked_403": lambda: nginx(403),
    "html_500": lambda: nginx(500),
    "token_expired": lambda: problem(401, "Wrong or expired token"),
    "payment_required": lambda: problem(402, "Account is not paid"),
    "validation": lambda: problem(
        400,
        "Request validation failed",
        **{
            "validation-errors": [
                {
                    "request_id": "0",
                    "errors": [
                        {
                            "code": "NotSupportedChoice",
                            "path": "custom_fields_values.0.field_id",
                            "detail": "The value you selected is not a valid choice.",
                        }
                    ],
                }
            ]
        },
    ),
}


def answer(world: World, request: Request, subdomain: str, path: str) -> Response:
    """Answer a call; `path` is what follows `/api/v4/`."""
    fault = world.stage.take(request, set(CANNED))
    if fault is not None:
        return CANNED[fault.name]()
    account = world.at_subdomain(subdomain)
    if account is None:
        return problem(401, "Account not found")
    token = limits.token_of(world, account, request)
    if token is None:
        return problem(401, "Wrong or expired token")
    refusal = limits.refuse_excess(world, account, token) or _refuse_caller(world, account, request)
    if refusal is not None:
        return refusal
    return _route(world, request, (account, token, path.rstrip("/")))


def _refuse_caller(world: World, account: Account, request: Request) -> Response | None:
    if not account.is_paid:
        return problem(402, "Account is not paid")
    if not request.headers.get("user-agent"):
        world.warnings.append(f"{request.method} {request.path} came without a User-Agent")
        if world.switches.user_agent_required:
            return nginx(403)
    return None


def _route(world: World, request: Request, where: tuple[Account, AccessToken, str]) -> Response:
    account, token, path = where
    is_known = False
    for method, pattern, handler in ROUTES:
        found = re.fullmatch(pattern, path)
        if found is None:
            continue
        is_known = True
        if method == request.method:
            args = tuple(group for group in found.groups() if group is not None)
            call = Call(
                world=world,
                account=account,
                token=token,
                request=request,
                path=f"/{path}",
                args=args,
            )
            try:
                return handler(call)
            except Refused as refused:
                return refused.response
    return problem(405, "Method Not Allowed") if is_known else problem(404, "Not found")
