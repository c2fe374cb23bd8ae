"""The ways out: one httpx transport for each, with its own pool of sockets.

    guarded    everywhere, through the guard: public addresses only
    explicit   to the base addresses that a connection was allowed, private ones included
    a proxy    one transport each, made when first needed

The pools are kept apart because a pool shares sockets by host and port: in a common one, a socket
that was opened to an address one connection is allowed would serve another one that is not.
"""

import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from pydantic import SecretStr

from middleware.http.dialling import anywhere
from middleware.http.guard import Guard
from middleware.http.transport import Transport
from middleware.http.ways import Direct, ThroughProxy, Way


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
        self._settings = settings
        self._tls = settings.tls or httpx.create_ssl_context(trust_env=False)
        self._tls.set_alpn_protocols(["http/1.1"])
        self.guarded = self._transport(Direct(guard.connect, self._tls))
        self.explicit = self._transport(Direct(anywhere, self._tls))
        self._proxied: dict[str, Transport] = {}

    def through(self, proxy: SecretStr) -> Transport:
        address = proxy.get_secret_value()
        if address not in self._proxied:
            self._proxied[address] = self._transport(ThroughProxy(address, self._tls))
        return self._proxied[address]

    async def aclose(self) -> None:
        for transport in (self.guarded, self.explicit, *self._proxied.values()):
            await transport.aclose()

    def _transport(self, way: Way) -> Transport:
        return Transport(
            way,
            sockets=self._settings.sockets,
            idle_sockets=self._settings.idle_sockets,
            idle_s=self._settings.idle_s,
            patience_s=self._settings.connect_timeout.total_seconds(),
        )
