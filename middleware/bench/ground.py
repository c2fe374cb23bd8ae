"""The ground of every command: a folder, the stub, PostgreSQL, Redis where there is one, a plan."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from middleware.bench import machine
from middleware.bench.driver import Stub
from middleware.bench.report import Findings
from middleware.bench.rules import Sample
from middleware.bench.servers import postgres, redis
from middleware.bench.stub import bench_of
from middleware.bench.variants import Ground, Running, move_in
from middleware.bench.wishes import Wishes
from middleware.trial.layout import USUAL_CRM
from middleware.trial.processes import Child, free_port, until_listening
from middleware.trial.side import redis_binary
from middleware.trial.town import discard, make_folder


@asynccontextmanager
async def prepared(
    wishes: Wishes, *, bots: int = 1, delay_ms: float = 0.0
) -> AsyncIterator[Ground]:
    """Start what all variants share, and connect the accounts.

    Raises: `TrialFailed`.
    """
    folder = make_folder(None)
    async with AsyncExitStack() as stack:
        stack.callback(discard, folder)
        port = free_port()
        crm = wishes.crm or USUAL_CRM
        bench_of(crm)
        arguments = ("--port", str(port), "--crm", crm)
        child = Child("stub", "middleware.bench.stub", arguments, folder)
        stack.push_async_callback(child.stop)
        await child.start()
        await until_listening(port, child)
        database = await stack.enter_async_context(postgres(folder, wishes.database_url, delay_ms))
        ground = Ground(folder=folder, stub=Stub(port), database=database, bots=bots, crm=crm)
        if redis_binary() is not None:
            url, server = await stack.enter_async_context(redis(folder))
            ground = replace(ground, redis_url=url, redis=server)
        await move_in(ground)
        yield replace(ground, targets=await ground.stub.targets())


def findings_of(command: str, ground: Ground) -> Findings:
    return Findings(command, machine.facts(ground.folder))


@dataclass(slots=True)
class Watch:
    """Counts CPU from its making to its end, of a variant's parts and of strangers."""

    running: Running
    before: machine.Moment

    @classmethod
    def begin(cls, running: Running) -> "Watch":
        return cls(running, machine.look(running.trees))

    def end(self) -> tuple[dict[str, float], float]:
        """Return CPU seconds by part, and the share of the machine that others used."""
        after = machine.look(self.running.trees)
        return machine.used_between(self.before, after), machine.others_between(self.before, after)


def cpu_metrics(used: dict[str, float], messages: float) -> dict[str, float]:
    """Microseconds of CPU a message: of every part, and of all together."""
    each = {f"cpu µs/msg {name}": 1e6 * cpu / messages for name, cpu in used.items()}
    return {**each, "cpu µs/msg": 1e6 * sum(used.values()) / messages}


def sample(variant: str, number: int, metrics: dict[str, float], others: float) -> Sample:
    return Sample(variant=variant, round=number, metrics=metrics, others=others)
