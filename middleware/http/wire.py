"""Between the port's words and httpx's: a call spelt out, an answer read, silence explained."""

import json
import re
import zlib
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias, cast

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
from middleware.http import codes

METHOD = re.compile(r"[A-Z]{3,10}")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
# They decide where a request ends and whose it is; an adapter has no business with them.
OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
DEFAULT_PORTS = {"http": 80, "https": 443}

Origin: TypeAlias = tuple[str, str, int]


class Deadline(Exception):
    """The call as a whole took too long."""


class ResponseTooLarge(Exception):
    """The answer did not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelt:
    """A call as it will go over the wire, however often."""

    method: str
    url: httpx.URL = field(repr=False)
    origin: Origin
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    def request(self, extensions: Mapping[str, Any]) -> httpx.Request:
        return httpx.Request(
            self.method,
            self.url,
            headers=self.headers,
            stream=httpx.ByteStream(self.content),
            extensions=dict(extensions),
        )


def spell(call: HttpCall, user_agent: str) -> Spelt:
    """Spell a call out.

    Raises: `ProviderError`: a call that cannot be spelt was not made, and never will be.
    """
    if not METHOD.fullmatch(call.method):
        raise malformed("method")
    url, to = _whither(call)
    return Spelt(
        method=call.method,
        url=url,
        origin=to,
        headers=_headers(call, user_agent),
        content=_content(call),
    )


def origin(url: httpx.URL | str) -> Origin:
    """Return scheme, host and port: what an allowed base address allows.

    Raises: `ValueError` for what is not an address.
    """
    try:
        read = url if isinstance(url, httpx.URL) else httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("not an address") from None
    if not read.host or read.scheme not in DEFAULT_PORTS:
        raise ValueError("not an http or https address")
    return read.scheme, read.raw_host.decode("ascii"), read.port or DEFAULT_PORTS[read.scheme]


def malformed(what: str) -> ProviderError:
    return ProviderError(Permanent(code=codes.CALL_MALFORMED, detail=what))


def _whither(call: HttpCall) -> tuple[httpx.URL, Origin]:
    try:
        url, to = _read(call.url)
        if call.params:
            url = url.copy_merge_params(call.params)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise malformed("url") from None
    if url.userinfo:
        raise malformed("credentials in the url")
    return url, to


@lru_cache(maxsize=512)
def _read(address: str) -> tuple[httpx.URL, Origin]:
    """Parse an address. It is dear, and a provider has few that we call all the time."""
    url = httpx.URL(address)
    return url, origin(url)


def _headers(call: HttpCall, user_agent: str) -> Mapping[str, str]:
    headers = {"user-agent": user_agent, "accept": "*/*", "accept-encoding": "gzip"}
    if call.json is not None:
        headers["content-type"] = "application/json"
    for name, value in call.headers.items():
        if not HEADER_NAME.fullmatch(name) or name.lower() in OURS:
            raise malformed("name of a header")
        if not HEADER_VALUE.fullmatch(value):
            raise malformed(f"value of the header {name.lower()}")
        headers[name.lower()] = value
    return headers


def _content(call: HttpCall) -> bytes:
    if call.json is None:
        return call.content or b""
    if call.content is not None:
        raise malformed("both json and content")
    try:
        text = json.dumps(call.json, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise malformed("json") from None
    # Half of a surrogate pair is no character; better a question mark than a message unsent.
    return text.encode("utf-8", "replace")


async def read(response: httpx.Response, most_bytes: int) -> HttpReply:
    """Read an answer to its end, never holding more than `most_bytes` of it.

    httpx would inflate a whole chunk, thousands of times its size when compressed twice, before
    anyone could count. Here one layer of gzip is undone, by as much as there is room for.
    Raises: `ResponseTooLarge`, `httpx.HTTPError`.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise httpx.DecodingError("an encoding that was not asked for")
    unpack = _Gzip() if "gzip" in encoding else None
    body = bytearray()
    received = 0
    async for chunk in cast("AsyncIterable[bytes]", response.stream):
        received += len(chunk)
        body += unpack(chunk, most_bytes - len(body)) if unpack else chunk
        if max(received, len(body)) > most_bytes:
            raise ResponseTooLarge
    if unpack and received:
        unpack.finish()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpReply(status=response.status_code, headers=headers, body=bytes(body))


class _Gzip:
    """Undoes one member of gzip."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def __call__(self, chunk: bytes, room: int) -> bytes:
        """Return what the chunk holds, or one byte more than there is room for."""
        try:
            return self._zlib.decompress(chunk, room + 1)
        except zlib.error:
            raise httpx.DecodingError("broken gzip") from None

    def finish(self) -> None:
        if not self._zlib.eof or self._zlib.unused_data:
            raise httpx.DecodingError("gzip that ends too early or too late")


def why_no_reply(error: Exception, *, begun: bool, repeatable: bool) -> Failure:
    """Decide by one question: could the provider have read our request?

    `begun` answers it better than the error's type can. A read that times out while a proxy is
    asked for a tunnel touched nobody; a deadline may pass before the first byte or after the last.
    An answer too large will be so again, so a call that may be repeated had better not be.
    """
    code = f"net.{type(error).__name__}"
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return Permanent(code=code)
    if isinstance(error, ResponseTooLarge):
        return Permanent(code=code) if repeatable else Ambiguous(code=code)
    if repeatable or not begun:
        # The system's own sentence: "connection refused", "certificate has expired".
        told = isinstance(error, (httpx.ConnectError, httpx.ProxyError))
        return Transient(code=code, detail=str(error)[:200] if told else "")
    return Ambiguous(code=code)
