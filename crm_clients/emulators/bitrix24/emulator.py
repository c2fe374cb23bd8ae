"""The emulator as one object: its doors, its hands, and what it shows."""

from urllib.parse import urlencode

from channel_clients.emulators.stage import Request, Response, Stage, asgi

from . import oauth, rest
from .control import Control
from .model import Portal
from .operators import Operators
from .portals import Portals
from .views import Views
from .world import FAULTS, World

BROWSERS_SEND = {"user-agent", "accept", "accept-language", "referer"}
NOT_FOUND = Response(status=404, body=b"<h1>404 Not Found</h1>")


class Bitrix24Emulator(Portals, Operators, Views):
    """Bitrix24 with any number of portals and its OAuth server, behind one address.

    `answer` is the provider, `control` the stage; `app` serves both. `base` is that address as
    the hub knows it; unless it is given, the one that was called last. The methods of the three
    bases are what the stage offers, for callers in the same process; call them with a loop
    running, for events go out in the background.
    """

    def __init__(self, *, stage: Stage | None = None, base: str = "") -> None:
        self.stage = stage or Stage()
        self.stage.known_faults |= FAULTS
        self.world = World(self.stage, base)
        self.switches = self.world.switches
        self.control = Control(self).answer
        self.app = asgi(self.stage, self.answer, self.control)

    async def answer(self, request: Request) -> Response:
        """Answer as Bitrix24. Raises `ConnectionCut` where a fault says so."""
        self.world.seen_at(request.headers.get("host"))
        first, _, rest_of_path = request.path.lstrip("/").partition("/")
        if first == "oauth" or rest_of_path.startswith("oauth/"):
            return self._oauth(request, first)
        if first == "rest":
            return self._whose(request, rest_of_path)
        portal = self.world.portals.get(first)
        if portal is None:
            return self._moved(request, first, rest_of_path)
        if rest_of_path.startswith("rest/"):
            path = rest_of_path.removeprefix("rest/")
            return await rest.answer(self.world, request, portal, path)
        return self._file(request, portal, rest_of_path)

    def _oauth(self, request: Request, first: str) -> Response:
        place = request.path.partition("oauth/")[2].strip("/")
        match place:
            case "token" if first == "oauth":
                return oauth.token(self.world, request)
            case "authorize":
                slug = None if first == "oauth" else first
                return oauth.authorize(self.world, request, slug)
            case _:
                return NOT_FOUND

    def _whose(self, request: Request, path: str) -> Response:
        if path.strip("/").removesuffix(".json") != "app.info":
            return NOT_FOUND
        return oauth.app_info(self.world, str(rest.read(request).get("auth") or ""))

    def _moved(self, request: Request, first: str, path: str) -> Response:
        """Send those who knew a portal by another name to the new one, body or no body."""
        portal = self.world.formerly(first)
        if portal is None:
            return NOT_FOUND
        query = f"?{urlencode(request.query)}" if request.query else ""
        address = f"{self.world.base}/{portal.slug}/{path}{query}"
        return Response(status=302, headers={"location": address})

    def _file(self, request: Request, portal: Portal, path: str) -> Response:
        """Give out a file to whoever has its link; where it lies says nothing of its name."""
        lines, switches = portal.lines, self.switches
        has_headers = request.headers.keys() >= BROWSERS_SEND
        if switches.file_links_want_headers and not has_headers:
            return NOT_FOUND
        number, sign = request.param("FILE_ID"), request.param("SIGN")
        short = path.removeprefix("~") if path.startswith("~") else None
        for held in lines.files.values():
            is_signed = (str(held.id), held.key) == (number, sign)
            age = self.world.now() - lines.offered_at.get(held.id, self.world.now())
            is_stale = 0 < switches.file_link_life_s < age
            if (is_signed or (short and held.short_key == short)) and not is_stale:
                return Response(status=200, body=held.body, headers={"content-type": held.mime})
        return NOT_FOUND

    async def drain(self) -> None:
        """Wait until every event that is due has been answered."""
        await self.world.background.drain()

    async def aclose(self) -> None:
        """Stop everything that is under way."""
        await self.world.background.close()
