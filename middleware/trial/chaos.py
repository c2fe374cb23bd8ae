"""Chaos by seed: conversations go on while everything around them breaks, and nothing may be lost.

    safety      while things break, and after: nothing lost, doubled, or out of order
    liveness    once everything is healed, everything arrives within a bounded time

Held replies are legitimate where a call was in flight and its provider cannot be asked; they may
never be more than the faults that hit such calls.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from mappers.text import Language
from middleware.trial.admin import Admin
from middleware.trial.day import write_report
from middleware.trial.evidence import threads_of
from middleware.trial.layout import USUAL_CRM, Layout
from middleware.trial.monkey import Monkey
from middleware.trial.parts import CALLS_AT_ONCE
from middleware.trial.processes import TrialFailed
from middleware.trial.script import SCRIPTS
from middleware.trial.show import titles_of, verdict_table
from middleware.trial.town import Town, discard, make_folder, town
from middleware.trial.traffic import Traffic
from middleware.trial.verdict import Verdict

STUCK_AFTER_S = 100.0
MESSAGES_OF_A_SHOP = 120
MOST_SHOPS = 4
# Faults after which nobody but the customer knows whether the reply came.
DOUBTFUL = frozenset(
    {
        *("cut_before", "cut_after", "hang_before", "hang_after", "garbage", "garbled_success"),
        *("error_500_before", "error_500_after", "bad_gateway_before", "bad_gateway_after"),
        "unavailable_before",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked of a chaos run. `workers` and `crms`: as a town's layout says."""

    seed: int
    messages: int
    language: Language
    report: Path | None
    folder: Path | None
    workers: int = 0
    crms: tuple[str, ...] = (USUAL_CRM,)

    @property
    def shops(self) -> tuple[str, ...]:
        wanted = min(MOST_SHOPS, self.messages // MESSAGES_OF_A_SHOP)
        count = max(len(self.crms), wanted)
        return tuple(f"shop{number}" for number in range(1, count + 1))

    @property
    def limited(self) -> bool:
        """Providers refuse what comes too fast in every other seed."""
        return self.seed % 2 == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to. `held_ever` replies waited for a person at some time.

    `held_explained` is the most that could, by what was broken. `crms` judges each by itself.
    """

    verdict: Verdict
    crms: dict[str, Verdict]
    faults: dict[str, int]
    recovered_in_s: float
    took_s: float
    held_ever: int
    held_explained: int
    decided: dict[str, int]

    @property
    def is_clean(self) -> bool:
        is_explained = self.held_ever <= self.held_explained
        return self.verdict.is_clean and self.verdict.held == 0 and is_explained


async def play_chaos(order: Order, console: Console) -> bool:
    """Run, show the verdict, and say whether it is clean."""
    script = SCRIPTS[order.language]
    folder = make_folder(order.folder)
    layout = Layout(
        folder=folder,
        shops=order.shops,
        language=order.language,
        limited=order.limited,
        workers=order.workers,
        crms=order.crms,
    )
    console.print(script.narration["building"].format(**titles_of(layout)))
    try:
        async with town(layout) as here:
            outcome = await _run(here, order)
            if not outcome.is_clean:
                await here.save_evidence()
    except TrialFailed as why:
        console.print(script.narration["failed"].format(why=why, folder=folder), style="red")
        return False
    _show(outcome, order, console)
    if not outcome.is_clean:
        console.print(script.narration["dirty"].format(folder=folder), style="red")
    elif order.folder is None:
        discard(folder)
    return outcome.is_clean


async def _run(here: Town, order: Order) -> Outcome:
    began = time.monotonic()
    share = order.messages // len(here.shops)
    traffic = [Traffic(here, shop, _dice(order, shop.name), share) for shop in here.shops]
    monkey = Monkey(here, _dice(order, "monkey"), traffic)
    admin = Admin(here)
    deciding = asyncio.create_task(admin.run())
    try:
        await _while_breaking(monkey, traffic)
        healed_at = time.monotonic()
        verdict = await here.quiet(within_s=STUCK_AFTER_S)
        recovered_in_s = time.monotonic() - healed_at
    finally:
        deciding.cancel()
        await asyncio.gather(deciding, return_exceptions=True)
    records = [await here.records(shop) for shop in here.shops]
    replies = [said for each in records for t in threads_of(each) for said in t.replies]
    return Outcome(
        verdict=verdict,
        crms=await here.verdicts(),
        faults=await _faults(here, monkey),
        recovered_in_s=round(recovered_in_s, 1),
        took_s=round(time.monotonic() - began, 1),
        held_ever=sum(reply.was_unsure for reply in replies),
        held_explained=await _explained(here, monkey),
        decided={str(decision): count for decision, count in admin.decided.items()},
    )


def _dice(order: Order, name: str) -> random.Random:
    """Chance for one of the players, the same for the same seed."""
    return random.Random(f"{order.seed}/{name}")  # noqa: S311  # nothing secret is drawn from it


async def _while_breaking(monkey: Monkey, traffic: list[Traffic]) -> None:
    """Let everybody talk while the monkey is about; then heal everything it broke."""
    breaking = asyncio.create_task(monkey.run())
    talking = asyncio.create_task(_all(traffic))
    try:
        # The monkey ends by itself only when something of ours is broken: then so do we.
        await asyncio.wait({breaking, talking}, return_when=asyncio.FIRST_COMPLETED)
        if breaking.done():
            breaking.result()
        await talking
    finally:
        for task in (breaking, talking):
            task.cancel()
        await asyncio.gather(breaking, talking, return_exceptions=True)
    await monkey.heal()


async def _all(traffic: list[Traffic]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in traffic:
            group.create_task(each.run())


async def _faults(here: Town, monkey: Monkey) -> dict[str, int]:
    """Count what really hit: the monkey's own deeds, and the faults that calls and hooks met."""
    total = Counter(monkey.done)
    for stage in (here.channel, *here.crms.values()):
        total.update(await stage.faults_met())
    return dict(sorted(total.items()))


async def _explained(here: Town, monkey: Monkey) -> int:
    """Count the calls to customers whose outcome could not be known.

    A hub that is killed or frozen, or whose database is gone, may have had as many under way as it
    makes at once for each shop.
    """
    log = await here.channel.log()
    sends = here.layout.channel_part.faults.sends
    faulty = sum(sends in line["path"] and line["fault"] in DOUBTFUL for line in log)
    return faulty + monkey.disturbed * CALLS_AT_ONCE * len(here.shops)


def _show(outcome: Outcome, order: Order, console: Console) -> None:
    script = SCRIPTS[order.language]
    more: dict[str, Any] = {
        "seed": order.seed,
        "limited": order.limited,
        "workers": order.workers,
        "faults": outcome.faults,
        "recovered_in_s": outcome.recovered_in_s,
        "took_s": outcome.took_s,
        "held_ever": outcome.held_ever,
        "held_explained": outcome.held_explained,
        "decided": outcome.decided,
    }
    console.print(verdict_table(outcome.crms, script.labels, script.narration["verdict"]))
    console.print(more, highlight=False)
    if order.report is not None:
        write_report(order.report, outcome.verdict, outcome.crms, **more)
