"""The admin's desk of a trial: deciding what is held, in the hub's own process.

What an admin reads in the CRM ends in a signed link, and this is the decision behind it without
the page: `POST /_trial/settle {subject, decision}`. Only the hub of a trial has such a door.
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse

from middleware.errors import HubError
from middleware.hub import Hub
from middleware.operations.deliveries import flow
from middleware.operations.deliveries.model import Decision
from middleware.store.errors import StoreConflict, StoreUnavailable
from middleware.webhooks.door import App, Receive, Scope, Send

ADDRESS = "/_trial/settle"


def with_desk(app: App, hub: Hub) -> App:
    """Put the desk in front of the hub's application."""

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != ADDRESS:
            await app(scope, receive, send)
            return
        answer = await _settle(hub, await Request(scope, receive).json())
        await answer(scope, receive, send)

    return door


async def _settle(hub: Hub, asked: dict[str, str]) -> JSONResponse:
    subject = UUID(asked["subject"])
    try:
        caller = await flow.holder(hub, subject)
        done = await flow.settle(hub, caller, subject, Decision(asked["decision"]))
    except HubError as error:
        return JSONResponse({"error": str(error)}, error.status)
    except (StoreConflict, StoreUnavailable) as error:
        return JSONResponse({"error": str(error)}, 503)
    return JSONResponse({"settled": [str(each) for each in done.deliveries]})
