"""The ways out: one httpx client for each, with its own pool of sockets.

    guarded    everywhere, through the guard: public addresses only
    explicit   to the base addresses that a connection was allowed, private ones included
    a proxy    one client each, made when first needed

The pools are kept apart because a pool shares sockets by host and port: in a common one, a socket
that was opened to an address one connection is allowed would serve another one that is not.
"""

import http.cookiejar
import logging
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import httpcore
import httpx
from pydantic import SecretStr

from middleware.http.guard import Guard
from middleware.http.tunnels import tunnels


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """What the hub's settings say about calls to the outside.

    `idle_s` is below the 5 s after which the quickest common servers hang up: a call that meets a
    closing socket is in doubt, and a new socket costs less than a doubt.
    `tls` is the certificates to trust, the usual ones when None. `jitter` yields shares of one.
    """

    user_agent: str
    connect_timeout: timedelta = timedelta(seconds=5)
    longest_wait: timedelta = timedelta(seconds=2)
    tries: int = 3
    most_bytes: int = 5 * 1024 * 1024
    sockets: int = 500
    idle_sockets: int = 100
    idle_s: float = 4.0
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    jitter: Callable[[], float] = field(default=random.random, repr=False)


class Pools:
    def __init__(self, guard: Guard, settings: HttpSettings) -> None:
        _hush()
        self._limits = httpx.Limits(
            max_connections=settings.sockets,
            max_keepalive_connections=settings.idle_sockets,
            keepalive_expiry=settings.idle_s,
        )
        self._tls = settings.tls or httpx.create_ssl_context(trust_env=False)
        self.guarded = self._client(self._direct(guard))
        self.explicit = self._client(self._direct(None))
        self._proxied: dict[str, httpx.AsyncClient] = {}

    def through(self, proxy: SecretStr) -> httpx.AsyncClient:
        address = proxy.get_secret_value()
        if address not in self._proxied:
            self._proxied[address] = self._client(tunnels(address, self._tls, self._limits))
        return self._proxied[address]

    async def aclose(self) -> None:
        for client in (self.guarded, self.explicit, *self._proxied.values()):
            await client.aclose()

    def _client(self, pool: httpcore.AsyncConnectionPool) -> httpx.AsyncClient:
        # Connections share hosts: a cookie given to one must not travel with another's call.
        nowhere = http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
        return httpx.AsyncClient(
            transport=_Transport(pool),
            trust_env=False,
            follow_redirects=False,
            cookies=http.cookiejar.CookieJar(policy=nowhere),
        )

    def _direct(self, network: httpcore.AsyncNetworkBackend | None) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=self._limits.max_connections,
            max_keepalive_connections=self._limits.max_keepalive_connections,
            keepalive_expiry=self._limits.keepalive_expiry,
            network_backend=network,
        )


class _Transport(httpx.AsyncHTTPTransport):
    """httpx over a pool made by us.

    httpx 0.28 lets nobody choose the network of its pool, so the pool is replaced whole. Should
    a later release rename it, every call fails at once, and the guard's tests with it.
    """

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool


def _hush() -> None:
    """Silence what would log URLs (httpx, at INFO) and headers (httpcore, at DEBUG)."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
