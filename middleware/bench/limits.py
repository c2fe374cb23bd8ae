"""The provider's limit: how much of it is used, and how often it is overstepped.

Only new customers write: each costs several calls that count, beside the one that writes the
message. The stub refuses what goes beyond the limit within any window of its, as the strictest
reading has it; the hub keeps to its own budget here, smaller where whoever oversteps is blocked.
What it means to use is what it is judged by.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

from crm_clients.emulators.contract import WRITE
from middleware.bench.driver import run_load
from middleware.bench.ground import Watch, sample
from middleware.bench.load import Order
from middleware.bench.rules import Goal, Sample
from middleware.bench.stub import bench_of
from middleware.bench.variants import Ground, Start

WARMS_UP_S = 2.0
USED = Goal(name="share of our budget used", goal=0.95, dream=0.98)
REJECTED = Goal(name="calls that the provider refused", goal=0, dream=0, floor=False)


async def one(ground: Ground, start: Start, seconds: float, name: tuple[str, int]) -> Sample:
    """Let more new customers write than the limit can serve, and look at a stretch of time."""
    await ground.stub.reset()
    limit = bench_of(ground.crm)
    per_s = limit.limit_per_s
    async with start(ground) as running:
        customers = int(per_s * (seconds + WARMS_UP_S)) + per_s
        order = Order(port=running.port, targets=running.targets[:1], chats=customers, sockets=8)
        await ground.stub.pace(limit=per_s)
        await run_load(replace(order, count=customers))
        await ground.stub.wait_for(1, seconds + WARMS_UP_S)
        watch, before = Watch.begin(running), await ground.stub.state()
        await asyncio.sleep(seconds)
        after = await ground.stub.state()
        _, others = watch.end()
        await ground.stub.pace()
        calls = {
            label: count - before["calls"].get(label, 0) for label, count in after["calls"].items()
        }
        metrics = {
            "share of the limit": counted(calls, limit.free) / (per_s * seconds),
            "share of our budget": counted(calls, limit.free) / (limit.ours_per_s * seconds),
            "rejected": after["rejected"],
            "messages per CRM call": calls.get(WRITE, 0) / max(1, sum(calls.values())),
            "doubled": after["doubled"],
        }
        return sample(*name, metrics, others)


def counted(calls: Mapping[str, int], free: Collection[str]) -> int:
    """Add up the calls that the limit counts."""
    return sum(
        count for label, count in calls.items() if label.startswith("crm ") and label not in free
    )
