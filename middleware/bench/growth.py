"""`threadline bench growth`: what a message costs when there is much of everything else.

Three things grow, one at a time: connections that are alive, customers that are known, hooks that
wait. A small hub of each kind is measured in the same round, and the ratio is what counts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

from middleware.bench import bulk, machine, pipeline
from middleware.bench.ground import Watch, cpu_metrics, findings_of, prepared, sample
from middleware.bench.report import Findings
from middleware.bench.rules import Goal, Sample
from middleware.bench.variants import FIRST_BOT, Ground, Running, hub
from middleware.bench.wishes import Wishes

CHATS = 50
STARTS_S = 3.0
COST = Goal(name="CPU per message, times the small one's", goal=1.5, dream=1.2, floor=False)
MEMORY = Goal(name="MiB of the hub with the large backlog", goal=150, dream=80, floor=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Each is measured beside the one before it; the first of each is the small one."""

    connections: tuple[int, ...] = (1, 100, 1000)
    customers: tuple[int, ...] = (0, 1_000_000)
    backlogs: tuple[int, ...] = (10_000, 1_000_000)


async def measure(wishes: Wishes, sizes: Sizes) -> Findings:
    """Raises: `TrialFailed`."""
    findings: Findings | None = None
    for bots in sizes.connections:
        async with prepared(wishes, bots=bots) as ground:
            findings = findings or findings_of("growth", ground)
            for name, measuring in _measurings(ground, wishes, sizes, bots):
                for number in range(wishes.rounds):
                    found = replace(await measuring(number), variant=name)
                    wishes.tell(_line(found))
                    findings.samples.append(found)
    if findings is None:
        raise ValueError("nothing to measure")
    _judge(findings, sizes)
    return findings


Measuring = Callable[[int], Awaitable[Sample]]


def _measurings(
    ground: Ground, wishes: Wishes, sizes: Sizes, bots: int
) -> Iterator[tuple[str, Measuring]]:
    """What is asked of a ground with so many connections; all but these grow in the smallest."""
    yield f"{bots} connections", lambda number: _flow(ground, wishes, 0, number)
    if bots == sizes.connections[0]:
        for known in sizes.customers[1:]:
            yield f"{known} customers", _later(_flow, ground, wishes, known)
        for waiting in sizes.backlogs:
            yield f"{waiting} unread", _later(_drain, ground, wishes, waiting)


def _later(
    measuring: Callable[[Ground, Wishes, int, int], Awaitable[Sample]],
    ground: Ground,
    wishes: Wishes,
    size: int,
) -> Measuring:
    return lambda number: measuring(ground, wishes, size, number)


async def _flow(ground: Ground, wishes: Wishes, known: int, number: int) -> Sample:
    """Send through a hub that knows so many customers more."""
    chats = max(1, CHATS // ground.bots)
    flow = pipeline.Flow(chats=chats, bots=ground.bots)

    async def fill(running: Running) -> None:
        if known:
            await bulk.customers(running.database, known)

    return await pipeline.one(ground, hub, (flow, wishes.seconds), ("", number), fill)


async def _drain(ground: Ground, wishes: Wishes, waiting: int, number: int) -> Sample:
    """Let a hub work on what waits, for a while."""
    async with hub(ground) as running:
        await pipeline.open_chats(ground, running, pipeline.Flow(chats=CHATS))
        await bulk.unread(running.database, FIRST_BOT, count=waiting, chats=CHATS)
        await asyncio.sleep(STARTS_S)
        await ground.stub.reset()
        watch = Watch.begin(running)
        await asyncio.sleep(wishes.seconds)
        state = await ground.stub.state()
        used, others = watch.end()
        metrics = {
            "msg/s": state["written"] / wishes.seconds,
            **cpu_metrics(used, max(1, state["written"])),
            "hub MiB": machine.rss_mib(running.trees["hub"]),
            "doubled": state["doubled"],
            "out of order": state["disordered"],
        }
        return sample("", number, metrics, others)


def _judge(findings: Findings, sizes: Sizes) -> None:
    connections = [f"{size} connections" for size in sizes.connections]
    backlogs = [f"{size} unread" for size in sizes.backlogs]
    pairs = [(each, connections[0]) for each in connections[1:]]
    pairs += [(f"{size} customers", connections[0]) for size in sizes.customers[1:]]
    pairs += [(each, backlogs[0]) for each in backlogs[1:]]
    for ours, theirs in pairs:
        cost = findings.compare("cpu µs/msg", ours, theirs)
        findings.judge(replace(COST, name=f"{ours}: {COST.name}"), cost)
    memory = findings.of("hub MiB", backlogs[-1])
    findings.judge(replace(MEMORY, name=f"{backlogs[-1]}: {MEMORY.name}"), memory)


def _line(found: Sample) -> str:
    told = found.metrics
    return (
        f"round {found.round + 1} {found.variant}: {told['msg/s']:.0f} msg/s,"
        f" {told['cpu µs/msg']:.0f} µs/msg, others {found.others:.0%}"
    )
