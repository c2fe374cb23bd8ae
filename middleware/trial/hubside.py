"""The hub of a trial, as a process of its own: `python -m middleware.trial.hubside`.

The same hub as anywhere, set up from the same settings. With `--move-in FILE` it first connects
the accounts of a `Plan` through the flows that the CLI and the console use.
"""

import argparse
import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
import uvicorn

from mappers.vocabulary import WorkspaceId
from middleware import log
from middleware.app import make_app
from middleware.connections import flow
from middleware.connections.model import ConnectionSettings
from middleware.hub import Hub, open_hub
from middleware.settings import Settings
from middleware.store.policy import Policy
from middleware.trial.desk import with_desk
from middleware.trial.plan import Plan, Shop
from middleware.webhooks.door import App
from middleware.working import working


@dataclass(frozen=True, slots=True)
class Movers:
    """Connect every shop's two accounts, and route one to the other."""

    hub: Hub
    plan: Plan
    workspace: WorkspaceId

    @property
    def settings(self) -> ConnectionSettings:
        return ConnectionSettings(language=self.plan.language)

    async def move_in(self) -> None:
        registration, hooks = await flow.register_application(
            self.hub, self.workspace, self.plan.crm_provider, self.plan.registration
        )
        await self._register_channel(hooks)
        for shop in self.plan.shops:
            await self._connect(shop, registration)

    async def _register_channel(self, hooks: str) -> None:
        """In life support does this by hand, told where the hooks go; here the stage does."""
        ours = self.plan.registration
        channel = {
            "integration": ours["client_id"],
            "channel_id": ours["channel_id"],
            "secret": ours["channel_secret"],
            "hook_url": f"{hooks}/:scope_id",
            "approved": [shop.name for shop in self.plan.shops],
        }
        async with httpx.AsyncClient(trust_env=False) as client:
            setup = f"{self.plan.crm_stage}/_stage/setup"
            (await client.post(setup, json={"channel": channel})).raise_for_status()

    async def _connect(self, shop: Shop, registration: UUID) -> None:
        crm = flow.Wanted(
            provider=self.plan.crm_provider,
            values=shop.crm,
            application=registration,
            title=shop.name,
            settings=self.settings,
        )
        channel = flow.Wanted(
            provider=self.plan.channel_provider,
            values=shop.channel,
            title=f"{shop.name} bot",
            settings=self.settings,
            listen=False,
        )
        target = await flow.connect(self.hub, self.workspace, crm)
        source = await flow.connect(self.hub, self.workspace, channel)
        await self.hub.connections.set_route(self.workspace, source.id, target.id, Policy())


async def run(settings: Settings, plan: Plan | None) -> None:
    async with open_hub(settings) as hub, working(hub):
        if plan is not None:
            await Movers(hub, plan, await hub.connections.workspace()).move_in()
        await _serve(with_desk(make_app(hub), hub), settings)


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
    options = parser.parse_args()
    settings = Settings()
    log.configure(settings)
    plan = Plan.read(options.move_in) if options.move_in else None
    asyncio.run(run(settings, plan))


if __name__ == "__main__":
    main()
