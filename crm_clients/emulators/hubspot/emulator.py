"""The emulator as one object: its doors, its hands, and what it shows."""

from functools import partial

from channel_clients.emulators.stage import Request, Response, Stage, asgi

from . import consent, hooks, oauth, paths, rest, rest_files
from .control import Control
from .crm_views import CrmViews
from .notes import Notes
from .operators import Operators
from .portals import Portals
from .problems import page
from .talk_views import TalkViews
from .views import Views
from .world import FAULTS, World


class HubSpotEmulator(Portals, Notes, Operators, CrmViews, Views, TalkViews):
    """HubSpot with any number of portals and its OAuth server, behind one address.

    `answer` is the provider, `control` the stage; `app` serves both. `base` is that address as
    the hub knows it; unless it is given, the one that was called last. The methods of the bases
    are what the stage offers, for callers in the same process; call them with a loop running,
    for webhooks go out in the background.
    """

    def __init__(self, *, stage: Stage | None = None, base: str = "") -> None:
        self.stage = stage or Stage()
        self.stage.known_faults |= FAULTS
        self.world = World(self.stage, base)
        self.world.listeners.append(partial(hooks.hear, self.world))
        self.switches = self.world.switches
        self.control = Control(self).answer
        self.app = asgi(self.stage, self.answer, self.control)

    async def answer(self, request: Request) -> Response:
        """Answer as HubSpot. Raises `ConnectionCut` where a fault says so."""
        self.world.seen_at(request.headers.get("host"))
        if consent.is_page(request.path):
            return consent.authorize(self.world, request)
        if request.path.startswith("/hubfs/"):
            return rest_files.give_out(self.world, request)
        place = paths.locate(request.path)
        if place is None:
            return page(404, "Not Found")
        if place.path.startswith("oauth/"):
            return oauth.answer(self.world, request, place)
        return await rest.answer(self.world, request, place)

    async def drain(self) -> None:
        """Wait until every webhook that is due has been answered, retries to come not counted."""
        await self.world.background.drain()

    async def aclose(self) -> None:
        """Stop everything that is under way."""
        await self.world.background.close()
