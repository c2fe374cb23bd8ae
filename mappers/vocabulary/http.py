"""The HTTP port: adapters describe calls, the hub's gateway makes them.

The port lives among the words because both kinds of adapter speak it and neither may own it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from mappers.vocabulary.failures import (
    Ambiguous,
    AuthExpired,
    Failure,
    Permanent,
    RateLimited,
    Transient,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """What came back, whatever its status. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    _parsed: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    def value(self) -> Any:
        """The body as JSON, or None when it is not JSON. Read once; nobody changes it."""
        if not self._parsed:
            self._parsed.append(_json_in(self.body))
        return self._parsed[0]

    def at(self, *path: str | int) -> Any:
        """The JSON value under `path`, or None when any step is missing."""
        value = self.value()
        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an answer says of a budget: nobody may draw on it for `wait`.

    `refused`: the call was turned away for it, so less of it is ours than we believed; `wait` is
    None where the provider named no time. Else the provider told in time how little is left.
    """

    budget: str
    wait: timedelta | None = None
    refused: bool = False


def usual_terms(reply: HttpReply, budgets: Sequence[str]) -> tuple[Terms, ...]:
    """A 429 is told to everything that the call drew on: which was meant, nobody says."""
    if reply.status != 429:
        return ()
    wait = retry_after(reply)
    return tuple(Terms(budget=each, wait=wait, refused=True) for each in budgets)


ReadTerms = Callable[[HttpReply, Sequence[str]], Sequence[Terms]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """One request, described.

    `repeatable` is the adapter's promise that sending this twice leaves the provider in the same
    state as sending it once. It defaults to the cautious answer. `budgets` names the rate limits
    that the call counts against, as the manifest's `budgets` know them. `label` is what traces
    and metrics call this request: it holds no id and no secret.
    `most_bytes` caps the reply's body where a file is expected; None is the gateway's usual cap.
    `terms` reads what an answer says of the budgets that the call drew on.
    Whatever may carry a token or a customer's words stays out of the repr.
    Shape: at most one of `json` and `content`.
    """

    method: str
    url: str = field(repr=False)
    label: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=10)
    most_bytes: int | None = None
    repeatable: bool = False
    budgets: tuple[str, ...] = ()
    terms: ReadTerms = field(default=usual_terms, repr=False)


def _json_in(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class Http(Protocol):
    """Implemented by the hub's gateway; handed to adapters when they are built."""

    async def send(self, call: HttpCall) -> HttpReply:
        """Return the reply whatever its status; raise `ProviderError` if there is none."""
        ...

    def now(self) -> datetime:
        """Tell the time to sign and stamp with: aware UTC, frozen in tests."""
        ...


def usual_failure(reply: HttpReply, *, repeatable: bool) -> Failure | None:
    """Say what a status means when the provider documents nothing better; None is success."""
    code = f"http.{reply.status}"
    detail = reply.body[:500].decode("utf-8", "replace")
    match reply.status:
        case status if 200 <= status < 300:
            return None
        case 401:
            return AuthExpired(code=code, detail=detail)
        case 429:
            return RateLimited(code=code, detail=detail, retry_after=retry_after(reply))
        case status if status == 408 or status >= 500:
            unsure = Transient if repeatable else Ambiguous
            return unsure(code=code, detail=detail)
        case _:
            return Permanent(code=code, detail=detail)


def retry_after(reply: HttpReply) -> timedelta | None:
    """Read the seconds form of `Retry-After`; the date form needs a clock and is not worth one."""
    value = reply.headers.get("retry-after", "").strip()
    return timedelta(seconds=int(value)) if value.isdecimal() and len(value) < 7 else None
