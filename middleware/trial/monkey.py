"""The monkey of a chaos run: what it breaks is drawn from the seed, and counted by name.

It breaks what really breaks: the hub's processes, its database and its broker, the network to both
providers, and the order and number of the webhooks. What no provider promises to survive is left
alone: a hook that was never sent, an account that was blocked.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from channel_clients.emulators.contract import ChannelFaults
from middleware.trial.parts import Broker
from middleware.trial.processes import TrialFailed
from middleware.trial.stages import CrmStage, Stage
from middleware.trial.town import Town
from middleware.trial.traffic import Traffic

# A provider that is still at it must be done before the hub asks what became of the call.
LONGEST_HANG_S = 2.0
# Renewed credentials that are refused again within a minute are no accident, and end in a sign-in.
BETWEEN_EXPIRIES_S = 75.0
PAUSES_S = (0.8, 3.0)
LEASE_S = 30.0
# How long a hook may wait to be overtaken: its conversation has to keep quiet meanwhile.
HOOKS_ARE_HELD_S = 6.0
OF_THE_NETWORK = (
    *("cut_before", "cut_after", "hang_before", "hang_after", "slow", "garbage"),
    *("error_500_before", "error_500_after", "bad_gateway_before", "bad_gateway_after"),
    "unavailable_before",
)


@dataclass(slots=True)
class Monkey:
    """Breaks things until it is cancelled. `disturbed` counts what hit calls in flight unseen."""

    here: Town
    rng: random.Random
    traffic: Sequence[Traffic]
    done: Counter[str] = field(default_factory=Counter)
    _expired_at: dict[str, float] = field(default_factory=dict)

    @property
    def disturbed(self) -> int:
        names = ("hub_killed", "hub_frozen", "database_crashed", "power_cut", "lease_outlasted")
        return sum(self.done[name] for name in names)

    async def run(self) -> None:
        tricks: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self.kill_hub, 3),
            (self.freeze_hub, 3),
            (self.crash_database, 2),
            (self.cut_power, 1),
            (self.break_sends, 6),
            (self.break_writes, 6),
            (self.break_questions, 4),
            (self.break_files, 4),
            (self.flood, 3),
            (self.expire_token, 1),
            (self.double_hooks, 3),
            (self.reorder_hooks, 3),
        ]
        if self.here.broker is not None:
            tricks += [
                (self.flush_broker, 2),
                (self.lose_broker, 2),
                (self.hang_broker, 2),
                (self.roll, 2),
                (self.outlast_lease, 1),
            ]
        # Everything once, in an order of the seed's own, before anything again.
        order = [trick for trick, _ in tricks]
        self.rng.shuffle(order)
        while True:
            await asyncio.sleep(self.rng.uniform(*PAUSES_S))
            weights = [weight for _, weight in tricks]
            drawn = self.rng.choices([trick for trick, _ in tricks], weights)[0]
            await (order.pop() if order else drawn)()

    async def heal(self) -> None:
        """Put everything back: a monkey is stopped in the middle of whatever it was doing."""
        await self.here.channel.heal()
        for crm in self.here.crms.values():
            await crm.heal()
        for process in self.here.processes:
            process.thaw()
        if self.here.broker is not None:
            self.here.broker.process.thaw()
            if not self.here.broker.process.is_running:
                await self.here.broker.start()
        await self.here.start_hub()

    async def kill_hub(self) -> None:
        self.done["hub_killed"] += 1
        await self.rng.choice(self.here.processes).kill()
        await asyncio.sleep(self.rng.uniform(0.1, 2.0))
        await self.here.start_hub()

    async def freeze_hub(self) -> None:
        self.done["hub_frozen"] += 1
        process = self.rng.choice(self.here.processes)
        process.freeze()
        try:
            await asyncio.sleep(self.rng.uniform(1.0, 7.0))
        finally:
            process.thaw()

    async def outlast_lease(self) -> None:
        """Freeze a worker until others serve in its place, and let it wake as if nothing was."""
        self.done["lease_outlasted"] += 1
        process = self.rng.choice(self.here.processes[2:])
        process.freeze()
        try:
            await asyncio.sleep(LEASE_S + self.rng.uniform(1.0, 4.0))
        finally:
            process.thaw()

    async def roll(self) -> None:
        """Stop and start every process in turn, as a deployment does."""
        self.done["hub_rolled"] += 1
        for process in self.here.processes:
            await process.stop()
            await self.here.start_hub()

    async def flush_broker(self) -> None:
        self.done["broker_flushed"] += 1
        await self._broker.flush()

    async def lose_broker(self) -> None:
        self.done["broker_killed"] += 1
        await self._broker.process.kill()
        await asyncio.sleep(self.rng.uniform(0.5, 5.0))
        await self._broker.start()

    async def hang_broker(self) -> None:
        self.done["broker_hung"] += 1
        self._broker.process.freeze()
        try:
            await asyncio.sleep(self.rng.uniform(1.0, 8.0))
        finally:
            self._broker.process.thaw()

    @property
    def _broker(self) -> Broker:
        if self.here.broker is None:
            raise TrialFailed("this hub has no broker")
        return self.here.broker

    async def crash_database(self) -> None:
        self.done["database_crashed"] += 1
        await self.here.crash_database()

    async def cut_power(self) -> None:
        self.done["power_cut"] += 1
        await self.here.cut_power()
        await asyncio.sleep(self.rng.uniform(0.1, 1.0))
        await self.here.start_hub()

    @property
    def _channel(self) -> ChannelFaults:
        return self.here.layout.channel_part.faults

    def _some_crm(self) -> CrmStage:
        return self.rng.choice(list(self.here.crms.values()))

    async def break_sends(self) -> None:
        await self._arm_network(self.here.channel, self._channel.sends)

    async def break_writes(self) -> None:
        crm = self._some_crm()
        await self._arm_network(crm, crm.part.faults.writes)

    async def break_questions(self) -> None:
        crm = self._some_crm()
        await self._arm_network(crm, crm.part.faults.questions)

    async def break_files(self) -> None:
        await self._arm_network(self.here.channel, self._channel.files)
        # Half a file that calls itself whole is no fault that anybody could notice.
        whole = [name for name in OF_THE_NETWORK if name != "garbage"]
        crm = self._some_crm()
        await self._arm_network(crm, crm.part.faults.files, whole)

    async def flood(self) -> None:
        """A storm of 429, from either side."""
        times = self.rng.randint(1, 4)
        if self.rng.random() < 0.5:
            name = self._channel.flood
            await self.here.channel.arm(name, match=self._channel.sends, times=times)
        else:
            crm = self._some_crm()
            faults = crm.part.faults
            await crm.arm(faults.flood, match=faults.writes, times=times)

    async def expire_token(self) -> None:
        crm = self._some_crm()
        name, faults = crm.part.name, crm.part.faults
        if time.monotonic() - self._expired_at.get(name, -BETWEEN_EXPIRIES_S) > BETWEEN_EXPIRIES_S:
            self._expired_at[name] = time.monotonic()
            await crm.arm(faults.expired, match=faults.questions)

    async def double_hooks(self) -> None:
        await self.here.channel.arm(self.rng.choice(self._channel.doubled))
        crm = self._some_crm()
        await crm.arm(crm.part.faults.doubled, match=crm.part.faults.hooks)

    async def reorder_hooks(self) -> None:
        """Let hooks overtake one another, but none of its own conversation, as providers do."""
        await self.here.channel.arm(self._channel.reordered)
        shop = self.rng.choice(self.traffic)
        async with shop.typing:
            free = shop.free_chats()
            if len(free) < 2:
                return
            crm = self.here.crm_of(shop.shop)
            await crm.arm(crm.part.faults.reordered, match=crm.part.faults.hooks)
            for chat in self.rng.sample(free, 2):
                await shop.reply(chat, rest_s=HOOKS_ARE_HELD_S)

    async def _arm_network(
        self, stage: Stage, match: str, names: Sequence[str] = OF_THE_NETWORK
    ) -> None:
        name = self.rng.choice(names)
        seconds = self.rng.uniform(0.5, LONGEST_HANG_S)
        await stage.arm(name, match=match, seconds=seconds, times=self.rng.randint(1, 3))
