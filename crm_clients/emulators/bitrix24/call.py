"""One call of REST on its way to a handler: who calls, with what, and what a handler answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from channel_clients.emulators.stage import Request

from .model import Installation, Json, Portal, User
from .php import whole
from .problems import Refused, missing
from .world import World

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose rights count. `installation` is None for a webhook, which has `name` all the same."""

    user: User
    scopes: frozenset[str]
    installation: Installation | None
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`params` are those of query and body together, however they came."""

    world: World
    portal: Portal
    caller: Caller
    request: Request
    method: str
    params: Mapping[str, Any] = field(repr=False)

    @property
    def installation(self) -> Installation:
        """The application that calls; methods for applications alone are checked before."""
        if self.caller.installation is None:
            raise no_application()
        return self.caller.installation

    def get(self, *names: str) -> Any:
        """Return the first parameter of these names, in whatever case; None without one."""
        for name in names:
            for key, value in self.params.items():
                if key.casefold() == name.casefold():
                    return value
        return None

    def need(self, name: str) -> Any:
        """Return a parameter that must be neither missing nor empty."""
        value = self.get(name)
        if value in (None, "", [], {}):
            raise missing(name)
        return value

    def exact(self, name: str) -> Any:
        """Return a parameter of a method that tells capital letters from small ones."""
        if name not in self.params:
            text = f"Could not find value for parameter {{{name}}}"
            raise Refused(400, "100", text)
        return self.params[name]

    def number(self, name: str) -> int:
        """Return a number that must be there."""
        return whole(self.need(name))

    def words(self, name: str) -> list[str]:
        """Return a parameter that is an array of names; nothing is an empty one."""
        value = self.get(name)
        values = list(value.values()) if isinstance(value, Mapping) else value
        return [str(each) for each in values] if isinstance(values, list) else []

    def choice(self, name: str) -> Json:
        """Return a parameter that is a map: a filter, an order; nothing is an empty one."""
        value = self.get(name)
        return dict(value) if isinstance(value, Mapping) else {}

    def require_admin(self) -> None:
        if not self.caller.user.is_admin:
            raise denied(self.world, "Access denied!")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The answer of a list: `total` beside it, and where the next page starts."""

    value: Any
    total: int
    next: int | None = None


Handler = Callable[[Call], Any | Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What a name stands for. `scopes`: any of them will do; none are asked of basic methods."""

    handler: Handler
    scopes: frozenset[str] = frozenset()
    is_for_applications: bool = False
    is_for_admins: bool = False


def methods(
    table: Mapping[str, Handler],
    *scopes: str,
    is_for_applications: bool = False,
    is_for_admins: bool = False,
) -> dict[str, Method]:
    """Describe methods that ask the same of their callers; names become lower-case."""
    return {
        name.lower(): Method(
            handler=handler,
            scopes=frozenset(scopes),
            is_for_applications=is_for_applications,
            is_for_admins=is_for_admins,
        )
        for name, handler in table.items()
    }


def no_application() -> Refused:
    text = "Current authorization type is denied for this method Application context required"
    return Refused(403, "WRONG_AUTH_TYPE", text)


def denied(world: World, text: str, code: str = "ACCESS_DENIED") -> Refused:
    return Refused(int(world.switches.denial_status), code, text)


def paged(call: Call, rows: list[Any]) -> Page:
    """Return the page that holds the row `start`; with -1, the first and no count."""
    start = whole(call.get("start"))
    if start < 0:
        return Page(value=rows[:PAGE], total=0)
    first = start // PAGE * PAGE
    following = first + PAGE
    more = following if following < len(rows) else None
    return Page(value=rows[first:following], total=len(rows), next=more)


def truthy(value: Any) -> bool:
    """Decide as PHP does: "N" and "false" are true, as any other words are."""
    return value not in (None, False, 0, "0", "", [], {})


def is_yes(value: Any) -> bool:
    """Decide as a field of Y and N does."""
    return str(value).lower() in {"y", "1", "true"}
