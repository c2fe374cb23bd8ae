"""`threadline bench fair`: what a quiet tenant feels of a noisy one, and whether equals get equal.

Providers are without limits here, which is the hardest case: with limits a noisy tenant waits for
its own provider most of the time.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from middleware.bench import bulk
from middleware.bench.driver import run_load
from middleware.bench.ground import Watch, findings_of, prepared, sample
from middleware.bench.load import Order
from middleware.bench.pipeline import Flow, open_chats
from middleware.bench.report import Findings
from middleware.bench.rules import Goal, Sample, jain
from middleware.bench.variants import (
    FIRST_BOT,
    Ground,
    Running,
    Start,
    forms,
)
from middleware.bench.wishes import Wishes

QUIET = FIRST_BOT
CHATS = 20
SETTLES_S = 2.0
PATIENCE_S = 120.0
# A share is counted once this many messages of each have arrived, had they been equal.
BEGUN = 20
BESIDE = Goal(name="quiet p99 beside a flood, times alone", goal=2, dream=1.2, floor=False)
EQUAL = Goal(name="Jain index of equal tenants", goal=0.95, dream=0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """`flood`: what the noisy tenant has unread; `tenants`: how many equals; `rate` in hooks/s."""

    flood: int = 100_000
    tenants: int = 10
    rate: float = 5.0


async def measure(wishes: Wishes, crowd: Crowd) -> Findings:
    """Raises: `TrialFailed`."""
    async with prepared(wishes, bots=max(2, crowd.tenants)) as ground:
        findings = findings_of("fair", ground)
        for number in range(wishes.rounds):
            for name, start in wishes.chosen(forms()).items():
                for found in (
                    await _beside(ground, start, (crowd, wishes.seconds), (name, number)),
                    await _equals(ground, start, (crowd, wishes.seconds), (name, number)),
                ):
                    wishes.tell(_line(found))
                    findings.samples.append(found)
    for name in wishes.chosen(forms()):
        findings.judge(
            replace(BESIDE, name=f"{name}: {BESIDE.name}"), findings.of("p99 beside/alone", name)
        )
        equal = findings.of("Jain index", f"{name}, equals")
        findings.judge(replace(EQUAL, name=f"{name}: {EQUAL.name}"), equal)
    return findings


async def _beside(
    ground: Ground, start: Start, asked: tuple[Crowd, float], name: tuple[str, int]
) -> Sample:
    """Ask the quiet tenant twice: alone, and while its neighbour's backlog is worked off."""
    crowd, seconds = asked
    async with start(ground) as running:
        await open_chats(ground, running, Flow(chats=CHATS))
        watch = Watch.begin(running)
        alone = await _quiet(ground, running, (crowd.rate, seconds), 1)
        await bulk.unread(running.database, QUIET + 1, count=crowd.flood, chats=CHATS)
        await asyncio.sleep(SETTLES_S)
        beside = await _quiet(ground, running, (crowd.rate, seconds), 1 + int(crowd.rate * seconds))
        _, others = watch.end()
        metrics = {
            "p50 ms alone": alone["p50"] * 1000,
            "p99 ms alone": alone["p99"] * 1000,
            "p50 ms beside": beside["p50"] * 1000,
            "p99 ms beside": beside["p99"] * 1000,
            "p99 beside/alone": beside["p99"] / alone["p99"],
            "noisy msg/s meanwhile": beside["noisy"] / seconds,
        }
        return sample(*name, metrics, others)


async def _quiet(
    ground: Ground, running: Running, pace: tuple[float, float], first: int
) -> dict[str, float]:
    """Send the quiet tenant's hooks at a steady rate; return what became of them at the CRM."""
    rate, seconds = pace
    await ground.stub.reset()
    mine = tuple(each for each in running.targets if each.bot == QUIET)
    order = Order(
        port=running.port,
        targets=mine,
        chats=CHATS,
        seconds=seconds,
        rate=rate,
        sockets=8,
        first=first,
    )
    report = await run_load(order)
    noisy = (await _told(ground, QUIET + 1)).get("n", 0.0)
    ends_at = asyncio.get_running_loop().time() + PATIENCE_S
    while asyncio.get_running_loop().time() < ends_at:
        told = await _told(ground, QUIET)
        if told.get("n", 0) >= report.accepted:
            break
        await asyncio.sleep(0.1)
    return {**await _told(ground, QUIET), "noisy": noisy}


async def _told(ground: Ground, bot: int) -> dict[str, Any]:
    found: dict[str, Any] = (await ground.stub.state())["latency"].get(str(bot), {})
    return found


async def _equals(
    ground: Ground, start: Start, asked: tuple[Crowd, float], name: tuple[str, int]
) -> Sample:
    """Give every tenant the same backlog, and see after a while who got how far."""
    crowd, seconds = asked
    bots = range(FIRST_BOT, FIRST_BOT + crowd.tenants)
    each = max(100, crowd.flood // crowd.tenants)
    async with start(ground) as running:
        await open_chats(ground, running, Flow(chats=CHATS))
        await ground.stub.reset()
        watch = Watch.begin(running)
        for bot in bots:
            await bulk.unread(running.database, bot, count=each, chats=CHATS)
        await ground.stub.wait_for(BEGUN * crowd.tenants, PATIENCE_S)
        await asyncio.sleep(seconds)
        told = (await ground.stub.state())["latency"]
        _, others = watch.end()
        shares = [float(told.get(str(bot), {}).get("n", 0)) for bot in bots]
        metrics = {"Jain index": jain(shares), "least": min(shares), "most": max(shares)}
        return sample(f"{name[0]}, equals", name[1], metrics, others)


def _line(found: Sample) -> str:
    told = ", ".join(f"{name} {value:.3g}" for name, value in found.metrics.items())
    return f"round {found.round + 1} {found.variant}: {told}, others {found.others:.0%}"
