"""What every test lives by: nothing leaves this machine, and the database is ready.

A store's tests take `postgres_url` (see `tests.postgres`): a fresh database of its own, at head.
"""

import gc
import os
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from itertools import count
from typing import Any

import pytest
import structlog
from hypothesis import settings

pytest_plugins = [
    "tests.postgres",
    "tests.redis",
    "tests.rabbitmq",
    "tests.executor",
    "tests.openapi.watching",
]

settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


TESTS_BETWEEN_SWEEPS = 50
ended = count(1)


def pytest_runtest_logfinish() -> None:
    """Look for garbage now and then, and never again through what was left.

    A process that has run thousands of tests holds millions of objects. Looking through them all
    takes seconds, in which nothing of a hub moves, and a database ends whoever is silent so long.
    """
    if next(ended) % TESTS_BETWEEN_SWEEPS == 0:
        gc.collect()
        gc.freeze()


class LeftTheMachine(AssertionError):
    """A test tried to reach the network. Not an `OSError`: no code under test may shrug it off."""


def is_local(family: int, address: Any) -> bool:
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return True
    host = str(address[0]).partition("%")[0]
    if host == "localhost":
        return True
    try:
        ip = ip_address(host)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return ip.is_loopback


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse every connection that is neither to loopback nor to a unix socket."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        yield


def guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
    def connect_locally(self: socket.socket, address: Any) -> Any:
        if not is_local(self.family, address):
            raise LeftTheMachine(f"tests stay on loopback; this one wanted {address!r}")
        return connect(self, address)

    return connect_locally


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Commands log to the stream that their runner closes behind them."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def prepare_template() -> Callable[[str], None]:
    """Databases of tests start at head, with the partitions that every hub would make first."""
    # Inside, because the last is a plugin that pytest must import by itself.
    from middleware.clock import SystemClock  # noqa: PLC0415
    from middleware.db.engine import make_engine  # noqa: PLC0415
    from middleware.db.migrate import upgrade  # noqa: PLC0415
    from middleware.db.partitions import ensure  # noqa: PLC0415
    from tests.postgres import finished  # noqa: PLC0415

    async def furnish(url: str) -> None:
        await upgrade(url)
        engine = make_engine(url, pool_size=1, statement_timeout=timedelta(seconds=30))
        await ensure(engine, SystemClock().now().date())
        await engine.dispose()

    return lambda url: finished(furnish(url))
