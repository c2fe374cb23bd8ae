"""The HTTP port over a plain client, for tests that speak to an emulator or a cassette."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from mappers.vocabulary import (
    Ambiguous,
    Failure,
    HttpCall,
    HttpReply,
    Permanent,
    ProviderError,
    Transient,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOTHING_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@dataclass(slots=True)
class LoopbackHttp:
    """No retries, no budgets; it keeps the calls it was asked to make."""

    client: httpx.AsyncClient
    at: datetime = NOON
    calls: list[HttpCall] = field(default_factory=list)

    async def send(self, call: HttpCall) -> HttpReply:
        self.calls.append(call)
        try:
            reply = await self.client.request(
                call.method,
                call.url,
                headers=dict(call.headers),
                params=dict(call.params) or None,
                json=call.json,
                content=call.content,
                timeout=call.timeout.total_seconds(),
            )
        except httpx.HTTPError as error:
            raise ProviderError(_why(error, repeatable=call.repeatable)) from None
        return HttpReply(status=reply.status_code, headers=dict(reply.headers), body=reply.content)

    def now(self) -> datetime:
        return self.at


def _why(error: httpx.HTTPError, *, repeatable: bool) -> Failure:
    """Decide by one question: could the provider have read our request?"""
    code = f"net.{type(error).__name__}"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return Permanent(code=code)
    if repeatable or isinstance(error, NOTHING_LEFT):
        return Transient(code=code)
    return Ambiguous(code=code)
