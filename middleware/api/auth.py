"""Who knocks at `/api/v1`: a bearer token stands for a workspace and for what may be done in it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from middleware.errors import HubError
from middleware.hub import Hub
from middleware.operations.access import flow
from middleware.operations.access.rules import Scope, allows
from middleware.operations.model import Caller

BEARER = HTTPBearer(
    auto_error=False,
    description="A token of `threadline token create`. Scopes: `read`, `operate`, `admin`; each"
    " contains the ones before it.",
)


class NoToken(HubError):
    """No token, or one that we do not know (any more)."""

    status = 401
    code = "token.unknown"


class ScopeMissing(HubError):
    """The token may not do this."""

    status = 403
    code = "token.scope_missing"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever's token was shown."""

    caller: Caller
    scopes: tuple[str, ...]

    def demand(self, scope: Scope) -> None:
        """Raises: `ScopeMissing`."""
        if not allows(self.scopes, scope):
            raise ScopeMissing(f"This needs a token with the scope {scope}.")


def the_hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


TheHub = Annotated[Hub, Depends(the_hub)]
Shown = Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]


def _needs(scope: Scope) -> Callable[..., Awaitable[Visitor]]:
    async def visitor(hub: TheHub, shown: Shown) -> Visitor:
        token = await flow.recognise(hub, shown.credentials) if shown is not None else None
        if token is None:
            raise NoToken("Show a token: `Authorization: Bearer tl_…`.")
        known = Visitor(Caller(workspace=token.workspace, name=f"token {token.name}"), token.scopes)
        known.demand(scope)
        return known

    return visitor


Reader = Annotated[Visitor, Depends(_needs(Scope.READ))]
Operator = Annotated[Visitor, Depends(_needs(Scope.OPERATE))]
Admin = Annotated[Visitor, Depends(_needs(Scope.ADMIN))]
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=128,
        description="Any string of yours, the same when the request is repeated: then nothing is"
        " done twice. Where a request has no such header, repeating it is harmless.",
    ),
]
