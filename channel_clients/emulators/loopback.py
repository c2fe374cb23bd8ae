"""How an emulator and a hub reach each other: calls as plain values, and real sockets on loopback.

Emulators import all of it from `stage`; only what is served or pushed for real ends up here.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import uvicorn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call as the provider sees it. `path` is decoded; `headers` have lower-case names."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body or b"null")

    def param(self, name: str) -> str | None:
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200, kind: str = "application/json") -> "Response":
        """Render a JSON answer."""
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(status=status, body=body, headers={"content-type": kind})


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A call that the provider makes to the hub."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float = 10.0


class PushOverHttp:
    """Call the hub for real; None is "no answer". No connection outlives its call."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, call: Push) -> Response | None:
        if self._client is None:
            # Nothing is kept alive: an idle socket would outlive the loop that a test ends.
            limits = httpx.Limits(max_keepalive_connections=0)
            self._client = httpx.AsyncClient(trust_env=False, limits=limits)
        try:
            reply = await self._client.request(
                call.method,
                call.url,
                headers=dict(call.headers),
                content=call.body,
                timeout=call.timeout_s,
            )
        except httpx.HTTPError:
            return None
        return Response(status=reply.status_code, body=reply.content, headers=dict(reply.headers))


class _GuestServer(uvicorn.Server):
    """A server inside somebody else's loop: it leaves the signals to the host."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: App, port: int = 0) -> AsyncIterator[str]:
    """Serve `app` on loopback in the running loop and yield its base URL; port 0 is any free one.

    Requests still running at the end get one second; nothing of the server outlives the block.
    """
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    server = _GuestServer(config)
    running = asyncio.create_task(server.serve())
    while not server.started and not running.done():  # noqa: ASYNC110  # uvicorn offers no event
        await asyncio.sleep(0.005)
    try:
        bound = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{bound}"
    finally:
        server.should_exit = True
        await running
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def read_request(scope: Scope, receive: Receive) -> Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Request(
        method=scope["method"],
        path=unquote(scope["path"]),
        query=tuple(query),
        headers={key.decode("latin-1").lower(): v.decode("latin-1") for key, v in scope["headers"]},
        body=body,
    )


async def respond(send: Send, response: Response) -> None:
    headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in response.headers.items()]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
