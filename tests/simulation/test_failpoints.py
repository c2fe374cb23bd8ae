"""Every moment of a conversation × everything that may happen at it."""

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog

from crm_clients.emulators.registry import PARTS
from middleware.simulation.failpoints import Talk, count_points, happen_at
from middleware.simulation.life import ACTIONS, Action
from middleware.store.policy import Policy

SLICES = 4
ONE, TWO, AT_ONCE = Talk(), Talk(messages=2), Talk(messages=3, at_once=True)
SILENT = Talk(policy=Policy(answer_within=timedelta(seconds=5)))
OTHER_CRMS = sorted(PARTS.keys() - {ONE.crm})
# One of the others is looked at whole; what is left to see of the rest lies close together.
FIRST_OTHER, STEP = OTHER_CRMS[0], 7


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("action", ACTIONS)
def test_one_message_and_one_answer_survive_it_at_every_moment(action: Action, part: int) -> None:
    points = range(1 + part, count_points(ONE) + 1, SLICES)
    assert len(points) > 50
    spoilt = [o for point in points if not (o := happen_at(point, action, ONE)).is_fine]
    assert spoilt == []


@pytest.mark.parametrize("crm", OTHER_CRMS)
@pytest.mark.parametrize("action", ["crash", "error"])
def test_other_crms_survive_it_at_every_moment(crm: str, action: Action) -> None:
    talk = Talk(crm=crm)
    points = range(1, count_points(talk) + 1, 1 if crm == FIRST_OTHER else STEP)
    assert len(points) > 10
    spoilt = [o for point in points if not (o := happen_at(point, action, talk)).is_fine]
    assert spoilt == []


@pytest.mark.parametrize("part", range(SLICES))
def test_two_messages_and_two_answers_survive_a_crash_at_every_moment(part: int) -> None:
    points = range(1 + part, count_points(TWO) + 1, SLICES)
    spoilt = [o for point in points if not (o := happen_at(point, "crash", TWO)).is_fine]
    assert spoilt == []


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("action", ["crash", "error"])
def test_messages_that_are_recorded_together_survive_it_at_every_moment(
    action: Action, part: int
) -> None:
    points = range(1 + part, count_points(AT_ONCE) + 1, SLICES)
    spoilt = [o for p in points if not (o := happen_at(p, action, AT_ONCE)).is_fine]
    assert spoilt == []


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("action", ACTIONS)
def test_a_silence_makes_one_task_whatever_happens_at_any_moment(action: Action, part: int) -> None:
    points = range(1 + part, count_points(SILENT) + 1, SLICES)
    assert len(points) > 30
    spoilt = [o for point in points if not (o := happen_at(point, action, SILENT)).is_fine]
    assert spoilt == []


def test_a_person_is_asked_only_between_taking_a_send_and_recording_it() -> None:
    points = range(1, count_points(ONE) + 1)
    asked = [point for point in points if happen_at(point, "crash", ONE).held]
    assert asked == list(range(asked[0], asked[-1] + 1))
    assert 1 < len(asked) < 60
