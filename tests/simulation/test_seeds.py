"""A thousand lives of a shop in virtual time: whatever breaks, nothing is lost or said twice."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from crm_clients.emulators.registry import PARTS
from middleware.simulation.scenario import CUSTOMERS, Scale, simulate

SEEDS = 1000
AT_ONCE = 25
# What a CRM is called, how it keeps its timeline, and how many lives are lived with it.
OTHERS = [
    *(("bitrix24", "", 100), ("hubspot", "", 50)),
    *((crm, mode, 50) for crm in sorted(PARTS) for mode in sorted(PARTS[crm].modes)),
]
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


@pytest.mark.parametrize(
    ("crm", "mode", "first"),
    [(crm, mode, first) for crm, mode, seeds in OTHERS for first in range(0, seeds, AT_ONCE)],
)
def test_every_seed_ends_well_with_other_crms(crm: str, mode: str, first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        run = simulate(seed, SMALL, crm=crm, mode=mode)
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
