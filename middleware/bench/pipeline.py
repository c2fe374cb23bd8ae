"""`threadline bench pipeline`: from the channel's hook to the CRM's timeline.

Every chat is opened before the clock runs, so what is counted is a message of a known customer:
one hook in, one call out. The stub stands for the CRM and is used by hub and peer alike.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from crm_clients.emulators.contract import WRITE
from middleware.bench import limits, tally
from middleware.bench.driver import run_load
from middleware.bench.ground import Watch, cpu_metrics, findings_of, prepared, sample
from middleware.bench.load import Order, Report
from middleware.bench.report import Findings
from middleware.bench.rules import Goal, Sample
from middleware.bench.variants import (
    Ground,
    Running,
    Start,
    forms,
    naive,
    why_no_naive,
)
from middleware.bench.wishes import Wishes
from middleware.trial.processes import TrialFailed

OPENS_WITHIN_S, OPENS_EACH_S = 120.0, 0.5
DRAINS_WITHIN_S, STALLED_S = 90.0, 15.0
CALLS_AT_ONCE = 20
GOALS = {
    "per_s": Goal(name="channel → CRM, times the naive rate", goal=5, dream=8),
    "cpu": Goal(name="CPU per message, share of naive", goal=1 / 4, dream=1 / 8, floor=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """To whom is sent, and how long the CRM takes for an answer (seconds).

    `window`: so many messages are under way at once, from the hook to the CRM.
    """

    chats: int = 50
    bots: int = 1
    low: float = 0.0
    high: float = 0.0

    @property
    def window(self) -> int:
        return max(100, 20 * self.bots, 2 * CALLS_AT_ONCE * self.bots if self.high else 0)

    @property
    def suffix(self) -> str:
        answers = f", CRM {self.low * 1000:.0f}–{self.high * 1000:.0f} ms" if self.high else ""
        return f"{self.bots} bots{answers}"


def slowed(flow: Flow) -> Flow:
    """The same with a CRM as far away as they are."""
    return replace(flow, low=0.2, high=0.5)


def variants_of(findings: Findings, crm: str) -> dict[str, Start]:
    """What can be measured here; what cannot is told."""
    found = forms()
    if why := why_no_naive(crm):
        findings.notes.append(why)
    else:
        found["naive"] = naive
    return found


async def measure(wishes: Wishes, flows: tuple[Flow, ...]) -> Findings:
    """Run every variant in every round under every flow.

    Raises: `TrialFailed`.
    """
    findings: Findings | None = None
    for bots in dict.fromkeys(flow.bots for flow in flows):
        async with prepared(wishes, bots=bots) as ground:
            findings = findings or findings_of("pipeline", ground)
            variants = wishes.chosen(variants_of(findings, ground.crm))
            for number in range(wishes.rounds):
                for flow in (each for each in flows if each.bots == bots):
                    for name, start in variants.items():
                        about = (f"{name}, {flow.suffix}", number)
                        found = await one(ground, start, (flow, wishes.seconds), about)
                        wishes.tell(_line(found))
                        findings.samples.append(found)
                if bots == flows[0].bots:
                    await _limited(replace(ground, wide=False), wishes, findings, number)
    if findings is None:
        raise ValueError("nothing to measure")
    findings.notes.append(
        "messages a second are measured with budgets wide open; the share of the limit is not"
    )
    _judge(findings, flows)
    _judge_limits(findings, tuple(wishes.chosen(forms())))
    return findings


async def _limited(ground: Ground, wishes: Wishes, findings: Findings, number: int) -> None:
    """Ask the forms of the hub how they get on with a provider that counts."""
    for name, start in wishes.chosen(forms()).items():
        about = f"{name}, limited"
        found = await limits.one(ground, start, 2 * wishes.seconds, (about, number))
        told = ", ".join(f"{name} {value:.3g}" for name, value in found.metrics.items())
        wishes.tell(f"round {number + 1} {about}: {told}")
        findings.samples.append(found)


def _judge_limits(findings: Findings, names: tuple[str, ...]) -> None:
    for name in names:
        about = f"{name}, limited"
        for metric, goal in (("share of our budget", limits.USED), ("rejected", limits.REJECTED)):
            findings.judge(_named(goal, name), findings.of(metric, about))


async def one(
    ground: Ground,
    start: Start,
    asked: tuple[Flow, float],
    name: tuple[str, int],
    prepare: Callable[[Running], Awaitable[None]] | None = None,
) -> Sample:
    """Measure one variant once; `prepare` comes between opening the chats and the clock."""
    flow, seconds = asked
    await ground.stub.pace()
    async with start(ground) as running:
        await open_chats(ground, running, flow)
        if prepare is not None:
            await prepare(running)
        await ground.stub.pace(low=flow.low, high=flow.high)
        await ground.stub.reset()
        watch, before = Watch.begin(running), await tally.look(running.database)
        order = Order(
            port=running.port,
            targets=running.targets,
            chats=flow.chats,
            seconds=seconds,
            first=1,
            window=flow.window,
            stub=ground.stub.port,
        )
        report = await run_load(order)
        state = await ground.stub.wait_for(report.accepted, DRAINS_WITHIN_S, stall_s=STALLED_S)
        used, others = watch.end()
        metrics = _metrics(report, state, used)
        after = await tally.look(running.database)
        if before is not None and after is not None:
            metrics |= after.metrics(before, max(1, state["written"]))
        return sample(*name, metrics, others)


async def open_chats(ground: Ground, running: Running, flow: Flow) -> None:
    """Let every customer say something once, and wait until the CRM knows them all.

    Raises: `TrialFailed` when it takes too long: nothing could be believed that is measured then.
    """
    await ground.stub.reset()
    count = flow.chats * len(running.targets)
    order = Order(port=running.port, targets=running.targets, chats=flow.chats, count=count)
    report = await run_load(replace(order, sockets=8))
    patience_s = OPENS_WITHIN_S + count * OPENS_EACH_S
    state = await ground.stub.wait_for(report.accepted, patience_s, stall_s=OPENS_WITHIN_S)
    if state["written"] < report.accepted:
        raise TrialFailed(
            f"the CRM knows {state['written']} of {report.accepted} customers after"
            f" {patience_s:.0f} s; there is nothing to measure"
        )


def _metrics(report: Report, state: Mapping[str, Any], used: dict[str, float]) -> dict[str, float]:
    written = max(1, state["written"])
    lasted = max(1e-9, state["last_at"] - report.began)
    calls = sum(count for label, count in state["calls"].items() if label.startswith("crm "))
    return {
        "msg/s": state["written"] / lasted,
        **cpu_metrics(used, written),
        "ack p50 ms": report.p50 * 1000,
        "ack p99 ms": report.p99 * 1000,
        "hook→CRM p50 ms": state["latency"]["all"]["p50"] * 1000,
        "messages per CRM call": state["calls"].get(WRITE, 0) / max(1, calls),
        "refused": report.refused + report.late,
        "undelivered": report.accepted - state["written"],
        "doubled": state["doubled"],
        "out of order": state["disordered"],
    }


def _line(found: Sample) -> str:
    told = found.metrics
    return (
        f"round {found.round + 1} {found.variant}: {told['msg/s']:.0f} msg/s,"
        f" {told['cpu µs/msg']:.0f} µs/msg, others {found.others:.0%}"
    )


def _judge(findings: Findings, flows: tuple[Flow, ...]) -> None:
    known = {each.variant for each in findings.samples}
    for flow in flows:
        for form in ("hub", "hub+celery"):
            ours, theirs = f"{form}, {flow.suffix}", f"naive, {flow.suffix}"
            if ours in known and theirs in known:
                rate = findings.compare("msg/s", ours, theirs)
                cpu = findings.compare("cpu µs/msg", ours, theirs)
                findings.judge(_named(GOALS["per_s"], ours), rate)
                findings.judge(_named(GOALS["cpu"], ours), cpu)


def _named(goal: Goal, about: str) -> Goal:
    return replace(goal, name=f"{about}: {goal.name}")
