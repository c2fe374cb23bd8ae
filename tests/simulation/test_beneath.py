"""Customers correct themselves while everything breaks: each CRM ends with their newest words."""

import logging
import random
from collections.abc import Iterator
from typing import Any, cast

import pytest
import structlog

from middleware.simulation.loop import run
from middleware.simulation.scenario import CUSTOMERS, Scale, Story
from middleware.simulation.world import World, build
from middleware.trial.verdict import Verdict

SEEDS = 12
SCALE = Scale(messages=6, replies=2, longest_outage_s=60.0)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


class Corrected(Story):
    """Half of what customers write they write again, once."""

    def __init__(self, world: World, rng: random.Random) -> None:
        super().__init__(world, rng, SCALE)
        self.corrected = 0

    def _say(self) -> None:
        customer = 1001 + self.rng.randrange(CUSTOMERS)
        self._said += 1
        words, phone = f"message {self._said}", cast("Any", self.world.channel)
        told = phone.say(customer, words, name=f"Customer {customer}")
        if self.rng.random() < 0.5:
            self.corrected += 1
            phone.edit(customer, told.message_id, f"{words}, corrected")


async def live(seed: int, crm: str) -> tuple[Verdict, int]:
    world = await build(seed, crm=crm)
    story = Corrected(world, random.Random(seed))
    await story.happen()
    await story.heal()
    assert await world.settle()
    return await world.verdict(), story.corrected


@pytest.mark.parametrize("crm", ["bitrix24", "hubspot"])
def test_a_correction_is_neither_lost_nor_said_twice(crm: str) -> None:
    """One of them changes what it shows, the other is told beneath it."""
    corrected = 0
    for seed in range(SEEDS):
        verdict, count = run(live(seed, crm), seed=seed)
        corrected += count
        assert verdict.is_clean, f"seed {seed}: {verdict}"
        assert verdict.messages_in == SCALE.messages
    assert corrected > SEEDS
