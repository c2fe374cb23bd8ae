"""The arithmetic of measuring: percentiles, medians, ratios, and which rounds are believed.

Rounds are interleaved, so a ratio is taken within each round, between neighbours in time, and the
median of those ratios is told together with its least and its greatest.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

NOISY_SHARE = 0.2

Metrics = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One variant in one round. `others`: the share of the machine that strangers used."""

    variant: str
    round: int
    metrics: Metrics
    others: float = 0.0

    @property
    def is_noisy(self) -> bool:
        return self.others > NOISY_SHARE


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds say of one number."""

    middle: float
    least: float
    greatest: float
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A number to reach, and one to dream of. `floor` goals are reached from below."""

    name: str
    goal: float
    dream: float
    floor: bool = True


Verdict = Literal["moonshot", "met", "not met", "not measured"]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of them do not exceed; nan for none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def scheduled(began: float, rate: float, number: int) -> float:
    """When a request was due, whether or not anybody was free to make it."""
    return began + number / rate


def jain(shares: Sequence[float]) -> float:
    """Jain's index: 1 when all got the same, 1/n when one got everything."""
    squares = sum(each * each for each in shares)
    return math.nan if not squares else sum(shares) ** 2 / (len(shares) * squares)


def believed(samples: Iterable[Sample]) -> list[Sample]:
    """Drop the rounds in which strangers were at work, unless they always were."""
    taken = list(samples)
    quiet = [each for each in taken if not each.is_noisy]
    return quiet or taken


def spread(samples: Iterable[Sample], variant: str, metric: str) -> Spread | None:
    """Sum one number up over the believed rounds; None when it was never measured."""
    return spread_of(_values(samples, variant, metric).values())


def spread_of(values: Iterable[float]) -> Spread | None:
    known = [each for each in values if math.isfinite(each)]
    if not known:
        return None
    return Spread(median(known), min(known), max(known), len(known))


def ratio(samples: Iterable[Sample], metric: str, ours: str, theirs: str) -> Spread | None:
    """Compare two variants round by round, in the rounds where both are believed.

    Where no round has both, all rounds count.
    """
    taken = list(samples)
    return _ratio(taken, (metric, ours, theirs), _values) or _ratio(
        taken, (metric, ours, theirs), _all_values
    )


def verdict(goal: Goal, value: float | None) -> Verdict:
    if value is None or not math.isfinite(value):
        return "not measured"
    reached: Callable[[float], bool] = value.__ge__ if goal.floor else value.__le__
    if reached(goal.dream):
        return "moonshot"
    return "met" if reached(goal.goal) else "not met"


_Pick = Callable[[Iterable[Sample], str, str], dict[int, float]]


def _ratio(taken: list[Sample], what: tuple[str, str, str], pick: _Pick) -> Spread | None:
    metric, ours, theirs = what
    mine, others = pick(taken, ours, metric), pick(taken, theirs, metric)
    both = [mine[each] / others[each] for each in mine if others.get(each)]
    return spread_of(both)


def _values(samples: Iterable[Sample], variant: str, metric: str) -> dict[int, float]:
    return _of(believed(each for each in samples if each.variant == variant), metric)


def _all_values(samples: Iterable[Sample], variant: str, metric: str) -> dict[int, float]:
    return _of((each for each in samples if each.variant == variant), metric)


def _of(samples: Iterable[Sample], metric: str) -> dict[int, float]:
    return {each.round: each.metrics[metric] for each in samples if metric in each.metrics}
