"""Connecting the accounts of a benchmark, in a process that then ends."""

from middleware.db import partitions
from middleware.hub import open_hub
from middleware.settings import Settings
from middleware.trial.movers import Movers
from middleware.trial.plan import Plan


async def move_in(plan: Plan) -> None:
    async with open_hub(Settings()) as hub:
        await partitions.ensure(hub.engine, hub.clock.now().date())
        movers = Movers(hub, plan, await hub.connections.workspace())
        registered = {
            ours.provider: (await movers.register(ours))[0] for ours in plan.registrations
        }
        await movers.move_in(registered)
        await hub.executor.stop()
