"""Whom a sweeper wakes again, and how a process learns who of its like is dead."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mappers.vocabulary import ConnectionId
from middleware.ids import uuid7
from middleware.serve.roster import Roster, own_name, queue_of, worker_name
from middleware.serve.sweeper import LONGEST_PATIENCE_S, Woken

A, B = ConnectionId(uuid7()), ConnectionId(uuid7())
HOLDER = """
import sys, time
from pathlib import Path
from middleware.serve.roster import Roster
with Roster(Path(sys.argv[1]), "other:1:a"):
    print("in", flush=True)
    time.sleep(60)
"""


def calls_of(woken: Woken, seconds: int) -> list[int]:
    """When somebody due all the time, whom nobody serves, is woken by a sweep every second."""
    return [now for now in range(seconds) if woken.again([A], float(now))]


def test_a_wake_up_that_was_lost_is_repeated_by_the_next_sweep() -> None:
    assert calls_of(Woken(), 2) == [0, 1]


def test_whoever_nobody_serves_is_woken_ever_more_seldom() -> None:
    called = calls_of(Woken(), 300)
    waits = [later - earlier for earlier, later in pairwise(called)]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_PATIENCE_S
    assert len(called) < 20


def test_whoever_was_served_meanwhile_is_woken_at_once() -> None:
    woken = Woken()
    calls_of(woken, 30)
    assert woken.again([], 30.0) == []
    assert woken.again([A], 31.0) == [A]


@given(st.lists(st.sets(st.sampled_from([A, B])), max_size=40))
def test_nobody_is_woken_who_is_not_due(rounds: list[set[ConnectionId]]) -> None:
    woken = Woken()
    for now, due in enumerate(rounds):
        assert set(woken.again(due, float(now))) <= due


def test_a_process_that_is_killed_is_known_to_be_dead_and_one_that_lives_is_not(
    tmp_path: Path,
) -> None:
    with Roster(tmp_path, own_name()) as roster:
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"in\n"
            assert roster.dead() == []
            other.kill()
        assert roster.dead() == ["other:1:a"]
        roster.forget(["other:1:a"])
        assert roster.dead() == []


def test_whoever_ends_by_itself_leaves_no_trace(tmp_path: Path) -> None:
    with Roster(tmp_path, own_name()), Roster(tmp_path, own_name()) as second:
        assert second.dead() == []
    assert list(tmp_path.iterdir()) == []


def test_a_queue_is_named_as_its_worker_whatever_chance_added() -> None:
    assert queue_of(own_name()) == queue_of(own_name()) == worker_name()
