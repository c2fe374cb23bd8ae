"""One call of REST on its way to a handler: who calls, with what, and what a handler answers."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from channel_clients.emulators.stage import Request, Response

from .crm_model import Json
from .model import App, Portal, TokenKind
from .problems import Refused, invalid
from .world import World

SMALLEST_DEFAULT, LARGEST = 10, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose rights count. `app` is None for a static token, `portal` for a developer's key."""

    kind: TokenKind | Literal["oauth", "developer"]
    app_id: int
    app: App | None
    portal: Portal | None
    user_id: int
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`path` is the core's, `version` as it was asked for, `args` the variable parts of it."""

    world: World
    caller: Caller
    request: Request
    path: str
    version: str
    args: tuple[str, ...] = ()
    began: float = field(default=0.0)

    @property
    def portal(self) -> Portal:
        """The portal of the token; calls with a developer's key have none."""
        if self.caller.portal is None:
            raise Refused(401, "This call needs a token of an account", "INVALID_AUTHENTICATION")
        return self.caller.portal

    def param(self, name: str) -> str | None:
        return self.request.param(name)

    def listed(self, name: str) -> list[str]:
        """Return a query parameter that is repeated, or separated by commas."""
        given = [value for key, value in self.request.query if key == name]
        return [part for value in given for part in value.split(",") if part]

    def flag(self, name: str) -> bool:
        return (self.param(name) or "").lower() == "true"

    def limit(self, most: int = LARGEST, default: int = SMALLEST_DEFAULT) -> int:
        """Return how long a page may be, or refuse what is too long."""
        given = self.param("limit")
        if given is None or given == "":
            return default
        if not given.isdigit() or not 1 <= int(given) <= most:
            raise invalid(f"limit must be between 1 and {most}")
        return int(given)

    def json(self) -> Any:
        try:
            return json.loads(self.request.body or b"null")
        except ValueError as broken:
            place = f"line {getattr(broken, 'lineno', 1)}, column {getattr(broken, 'colno', 1)}"
            raise Refused(400, f"Invalid input JSON on {place}: Unexpected character") from None

    def one(self) -> Json:
        """Return the body, which has to be an object."""
        sent = self.json()
        if not isinstance(sent, dict):
            raise Refused(400, "Invalid input JSON on line 1, column 1: Cannot deserialize value")
        return sent

    def inputs(self, most: int = LARGEST) -> list[Json]:
        """Return the inputs of a batch, or refuse when there are none, or too many."""
        sent = self.one().get("inputs")
        if not isinstance(sent, list) or not all(isinstance(each, dict) for each in sent):
            raise invalid("Invalid request: inputs must be a list of objects")
        if not 1 <= len(sent) <= most:
            raise invalid(f"The maximum number of inputs is {most}, there are {len(sent)}")
        return sent


def objects(value: Any, name: str) -> list[Json]:
    """Read a list of objects that may be missing, or refuse anything else."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise invalid(f"{name} must be a list of objects")
    return value


def names(value: Any) -> list[str]:
    """Read a list of names that may be missing, or refuse anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid("properties must be a list of names")
    return [str(each) for each in value]


Handler = Callable[[Call], Response | Awaitable[Response]]
Scopes = frozenset[str] | Callable[[Call], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Route:
    """`scopes`: any of them will do. `auth` is whose credentials the call carries."""

    method: str
    pattern: str
    handler: Handler
    scopes: Scopes = frozenset()
    auth: Literal["token", "developer", "either"] = "token"


def page_of(call: Call, rows: list[Json], *, most: int = LARGEST, default: int = 10) -> Response:
    """Answer the page that begins after `after`, a number of rows, with the way to the next."""
    limit, start = call.limit(most, default), offset(call.param("after"))
    chosen = rows[start : start + limit]
    return Response.of({"results": chosen, **paging(call, start + limit, len(rows))})


def offset(given: Any) -> int:
    if given in (None, ""):
        return 0
    if not str(given).isdigit():
        raise invalid(f"after is not a valid offset: {given}")
    return int(str(given))


def paging(call: Call, following: int, total: int) -> Json:
    if following >= total:
        return {}
    link = f"{call.world.base}{call.request.path}?after={following}"
    return {"paging": {"next": {"after": str(following), "link": link}}}
