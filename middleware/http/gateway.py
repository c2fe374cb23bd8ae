"""The gateway: the one place that calls a provider, and what every call owes the hub.

`Gateway` owns the sockets of the process. `Port` is what one connection sees of it: the `Http` of
its adapter. A call asks first whether the lease will last and whether the address may be reached;
what happens from then on is told in `sending`.

Redirects are answers like any other: following one would carry a token to a new address.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import httpx

from mappers.vocabulary import HttpCall, HttpReply, ProviderError, Transient
from middleware.clock import Clock
from middleware.http import codes
from middleware.http.budget import Budgets
from middleware.http.guard import Guard, is_public, literal, refused
from middleware.http.ledger import Ledger
from middleware.http.link import Link
from middleware.http.pools import HttpSettings, Pools
from middleware.http.sending import Means, Sending
from middleware.http.wire import Spelt, spell

MayStart = Callable[[timedelta], bool]


def without_lease(_: timedelta) -> bool:
    """Let every call start: for work that no lease protects, such as a check from the console."""
    return True


class Gateway:
    """One a process, made on the loop that uses it; closing it closes the sockets."""

    def __init__(
        self, clock: Clock, budgets: Budgets, guard: Guard, ledger: Ledger, settings: HttpSettings
    ) -> None:
        self._means = Means(clock=clock, budgets=budgets, ledger=ledger, settings=settings)
        self._pools = Pools(guard, settings)

    def port(self, link: Link, *, may_start: MayStart) -> "Port":
        """Return the port of one connection. Cheap: it holds no socket.

        `may_start` is the lease's word: may a call begin that could take this long? Its margin
        is its own business.
        """
        return Port(self._means, self._pools, link, may_start)

    async def aclose(self) -> None:
        await self._pools.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


class Port:
    """The `Http` of one connection."""

    def __init__(self, means: Means, pools: Pools, link: Link, may_start: MayStart) -> None:
        self._means = means
        self._pools = pools
        self._link = link
        self._may_start = may_start

    def now(self) -> datetime:
        return self._means.clock.now()

    async def send(self, call: HttpCall) -> HttpReply:
        spelt = spell(call, self._means.settings.user_agent)
        way = self._way_to(spelt)
        sending = Sending(self._means, self._link, call, spelt)
        if not self._may_start(call.timeout):
            raise ProviderError(Transient(code=codes.LEASE_SHORT))
        return await sending.through(way)

    def _way_to(self, spelt: Spelt) -> httpx.AsyncBaseTransport:
        """Choose the pool; the guarded one judges addresses, and the rest is judged here."""
        allowed = self._link.allows(spelt)
        if not allowed and spelt.url.scheme != "https":
            raise refused("not https")
        if self._link.proxy is not None:
            if not allowed:
                _refuse_what_needs_no_resolving(spelt.url.host)
            return self._pools.through(self._link.proxy)
        return self._pools.explicit if allowed else self._pools.guarded


def _refuse_what_needs_no_resolving(host: str) -> None:
    address = literal(host)
    if address is not None and not is_public(address):
        raise refused("not an address of the public internet")
    if address is None and host.rstrip(".").rpartition(".")[2] == "localhost":
        raise refused("the proxy itself")
