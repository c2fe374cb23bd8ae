"""One seed: hours of a shop's life with everything going wrong, then peace, then the verdict.

Safety first: faults fall at random while people write. Then liveness: everything is healed, and
all that is owed must come to its end in bounded time. The same seed gives the same run.
"""

import random
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from channel_clients.emulators.registry import CHANNEL_PARTS
from middleware.simulation.loop import run
from middleware.simulation.twin import Fault
from middleware.simulation.world import World, build
from middleware.trial.layout import USUAL_CHANNEL, USUAL_CRM
from middleware.trial.verdict import Verdict

CUSTOMERS = 3
BETWEEN_REPLIES_S = 2.0
CHANNEL_CALLS = (*("cut_before", "cut_after", "error_500_after", "bad_gateway_before", "garbage"),)
CRM_CALLS = (
    *("cut_before", "cut_after", "hang_after", "error_500_before", "error_500_after"),
    *("bad_gateway_after", "garbage"),
)
STORE_FAULTS: tuple[Fault, ...] = ("cut_before_commit", "cut_after_commit", "conflict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much happens. `trouble` is the chance that something breaks at each step."""

    messages: int = 30
    replies: int = 12
    trouble: float = 0.5
    longest_outage_s: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one seed came to. `problems` is empty when all was well."""

    seed: int
    verdict: Verdict
    faults: dict[str, int]
    crashes: int
    virtual_s: float
    problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def simulate(seed: int, scale: Scale | None = None, *, crm: str = USUAL_CRM, mode: str = "") -> Run:
    """Run one seed to its end; `mode` is a way of the CRM to keep its timeline."""
    return run(_live(seed, scale or Scale(), crm, mode), seed=seed)


async def _live(seed: int, scale: Scale, crm: str, mode: str) -> Run:
    world = await build(seed, crm=crm, mode=mode)
    story = Story(world, random.Random(seed ^ 0x5EED), scale)  # noqa: S311 - a seed, no secret
    await story.happen()
    await story.heal()
    is_quiet = await world.settle()
    return await _judged(seed, world, story, is_quiet=is_quiet)


class Story:
    """What people do, and what befalls the machines meanwhile."""

    def __init__(self, world: World, rng: random.Random, scale: Scale) -> None:
        self.world = world
        self.rng = rng
        self.scale = scale
        self.met: Counter[str] = Counter()
        self._said = 0
        self._replied = 0
        self._next_reply_at: dict[object, float] = {}

    async def happen(self) -> None:
        while self._said < self.scale.messages or self._replied < self.scale.replies:
            await self.world.site.clock.sleep(self.rng.expovariate(0.5))
            if self._said < self.scale.messages:
                self._say()
            if self._replied < self.scale.replies:
                await self._reply()
            elif not await self.world.answerable():
                self._replied = self.scale.replies
            if self.rng.random() < self.scale.trouble:
                await self._break_something()
            if not self.world.is_alive:
                await self._bring_up()

    def _say(self) -> None:
        customer = 1001 + self.rng.randrange(CUSTOMERS)
        self._said += 1
        name = f"Customer {customer}"
        self.world.channel.say(customer, f"message {self._said}", name=name)

    async def _reply(self) -> None:
        """An operator answers somebody, no quicker than a person types."""
        now = self.world.site.clock.monotonic()
        waiting = await self.world.answerable()
        free = [where for where in waiting if self._next_reply_at.get(where, 0.0) <= now]
        if not free:
            return
        where = self.rng.choice(free)
        self._replied += 1
        self._next_reply_at[where] = now + BETWEEN_REPLIES_S
        await self.world.answer(where, f"reply {self._replied}")

    async def _break_something(self) -> None:
        world, rng = self.world, self.rng
        match rng.randrange(6):
            case 0:
                passing = CHANNEL_PARTS[USUAL_CHANNEL].faults.passing
                fault = rng.choice((*CHANNEL_CALLS, *passing))
                world.channel.stage.arm(fault, times=rng.randint(1, 3))
            case 1 | 2:
                fault = rng.choice((*CRM_CALLS, *world.part.faults.passing))
                world.crm.stage.arm(fault, times=rng.randint(1, 3), seconds=rng.uniform(1, 60))
            case 3:
                world.site.store.fail_next(rng.choice(STORE_FAULTS), times=rng.randint(1, 3))
            case 4:
                world.kill()
            case _:
                await self._outage()

    async def _outage(self) -> None:
        """Something is away for a while: the database, the CRM, or the hub's address."""
        world, span = self.world, self.rng.uniform(1, self.scale.longest_outage_s)
        what = self.rng.choice(("store", "crm", "address"))
        self.met[f"outage_of_{what}"] += 1
        match what:
            case "store":
                world.site.store.go_away()
                await world.site.clock.sleep(span / 10)
                world.site.store.come_back()
            case "crm":
                world.crm.stage.arm("unavailable_before", times=-1)
                await world.site.clock.sleep(span)
                world.crm.stage.clear()
            case _:
                # A hook lost while a live hub cannot be reached leaves no gap to notice: what is
                # on its way lands first, and nobody types meanwhile.
                await world.site.clock.sleep(2)
                world.site.network.refuse(world.site.base)
                await world.site.clock.sleep(span / 10)
                if world.is_alive:
                    world.site.network.accept(world.site.base)

    async def _bring_up(self) -> None:
        self.met["crash"] += 1
        await self.world.site.clock.sleep(self.rng.uniform(0, self.scale.longest_outage_s / 8))
        await self.world.restart()

    async def heal(self) -> None:
        """Peace: nothing is armed, nothing is away, and a hub is up.

        One more restart stands for the next deploy: whatever hooks were lost while we could not
        be reached for less than a gap's time are read back then.
        """
        world = self.world
        world.channel.stage.clear()
        world.crm.stage.clear()
        world.site.store.come_back()
        if world.is_alive:
            world.kill()
        await world.site.clock.sleep(60)
        await world.restart()
        if world.asks:
            # What hooks lost is found by the next asking, once the dead hub's lease has run out.
            await world.site.clock.sleep(120)


async def _judged(seed: int, world: World, story: Story, *, is_quiet: bool) -> Run:
    verdict = await world.verdict()
    faults = dict(story.met)
    for met in (world.channel.stage.faults_met, world.crm.stage.faults_met):
        for name, count in met.items():
            faults[name] = faults.get(name, 0) + count
    for name, count in world.site.store.faults_met.items():
        faults[f"store_{name}"] = count
    return Run(
        seed=seed,
        verdict=verdict,
        faults=faults,
        crashes=world.crashes,
        virtual_s=world.site.clock.monotonic(),
        problems=tuple(_problems(world, verdict, is_quiet=is_quiet)),
    )


def _problems(world: World, verdict: Verdict, *, is_quiet: bool) -> list[str]:
    found = []
    if not is_quiet:
        found.append("something is still under way after hours of peace")
    if not verdict.is_clean:
        found.append(
            f"lost {verdict.lost}, duplicated {verdict.duplicated}, "
            f"out of order {verdict.out_of_order}, other {verdict.other_faults}"
        )
    if verdict.contacts_created > CUSTOMERS:
        found.append(f"{verdict.contacts_created} contacts for {CUSTOMERS} customers")
    dead = [r for r in world.site.store.tables.deliveries.rows.values() if r.state == "dead"]
    if dead:
        found.append(f"buried: {sorted({(r.duty.kind.value, r.code) for r in dead})}")
    if world.site.network.crashes:
        found.append(f"crashed: {world.site.network.crashes[0]!r}")
    return found
