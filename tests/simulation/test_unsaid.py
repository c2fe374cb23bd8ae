"""What a provider leaves unsaid, either way: lives of a shop under other readings of its pages."""

import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from middleware.simulation.loop import run
from middleware.simulation.scenario import Scale, Story
from middleware.simulation.world import build
from middleware.trial.verdict import Verdict

SEEDS = 5
SCALE = Scale(messages=6, replies=3, longest_outage_s=60.0)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


async def live(seed: int, readings: dict[str, Any]) -> Verdict:
    world = await build(seed, crm="hubspot")
    switches: Any = world.crm
    for name, value in readings.items():
        switches.switches.set(name, value)
    story = Story(world, random.Random(seed), SCALE)
    await story.happen()
    await story.heal()
    assert await world.settle()
    return await world.verdict()


@pytest.mark.parametrize(
    "readings",
    [
        {"repeated_publish": "same", "contact_association": "never", "hook_twice": True},
        {"repeated_publish": "conflict", "messages_sorted_by": "arrival"},
        {"own_replies_told": True, "channel_hooks_repeated": True, "hook_jitter_s": 3.0},
        {"thread_told_as": "integrationThreadId", "recipient_told_as": "words"},
        {"association_ids": "strings", "refusal_has_category": False, "search_lag_s": 60.0},
    ],
)
def test_the_promises_hold_under_every_reading(readings: dict[str, Any]) -> None:
    for seed in range(SEEDS):
        verdict = run(live(seed, readings), seed=seed)
        assert verdict.is_clean, f"seed {seed}: {verdict}"
        assert verdict.messages_in == SCALE.messages
