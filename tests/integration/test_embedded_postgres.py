import asyncio
import os
import pwd
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from middleware.db.embedded import EmbeddedPostgres, PostgresUnavailable
from middleware.db.embedded_site import wheel_binaries

pytest_plugins = ["tests.postgres"]

QUICK = {"fsync": "off"}
IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="needs to be root to become someone else")
with_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")

HUB = """
import asyncio, sys
from pathlib import Path
from middleware.db.embedded import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory every user can pass through, as `tmp_path` of root is not."""
    from tests.postgres import open_directory  # noqa: PLC0415  # a plugin, not to be imported early

    path = open_directory("threadline-test-")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def data_dir(place: Path) -> Path:
    return place / "postgres"


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def remember(url: str, word: str) -> None:
    await value(url, "CREATE TABLE IF NOT EXISTS words (word text)")
    await value(url, f"INSERT INTO words VALUES ('{word}')")  # noqa: S608  # the test's own word


async def remembered(url: str) -> object:
    return await value(url, "SELECT string_agg(word, ' ') FROM words")


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody reaped does not, and has no arguments."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def listening_inodes() -> set[str]:
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text("utf-8").splitlines()[1:]
    ]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}


def open_files(pid: int) -> set[str]:
    return {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}


async def test_the_first_start_makes_a_database_for_any_language(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as server:
        locale = await value(
            server.url,
            "SELECT (pg_encoding_to_char(encoding), datcollate, datctype)::text"
            " FROM pg_database WHERE datname = current_database()",
        )
        assert locale == (
            "(UTF8,C,UTF-8)" if sys.platform == "darwin" else "(UTF8,C.UTF-8,C.UTF-8)"
        )
        assert await value(server.url, "SELECT lower('ЩИ Ё')") == "щи ё"
        assert await value(server.url, "SELECT 'Я' < 'а'") is True
        assert await value(server.url, "SHOW timezone") == "UTC"


async def test_what_is_committed_is_meant_to_last(data_dir: Path) -> None:
    wanted = {
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "wal_level": "replica",
        "shared_buffers": "64MB",
        "max_connections": "100",
    }
    async with EmbeddedPostgres(data_dir) as server:
        assert {name: await value(server.url, f"SHOW {name}") for name in wanted} == wanted


async def test_a_setting_can_be_chosen(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir, settings={**QUICK, "work_mem": "7MB"}) as server:
        assert await value(server.url, "SHOW work_mem") == "7MB"


async def test_the_data_is_there_after_a_stop_and_a_start(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as server:
        await remember(server.url, "kept")
        first = server.pid
    assert not is_alive(first)
    async with EmbeddedPostgres(data_dir) as server:
        assert server.pid != first
        assert await remembered(server.url) == "kept"


async def test_a_killed_server_recovers_what_was_committed(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    await remember(await server.start(), "committed")
    killed = server.pid
    os.kill(killed, signal.SIGKILL)
    try:
        assert await remembered(await server.start()) == "committed"
        assert server.pid != killed
    finally:
        await server.stop()


async def test_a_server_that_dies_under_a_running_hub_comes_back(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        address, killed = server.url, server.pid
        await remember(address, "kept")
        guard = asyncio.create_task(server.guard())
        os.kill(killed, signal.SIGKILL)
        async with asyncio.timeout(30):
            while server.pid == killed:  # noqa: ASYNC110  # a process has no event
                await asyncio.sleep(0.05)
        guard.cancel()
        assert server.url == address
        assert await remembered(address) == "kept"


async def test_a_killed_server_is_waited_for_while_its_children_are_busy(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, settings=QUICK)
    connection = await asyncpg.connect(await server.start())
    # Counting does not look up; only its result makes the child notice that it is an orphan.
    busy = asyncio.ensure_future(
        connection.fetchval("SELECT count(*) FROM generate_series(1, 12000000)")
    )
    await asyncio.sleep(0.1)
    os.kill(server.pid, signal.SIGKILL)
    try:
        assert await value(await server.start(), "SELECT 1") == 1
    finally:
        await asyncio.wait([busy])
        busy.exception()
        connection.terminate()
        await server.stop()


async def test_a_killed_hub_leaves_its_server_to_the_next_start(data_dir: Path) -> None:
    hub = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HUB, str(data_dir), stdout=asyncio.subprocess.PIPE
    )
    assert hub.stdout is not None
    while not (line := await hub.stdout.readline()).strip().isdigit():
        assert line, "the hub ended before its server was ready"
    hub.kill()
    await hub.wait()
    async with EmbeddedPostgres(data_dir) as server:
        assert server.pid == int(line)
        await remember(server.url, "adopted")
    assert not is_alive(int(line))


async def test_two_hubs_share_one_server_and_the_last_one_stops_it(data_dir: Path) -> None:
    one, other = (EmbeddedPostgres(data_dir, settings=QUICK) for _ in range(2))
    await asyncio.gather(one.start(), other.start())
    assert one.pid == other.pid
    await one.stop()
    assert await value(other.url, "SELECT 1") == 1
    await other.stop()
    assert not is_alive(other.pid)


async def test_a_hub_that_asks_for_another_address_does_not_take_the_server_away(
    data_dir: Path,
) -> None:
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        with pytest.raises(PostgresUnavailable, match="same TCP port"):
            await EmbeddedPostgres(data_dir, tcp_port=free_port()).start()
        assert await value(server.url, "SELECT 1") == 1


async def test_a_stop_may_be_repeated_and_may_come_before_the_start(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, settings=QUICK)
    await server.stop()
    await server.start()
    await server.stop()
    await server.stop()


async def test_a_start_may_be_repeated(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        first = server.pid
        assert await server.start() == server.url
        assert server.pid == first


@pytest.mark.parametrize("name", ["д" * 60, "with, comma", "with space and $HOME"])
async def test_any_path_will_do(place: Path, name: str) -> None:
    data_dir = place / name / "postgres"
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        directory = Path(str(await value(server.url, "SHOW unix_socket_directories")).strip('"'))
        assert mode_of(directory) == 0o700
        assert len(os.fsencode(directory / ".s.PGSQL.65535")) <= 100
    if directory.parent != data_dir:
        shutil.rmtree(directory)


@with_proc
async def test_nothing_listens_on_tcp_unless_asked(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        assert not open_files(server.pid) & listening_inodes()
        with pytest.raises(PostgresUnavailable, match="tcp_port"):
            assert server.tcp_url


async def test_a_tcp_port_is_on_loopback_and_asks_for_the_password(data_dir: Path) -> None:
    port = free_port()
    async with EmbeddedPostgres(data_dir, tcp_port=port, settings=QUICK) as server:
        assert await value(server.url, "SHOW listen_addresses") == "127.0.0.1"
        assert await value(server.tcp_url, "SELECT inet_server_port()") == port
        with pytest.raises(asyncpg.InvalidPasswordError):
            await value(f"postgresql://threadline:guess@127.0.0.1:{port}/threadline", "SELECT 1")
        password = server.tcp_url.partition("threadline:")[2].partition("@")[0]
        assert password not in server.url
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        assert await value(server.url, "SHOW listen_addresses") == ""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def test_an_interrupted_first_start_leaves_nothing_in_the_way(data_dir: Path) -> None:
    unfinished = data_dir / "cluster.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("16\n")
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        assert await value(server.url, "SELECT 1") == 1
    assert not unfinished.exists()


async def test_a_cancelled_start_can_be_made_again(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    for delay in (0.05, 0.3, 0.6):
        with suppress(TimeoutError):
            await asyncio.wait_for(server.start(), delay)
    try:
        assert await value(await server.start(), "SELECT 1") == 1
    finally:
        await server.stop()


async def test_a_process_number_that_came_back_is_not_taken_for_the_server(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir, settings=QUICK):
        lines = (data_dir / "cluster" / "postmaster.pid").read_text("utf-8").splitlines()
    stale = "\n".join([str(os.getpid()), *lines[1:], ""])
    (data_dir / "cluster" / "postmaster.pid").write_text(stale)
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        assert server.pid != os.getpid()
        assert await value(server.url, "SELECT 1") == 1


async def test_a_socket_swept_away_comes_back(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, settings=QUICK)
    await server.start()
    for path in (data_dir / "run").iterdir():
        path.unlink()
    try:
        assert await value(await server.start(), "SELECT 1") == 1
    finally:
        await server.stop()


async def test_a_long_recovery_is_waited_for_and_reported(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        await remember(server.url, "old")
    # Recovery from an archive that answers slowly, and then has nothing.
    (data_dir / "cluster" / "recovery.signal").touch()
    slow = {**QUICK, "restore_command": "sleep 0.7; false", "hot_standby": "off"}
    with capture_logs() as logs:
        async with EmbeddedPostgres(data_dir, settings=slow) as server:
            assert await remembered(server.url) == "old"
    assert "postgres.recovering" in {entry["event"] for entry in logs}


async def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    wrong = EmbeddedPostgres(data_dir, settings={**QUICK, "shared_buffers": "many"})
    with pytest.raises(PostgresUnavailable, match='invalid value for parameter "shared_buffers"'):
        await wrong.start()


async def test_data_of_another_major_version_is_refused(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir, settings=QUICK):
        pass
    (data_dir / "cluster" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(PostgresUnavailable, match=r"written by PostgreSQL 9\.6"):
        await EmbeddedPostgres(data_dir).start()


async def test_a_link_to_nowhere_is_not_taken_for_an_empty_database(place: Path) -> None:
    (place / "postgres").symlink_to(place / "gone")
    with pytest.raises(PostgresUnavailable, match="not mounted"):
        await EmbeddedPostgres(place / "postgres").start()


@with_proc
async def test_the_server_does_not_inherit_the_secrets_of_the_hub(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADLINE_SECRET_KEY", "hush")
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        assert b"hush" not in environment_of(server.pid)


@with_proc
async def test_the_server_never_runs_as_root(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir, settings=QUICK) as server:
        owner = owner_of(server.pid)
    assert owner == (data_dir / "cluster").stat().st_uid
    expected = {"postgres", "nobody"} if IS_ROOT else {pwd.getpwuid(os.geteuid()).pw_name}
    assert pwd.getpwuid(owner).pw_name in expected


@as_root
async def test_data_of_root_is_refused_with_a_remedy(data_dir: Path) -> None:
    (data_dir / "cluster").mkdir(parents=True)
    with pytest.raises(PostgresUnavailable, match="chown -R"):
        await EmbeddedPostgres(data_dir).start()


@as_root
async def test_under_a_private_folder_the_data_moves_out_and_leaves_a_link(place: Path) -> None:
    private, shelter = place / "private", place / "shelter"
    private.mkdir(mode=0o700)
    data_dir = private / "var" / "postgres"
    for word in ("first", "second"):
        async with EmbeddedPostgres(data_dir, settings=QUICK, shelter=shelter) as server:
            await remember(server.url, word)
            assert server.home.parent == shelter
            assert data_dir.resolve() == server.home
    async with EmbeddedPostgres(data_dir, settings=QUICK, shelter=shelter) as server:
        assert await remembered(server.url) == "first second"
    assert mode_of(private) == 0o700
    assert private.stat().st_uid == 0


@as_root
async def test_data_that_became_unreachable_is_never_moved(place: Path) -> None:
    data_dir = place / "private" / "postgres"
    async with EmbeddedPostgres(data_dir, settings=QUICK):
        pass
    data_dir.parent.chmod(0o700)
    with pytest.raises(PostgresUnavailable, match="cannot reach"):
        await EmbeddedPostgres(data_dir, shelter=place / "shelter").start()
    assert (data_dir / "cluster" / "PG_VERSION").exists()


@as_root
async def test_binaries_in_a_private_folder_are_copied_once(place: Path) -> None:
    package = wheel_binaries().parent.parent
    private = place / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(package / "pginstall", private / package.name / "pginstall", symlinks=True)
    libs = f"{package.name}.libs"
    if (package.parent / libs).exists():
        shutil.copytree(package.parent / libs, private / libs)
    for _ in range(2):
        async with EmbeddedPostgres(
            place / "postgres",
            settings=QUICK,
            binaries=private / package.name / "pginstall" / "bin",
            shelter=place / "shelter",
        ) as server:
            assert await value(server.url, "SELECT 1") == 1
    (copied,) = (place / "shelter").iterdir()
    assert copied.name.startswith("binaries-")


async def test_each_test_has_a_database_of_its_own(
    every_postgres_url: str, postgres_url: str
) -> None:
    for url in (every_postgres_url, postgres_url):
        await remember(url, "mine")
        assert await remembered(url) == "mine"
    assert int(str(await value(every_postgres_url, "SHOW server_version_num"))) >= 150000
