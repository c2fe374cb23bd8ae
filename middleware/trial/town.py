"""A town to try the hub in: emulated providers and a hub, each a process of its own.

    async with town(Layout(folder=…)) as here:
        await here.channel.act("say", here.shops[0].bot, 1001, text="Здравствуйте")

Which channel and which CRMs they are says the layout. Everything is stopped, by id, when the block
ends, however it ends.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from crm_clients.emulators.contract import Desk, Ours
from middleware.db.embedded_site import SHELTER, settle
from middleware.trial.evidence import Records, threads_of
from middleware.trial.layout import Layout
from middleware.trial.parts import Broker, hub_processes
from middleware.trial.plan import Plan, Registration, Shop
from middleware.trial.processes import HOST, READY_WITHIN_S, Child, TrialFailed, free_port
from middleware.trial.stages import ChannelStage, CrmStage, Stage
from middleware.trial.verdict import Verdict, judge

LOOK_EVERY_S = 0.7


@dataclass(slots=True, kw_only=True)
class Town:
    """`crms` are by name; `known` counts the contacts that an account had before, by shop."""

    layout: Layout
    channel: ChannelStage
    crms: Mapping[str, CrmStage]
    hub: Child
    hub_url: str
    shops: tuple[Shop, ...] = ()
    known: Counter[str] = field(default_factory=Counter)
    emulators: tuple[Child, ...] = ()
    others: tuple[Child, ...] = ()
    broker: Broker | None = None

    @property
    def processes(self) -> tuple[Child, ...]:
        """Everything that the hub consists of; first the one that answers."""
        return (self.hub, *self.others)

    @property
    def channel_name(self) -> str:
        """What the hub calls the channel, as the CRM's names of conversations begin."""
        return self.layout.channel

    def crm_of(self, shop: Shop) -> CrmStage:
        return self.crms[shop.crm_provider]

    def desk_of(self, shop: Shop) -> Desk:
        return self.crm_of(shop).desk

    @property
    def data_dir(self) -> Path:
        return self.layout.folder / "hub"

    def check(self) -> None:
        """Raises: `TrialFailed` when an emulator has died, which nothing here does on purpose."""
        for emulator in self.emulators:
            emulator.check()

    async def start_hub(self, *more: str) -> None:
        """Start whatever of the hub does not run, and wait until it answers.

        Raises: `TrialFailed`.
        """
        if not self.hub.is_running:
            await self.hub.start(*more)
            await _until_up(self.hub, self._hub_answers)
        for other in self.others:
            if not other.is_running:
                await other.start()

    async def _hub_answers(self) -> bool:
        try:
            await self.channel.client.get(self.hub_url)
        except httpx.TransportError:
            return False
        return True

    async def cut_power(self) -> None:
        """Kill the hub and its PostgreSQL at once."""
        await asyncio.gather(*(each.kill() for each in self.processes), self.crash_database())

    async def crash_database(self) -> None:
        """End the hub's own PostgreSQL as a crash would; a running hub brings it back.

        Harmless when it does not run.
        """
        if (self.data_dir / "postgres").exists():
            site = await asyncio.to_thread(settle, self.data_dir / "postgres", None, SHELTER)
            await site.command("pg_ctl", "stop", "-s", "-m", "immediate")

    async def records(self, shop: Shop) -> Records:
        """Collect what both sides hold of one shop."""
        said, chats, timeline, replies = await asyncio.gather(
            self.channel.said(),
            self.channel.chats(shop.bot),
            self.desk_of(shop).timeline(shop.name),
            self.desk_of(shop).replies(shop.name),
        )
        name = f"bot{shop.bot.partition(':')[0]}_bot"
        return Records(
            said=[act for act in said if act["bot"] == name],
            chats=chats,
            timeline=timeline,
            replies=replies,
        )

    async def verdict(self, crm: str = "") -> Verdict:
        """Judge by what both sides hold now: the shops of one CRM, or all of them."""
        shops = [shop for shop in self.shops if crm in ("", shop.crm_provider)]
        records = [await self.records(shop) for shop in shops]
        contacts = [await self.desk_of(shop).contacts(shop.name) for shop in shops]
        return judge(
            [thread for each in records for thread in threads_of(each)],
            contacts_created=sum(map(len, contacts)) - sum(self.known[s.name] for s in shops),
        )

    async def verdicts(self) -> dict[str, Verdict]:
        """Judge each CRM by itself."""
        return {name: await self.verdict(name) for name in self.crms}

    async def save_evidence(self) -> None:
        """Keep what both sides hold, for whoever looks into what went wrong."""
        kept = {shop.name: asdict(await self.records(shop)) for shop in self.shops}
        path = self.layout.folder / "evidence.json"
        path.write_text(json.dumps(kept, ensure_ascii=False, indent=1), "utf-8")

    async def quiet(self, *, within_s: float) -> Verdict:
        """Wait until everything said has arrived, is told of, and nothing more comes.

        Patience ends when nothing has changed for so long: a slow machine may take its time.
        """
        ends_at = 0.0
        last = None
        while True:
            self.check()
            verdict = await self.verdict()
            pending = await self.channel.pending()
            is_done = not (verdict.lost or verdict.held or verdict.outdated or pending)
            is_told = verdict.statuses_returned == verdict.replies
            if verdict != last:
                ends_at = time.monotonic() + within_s
            elif (is_done and is_told) or time.monotonic() > ends_at:
                return verdict
            last = verdict
            await asyncio.sleep(LOOK_EVERY_S)


def make_folder(chosen: Path | None) -> Path:
    """Make the folder of a run: the one that was chosen, or a temporary one."""
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        return chosen.absolute()
    folder = Path(tempfile.mkdtemp(prefix="threadline-trial-"))
    # Under root the database runs as somebody else, who has to be let through.
    folder.chmod(0o711)
    return folder


def discard(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def town(layout: Layout) -> AsyncIterator[Town]:
    """Build the town, and leave no process behind.

    Raises: `TrialFailed` when something does not start.
    """
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30))
        channel = ChannelStage(f"http://{HOST}:{free_port()}", client)
        crms = {
            part.name: CrmStage(f"http://{HOST}:{free_port()}", client, part)
            for part in layout.crm_parts
        }
        broker = None
        if layout.workers:
            broker = Broker(layout.folder)
            stack.push_async_callback(broker.stop)
            await broker.start()
        hub, *others = hub_processes(layout, broker)
        here = Town(
            layout=layout,
            channel=channel,
            crms=crms,
            hub=hub,
            hub_url=hub.env["THREADLINE_PUBLIC_URL"],
            others=tuple(others),
            broker=broker,
        )
        here.emulators = _emulators(layout, channel, crms)
        for child, stage in zip(here.emulators, (channel, *crms.values()), strict=True):
            stack.push_async_callback(child.stop)
            await child.start()
            await _until_up(child, stage.is_up)
        stack.push_async_callback(here.crash_database)
        for process in here.processes:
            stack.push_async_callback(process.stop)
        plan = await _settle_shops(here)
        here.shops = plan.shops
        plan.write(layout.folder / "plan.json")
        await here.start_hub("--move-in", str(layout.folder / "plan.json"))
        yield here


async def _until_up(child: Child, is_up: Any) -> None:
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while not await is_up():
                child.check()
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise TrialFailed(f"{child.name} did not answer within {READY_WITHIN_S:.0f} s") from None


def _emulators(
    layout: Layout, channel: ChannelStage, crms: Mapping[str, CrmStage]
) -> tuple[Child, ...]:
    played = layout.channel_part
    tokens = [_token(number) for number in range(len(layout.shops))]
    arguments = (_port(channel), *played.arguments(tokens, layout.limited))
    return (
        Child(played.name, played.module, arguments, layout.folder),
        *(Child(name, crm.part.module, (_port(crm),), layout.folder) for name, crm in crms.items()),
    )


def _port(stage: Stage) -> str:
    return f"--port={stage.base.rpartition(':')[2]}"


def _token(number: int) -> str:
    return f"{7001 + number}:trial-{number}"


async def _settle_shops(here: Town) -> Plan:
    """Open the CRM accounts, and collect what the hub needs to connect them."""
    layout = here.layout
    shops: list[Shop] = []
    registrations = []
    for name, crm in here.crms.items():
        await crm.desk.furnish(limited=layout.limited)
        ours = await crm.desk.register(here.hub_url)
        registrations.append(
            Registration(
                provider=name, client_id=ours.client_id, values=ours.values, stage=crm.base
            )
        )
        shops += await _settle_at(here, crm, ours)
    return Plan(
        language=layout.language,
        channel_provider=layout.channel,
        registrations=tuple(registrations),
        shops=tuple(sorted(shops, key=lambda shop: layout.shops.index(shop.name))),
    )


async def _settle_at(here: Town, crm: CrmStage, ours: Ours) -> list[Shop]:
    """Open the accounts of one CRM."""
    layout, shops = here.layout, []
    for number, name in enumerate(layout.shops):
        if layout.crm_of(number) != crm.part.name:
            continue
        operators = await crm.desk.open_account(name, layout.operators)
        values = layout.channel_part.values(_token(number), here.channel.base, f"trial-{number}")
        shops.append(
            Shop(
                name=name,
                bot=_token(number),
                crm_provider=crm.part.name,
                channel=values,
                crm=await crm.desk.admit(name, ours),
                operators=operators,
            )
        )
    return shops
