"""Failpoints: one or two messages, and every moment at which something may go wrong.

A run without faults counts the moments: every call of the store, of a unit, of the network, before
and after. Then the same run is repeated with something happening at each of them. A hub that died
is replaced, and what the two ends hold in the end is judged.
"""

from dataclasses import dataclass

from middleware.simulation.life import HANGS_S, Action
from middleware.simulation.loop import run
from middleware.simulation.world import ACCOUNT, Fate, World, build
from middleware.store.policy import Policy
from middleware.trial.verdict import Verdict

NINA = 1001
LIVES = 3
PAUSE_S = 0.3
USUAL = Policy()


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


def count_points(messages: int, policy: Policy = USUAL, *, at_once: bool = False) -> int:
    """How many moments the run without a fault has. `at_once`: nobody pauses between messages."""
    return run(_count(messages, policy, 0 if at_once else PAUSE_S), seed=1)


async def _count(messages: int, policy: Policy, pause_s: float) -> int:
    world = await build(1, policy=policy)
    await _converse(world, messages, policy, pause_s)
    return world.hub.life.points


def happen_at(
    point: int, action: Action, messages: int, policy: Policy = USUAL, *, at_once: bool = False
) -> Outcome:
    """Repeat the run, and let something happen at this moment."""
    fate, pause_s = Fate(point=point, action=action), 0 if at_once else PAUSE_S
    return run(_happen(fate, messages, policy, pause_s), seed=1)


async def _happen(fate: Fate, messages: int, policy: Policy, pause_s: float) -> Outcome:
    world = await build(1, fate, policy)
    first = world.hub.life
    is_quiet = await _converse(world, messages, policy, pause_s)
    if fate.action == "hang":
        await world.site.clock.sleep(HANGS_S)
        is_quiet = await _has_settled(world)
    return Outcome(
        action=fate.action,
        at=first.last_words,
        verdict=world.verdict(),
        is_quiet=is_quiet,
        contacts=len([c for c in world.crm.contacts(ACCOUNT) if not c["is_deleted"]]),
        held=world.unprovable_sends(),
        tasks=len(world.crm.tasks(ACCOUNT)),
        silences=int(bool(policy.answer_within)),
    )


async def _converse(world: World, messages: int, policy: Policy, pause_s: float) -> bool:
    """A customer writes, an operator answers, as often as asked; True when all came to an end.

    Where the route wants tasks for what nobody answers, nobody does.
    """
    for number in range(messages):
        world.channel.say(NINA, f"question {number}", name="Nina")
        await world.site.clock.sleep(pause_s)
    if not await _has_settled(world):
        return False
    if policy.answer_within:
        return True
    (chat,) = world.crm.timeline(ACCOUNT)
    for number in range(messages):
        world.crm.reply(ACCOUNT, chat.chat_id, f"answer {number}")
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
