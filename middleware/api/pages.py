"""Pages for people who follow a link: a held reply to decide about, a consent that came back.

Opening a held link changes nothing: messengers and mail scanners open every link they see. Only
the buttons do, and they need no script. The signature in the address is the only key, so the
address must not leak: no referrer, no cache, no index.
"""

from secrets import token_urlsafe
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader

from mappers.vocabulary import NEEDS_A_PERSON, DeliveryKind, Webhook
from middleware.api.auth import TheHub
from middleware.api.words import HELD, SAID, STATES, reason
from middleware.errors import HubError, NotFound
from middleware.hub import Hub
from middleware.operations.consent import flow as consent
from middleware.operations.consent.flow import Consented
from middleware.operations.deliveries import flow
from middleware.operations.deliveries.flow import NotHeld
from middleware.operations.deliveries.model import Decision, DeliveryLine
from middleware.operations.rules import masked_text

router = APIRouter(include_in_schema=False)
LONGEST_INSTALLATION = 64 * 1024
TEMPLATES = Environment(loader=PackageLoader("middleware.api"), autoescape=True)


@router.get("/held/{subject}/{signature}")
async def show_held(hub: TheHub, subject: str, signature: str) -> Response:
    """Show what is known about a held reply."""
    about = _signed_subject(hub, subject, signature)
    if about is None:
        return _bad_link(hub)
    try:
        caller = await flow.holder(hub, about)
        return _held_page(hub, await flow.held_parts(hub, caller, about))
    except NotFound:
        return _bad_link(hub)


@router.post("/held/{subject}/{signature}")
async def settle_held(
    hub: TheHub, request: Request, subject: str, signature: str, decision: Annotated[str, Form()]
) -> Response:
    """Do as decided, then show what became of it."""
    about = _signed_subject(hub, subject, signature)
    if about is None or decision not in set(Decision):
        return _bad_link(hub)
    try:
        caller = await flow.holder(hub, about)
        await flow.settle(hub, caller, about, Decision(decision))
    except NotFound:
        return _bad_link(hub)
    except NotHeld:
        pass  # somebody was faster: the page says so
    return RedirectResponse(request.url.path, status_code=303, headers=_headers(""))


@router.get("/oauth/{provider}/callback")
async def take_consent(hub: TheHub, request: Request, provider: str) -> Response:
    """Connect the account whose administrator has just let us in.

    Providers name the account's own address in two ways.
    """
    words, told = SAID[hub.settings.language], request.query_params
    base = told.get("referer") or told.get("domain", "")
    code, state = told.get("code", ""), told.get("state", "")
    if not code:
        return _said(hub, words["not_connected"], words["denied"], status=400)
    consented = Consented(provider=provider, state=state, base=base, code=code)
    try:
        done = await consent.take(hub, consented)
    except HubError as error:
        return _said(hub, words["not_connected"], str(error), status=error.status)
    title = words["connected"].format(title=done.account.title)
    return _said(hub, title, *done.notes, words["connected_next"])


@router.get("/oauth/{provider}/join")
async def finish_joining(hub: TheHub, request: Request, provider: str) -> Response:
    """Finish what was begun on an account's own pages, and go back there."""
    words = SAID[hub.settings.language]
    try:
        back = await consent.join(hub, provider, dict(request.query_params))
    except HubError as error:
        return _said(hub, words["not_connected"], str(error), status=error.status)
    return RedirectResponse(back, status_code=303, headers=_headers(""))


@router.post("/oauth/{provider}/install/{application}")
async def take_installation(
    hub: TheHub, request: Request, provider: str, application: UUID
) -> Response:
    """Connect the account that has just installed us; the page is seen in a frame of it."""
    words = SAID[hub.settings.language]
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_INSTALLATION:
            return _said(hub, words["not_connected"], words["bad_link"], status=413)
    hook = Webhook(method="POST", body=bytes(body), query=dict(request.query_params))
    try:
        _, way_in = await consent.install(hub, provider, application, hook)
    except HubError as error:
        return _said(hub, words["not_connected"], str(error), status=error.status)
    framed = f"{way_in.policy}; frame-ancestors https:"
    return HTMLResponse(
        way_in.page(hook.query), headers={**_headers(""), "content-security-policy": framed}
    )


def _signed_subject(hub: Hub, subject: str, signature: str) -> UUID | None:
    if not signature.isascii() or not hub.vault.is_signed(f"held/{subject}", signature):
        return None
    return UUID(subject)


def _held_page(hub: Hub, parts: tuple[DeliveryLine, ...]) -> Response:
    language = hub.settings.language
    words, first = HELD[language], parts[0]
    waiting = [part for part in parts if part.state in NEEDS_A_PERSON]
    is_reply = first.kind is DeliveryKind.SEND
    states = dict.fromkeys(STATES[language][part.state] for part in parts)
    return _page(
        hub,
        "held.html",
        title=words["title"] if waiting else words["decided"],
        words=words,
        reason=reason(waiting[0].code, language) if waiting else "",
        channel=first.title,
        written=first.created_at,
        text=masked_text(first.words),
        parts=len(parts),
        states=states,
        waits=bool(waiting),
        decisions=[d for d in Decision if is_reply or d is not Decision.SENT],
    )


def _said(hub: Hub, title: str, *lines: str, status: int = 200) -> Response:
    return _page(hub, "page.html", status=status, title=title, lines=lines)


def _bad_link(hub: Hub) -> Response:
    words = SAID[hub.settings.language]
    return _said(hub, words["nothing_here"], words["bad_link"], status=404)


def _page(hub: Hub, template: str, *, status: int = 200, **values: Any) -> Response:
    nonce = token_urlsafe(16)
    html = TEMPLATES.get_template(template).render(
        language=hub.settings.language, nonce=nonce, **values
    )
    return HTMLResponse(html, status, headers=_headers(nonce))


def _headers(nonce: str) -> dict[str, str]:
    return {
        "content-security-policy": f"default-src 'none'; style-src 'nonce-{nonce}'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-robots-tag": "noindex",
        "x-content-type-options": "nosniff",
    }
