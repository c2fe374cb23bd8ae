"""One call of the REST API on its way to a handler, and the shapes that all answers share."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from channel_clients.emulators.stage import Request, Response

from . import php
from .model import Account, Integration, Json
from .problems import Refused, empty, hal, invalid, problem
from .world import AccessToken, World

PAGE, LONGEST_PAGE, LARGEST_BATCH = 50, 250, 250
ORDERS = ("updated_at", "created_at", "complete_till", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`path` is what follows `/api/v4`; `args` are the variable parts of it."""

    world: World
    account: Account
    token: AccessToken
    request: Request
    path: str
    args: tuple[str, ...] = ()

    @property
    def integration(self) -> Integration:
        return self.world.integrations[self.token.client_id]

    @property
    def base(self) -> str:
        """The address the caller came by, so that links in answers can be followed."""
        host = self.request.headers.get("host")
        if host is None:
            return f"https://{self.account.host}"
        return f"http://{host}/{self.account.subdomain}"

    def link(self, path: str) -> Json:
        return {"self": {"href": f"{self.base}/api/v4{path}"}}

    def wants(self, name: str) -> bool:
        return name in (self.request.param("with") or "").split(",")

    def json(self) -> Any:
        try:
            return self.request.json()
        except ValueError:
            raise Refused(problem(400, "Syntax error")) from None

    def batch(self) -> list[Json]:
        """Return the array of objects that most writes consist of, or refuse."""
        sent = self.json()
        if not isinstance(sent, list) or not all(isinstance(item, dict) for item in sent):
            raise Refused(
                problem(400, "Request validation failed: an array of objects is expected")
            )
        if not sent or len(sent) > LARGEST_BATCH:
            raise Refused(problem(400, f"Request validation failed: 1 to {LARGEST_BATCH} items"))
        return sent

    def one(self) -> Json:
        sent = self.json()
        if not isinstance(sent, dict):
            raise Refused(problem(400, "Request validation failed: an object is expected"))
        return sent

    def number(self, name: str, default: int, most: int) -> int:
        given = self.request.param(name)
        if given is None:
            return default
        if not given.isdigit() or not 1 <= int(given) <= most:
            raise Refused(problem(400, f"{name} should be between 1 and {most}"))
        return int(given)


Handler = Callable[[Call], Response]
Check = Callable[[Json], Iterable[dict[str, str]]]


def request_id(item: Json, index: int) -> str:
    return str(item.get("request_id", index))


def sound(call: Call, items: Sequence[Json], check: Check) -> list[tuple[str, Json]]:
    """Return the good items of a batch with their request ids.

    One bad item spoils the batch, unless the switch says that amoCRM takes the rest.
    """
    errors, good = [], []
    for index, item in enumerate(items):
        name = request_id(item, index)
        found = list(check(item))
        if found:
            errors.append({"request_id": name, "errors": found})
        else:
            good.append((name, item))
    if errors and (call.world.switches.whole_batch_rejected or not good):
        raise Refused(invalid(errors))
    return good


def created(call: Call, entity: str, items: Iterable[Json]) -> Response:
    """Answer a batch: each item with a link to itself."""
    embedded = [{**item, "_links": call.link(f"{call.path}/{item['id']}")} for item in items]
    return hal({"_links": call.link(call.path), "_embedded": {entity: embedded}})


def ordered(call: Call, found: Sequence[Any]) -> list[Any]:
    """Sort as `order[…]` asks."""
    rows = list(found)
    for name in ORDERS:
        for direction in php.chosen(call.request.query, "order", name):
            rows.sort(key=lambda each: getattr(each, name, 0), reverse=direction == "desc")
    return rows


def page(call: Call, name: str, found: Sequence[Any], show: Callable[[Any], Json]) -> Response:
    """Answer one page of a list; 204 when there is nothing on it."""
    limit = call.number("limit", PAGE, LONGEST_PAGE)
    number = call.number("page", 1, 10**6)
    chosen = found[(number - 1) * limit : number * limit]
    if not chosen:
        return empty()
    links = {"self": {"href": _page_address(call, number)}}
    if len(found) > number * limit:
        links["next"] = {"href": _page_address(call, number + 1)}
    items = [show(item) for item in chosen]
    return hal({"_page": number, "_links": links, "_embedded": {name: items}})


def _page_address(call: Call, number: int) -> str:
    query = [(key, value) for key, value in call.request.query if key != "page"]
    return f"{call.base}/api/v4{call.path}?{urlencode([*query, ('page', number)])}"
