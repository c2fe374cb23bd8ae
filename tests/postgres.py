"""Databases for tests: fresh for each test, on every PostgreSQL this machine can offer.

A plugin: `pytest_plugins = ["tests.postgres"]` in `tests/conftest.py`. A store's tests take
`postgres_url`, or `every_postgres_url` to run once on each flavour. All xdist workers share one
server a flavour; `EmbeddedPostgres` counts its users by itself. `THREADLINE_TEST_POSTGRES`, the
URL of a server of version 15 or newer whose user may create databases, is used instead if set.

The servers here do not fsync. A test that breaks servers starts its own `EmbeddedPostgres`.
"""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import asyncpg
import pytest

from middleware.db.embedded import EmbeddedPostgres

OLDEST = 15
ROOT = "THREADLINE_TEST_POSTGRES_ROOT"  # the controller tells its workers where the servers are
FORGETFUL: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "128MB",
    "max_connections": "200",
}

ENDED = re.compile(r"FATAL|PANIC|terminat|crash|signal")
LATELY_S = 60

made_root = pytest.StashKey[Path]()
ResultT = TypeVar("ResultT")


def pytest_configure(config: pytest.Config) -> None:
    if ROOT not in os.environ:
        config.stash[made_root] = open_directory("threadline-tests-")
        os.environ[ROOT] = str(config.stash[made_root])


def pytest_unconfigure(config: pytest.Config) -> None:
    root = config.stash.get(made_root, None)
    if root is not None:
        del os.environ[ROOT]
        shutil.rmtree(root, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Beside a failure, tell what the servers ended of themselves just then."""
    report = yield
    if report.failed and (ended := "".join(_ended_lately())):
        report.sections.append(("PostgreSQL said", ended))
    return report


def _ended_lately() -> Iterator[str]:
    since = f"{datetime.now(UTC) - timedelta(seconds=LATELY_S):%Y-%m-%d %H:%M:%S}"
    for path in Path(os.environ[ROOT]).glob("*/log/postgresql-*.log"):
        with path.open(errors="replace") as lines:
            yield from (line for line in lines if line[:19] >= since and ENDED.search(line))


def open_directory(prefix: str) -> Path:
    """Make a directory whose inside a server of another user can reach, as in `tmp_path` it cannot.

    Under root, pytest keeps its own directories closed to everyone else.
    """
    path = Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o711)
    return path


class Flavour(NamedTuple):
    """One PostgreSQL to test on; without `binaries` it is the wheel's, or the server given."""

    name: str
    binaries: Path | None = None


def given_url() -> str | None:
    return os.environ.get("THREADLINE_TEST_POSTGRES") or None


@cache
def machine_binaries() -> tuple[tuple[int, Path], ...]:
    """Return the PostgreSQL servers installed here, oldest first, with their major versions."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin")]
    if shutil.which("pg_config"):
        asked = subprocess.run(
            ["pg_config", "--bindir"], capture_output=True, text=True, check=True
        )
        folders.append(Path(asked.stdout.strip()))
    found: dict[int, Path] = {}
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            said = subprocess.run(
                [folder / "postgres", "--version"], capture_output=True, text=True, check=True
            )
            if major := re.search(r"\) (\d+)", said.stdout):
                found.setdefault(int(major[1]), folder)
    return tuple(sorted(found.items()))


def postgres_flavours() -> list[Flavour]:
    """What to run a store's tests on: the embedded server, and the oldest supported one here."""
    if given_url():
        return [Flavour("given")]
    supported = [(major, folder) for major, folder in machine_binaries() if major >= OLDEST]
    oldest = [Flavour(f"system-{major}", folder) for major, folder in supported[:1]]
    return [Flavour("embedded"), *oldest]


@contextmanager
def start_postgres(
    data_dir: Path, flavour: Flavour, *, settings: Mapping[str, str] = FORGETFUL
) -> Iterator[str]:
    """Serve `data_dir` by this flavour while the block runs; yields the URL."""
    server = EmbeddedPostgres(data_dir, settings=settings, binaries=flavour.binaries)
    url = finished(server.start())
    try:
        yield url
    finally:
        finished(server.stop())


@contextmanager
def start_machine_postgres(
    data_dir: Path, *, settings: Mapping[str, str] = FORGETFUL
) -> Iterator[str]:
    """Serve `data_dir` by the oldest supported PostgreSQL of this machine, or skip the test."""
    for major, binaries in machine_binaries():
        if major >= OLDEST:
            with start_postgres(
                data_dir, Flavour(f"system-{major}", binaries), settings=settings
            ) as url:
                yield url
            return
    pytest.skip(f"no PostgreSQL {OLDEST} or newer is installed on this machine")


def finished(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run to the end from plain code, beside whatever loop the test has in this thread."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


def execute(url: str, *statements: str) -> None:
    """Run statements one by one, each in its own transaction."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    finished(run())


def database_url(server: str, database: str) -> str:
    """Return the same server's URL with another database."""
    return re.sub(r"^([^:]+://[^/?]*)(?:/[^?]*)?", rf"\1/{database}", server)


@dataclass
class PostgresServers:
    """Servers and their templates, each made when a test first asks for it."""

    root: Path
    prepare: Callable[[str], None]
    worker: str
    stack: ExitStack
    urls: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def _prefix(self) -> str:
        return f"test_{self.worker}_{os.getpid()}"

    def url(self, flavour: Flavour) -> str:
        if flavour.name not in self.urls:
            given = given_url() if flavour.name == "given" else None
            url = given or self.stack.enter_context(
                start_postgres(self.root / flavour.name, flavour)
            )
            template = f"{self._prefix}_template"
            execute(url, f"CREATE DATABASE {template} TEMPLATE template0")
            self.stack.callback(execute, url, f"DROP DATABASE {template} WITH (FORCE)")
            self.prepare(database_url(url, template))
            self.urls[flavour.name] = url
        return self.urls[flavour.name]

    @contextmanager
    def database(self, flavour: Flavour) -> Iterator[str]:
        """A copy of the template, gone afterwards, whoever is still connected."""
        url, name = self.url(flavour), f"{self._prefix}_{next(self.numbers)}"
        execute(url, f"CREATE DATABASE {name} TEMPLATE {self._prefix}_template")
        try:
            yield database_url(url, name)
        finally:
            execute(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def prepare_template() -> Callable[[str], None]:
    """Override to fill the template, for example with the schema. It must disconnect when done."""

    def leave_empty(url: str) -> None: ...

    return leave_empty


@pytest.fixture(scope="session")
def postgres_servers(
    prepare_template: Callable[[str], None],
) -> Iterator[PostgresServers]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with ExitStack() as stack:
        yield PostgresServers(Path(os.environ[ROOT]), prepare_template, worker, stack)


@pytest.fixture
def postgres_url(
    request: pytest.FixtureRequest, postgres_servers: PostgresServers
) -> Iterator[str]:
    """A fresh database. `indirect` parametrization with a `Flavour` chooses where."""
    flavour: Flavour = getattr(request, "param", postgres_flavours()[0])
    with postgres_servers.database(flavour) as url:
        yield url


@pytest.fixture(params=postgres_flavours(), ids=lambda flavour: flavour.name)
def every_postgres_url(
    request: pytest.FixtureRequest, postgres_servers: PostgresServers
) -> Iterator[str]:
    """A fresh database, once on each flavour."""
    with postgres_servers.database(request.param) as url:
        yield url


@pytest.fixture(params=postgres_flavours(), ids=lambda flavour: flavour.name)
def empty_postgres_url(
    request: pytest.FixtureRequest, postgres_servers: PostgresServers
) -> Iterator[str]:
    """A database that was never migrated, once on each flavour."""
    server = postgres_servers.url(request.param)
    name = f"{postgres_servers._prefix}_empty_{next(postgres_servers.numbers)}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield database_url(server, name)
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")
