"""A pool of tunnels through an outbound proxy that gives its sockets back.

httpcore 1.0.9 forgets a tunnel that the proxy opened and TLS did not: the tunnel counts as busy for
ever, and enough of them clog the pool for good. Here a tunnel whose call ended in an exception is
closed; over HTTP/1.1 nobody else is using it. `test_failed_tunnels_do_not_clog_the_pool` passes
with a plain `httpcore.AsyncHTTPProxy` once this is no longer needed.
"""

import ssl

import httpcore
import httpx


class Tunnels(httpcore.AsyncHTTPProxy):
    """A proxy's pool; see above."""

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return _Tunnel(super().create_connection(origin))


def tunnels(address: str, tls: ssl.SSLContext, limits: httpx.Limits) -> Tunnels:
    proxy = httpx.Proxy(address)
    return Tunnels(
        proxy_url=httpcore.URL(
            scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/"
        ),
        proxy_auth=proxy.raw_auth,
        ssl_context=tls,
        proxy_ssl_context=tls if proxy.url.scheme == "https" else None,
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
    )


class _Tunnel(httpcore.AsyncConnectionInterface):
    """Another connection, closed as soon as a call over it fails."""

    def __init__(self, inner: httpcore.AsyncConnectionInterface) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        try:
            return await self._inner.handle_async_request(request)
        except httpcore.ConnectionNotAvailable:
            raise  # somebody else's call is under way on it
        except BaseException:
            await self._inner.aclose()
            raise

    async def aclose(self) -> None:
        await self._inner.aclose()

    def info(self) -> str:
        return self._inner.info()

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return self._inner.can_handle_request(origin)

    def is_available(self) -> bool:
        return self._inner.is_available()

    def has_expired(self) -> bool:
        return self._inner.has_expired()

    def is_idle(self) -> bool:
        return self._inner.is_idle()

    def is_closed(self) -> bool:
        return self._inner.is_closed()
