"""`threadline bench drain`: a backlog into a CRM that keeps to its published limit.

The CRM is its own emulator in a process of its own, which refuses what comes too fast. First so
many customers write whom nobody has seen before, with no limit on either side: that tells how many
calls a customer's first message costs. Then the hub is stopped, each of them has written many times
more, and a hub finds all of it when it starts.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import asyncpg

from crm_clients.emulators.registry import PARTS
from middleware.bench import bulk, machine
from middleware.bench.driver import Stub, until_answered
from middleware.bench.ground import Watch, cpu_metrics, sample
from middleware.bench.marks import mark_in
from middleware.bench.report import Findings
from middleware.bench.rules import Goal, Sample
from middleware.bench.servers import READY_WITHIN_S, Database, postgres
from middleware.bench.variants import CHANNEL, FIRST_BOT, SECRET, Ground, Running
from middleware.bench.wishes import Wishes
from middleware.registry import manifest_of
from middleware.trial.plan import Plan, Registration, Shop
from middleware.trial.processes import HOST, Child, TrialFailed, free_port, until_listening
from middleware.trial.stages import CrmStage, crm_stage
from middleware.trial.town import discard, make_folder

ACCOUNT, DATABASE = "bench", "bench_drain"
REFUSALS = frozenset({429, 503})
LOOK_EVERY_S, STALLED_S = 0.5, 90.0
DONE = "SELECT count(*) FROM deliveries WHERE kind = 'write' AND state = 'done'"
UNDER_WAY = "SELECT count(*) FROM deliveries WHERE state IN ('ready', 'calling', 'doubt')"
USED = Goal(name="share of the limit used", goal=0.95, dream=0.98)
REJECTED = Goal(name="calls that the CRM refused", goal=0, dream=0, floor=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """`messages` wait, of `chats` customers who are known by then."""

    crm: str
    messages: int = 10_000
    chats: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The CRM's stage and the hub's ground. `rate_per_s`: what we mean to use of its limit."""

    stage: CrmStage
    ground: Ground
    url: str
    rate_per_s: float


@dataclass(slots=True)
class Calls:
    """What the CRM was asked since we looked last."""

    stage: CrmStage
    seen: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def look(self) -> None:
        log = (await self.stage.get("log"))["log"]
        self.lines, self.seen = log[self.seen :], len(log)

    def spelt(self) -> str:
        kinds = Counter(line["path"].rpartition("/")[2] for line in self.lines)
        return ", ".join(f"{name} {count}" for name, count in kinds.most_common())

    def refused(self) -> int:
        return sum(line["status"] in REFUSALS for line in self.lines)

    def per_s(self) -> float:
        """How many there were a second, from the first to the last."""
        times = sorted(datetime.fromisoformat(line["at"]).timestamp() for line in self.lines)
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


async def measure(wishes: Wishes, backlog: Backlog) -> Findings:
    """Raises: `TrialFailed`."""
    findings: Findings | None = None
    for number in range(wishes.rounds):
        async with _scene(wishes, backlog) as scene:
            findings = findings or Findings("drain", machine.facts(scene.ground.folder))
            for found in await _one(scene, backlog, number, findings.notes):
                told = ", ".join(f"{name} {value:.3g}" for name, value in found.metrics.items())
                wishes.tell(f"round {number + 1} {found.variant}: {told}")
                findings.samples.append(found)
    if findings is None:
        raise ValueError("nothing to measure")
    for goal, metric in ((USED, "share of the limit"), (REJECTED, "rejected")):
        findings.judge(goal, findings.of(metric, f"{backlog.crm}, known customers"))
    return findings


async def _one(scene: Scene, backlog: Backlog, number: int, notes: list[str]) -> Sequence[Sample]:
    """Let new customers write, then known ones; say of both what they cost."""
    desk, calls, chats = scene.stage.desk, Calls(scene.stage), backlog.chats
    await calls.look()
    await desk.furnish(limited=False)
    await bulk.unread(scene.url, FIRST_BOT, count=chats, chats=chats, first=0)
    cold, others_cold = await _drained(scene, chats, chats, is_polite=False)
    await calls.look()
    cold["messages per call"] = chats / max(1, len(calls.lines))
    notes.append(f"calls for {chats} new customers: {calls.spelt()}")
    await desk.furnish(limited=True)
    await bulk.unread(scene.url, FIRST_BOT, count=backlog.messages, chats=chats)
    warm, others_warm = await _drained(scene, chats + backlog.messages, backlog.messages)
    await calls.look()
    notes.append(f"calls for {backlog.messages} messages of known customers: {calls.spelt()}")
    warm |= {
        "messages per call": backlog.messages / max(1, len(calls.lines)),
        "share of the limit": calls.per_s() / scene.rate_per_s,
        "rejected": float(calls.refused()),
        **_kept(await desk.timeline(ACCOUNT), chats + backlog.messages),
    }
    return (
        sample(f"{backlog.crm}, new customers", number, cold, others_cold),
        sample(f"{backlog.crm}, known customers", number, warm, others_warm),
    )


async def _drained(
    scene: Scene, wanted: int, messages: int, *, is_polite: bool = True
) -> tuple[dict[str, float], float]:
    """Run a hub until so many messages are written; return what each cost, and what others used.

    One that need not be polite goes on until nothing is under way. Raises: `TrialFailed`.
    """
    port, ground = free_port(), replace(scene.ground, wide=not is_polite)
    env = {**ground.hub_env, "THREADLINE_DATABASE_URL": scene.url, "THREADLINE_PORT": str(port)}
    hub = Child("hub", "middleware.bench.hubside", ("up",), ground.folder, env)
    await hub.start()
    try:
        await until_answered(port, hub, READY_WITHIN_S)
        trees = {"hub": hub.pid, **ground.roots(redis=False, postgres=True)}
        watch, began = Watch.begin(Running(port=port, targets=(), trees=trees)), time.monotonic()
        await _until_written(scene, hub, wanted, is_quiet=not is_polite)
        used, others = watch.end()
        took = time.monotonic() - began
        return {"messages/s": messages / took, **cpu_metrics(used, messages)}, others
    finally:
        await hub.stop()


async def _until_written(scene: Scene, hub: Child, wanted: int, *, is_quiet: bool) -> None:
    """Raises: `TrialFailed` when nothing more is written for long."""
    connection = await asyncpg.connect(scene.url)
    try:
        written, moved_at = -1, time.monotonic()
        while True:
            hub.check()
            found = await connection.fetchval(DONE)
            if found >= wanted and not (is_quiet and await connection.fetchval(UNDER_WAY)):
                return
            if found != written:
                written, moved_at = found, time.monotonic()
            if time.monotonic() > moved_at + STALLED_S:
                raise TrialFailed(f"{found} of {wanted} messages are in the CRM, and no more come")
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await connection.close()


def _kept(timeline: Sequence[dict[str, Any]], wanted: int) -> dict[str, float]:
    """Say what operators read: all of it, once, in the order in which it was said."""
    said = [
        [mark.number for message in chat["messages"] if (mark := mark_in(message["text"].encode()))]
        for chat in timeline
    ]
    once = sum(len(set(numbers)) for numbers in said)
    return {
        "undelivered": float(wanted - once),
        "doubled": float(sum(map(len, said)) - once),
        "out of order": float(sum(numbers != sorted(numbers) for numbers in said)),
    }


@asynccontextmanager
async def _scene(wishes: Wishes, backlog: Backlog) -> AsyncIterator[Scene]:
    """Start the stub for the channel, the emulator and PostgreSQL, and connect the account.

    Raises: `TrialFailed`.
    """
    folder, part = make_folder(None), PARTS[backlog.crm]
    (folder / "hub").mkdir()
    async with AsyncExitStack() as stack:
        stack.callback(discard, folder)
        ports = {"middleware.bench.stub": free_port(), part.module: free_port()}
        for module, port in ports.items():
            child = Child(module, module, ("--port", str(port)), folder)
            stack.push_async_callback(child.stop)
            await child.start()
            await until_listening(port, child)
        database = await stack.enter_async_context(postgres(folder, wishes.database_url))
        base = f"http://{HOST}:{ports[part.module]}"
        stage = await stack.enter_async_context(crm_stage(base, part))
        stub = Stub(ports["middleware.bench.stub"])
        ground = Ground(folder=folder, stub=stub, database=database)
        yield await _moved_in(stage, ground, database)


async def _moved_in(stage: CrmStage, ground: Ground, database: Database) -> Scene:
    """Open an account, let us in, and have a hub connect it."""
    desk, crm = stage.desk, stage.part.name
    await desk.furnish(limited=False)
    await desk.open_account(ACCOUNT, ("Ольга Менеджер",))
    ours = await desk.register(ground.hub_env["THREADLINE_PUBLIC_URL"])
    values = await desk.admit(ACCOUNT, ours, lasting=True)
    channel = {
        "token": f"{FIRST_BOT}:bench",
        "mode": "webhook",
        "api_base": ground.stub.base,
        "webhook_secret": SECRET,
    }
    bot = f"{FIRST_BOT}:bench"
    shop = Shop(name=ACCOUNT, bot=bot, crm_provider=crm, channel=channel, crm=values)
    registered = Registration(provider=crm, client_id=ours.client_id, values=ours.values)
    path = ground.folder / "plan.json"
    plan = Plan(language="ru", channel_provider=CHANNEL, registrations=(registered,), shops=(shop,))
    plan.write(path)
    url = await database.make(DATABASE)
    env = {**ground.hub_env, "THREADLINE_DATABASE_URL": url}
    mover = Child("move-in", "middleware.bench.hubside", ("move-in", str(path)), ground.folder, env)
    await mover.start()
    if await mover.ended() != 0:
        raise TrialFailed(f"the account could not be connected: {mover.last_words()}")
    return Scene(stage=stage, ground=ground, url=url, rate_per_s=_rate_of(crm, ours.values, values))


def _rate_of(crm: str, registration: Any, values: Any) -> float:
    """The rate of the first budget of a CRM, which is the one of its API."""
    manifest = manifest_of(crm)
    application = (
        manifest.application.model_validate(registration) if manifest.application else None
    )
    return manifest.budgets(manifest.config.model_validate(values), application)[0].rate_per_s
