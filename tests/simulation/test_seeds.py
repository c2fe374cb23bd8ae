"""A thousand lives of a shop in virtual time: whatever breaks, nothing is lost or said twice."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from crm_clients.emulators.registry import PARTS
from middleware.simulation.scenario import CUSTOMERS, Scale, simulate
from middleware.trial.layout import USUAL_CRM

SEEDS = 1000
AT_ONCE = 25
OTHER_CRMS = sorted(PARTS.keys() - {USUAL_CRM})
SMALL = Scale(messages=6, replies=3, longest_outage_s=60.0)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_every_seed_ends_well(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        run = simulate(seed, SMALL)
        assert run.problems == (), f"seed {seed}"
        assert run.verdict.messages_in == SMALL.messages
        assert run.verdict.contacts_created <= CUSTOMERS


@pytest.mark.parametrize("first", range(0, SEEDS // 10, AT_ONCE))
def test_every_seed_ends_well_where_the_crm_has_notes_only(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        run = simulate(seed, SMALL, mode="notes")
        assert run.problems == (), f"seed {seed}"
        assert run.verdict.messages_in == SMALL.messages


@pytest.mark.parametrize("crm", OTHER_CRMS)
@pytest.mark.parametrize("first", range(0, SEEDS // 10, AT_ONCE))
def test_every_seed_ends_well_with_other_crms(first: int, crm: str) -> None:
    for seed in range(first, first + AT_ONCE):
        run = simulate(seed, SMALL, crm=crm)
        assert run.problems == (), f"seed {seed}"
        assert run.verdict.messages_in == SMALL.messages
        assert run.verdict.contacts_created <= CUSTOMERS


def test_the_same_seed_gives_the_same_run() -> None:
    assert simulate(7, SMALL) == simulate(7, SMALL)


def test_the_trouble_is_real() -> None:
    met: set[str] = set()
    for seed in range(40):
        met |= simulate(seed, SMALL).faults.keys()
    assert {"crash", "cut_after", "outage_of_store", "duplicate_update", "store_conflict"} <= met


def test_an_hour_without_the_crm_ends_in_delivery() -> None:
    run = simulate(3, Scale(messages=20, replies=4, trouble=0.0))
    assert run.problems == ()
    assert run.faults == {}
