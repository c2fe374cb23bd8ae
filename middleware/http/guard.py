"""The address guard: no call of ours ends up inside the house.

Addresses come from customers (a link to a photo), from providers (a webhook's `download_url`) and
from people who connect accounts, and any of them may name this machine, its neighbours or its
cloud's metadata service. Names are no protection: a name resolves to whatever its owner says,
and to something else a second later.

So the guard is the network itself, as the sockets' pool sees it: the pool of guarded sockets opens
one only through `Guard.connect`, which resolves the name once, refuses unless *every* address is
public, and connects to one of exactly those. Nothing resolves the name again, so there is nothing
to rebind. The URL is untouched: `Host`, SNI and the certificate's check speak of the
name, and sockets are pooled by name (pooled by address, two hosts of one CDN would share a socket
whose certificate was checked for one of them). A call over an open socket pays nothing.

Addresses allowed explicitly never come here: `pools` has others for them through another pool.
A connection with an outbound proxy leaves resolving to the proxy, which stands in a network of
its own; only the spellings that need no resolving are refused then.
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from mappers.vocabulary import Permanent, ProviderError
from middleware.clock import Clock
from middleware.http import codes
from middleware.http.dialling import (
    Address,
    Dial,
    Resolve,
    first_to_answer,
    in_time,
    resolved,
    system_resolver,
    tcp,
)

REMEMBERED_S = 10.0
REMEMBERED_HOSTS = 1024

# What `is_global` of Python 3.11 leaves open, or leaves open in some of its patch releases.
NEVER_V4 = tuple(
    IPv4Network(net)
    for net in ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")
)
GLOBAL_V6 = IPv6Network("2000::/3")
NEVER_V6 = tuple(
    IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "3fff::/20", "2002::/16")
)
NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Say whether an address belongs to the internet at large, whatever form it is wrapped in.

    NAT64 wraps the whole of IPv4 and is judged by what it wraps. The other ways of carrying IPv4
    inside IPv6 (mapped, compatible, translated, 6to4, Teredo, local NAT64) lead to no provider
    and are refused outright, whatever they wrap.
    """
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        allowed = address in GLOBAL_V6 and not any(address in net for net in NEVER_V6)
        return allowed and address.is_global
    if any(address in net for net in NEVER_V4):
        return False
    return address.is_global and not address.is_multicast


def literal(host: str) -> Address | None:
    """Read a host that is an address already; None is a name.

    Raises: `ProviderError` for an address in disguise: decimal, octal, hexadecimal or shortened.
    C libraries read those as IPv4 addresses, and no honest name ends in a number.
    """
    host = host.removeprefix("[").removesuffix("]")
    try:
        return ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2].lower()
        if last.isdecimal() or last.startswith("0x") or ":" in host or "%" in host:
            raise refused("an address in an unusual spelling") from None
        return None


def refused(why: str) -> ProviderError:
    return ProviderError(Permanent(code=codes.ADDRESS_REFUSED, detail=why))


class Guard:
    """A network that reaches public addresses only.

    Raises `ProviderError` where it refuses: that is neither a failure of the network nor worth a
    repeat.
    """

    def __init__(self, clock: Clock, resolve: Resolve = system_resolver, dial: Dial = tcp) -> None:
        self._clock = clock
        self._resolve = resolve
        self._dial = dial
        self._remembered: dict[str, tuple[float, tuple[Address, ...]]] = {}

    async def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """Raises: `ProviderError`; `httpx.ConnectError`, `httpx.ConnectTimeout`."""
        async with in_time(seconds):
            addresses = await self.addresses(host, port)
            return await first_to_answer(addresses, port, self._dial, seconds)

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """Return where `host` may be reached.

        Raises: `ProviderError` unless all of them are public; `httpx.ConnectError`.
        """
        if (address := literal(host)) is not None:
            return _all_public((address,))
        now = self._clock.monotonic()
        until, known = self._remembered.get(host, (now, ()))
        if now < until:
            return known
        found = _all_public(await resolved(host, port, self._resolve))
        if len(self._remembered) >= REMEMBERED_HOSTS:
            self._remembered.clear()
        self._remembered[host] = now + REMEMBERED_S, found
        return found


def _all_public(addresses: tuple[Address, ...]) -> tuple[Address, ...]:
    # One private address among public ones is how an attack looks, not how a provider does.
    if not all(is_public(address) for address in addresses):
        raise refused("not an address of the public internet")
    return addresses
