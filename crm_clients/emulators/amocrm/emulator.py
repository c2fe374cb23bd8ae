"""The emulator as one object: its doors, its hands, and what it shows."""

from channel_clients.emulators.stage import Request, Response, Stage, asgi

from . import chats, oauth, rest
from .accounts import Accounts
from .control import Control
from .operators import Operators
from .problems import problem
from .views import Views
from .world import FAULTS, World


class AmoCrmEmulator(Accounts, Operators, Views):
    """amoCRM with any number of accounts, behind one address.

    `answer` is the provider, `control` the stage; `app` serves both. The methods of the three
    bases are what the stage offers, for callers in the same process; call them with a loop
    running, for hooks go out in the background.
    """

    def __init__(self, *, stage: Stage | None = None) -> None:
        self.stage = stage or Stage()
        self.stage.known_faults |= FAULTS
        self.world = World(self.stage)
        self.switches = self.world.switches
        self.control = Control(self).answer
        self.app = asgi(self.stage, self.answer, self.control)

    async def answer(self, request: Request) -> Response:
        """Answer as amoCRM. Raises `ConnectionCut` where a fault says so."""
        first, _, rest_of_path = request.path.lstrip("/").partition("/")
        path = f"/{rest_of_path}"
        if first == "amojo":
            return chats.answer(self.world, request, path)
        if first == "oauth" and not rest_of_path:
            return oauth.authorize(self.world, request)
        if path.startswith("/oauth2/"):
            return oauth.answer(self.world, request, first, path)
        if path.startswith("/api/v4/"):
            return rest.answer(self.world, request, first, path.removeprefix("/api/v4/"))
        if first == "attachments" and request.path in self.world.files:
            return Response(status=200, body=self.world.files[request.path])
        return problem(404, "Not found")

    async def drain(self) -> None:
        """Wait until every hook that is due has been answered, retries to come not counted."""
        await self.world.background.drain()

    async def aclose(self) -> None:
        """Stop everything that is under way."""
        await self.world.background.close()
