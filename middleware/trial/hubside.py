"""The hub of a trial, as a process of its own: `python -m middleware.trial.hubside`.

The same hub as anywhere, set up from the same settings. With `--move-in FILE` it first connects
the accounts of a `Plan` through the flows that the CLI and the console use.
"""

import argparse
import asyncio
from datetime import timedelta
from pathlib import Path
from typing import cast

import httpx
import uvicorn

from mappers.text import Language
from mappers.vocabulary import ConnectionId, WorkspaceId
from middleware import log
from middleware.app import make_app
from middleware.connections import flow
from middleware.connections.model import ConnectionSettings
from middleware.hub import Hub, open_hub, working
from middleware.settings import Settings
from middleware.store.port import Policy
from middleware.trial.plan import Plan, Shop


async def move_in(hub: Hub, plan: Plan) -> None:
    """Connect every shop's two accounts, and route one to the other."""
    workspace = await hub.connections.workspace()
    registration, hooks = await flow.register_application(
        hub, workspace, plan.crm_provider, plan.registration
    )
    async with httpx.AsyncClient(trust_env=False) as client:
        # Support registers a channel's hooks by hand; here the stage plays support.
        channel = {
            "integration": plan.registration["client_id"],
            "channel_id": plan.registration["channel_id"],
            "secret": plan.registration["channel_secret"],
            "hook_url": f"{hooks}/:scope_id",
            "approved": [shop.name for shop in plan.shops],
        }
        reply = await client.post(f"{plan.crm_stage}/_stage/setup", json={"channel": channel})
        reply.raise_for_status()
    settings = ConnectionSettings(
        language=cast("Language", plan.language), reply_age_limit=timedelta(hours=24)
    )
    for shop in plan.shops:
        crm = flow.Wanted(
            provider=plan.crm_provider,
            values=shop.crm,
            application=registration,
            title=shop.name,
            settings=settings,
        )
        target = await flow.connect(hub, workspace, crm)
        await _route(hub, workspace, plan, shop, target.id, settings)


async def _route(
    hub: Hub,
    workspace: WorkspaceId,
    plan: Plan,
    shop: Shop,
    target: ConnectionId,
    settings: ConnectionSettings,
) -> None:
    channel = flow.Wanted(
        provider=plan.channel_provider,
        values=shop.channel,
        title=shop.name,
        settings=settings,
        listen=False,
    )
    source = await flow.connect(hub, workspace, channel)
    await hub.connections.set_route(workspace, source.id, target, Policy())


async def run(settings: Settings, plan: Plan | None) -> None:
    async with open_hub(settings) as hub, working(hub):
        if plan is not None:
            await move_in(hub, plan)
        config = uvicorn.Config(
            make_app(hub),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        await uvicorn.Server(config).serve()


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
