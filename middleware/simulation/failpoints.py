"""Failpoints: one or two messages, and every moment at which something may go wrong.

A run without faults counts the moments: every call of the store, of a unit, of the network, before
and after. Then the same run is repeated with something happening at each of them. A hub that died
is replaced, and what the two ends hold in the end is judged.
"""

from dataclasses import dataclass, field

from middleware.simulation.life import HANGS_S, Action
from middleware.simulation.loop import run
from middleware.simulation.world import ACCOUNT, Fate, World, build
from middleware.store.policy import Policy
from middleware.trial.layout import USUAL_CRM
from middleware.trial.verdict import Verdict

NINA = 1001
LIVES = 3
PAUSE_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What is said: so many messages, and as many answers. `at_once`: nobody pauses between."""

    messages: int = 1
    policy: Policy = field(default_factory=Policy)
    at_once: bool = False
    crm: str = USUAL_CRM


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended to which `action` happened at the moment `at`."""

    action: Action
    at: str
    verdict: Verdict
    is_quiet: bool
    contacts: int
    held: int
    tasks: int
    silences: int

    @property
    def is_fine(self) -> bool:
        """Nothing lost, doubled or out of order; held is at most the one send in flight.

        Where nobody answered there is one task.
        """
        is_told_once = self.contacts == 1 and self.tasks == self.silences
        return self.is_quiet and self.verdict.is_clean and is_told_once and self.held <= 1


def count_points(talk: Talk) -> int:
    """How many moments the run without a fault has."""
    return run(_count(talk), seed=1)


async def _count(talk: Talk) -> int:
    world = await build(1, policy=talk.policy, crm=talk.crm)
    await _converse(world, talk)
    return world.hub.life.points


def happen_at(point: int, action: Action, talk: Talk) -> Outcome:
    """Repeat the run, and let something happen at this moment."""
    return run(_happen(Fate(point=point, action=action), talk), seed=1)


async def _happen(fate: Fate, talk: Talk) -> Outcome:
    world = await build(1, fate, talk.policy, crm=talk.crm)
    first = world.hub.life
    is_quiet = await _converse(world, talk)
    if fate.action == "hang":
        await world.site.clock.sleep(HANGS_S)
        is_quiet = await _has_settled(world)
    return Outcome(
        action=fate.action,
        at=first.last_words,
        verdict=await world.verdict(),
        is_quiet=is_quiet,
        contacts=len(await world.contacts()),
        held=world.unprovable_sends(),
        tasks=len(await world.desk.tasks(ACCOUNT)),
        silences=int(bool(talk.policy.answer_within)),
    )


async def _converse(world: World, talk: Talk) -> bool:
    """A customer writes, an operator answers, as often as asked; True when all came to an end.

    Where the route wants tasks for what nobody answers, nobody does.
    """
    for number in range(talk.messages):
        world.channel.say(NINA, f"question {number}", name="Nina")
        await world.site.clock.sleep(0 if talk.at_once else PAUSE_S)
    if not await _has_settled(world):
        return False
    if talk.policy.answer_within:
        return True
    (chat,) = await world.answerable()
    for number in range(talk.messages):
        await world.answer(chat, f"answer {number}")
        await world.site.clock.sleep(2)
    return await _has_settled(world)


async def _has_settled(world: World) -> bool:
    """Wait for quiet. Whenever the hub is found dead, another one comes up."""
    for _ in range(LIVES):
        if not world.is_alive:
            await world.restart()
        if await world.settle():
            return True
    return False
