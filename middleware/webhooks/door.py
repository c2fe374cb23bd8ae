"""The hook door: a plain ASGI handler in front of everything else.

It proves the caller, commits the raw bytes, and only then says what the provider wants to hear.
Whatever cannot be committed is answered 503, which every provider that repeats understands; what
is forged or malformed is refused, counted and never stored.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

from mappers.vocabulary import ForgedWebhook, MalformedWebhook, Received, Webhook
from middleware.clock import Clock
from middleware.store.errors import StoreUnavailable
from middleware.store.rows import Parcelled
from middleware.webhooks.addresses import Place
from middleware.webhooks.flush import Overflow
from middleware.webhooks.keys import digest_of
from middleware.webhooks.refusals import Refusals

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PREFIX = "/hooks/"
BODY_TIMEOUT_S = 15.0
STRANGER = "unknown account"


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Finder(Protocol):
    """Knows whose an address is; `Addresses` in production."""

    async def find(self, address: str, account: str = "") -> Place | None: ...


class Keeps(Protocol):
    """Commits parcels, and is told when something true was not kept; `Flusher` in production."""

    async def keep(self, parcels: Sequence[Parcelled]) -> None: ...

    def miss(self, why: Exception) -> None: ...


@dataclass(frozen=True, slots=True)
class HookDoor:
    """Answers `/hooks/{address}[/{tail}]` and passes everything else on to `inner`."""

    inner: App
    addresses: Finder
    flusher: Keeps
    refusals: Refusals
    _: KW_ONLY
    body_limit: int
    clock: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.inner(scope, receive, send)
            return
        address, _, tail = scope["path"][len(PREFIX) :].partition("/")
        try:
            received = await self._take(scope, receive, address, tail)
        except _Refused as refusal:
            self.refusals.count(address, refusal.reason)
            await _answer(send, refusal.status, refusal.reason.encode())
        except (StoreUnavailable, Overflow) as why:
            self.flusher.miss(why)
            self.refusals.total["not kept"] += 1
            await _answer(send, 503, b"try again", (b"retry-after", b"5"))
        else:
            answer = received.answer
            kind = (b"content-type", answer.content_type.encode())
            policy = (b"content-security-policy", answer.policy.encode())
            headers = (kind, policy) if answer.policy else (kind,)
            await _answer(send, answer.status, answer.body, *headers)

    async def _take(self, scope: Scope, receive: Receive, address: str, tail: str) -> Received:
        place = await self.addresses.find(address)
        if place is None:
            raise _Refused(404, "unknown address")
        hook = await self._hook(scope, receive, tail)
        try:
            received = place.door.receive(hook)
        except ForgedWebhook as error:
            raise _Refused(401, "forged") from error
        except MalformedWebhook as error:
            raise _Refused(400, "malformed") from error
        if received.parcels:
            await self.flusher.keep(await self._addressed(address, place, received))
        return received

    async def _addressed(
        self, address: str, place: Place, received: Received
    ) -> tuple[Parcelled, ...]:
        """Find whose each parcel is. An account that we do not know is refused, visibly.

        Beside accounts that we know it is counted and left out: who calls once for several would
        call again with all of them.
        """
        kept: list[Parcelled] = []
        strangers = 0
        for parcel in received.parcels:
            at = place
            if at.connection(parcel.account) is None:
                at = await self.addresses.find(address, parcel.account) or place
            connection = at.connection(parcel.account)
            if connection is None:
                strangers += 1
                continue
            kept.append(
                Parcelled(
                    connection=connection,
                    digest=digest_of(parcel.key),
                    form=parcel.form,
                    body=parcel.body,
                    said_at=parcel.said_at,
                )
            )
        if strangers and not kept:
            raise _Refused(404, STRANGER)
        for _ in range(strangers):
            self.refusals.count(address, STRANGER)
        return tuple(kept)

    async def _hook(self, scope: Scope, receive: Receive, tail: str) -> Webhook:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if headers.get("content-encoding", "identity") != "identity":
            raise _Refused(415, "encoded body")
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self.body_limit:
            raise _Refused(413, "too large")
        query = scope["query_string"].decode("latin-1")
        return Webhook(
            method=scope["method"],
            body=await self._body(receive),
            headers=headers,
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            tail=tail,
            raw_query=query,
            received_at=self.clock.now(),
        )

    async def _body(self, receive: Receive) -> bytes:
        """Read the body, as far as it goes and as long as we have patience."""
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Refused(400, "broken off")
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > self.body_limit:
                        raise _Refused(413, "too large")
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError as error:
            raise _Refused(408, "too slow") from error


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    size = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [size, *headers]})
    await send({"type": "http.response.body", "body": body})
