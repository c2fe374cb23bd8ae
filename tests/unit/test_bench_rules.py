"""The arithmetic of the benchmark: numbers that can be worked out by hand."""

import math

import pytest

from middleware.bench.marks import Mark, mark_in, text_of
from middleware.bench.rules import (
    Goal,
    Sample,
    Spread,
    believed,
    jain,
    percentile,
    ratio,
    scheduled,
    spread,
    verdict,
)


def sample(variant: str, number: int, value: float, others: float = 0.0) -> Sample:
    return Sample(variant=variant, round=number, metrics={"per s": value}, others=others)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 5), (0.9, 9), (0.99, 10), (1.0, 10), (0.0, 1)]
)
def test_a_percentile_is_one_of_the_values(share: float, expected: float) -> None:
    assert percentile([10, 1, 9, 2, 8, 3, 7, 4, 6, 5], share) == expected


def test_of_nothing_there_is_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))


def test_a_stall_of_the_server_shows_in_what_was_due_meanwhile() -> None:
    """Ten a second; the server answers nothing for a second, then everything at once."""
    answered = [max(1.0, scheduled(0.0, 10, number)) for number in range(20)]
    late = [at - scheduled(0.0, 10, number) for number, at in enumerate(answered)]
    assert percentile(late, 0.9) == pytest.approx(0.8)
    assert percentile(late, 0.99) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("shares", "expected"), [([1, 1, 1, 1], 1.0), ([4, 0, 0, 0], 0.25), ([1, 3], 0.8)]
)
def test_jain_knows_equals_from_favourites(shares: list[float], expected: float) -> None:
    assert jain(shares) == pytest.approx(expected)


def test_when_nobody_got_anything_nobody_was_favoured() -> None:
    assert math.isnan(jain([0, 0]))


def test_noisy_rounds_are_left_out() -> None:
    samples = [sample("hub", 0, 10), sample("hub", 1, 2, others=0.5), sample("hub", 2, 12)]
    assert spread(samples, "hub", "per s") == Spread(11, 10, 12, 2)


def test_when_every_round_is_noisy_all_count() -> None:
    samples = [sample("hub", 0, 10, others=0.3), sample("hub", 1, 2, others=0.5)]
    assert believed(samples) == samples


def test_a_share_of_twenty_percent_is_not_noise_yet() -> None:
    assert not sample("hub", 0, 1, others=0.2).is_noisy


def test_a_ratio_is_taken_between_neighbours() -> None:
    """A machine that slows both down by half changes no ratio."""
    samples = [
        *(sample("hub", 0, 100), sample("naive", 0, 10)),
        *(sample("hub", 1, 40), sample("naive", 1, 5)),
        *(sample("hub", 2, 90), sample("naive", 2, 10)),
    ]
    assert ratio(samples, "per s", "hub", "naive") == Spread(9, 8, 10, 3)


def test_a_ratio_falls_back_on_noisy_rounds() -> None:
    """Quiet rounds that do not meet compare nothing."""
    samples = [
        *(sample("hub", 0, 100, others=0.5), sample("naive", 0, 10)),
        *(sample("hub", 1, 40), sample("naive", 1, 5, others=0.5)),
    ]
    assert ratio(samples, "per s", "hub", "naive") == Spread(9, 8, 10, 2)


def test_nothing_is_compared_with_zero() -> None:
    samples = [sample("hub", 0, 100), sample("naive", 0, 0)]
    assert ratio(samples, "per s", "hub", "naive") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(20.0, "moonshot"), (8.0, "met"), (7.9, "not met"), (None, "not measured")],
)
def test_a_goal_that_is_a_floor(value: float | None, expected: str) -> None:
    assert verdict(Goal(name="acks", goal=8, dream=20), value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.1, "moonshot"), (0.25, "met"), (0.3, "not met")]
)
def test_a_goal_that_is_a_ceiling(value: float, expected: str) -> None:
    assert verdict(Goal(name="p99", goal=0.25, dream=0.125, floor=False), value) == expected


def test_a_mark_survives_whatever_carries_it() -> None:
    mark = Mark(7001, 3, 42, 123456789)
    assert mark_in(b'{"text": "' + text_of(mark) + b'"}') == mark
    assert mark_in(b"no mark here") is None
