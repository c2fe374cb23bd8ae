"""`threadline bench recover`: how soon the hub is back after kill -9, and how soon it starts.

The backlog is unread hooks, so the first CRM write after the kill stands for all that waits. In
parts, a worker is killed; whole, the hub is. An embedded database survives the hub and is found
again; with one of its own PostgreSQL, leases of the dead have to run out first.
"""

import asyncio
import time
from dataclasses import dataclass, replace

from middleware.bench import bulk, machine
from middleware.bench.driver import first_ack
from middleware.bench.ground import Watch, findings_of, prepared, sample
from middleware.bench.pipeline import Flow, open_chats
from middleware.bench.report import Findings
from middleware.bench.rules import Goal, Sample
from middleware.bench.variants import (
    FIRST_BOT,
    Ground,
    Running,
    Start,
    embedded,
    forms,
)
from middleware.bench.wishes import Wishes

# More than are written to at once: what was in flight is in doubt for a while, the rest is not.
CHATS = 60
WORKS_S = 1.5
PATIENCE_S = 90.0
BACK = Goal(name="seconds from the kill to the next CRM write", goal=2, dream=1, floor=False)
COLD = Goal(name="seconds from cold start to a durable ack", goal=1.5, dream=1, floor=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    backlog: int = 10_000


async def measure(wishes: Wishes, blow: Blow) -> Findings:
    """Raises: `TrialFailed`."""
    measured = wishes.chosen({"hub, embedded": embedded, **forms()})
    async with prepared(wishes, bots=1) as ground:
        findings = findings_of("recover", ground)
        for number in range(wishes.rounds):
            for name, start in measured.items():
                found = await one(ground, start, blow, (name, number))
                wishes.tell(_line(found))
                findings.samples.append(found)
    for name in measured:
        for metric, goal in (("to CRM write s", BACK), ("cold start s", COLD)):
            findings.judge(replace(goal, name=f"{name}: {goal.name}"), findings.of(metric, name))
    return findings


async def one(ground: Ground, start: Start, blow: Blow, name: tuple[str, int]) -> Sample:
    async with start(ground) as running:
        await open_chats(ground, running, Flow(chats=CHATS))
        watch = Watch.begin(running)
        await bulk.unread(
            running.database,
            FIRST_BOT,
            count=blow.backlog,
            chats=CHATS,
        )
        await asyncio.sleep(WORKS_S)
        metrics = await _struck(ground, running)
        metrics |= await _cold(running)
        _, others = watch.end()
        state = await ground.stub.state()
        metrics |= {"doubled": state["doubled"], "out of order": state["disordered"]}
        return sample(*name, metrics, others)


async def _struck(ground: Ground, running: Running) -> dict[str, float]:
    """Kill who delivers, start it again at once, and wait for a write and an ack."""
    victim = running.children.get("worker") or running.children["hub"]
    await victim.kill()
    before = (await ground.stub.state())["written"]
    struck = time.monotonic()
    await victim.start()
    ack, write = await asyncio.gather(
        first_ack(running.port, running.targets[0], PATIENCE_S),
        _until_more(ground, before),
    )
    return {"to ack s": ack - struck, "to CRM write s": write - struck}


async def _until_more(ground: Ground, before: int) -> float:
    state = await ground.stub.wait_for(before + 1, PATIENCE_S)
    return float(state["last_at"])


async def _cold(running: Running) -> dict[str, float]:
    """Stop whoever takes hooks, in order, and start it again."""
    door = running.children.get("api") or running.children["hub"]
    await door.stop()
    began = time.monotonic()
    await door.start()
    acked = await first_ack(running.port, running.targets[0], PATIENCE_S)
    return {"cold start s": acked - began, "cold start CPU s": machine.cpu_of(door.pid)}


def _line(found: Sample) -> str:
    told = ", ".join(f"{name} {value:.2f}" for name, value in found.metrics.items())
    return f"round {found.round + 1} {found.variant}: {told}, others {found.others:.0%}"
