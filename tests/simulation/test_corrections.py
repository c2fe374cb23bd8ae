"""Operators change their minds while everything breaks: customers end with what was meant last."""

import logging
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog

from mappers.vocabulary import DeliveryState, MessageDeleted, MessageEdited, Origin
from middleware.pipeline.corrections import Correction, plan_correction
from middleware.pipeline.planning import Planner
from middleware.simulation.loop import run
from middleware.simulation.scenario import Scale, Story
from middleware.simulation.twin.schema import Said
from middleware.simulation.world import BOT, World, build
from middleware.store.errors import StoreConflict, StoreUnavailable

SEEDS, AT_ONCE = 40, 20
SCALE = Scale(messages=6, replies=8, longest_outage_s=60.0)
PEACE_S = 1800.0
TAKEN_BACK = None


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


class Second(Story):
    """People who think again. `meant` is what each reply should say in the end."""

    def __init__(self, world: World, rng: random.Random) -> None:
        super().__init__(world, rng, SCALE)
        self.meant: dict[Any, str | None] = {}

    def replies(self) -> list[Said]:
        rows = self.world.site.store.tables.messages.rows.values()
        return [said for said in rows if said.is_reply]

    async def _break_something(self) -> None:
        for said in self.replies():
            if self.rng.random() < 0.4 and self.meant.get(said.id, "") is not TAKEN_BACK:
                await self._correct(said)
        await super()._break_something()

    async def _correct(self, said: Said) -> None:
        """Tell it as a CRM would, again and again until it is kept."""
        at = self.world.site.clock.now()
        words = TAKEN_BACK if self.rng.random() < 0.3 else f"{said.id} at {at:%H:%M:%S}"
        event = told(said, words, at)
        while True:
            try:
                async with self.world.site.store.unit() as unit:
                    await plan_correction(Planner(unit, at), said.row(), event)
            except (StoreConflict, StoreUnavailable):
                await self.world.site.clock.sleep(1)
            else:
                self.meant[said.id] = words
                return


def told(said: Said, words: str | None, at: Any) -> Correction:
    assert said.content is not None
    origin: Origin = said.content.origin
    if words is TAKEN_BACK:
        return MessageDeleted(origin=origin, deleted_at=at)
    return MessageEdited(origin=origin, edited_at=at, text=words or "")


def shown(world: World) -> dict[str, str | None]:
    """What the phones show of each message that is known by a name; None where it was deleted."""
    channel: Any = world.channel
    seen = ((chat["chat_id"], each) for chat in channel.chats() for each in chat["messages"])
    return {
        f"{chat}:{each['message_id']}": None if each["deleted"] else each["text"]
        for chat, each in seen
    }


async def live(seed: int) -> tuple[dict[str, str | None], dict[str, str | None], list[str]]:
    world = await build(seed)
    story = Second(world, random.Random(seed ^ 0xED17))
    await story.happen()
    await story.heal()
    await world.site.clock.sleep(timedelta(seconds=PEACE_S).total_seconds())
    tables = world.site.store.tables
    names = [row for row in tables.names.rows.values() if row.connection == BOT]
    meant = {row.name: story.meant[row.message] for row in names if row.message in story.meant}
    phones = shown(world)
    buried = [
        f"{row.duty.kind}:{row.code}"
        for row in tables.deliveries.rows.values()
        if row.state is DeliveryState.DEAD
    ]
    return {str(name): words for name, words in meant.items()}, phones, buried


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_customers_end_with_what_was_meant_last(first: int) -> None:
    corrected = 0
    for seed in range(first, first + AT_ONCE):
        meant, phones, buried = run(live(seed), seed=seed)
        assert {name: phones[name] for name in meant} == meant, f"seed {seed}"
        assert buried == [], f"seed {seed}"
        corrected += len(meant)
    assert corrected > AT_ONCE
