"""What a run found: kept as JSON, and printed as tables, ratios and goals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from middleware.bench.rules import Goal, Sample, Spread, Verdict, ratio, spread, verdict

STYLES: Mapping[Verdict, str] = {
    "moonshot": "bold green",
    "met": "green",
    "not met": "red",
    "not measured": "dim",
}


@dataclass(frozen=True, slots=True)
class Judged:
    goal: Goal
    value: Spread | None

    @property
    def verdict(self) -> Verdict:
        return verdict(self.goal, None if self.value is None else self.value.middle)


@dataclass(frozen=True, slots=True)
class Compared:
    """One ratio: how one variant stands to another in one number."""

    metric: str
    ours: str
    theirs: str
    value: Spread


@dataclass(slots=True)
class Findings:
    """Everything that one command found, in the order in which it is told."""

    command: str
    facts: Mapping[str, str]
    samples: list[Sample] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compare(self, metric: str, ours: str, theirs: str) -> Spread | None:
        found = ratio(self.samples, metric, ours, theirs)
        if found is not None:
            self.compared.append(Compared(metric, ours, theirs, found))
        return found

    def judge(self, goal: Goal, value: Spread | None) -> None:
        self.judged.append(Judged(goal, value))

    def of(self, metric: str, variant: str) -> Spread | None:
        return spread(self.samples, variant, metric)

    def as_json(self) -> dict[str, object]:
        return {
            "command": self.command,
            "facts": dict(self.facts),
            "samples": [{**asdict(each), "noisy": each.is_noisy} for each in self.samples],
            "ratios": [asdict(each) for each in self.compared],
            "goals": [
                {**asdict(each.goal), "value": each.value and asdict(each.value)}
                | {"verdict": each.verdict}
                for each in self.judged
            ],
            "notes": list(self.notes),
        }

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.as_json(), ensure_ascii=False, indent=1), "utf-8")


def show(findings: Findings, console: Console) -> None:
    """Print what was found; a goal that was missed is a fact, not a failure."""
    for name, value in findings.facts.items():
        console.print(f"{name}: {value}", style="dim", markup=False, highlight=False)
    console.print(_table(findings.samples))
    for each in findings.compared:
        console.print(
            f"{each.metric}: {each.ours} / {each.theirs} = {_times(each.value)}",
            markup=False,
            highlight=False,
        )
    for judged in findings.judged:
        told = "" if judged.value is None else f": {_times(judged.value)}"
        sign = "≥" if judged.goal.floor else "≤"
        console.print(
            f"goal {judged.goal.name} {sign} {judged.goal.goal:g}"
            f" (moonshot {judged.goal.dream:g}){told}: {judged.verdict}",
            style=STYLES[judged.verdict],
            markup=False,
            highlight=False,
        )
    noisy = [each for each in findings.samples if each.is_noisy]
    if noisy:
        console.print(
            f"others used more than 20 % of the machine in {len(noisy)} of"
            f" {len(findings.samples)} measurements; medians leave these out, unless none is left",
            style="yellow",
        )
    for note in findings.notes:
        console.print(note, style="yellow", markup=False, highlight=False)


def _table(samples: Sequence[Sample]) -> Table:
    metrics = list(dict.fromkeys(name for each in samples for name in each.metrics))
    variants = list(dict.fromkeys(each.variant for each in samples))
    table = Table("", box=None, pad_edge=False)
    for variant in variants:
        table.add_column(variant, justify="right")
    for metric in metrics:
        table.add_row(metric, *(_cell(spread(samples, each, metric)) for each in variants))
    return table


def _cell(value: Spread | None) -> str:
    if value is None:
        return "–"
    if value.rounds == 1 or value.least == value.greatest:
        return _number(value.middle)
    return f"{_number(value.middle)} [{_number(value.least)}–{_number(value.greatest)}]"


def _times(value: Spread) -> str:
    return f"{value.middle:.2f} [{value.least:.2f}–{value.greatest:.2f}, {value.rounds} rounds]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
