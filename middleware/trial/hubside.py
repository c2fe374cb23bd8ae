"""The hub of a trial, as a process of its own: `python -m middleware.trial.hubside`.

The same hub as anywhere, set up from the same settings. With `--move-in FILE` it first connects
the accounts of a `Plan` through the flows that the CLI and the console use. Parts that are named
are played alone.
"""

import argparse
import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import uvicorn

from crm_clients.emulators.contract import Ours
from crm_clients.emulators.registry import PARTS
from middleware import log
from middleware.app import make_app, make_bare_app
from middleware.hub import Hub, open_hub
from middleware.settings import Settings
from middleware.trial.desk import with_desk
from middleware.trial.movers import Movers
from middleware.trial.plan import Plan, Registration
from middleware.trial.stages import CrmStage
from middleware.webhooks.door import App
from middleware.working import EVERY_PART, Part, working


async def move_in(hub: Hub, plan: Plan) -> None:
    movers = Movers(hub, plan, await hub.connections.workspace())
    registered = {}
    for ours in plan.registrations:
        registered[ours.provider], hooks = await movers.register(ours)
        await _tell_hooks(plan, ours, hooks)
    await movers.move_in(registered)


async def _tell_hooks(plan: Plan, ours: Registration, hooks: str) -> None:
    part = PARTS[ours.provider]
    accounts = [shop.name for shop in plan.shops if shop.crm_provider == ours.provider]
    async with httpx.AsyncClient(trust_env=False) as client:
        desk = CrmStage(ours.stage, client, part).desk
        await desk.take_hooks(Ours(client_id=ours.client_id, values=ours.values), hooks, accounts)


async def run(settings: Settings, parts: frozenset[Part], plan: Plan | None) -> None:
    is_first = plan is not None
    async with open_hub(settings, spent_before=not is_first) as hub, working(hub, parts):
        if plan is not None:
            await move_in(hub, plan)
        app = with_desk(make_app(hub), hub) if Part.API in parts else make_bare_app(hub)
        await _serve(app, settings)


class _Guest(uvicorn.Server):
    """A server that leaves signals to its host: uvicorn's own dies of them before we clean up."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(app: App, settings: Settings) -> None:
    """Serve until somebody asks us to end."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = _Guest(config)
    for asked in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(
            asked, partial(setattr, server, "should_exit", True)
        )
    await server.serve()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--move-in", type=Path, help="accounts to connect before serving")
    parser.add_argument("parts", type=Part, nargs="*", help="what to do; without it, everything")
    options = parser.parse_args()
    settings = Settings()
    log.configure(settings)
    plan = Plan.read(options.move_in) if options.move_in else None
    asyncio.run(run(settings, frozenset(options.parts) or EVERY_PART, plan))


if __name__ == "__main__":
    main()
