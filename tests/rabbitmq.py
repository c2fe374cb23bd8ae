"""A RabbitMQ for tests, where Debian's package is: on a port and with files of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# What lies on the path changes its user first.
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
STARTS_WITHIN_S = 90
TRIES = 3


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RabbitServer:
    """A node that knows nobody else. Its processes are a group, so that they end together."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = _free_port()
        self._distribution, self._names = _free_port(), _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Start it, on other ports where one was taken meanwhile."""
        for _ in range(TRIES - 1):
            try:
                return self._start()
            except RuntimeError:
                self.stop()
                self._distribution, self._names = _free_port(), _free_port()
        return self._start()

    def _start(self) -> None:
        own = {
            "HOME": str(self.directory),
            "RABBITMQ_NODENAME": f"threadline{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(self.directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.directory / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "plugins"),
            "RABBITMQ_PID_FILE": str(self.directory / "pid"),
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_RELAXED_COMMAND_CHECK": "1",
        }
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [SERVER],
                env={**os.environ, **own},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.directory / "server.log").read_text("utf-8")[-2000:])
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as at:
                at.sendall(b"AMQP\x00\x00\x09\x01")
                return at.recv(1) == b"\x01"
        except OSError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            # Its register of names leaves the group and would stay for ever.
            names = {**os.environ, "ERL_EPMD_PORT": str(self._names)}
            subprocess.run(["epmd", "-kill"], env=names, capture_output=True, check=False)


@pytest.fixture
def own_rabbitmq(tmp_path: Path) -> Iterator[RabbitServer]:
    """A server that a test may break."""
    if not Path(SERVER).exists():
        pytest.skip("there is no rabbitmq-server here: apt-get install rabbitmq-server")
    server = RabbitServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()
