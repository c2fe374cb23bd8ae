"""A dry route in virtual time: whatever breaks, and whenever, the CRM is never written to."""

import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog

from mappers.vocabulary import DeliveryState, RouteId
from middleware.simulation.life import ACTIONS, HANGS_S, Action
from middleware.simulation.loop import run
from middleware.simulation.world import ACCOUNT, BOT, CRM, Fate, World, build
from middleware.store.duties import DRY_RUN
from middleware.store.policy import Policy
from middleware.store.rows import RouteRow

NINA = 1001
LIVES = 4
DRY = Policy(dry_run=True)
CHANGING = frozenset({"POST", "PATCH", "PUT", "DELETE"})


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def changing_calls(world: World) -> int:
    return sum(line.method in CHANGING for line in world.crm.stage.log)


def endings(world: World) -> set[tuple[str, str]]:
    rows = world.site.store.tables.deliveries.rows.values()
    return {(row.state.value, row.code) for row in rows}


async def settled(world: World) -> bool:
    """Wait for quiet; whoever is found dead is followed by another."""
    for _ in range(LIVES):
        if not world.is_alive:
            await world.restart()
        if await world.settle():
            return True
    return False


async def shown_only(fate: Fate | None) -> int:
    """Let a customer write twice on a dry route; return how many moments that had."""
    world = await build(1, fate, DRY)
    before, first = changing_calls(world), world.hub.life
    for number in range(2):
        world.channel.say(NINA, f"question {number}", name="Nina")
        await world.site.clock.sleep(0.3)
    assert await settled(world)
    if fate is not None and fate.action == "hang":
        await world.site.clock.sleep(HANGS_S)
        assert await settled(world)
    assert changing_calls(world) == before, first.last_words
    assert await world.desk.timeline(ACCOUNT) == [], first.last_words
    assert endings(world) == {(DeliveryState.SKIPPED, DRY_RUN)}, first.last_words
    assert not world.site.store.tables.contact_links.rows
    return first.points


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_written_whatever_happens_at_any_moment(action: Action) -> None:
    points = run(shown_only(None), seed=1)
    assert points > 20
    stride = 1 if action == "crash" else 4
    for point in range(1, points + 1, stride):
        run(shown_only(Fate(point=point, action=action)), seed=1)


def test_live_again_what_is_said_then_is_written() -> None:
    async def story() -> None:
        world = await build(1, policy=DRY)
        world.channel.say(NINA, "before", name="Nina")
        assert await settled(world)
        route = RouteRow(id=RouteId(UUID(int=4)), source=BOT, target=CRM, policy=Policy())
        world.site.store.add_route(route)
        world.channel.say(NINA, "after")
        assert await settled(world)
        (chat,) = await world.desk.timeline(ACCOUNT)
        assert [message["text"] for message in chat["messages"]] == ["after"]
        (attempt,) = [
            noted.attempt
            for noted in world.site.store.tables.attempts.rows.values()
            if noted.attempt.effects
        ]
        assert {line["step"] for line in attempt.effects} >= {"create_record", "write"}

    run(story(), seed=1)
