"""A town to try the hub in: emulated providers and a hub, each a process of its own.

    async with town(Layout(folder=…)) as here:
        await here.channel.act("say", here.shops[0].bot, 1001, text="Здравствуйте")

The channel is Telegram and the CRM amoCRM, and this module is the only one of the trial that says
so. Everything is stopped, by id, when the block ends, however it ends.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from middleware.db.embedded_site import SHELTER, settle
from middleware.trial.evidence import Records, threads_of
from middleware.trial.layout import CHANNEL, CRM, Layout
from middleware.trial.parts import Broker, hub_processes
from middleware.trial.plan import Plan, Shop
from middleware.trial.processes import HOST, READY_WITHIN_S, Child, TrialFailed, free_port
from middleware.trial.stages import ChannelStage, CrmStage
from middleware.trial.verdict import Verdict, judge

LOOK_EVERY_S = 0.7
# A hub that is away when the CRM comes for a file is called again.
FETCH_AGAIN_S = 1.0


@dataclass(slots=True, kw_only=True)
class Town:
    layout: Layout
    channel: ChannelStage
    crm: CrmStage
    hub: Child
    hub_url: str
    shops: tuple[Shop, ...] = ()
    operators: dict[str, int] = field(default_factory=dict)
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
        return CHANNEL

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
            self.crm.timeline(shop.name),
            self.crm.replies(),
        )
        name = f"bot{shop.bot.partition(':')[0]}_bot"
        return Records(
            said=[act for act in said if act["bot"] == name],
            chats=chats,
            timeline=timeline,
            replies=[reply for reply in replies if reply["account"] == shop.name],
        )

    async def verdict(self, *, contacts_before: int = 0) -> Verdict:
        """Judge by what both sides hold now."""
        records = [await self.records(shop) for shop in self.shops]
        contacts = [await self.crm.contacts(shop.name) for shop in self.shops]
        return judge(
            [thread for each in records for thread in threads_of(each)],
            contacts_created=sum(map(len, contacts)) - contacts_before,
        )

    async def save_evidence(self) -> None:
        """Keep what both sides hold, for whoever looks into what went wrong."""
        kept = {shop.name: asdict(await self.records(shop)) for shop in self.shops}
        path = self.layout.folder / "evidence.json"
        path.write_text(json.dumps(kept, ensure_ascii=False, indent=1), "utf-8")

    async def quiet(self, *, within_s: float, contacts_before: int = 0) -> Verdict:
        """Wait until everything said has arrived, is told of, and nothing more comes.

        Patience ends when nothing has changed for so long: a slow machine may take its time.
        """
        ends_at = 0.0
        last = None
        while True:
            self.check()
            verdict = await self.verdict(contacts_before=contacts_before)
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
        ports = [free_port(), free_port()]
        channel = ChannelStage(f"http://{HOST}:{ports[0]}", client)
        crm = CrmStage(f"http://{HOST}:{ports[1]}", client)
        broker = None
        if layout.workers:
            broker = Broker(layout.folder)
            stack.push_async_callback(broker.stop)
            await broker.start()
        hub, *others = hub_processes(layout, broker)
        here = Town(
            layout=layout,
            channel=channel,
            crm=crm,
            hub=hub,
            hub_url=hub.env["THREADLINE_PUBLIC_URL"],
            others=tuple(others),
            broker=broker,
        )
        here.emulators = _emulators(layout, ports)
        for child, stage in zip(here.emulators, (channel, crm), strict=True):
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


def _emulators(layout: Layout, ports: list[int]) -> tuple[Child, Child]:
    tokens = [f"--token={_token(number)}" for number in range(len(layout.shops))]
    speed = () if layout.limited else ("--unlimited",)
    channel = (f"--port={ports[0]}", *tokens, *speed)
    return (
        Child("telegram", "channel_clients.emulators.telegram", channel, layout.folder),
        Child("amocrm", "crm_clients.emulators.amocrm", (f"--port={ports[1]}",), layout.folder),
    )


def _token(number: int) -> str:
    return f"{7001 + number}:trial-{number}"


async def _settle_shops(here: Town) -> Plan:
    """Open the CRM accounts, and collect what the hub needs to connect them."""
    crm, layout = here.crm, here.layout
    await crm.switch("rate_limited", layout.limited)
    await crm.switch("fetches_media", value=True)
    await crm.switch("fetch_again_s", value=FETCH_AGAIN_S)
    ours = await crm.set_up("integration", redirect_uri=f"{here.hub_url}/oauth", name="Threadline")
    shops = []
    for number, name in enumerate(layout.shops):
        account = await crm.set_up("account", subdomain=name, users=list(layout.operators))
        here.operators |= {user["name"]: user["id"] for user in account["users"].values()}
        tokens = await crm.set_up("tokens", client_id=ours["client_id"], account=name)
        values = {
            **tokens,
            "base": f"{crm.base}/{name}",
            "account_id": str(account["id"]),
            "amojo_id": account["amojo_id"],
            "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        }
        bot = {
            "token": _token(number),
            "mode": "webhook",
            "api_base": here.channel.base,
            "webhook_secret": f"trial-{number}",
        }
        shops.append(Shop(name=name, bot=_token(number), channel=bot, crm=values))
    registration = {
        "client_id": ours["client_id"],
        "client_secret": ours["client_secret"],
        "redirect_uri": ours["redirect_uri"],
        "channel_id": "11111111-1111-4111-8111-111111111111",
        "channel_secret": "trial-channel",
        "amojo_base": f"{crm.base}/amojo",
        "oauth_base": crm.base,
        "trusted_origins": [crm.base],
    }
    return Plan(
        language=layout.language,
        channel_provider=CHANNEL,
        crm_provider=CRM,
        registration=registration,
        crm_stage=crm.base,
        shops=tuple(shops),
    )
