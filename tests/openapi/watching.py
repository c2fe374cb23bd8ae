"""Every exchange that an emulated HubSpot takes part in, judged where its documents are.

Of what the hub asks, call and answer are judged. Tests of the emulator ask what nobody should, so
there answers alone are, and of those to right calls.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from channel_clients.emulators.stage import Push, Request, Response, Stage
from tests.openapi.documents import folder

if TYPE_CHECKING:
    from tests.openapi.judge import Exchange

# What a hook of a channel tells of is described where messages are published.
A_MESSAGE = (
    *("PublicConversationsMessage", "POST"),
    "/conversations/custom-channels/2026-03/1/messages",
)
# What is no mistake, by a part of how the judge tells it.
KNOWN = {
    "messages: answer: 200 is not known": "a switch answers a repeated message so",
    "all of it: 'category' is a required property": "a switch leaves categories out",
    "subCategory: 'crm.associations.": "real bodies name it in one word",
    "subCategory: 'Properties.": "the same",
    "answer: 404 is no JSON": "what no address leads to is answered by a page",
    "('url' was unexpected)": "the address of a record's page comes with newer documents alone",
    "/oauth/authorize: no such operation": "a page for people",
    "GET /hubfs/": "where files lie is no part of an API",
}


@pytest.fixture(autouse=True)
def judged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test about HubSpot in which something was said that the documents do not allow."""
    if folder() is None or "hubspot" not in request.node.nodeid.lower():
        yield
        return
    with watching() as seen, listening() as sent:
        yield
    # Inside, because nothing is judged where the documents are not.
    from tests.openapi.judge import hubspot  # noqa: PLC0415

    judge = hubspot()
    is_hub = "tests/emulators" not in request.node.nodeid
    faults = judge.faults if is_hub else judge.faults_of_answer
    found = [fault for each in seen for fault in faults(each)]
    found += judge.beyond(seen, scopes_asked()) if is_hub else ()
    found += [fault for each in sent for fault in judge.faults_of_part(each, *A_MESSAGE)]
    told = dict.fromkeys(fault for fault in found if not any(each in fault for each in KNOWN))
    assert not told, "\n".join(("HubSpot's documents do not allow this:", *told))


def scopes_asked() -> frozenset[str]:
    """Every scope that the hub asks a portal for."""
    from crm_clients.hubspot.oauth import OPTIONAL_SCOPES, REQUIRED_SCOPES  # noqa: PLC0415

    return frozenset((*REQUIRED_SCOPES, *OPTIONAL_SCOPES))


@contextmanager
def watching() -> Iterator[list["Exchange"]]:
    """Write down what every emulator of HubSpot is asked meanwhile, and what it answers."""
    from crm_clients.emulators.hubspot import HubSpotEmulator  # noqa: PLC0415  # as above

    seen: list[Exchange] = []
    plain = HubSpotEmulator.answer

    async def answer(self: HubSpotEmulator, request: Request) -> Response:
        response = await plain(self, request)
        # A switch leaves out what every document demands of a refusal.
        if response.status < 400 or self.switches.refusal_has_category:
            seen.append(exchange_of(request, response))
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HubSpotEmulator, "answer", answer)
        yield seen


@contextmanager
def listening() -> Iterator[list[Any]]:
    """Write down what messages are told of meanwhile, by hooks of channels."""
    told: list[Any] = []
    plain = Stage.push

    async def push(self: Stage, call: Push) -> int | None:
        body = parsed(call.body)
        if isinstance(body, dict) and "message" in body:
            told.append(body["message"])
        return await plain(self, call)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stage, "push", push)
        yield told


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def exchange_of(request: Request, response: Response) -> "Exchange":
    from tests.openapi.judge import Exchange  # noqa: PLC0415  # as above

    query = urlencode(request.query)
    return Exchange(
        method=request.method,
        url=f"{request.path}?{query}" if query else request.path,
        sent=request.body,
        sent_as=request.headers.get("content-type", ""),
        status=response.status,
        told=response.body,
    )
