"""`threadline bench ingest`: how fast a hook is durable, and how long its sender waits.

Two forms of the hub are asked: one that only keeps hooks (its accounts are paused), against a peer
whose worker is away; and one that delivers meanwhile, against a peer that does, too. Both are told,
because a hub that lets its ack wait for its work would hide behind the first.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from middleware.bench.driver import run_load
from middleware.bench.floor_rate import insert_rates
from middleware.bench.ground import Watch, cpu_metrics, findings_of, prepared, sample
from middleware.bench.load import Order
from middleware.bench.report import Findings
from middleware.bench.rules import Goal, Sample
from middleware.bench.servers import compiled_shim
from middleware.bench.variants import (
    Ground,
    Running,
    Start,
    commit_each,
    echo,
    has_celery_form,
    hub,
    hub_celery,
    naive,
    why_no_naive,
)
from middleware.bench.wishes import Wishes

CLIENTS, MOST_SOCKETS = 32, 128
WARM_HOOKS = 200
PAUSE = "UPDATE connections SET state = 'paused'"
ACKS = Goal(name="durable acks/s, times naive", goal=8, dream=20)
TAIL = Goal(name="p99 of the ack at 500/s, share of naive", goal=1 / 4, dream=1 / 8, floor=False)
SLOW = Goal(name="acks/s at +5 ms of fsync, times a commit per request", goal=4, dream=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """What is asked of every variant. Rates are hooks a second, delays milliseconds of fsync."""

    rates: tuple[int, ...] = (20, 100, 500, 2000)
    delays: tuple[float, ...] = (0.0, 2.0, 5.0)
    bots: int = 4
    chats: int = 50


@asynccontextmanager
async def keeping(ground: Ground) -> AsyncIterator[Running]:
    """A hub that keeps hooks and serves nobody."""
    async with hub(ground, "keeping", PAUSE) as running:
        yield running


def variants_of(findings: Findings, delay: float) -> dict[str, Start]:
    """Under a slow disk only those are asked who write to it."""
    found: dict[str, Start] = {"commit each": commit_each, "hub": keeping}
    if delay:
        return found
    found = {"echo": echo, **found, "hub at work": hub}
    if has_celery_form():
        found["hub+celery at work"] = hub_celery
    if why := why_no_naive():
        findings.notes.append(why)
    else:
        found |= {"naive": partial(naive, works=False), "naive at work": naive}
    return found


async def measure(wishes: Wishes, pressure: Pressure) -> Findings:
    """Run every variant in every round, first on the disk as it is, then on slower ones.

    Raises: `TrialFailed`.
    """
    findings: Findings | None = None
    for delay in pressure.delays:
        async with prepared(wishes, bots=pressure.bots, delay_ms=delay) as ground:
            findings = findings or findings_of("ingest", ground)
            if delay and (why := _why_not_slower(wishes, ground.folder)):
                findings.notes.append(why)
                break
            await _rounds(wishes, pressure, (ground, delay), findings)
    if findings is None:
        raise ValueError("nothing to measure")
    _judge(findings, pressure)
    return findings


async def _rounds(
    wishes: Wishes, pressure: Pressure, on: tuple[Ground, float], findings: Findings
) -> None:
    ground, delay = on
    suffix = f" +{delay:g} ms" if delay else ""
    variants = wishes.chosen(variants_of(findings, delay))
    for number in range(wishes.rounds):
        rates = await insert_rates(ground.database, wishes.seconds / 4)
        findings.samples.append(sample(f"PostgreSQL{suffix}", number, rates, 0.0))
        for name, start in variants.items():
            asked = replace(pressure, rates=() if delay or name == "echo" else pressure.rates)
            found = await one(ground, start, (wishes.seconds, asked), (f"{name}{suffix}", number))
            wishes.tell(_line(found))
            findings.samples.append(found)


async def one(
    ground: Ground, start: Start, asked: tuple[float, Pressure], name: tuple[str, int]
) -> Sample:
    """Measure one variant once: as fast as it goes, then at steady rates."""
    seconds, pressure = asked
    await ground.stub.reset()
    async with start(ground) as running:
        order = Order(
            port=running.port, targets=running.targets, chats=pressure.chats, sockets=CLIENTS
        )
        await run_load(replace(order, count=WARM_HOOKS))
        # Slow rates first: whoever has a backlog by now has it because of what is measured.
        steady, first = await _steady(replace(order, first=WARM_HOOKS), seconds, pressure.rates)
        watch = Watch.begin(running)
        report = await run_load(replace(order, seconds=seconds, first=first))
        used, others = watch.end()
        metrics = {
            "acks/s": report.per_s,
            "ack p50 ms": report.p50 * 1000,
            "ack p99 ms": report.p99 * 1000,
            **cpu_metrics(used, max(1, report.accepted)),
            "load's CPU share": report.cpu_s / report.lasted,
            "refused": report.refused + report.late,
            **steady,
        }
        return sample(*name, metrics, others)


async def _steady(
    order: Order, seconds: float, rates: tuple[int, ...]
) -> tuple[dict[str, float], int]:
    """Send at each rate; return what it told, and where numbers go on."""
    found: dict[str, float] = {}
    for rate in rates:
        asked = replace(order, seconds=seconds, rate=float(rate), sockets=MOST_SOCKETS)
        told = await run_load(asked)
        order = replace(order, first=order.first + told.sent)
        found |= {
            f"p50 ms at {rate}/s": told.p50 * 1000,
            f"p90 ms at {rate}/s": told.p90 * 1000,
            f"p99 ms at {rate}/s": told.p99 * 1000,
            f"served of {rate}/s": told.accepted / max(told.lasted, seconds),
        }
    return found, order.first


def _why_not_slower(wishes: Wishes, folder: Path) -> str:
    if wishes.database_url:
        return (
            "a database that was given cannot be slowed down: rows with slower fsync are left out"
        )
    if compiled_shim(folder) is None:
        return "no C compiler (cc) here: rows with slower fsync are left out"
    return ""


def _line(found: Sample) -> str:
    told: Mapping[str, float] = found.metrics
    return (
        f"round {found.round + 1} {found.variant}: {told['acks/s']:.0f} acks/s,"
        f" p99 {told['ack p99 ms']:.1f} ms, others {found.others:.0%}"
    )


def _judge(findings: Findings, pressure: Pressure) -> None:
    for ours, theirs in (
        ("hub", "naive"),
        ("hub at work", "naive at work"),
        ("hub+celery at work", "naive at work"),
    ):
        if any(each.variant == ours for each in findings.samples):
            acks = findings.compare("acks/s", ours, theirs)
            findings.judge(replace(ACKS, name=f"{ours}: {ACKS.name}"), acks)
            if 500 in pressure.rates:
                tail = findings.compare("p99 ms at 500/s", ours, theirs)
                findings.judge(replace(TAIL, name=f"{ours}: {TAIL.name}"), tail)
    findings.compare("acks/s", "hub", "commit each")
    for delay in filter(None, pressure.delays):
        found = findings.compare("acks/s", f"hub +{delay:g} ms", f"commit each +{delay:g} ms")
        if delay == 5:
            findings.judge(SLOW, found)
