"""Child processes: started with their output in a file, signalled and stopped by their own id.

Each child leads a session of its own, so that Ctrl-C reaches only us: we then stop the children
in order. A child that was not told to die and died is noticed by `check`.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
PREFIX = "THREADLINE_"
STOP_WITHIN_S = 15.0
READY_WITHIN_S = 60.0


class TrialFailed(Exception):
    """The trial could not be played at all; says nothing about what was delivered."""


@dataclass(slots=True)
class Child:
    """One process, run by this interpreter as `python -m module arguments`."""

    name: str
    module: str
    arguments: Sequence[str]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    _process: asyncio.subprocess.Process | None = None
    _is_frozen: bool = False
    _is_ending: bool = False

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Raises: `TrialFailed` when it was never started."""
        if self._process is None:
            raise TrialFailed(f"{self.name} was not started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives and was not told to end, even if whoever told it did not wait."""
        return not (self._is_ending or self._has_ended)

    @property
    def _has_ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def start(self, *more: str) -> None:
        """Start it, once what it was before is gone; `more` are arguments for this start only."""
        await self.stop()
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self.module, *self.arguments, *more),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # No settings of the house are picked up from a `.env` beside the caller.
                cwd=self.folder,
                env={**_inherited(), **self.env},
                start_new_session=True,
            )
        self._is_frozen = self._is_ending = False

    def check(self) -> None:
        """Raises: `TrialFailed` when it has ended by itself."""
        if not self.is_running:
            code = None if self._process is None else self._process.returncode
            raise TrialFailed(f"{self.name} ended with {code}: {self.last_words()}")

    def last_words(self) -> str:
        if not self.log.exists():
            return ""
        return " / ".join(self.log.read_text("utf-8", "replace").splitlines()[-3:])

    async def ended(self) -> int | None:
        """Wait for it to end by itself; return how it did."""
        await self._gone()
        return None if self._process is None else self._process.returncode

    async def kill(self) -> None:
        """End it as a power cut would."""
        self._is_ending = True
        self._signal(signal.SIGKILL)
        await self._gone()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)
        self._is_frozen = True

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        self._is_frozen = False

    async def stop(self) -> None:
        """Ask it to end, and insist after a while. Harmless when it does not run."""
        if self._is_frozen:
            self.thaw()
        self._is_ending = True
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._gone()
        except TimeoutError:
            await self.kill()

    def _signal(self, what: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(what)

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()


def _inherited() -> dict[str, str]:
    """Our environment without our settings, and our own code before any installed one."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**ours, "PYTHONPATH": os.pathsep.join(paths)}


def free_port() -> int:
    """Name a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def until_listening(port: int, child: Child, within_s: float = READY_WITHIN_S) -> None:
    """Raises: `TrialFailed`."""
    try:
        async with asyncio.timeout(within_s):
            while not await _is_open(port):
                child.check()
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise TrialFailed(f"{child.name} did not listen within {within_s:.0f} s") from None


async def _is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
