"""One call, from the first draw on a budget to the line in the ledger.

- **One deadline** covers everything: waits, repeats, connecting, every byte of the body. It is an
  `asyncio.timeout`, which counts by `loop.time()`: virtual in a simulation, like the clock.
- **Doubt is a fact of the wire**, not of the exception's type: the transport tells when the first
  byte of the request is about to leave. Before that nothing has happened, whatever went wrong.
- **Repeats** take seconds and are for calls marked repeatable: when no answer came, or 502, 503,
  504. A call that is not repeatable is sent once, without exception. Even when nothing left the
  house it is the outbox that tries again, for its row knows what has changed meanwhile.
- **Budgets** are drawn on before every try. A short wait is slept through, a long one becomes
  `RateLimited` before anything is sent. What an answer says of budgets is told to them at once:
  the call knows how to read it. A 429 usually means every bucket that the call drew on: which of
  them was meant nobody says, and `Retry-After` pauses the whole connection.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, retry_if_result

from mappers.vocabulary import (
    Failure,
    HttpCall,
    HttpReply,
    ProviderError,
    RateLimited,
    Transient,
    retry_after,
)
from middleware.clock import Clock
from middleware.http import codes
from middleware.http.budget import Budgets
from middleware.http.ledger import Ledger, Outcome, Question
from middleware.http.link import Link
from middleware.http.pools import HttpSettings
from middleware.http.urgency import urgency
from middleware.http.wire import Deadline, ResponseTooLarge, Spelt, read, why_no_reply

PASSING = frozenset({502, 503, 504})
FIRST_PAUSE_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every call of the process shares."""

    clock: Clock
    budgets: Budgets
    ledger: Ledger
    settings: HttpSettings


@dataclass(slots=True)
class _Try:
    """How far one try got."""

    begun: bool = False
    reply: HttpReply | None = None

    def leaves(self) -> None:
        self.begun = True


class Sending:
    """Raises: `ProviderError` from the start if the call names a budget that is not there."""

    def __init__(self, means: Means, link: Link, call: HttpCall, spelt: Spelt) -> None:
        self._means = means
        self._link = link
        self._call = call
        self._spelt = spelt
        self._buckets = link.buckets(call)
        self._seconds = call.timeout.total_seconds()
        self._ends_at = means.clock.monotonic() + self._seconds
        self._deadline = asyncio.timeout(self._seconds)
        self._tries = 0
        self._last = _Try()

    async def through(self, way: httpx.AsyncBaseTransport) -> HttpReply:
        try:
            async with self._deadline:
                if self._call.repeatable:
                    return await self._repeated(way)
                return await self._once(way)
        except TimeoutError:
            raise ProviderError(self._why(Deadline())) from None

    async def _repeated(self, way: httpx.AsyncBaseTransport) -> HttpReply:
        """Try, and hand what passes to tenacity as its first try. Most calls need no second one."""
        first: asyncio.Future[HttpReply] = asyncio.get_running_loop().create_future()
        try:
            reply = await self._once(way)
        except ProviderError as error:
            if not _is_of_the_net(error):
                raise
            first.set_exception(error)
        else:
            if not _is_passing(reply):
                return reply
            first.set_result(reply)
        known = [first]

        async def anew() -> HttpReply:
            return await (known.pop() if known else self._once(way))

        return await self._repeats()(anew)

    def _repeats(self) -> AsyncRetrying:
        return AsyncRetrying(
            sleep=self._means.clock.sleep,
            retry=retry_if_result(_is_passing) | retry_if_exception(_is_of_the_net),
            wait=self._pause,
            stop=self._is_enough,
            retry_error_callback=_last_word,
        )

    async def _once(self, way: httpx.AsyncBaseTransport) -> HttpReply:
        self._last = _Try()
        await self._draw()
        self._tries += 1
        async with self._noted(self._last):
            try:
                self._last.reply = reply = await self._exchange(way)
            except (httpx.HTTPError, ResponseTooLarge) as error:
                raise ProviderError(self._why(error)) from None  # its message may quote a header
        await self._heed(reply)
        return reply

    async def _heed(self, reply: HttpReply) -> None:
        budgets = self._means.budgets
        for terms in self._call.terms(reply, self._call.budgets):
            budget, key = self._link.bucket(terms.budget)
            if terms.refused:
                await budgets.penalise(budget, key, terms.wait)
            elif terms.wait:
                await budgets.hold(budget, key, terms.wait)

    async def _exchange(self, way: httpx.AsyncBaseTransport) -> HttpReply:
        request = self._spelt.request({"leaves": self._last.leaves})
        response = await way.handle_async_request(request)
        try:
            return await read(response, self._call.most_bytes or self._means.settings.most_bytes)
        finally:
            await response.aclose()

    def _why(self, error: Exception) -> Failure:
        return why_no_reply(error, begun=self._last.begun, repeatable=self._call.repeatable)

    async def _draw(self) -> None:
        """Take one call from each bucket. What was taken before a refusal stays taken."""
        clock, patience = self._means.clock, self._means.settings.longest_wait
        for budget, key in self._buckets:
            while wait := await self._means.budgets.take(budget, key, urgency()):
                patience -= wait
                if patience < timedelta() or self._is_over(wait.total_seconds()):
                    raise ProviderError(RateLimited(code=codes.BUDGET, retry_after=wait))
                await clock.sleep(wait.total_seconds())

    def _pause(self, state: RetryCallState) -> float:
        """Double each time, jittered; longer if the provider asks for it."""
        share = 0.5 + self._means.settings.jitter() / 2
        pause = FIRST_PAUSE_S * 2.0 ** (state.attempt_number - 1) * share
        asked = retry_after(self._last.reply) if self._last.reply is not None else None
        return max(pause, asked.total_seconds()) if asked else pause

    def _is_enough(self, state: RetryCallState) -> bool:
        used_up = state.attempt_number >= self._means.settings.tries
        return used_up or self._is_over(state.upcoming_sleep)

    def _is_over(self, in_seconds: float) -> bool:
        return self._means.clock.monotonic() + in_seconds >= self._ends_at

    @asynccontextmanager
    async def _noted(self, this: _Try) -> AsyncIterator[None]:
        """Put one try in the ledger, however it ends."""
        clock = self._means.clock
        started_at, began = clock.now(), clock.monotonic()
        failure = ""
        try:
            yield
        except ProviderError as error:
            failure = error.failure.code
            raise
        except BaseException:
            failure = codes.DEADLINE if self._deadline.expired() else codes.CANCELLED
            raise
        finally:
            outcome = Outcome(
                number=self._tries,
                started_at=started_at,
                duration_s=clock.monotonic() - began,
                begun=this.begun,
                failure=failure,
                reply=this.reply,
            )
            self._means.ledger.note(self._question(), outcome)

    def _question(self) -> Question:
        return Question(
            connection=self._link.connection,
            label=self._call.label,
            method=self._spelt.method,
            host=self._spelt.url.host,
            content=self._spelt.content,
            json=self._call.json,
        )


def _is_passing(reply: HttpReply) -> bool:
    return reply.status in PASSING


def _is_of_the_net(error: BaseException) -> bool:
    return (
        isinstance(error, ProviderError)
        and isinstance(error.failure, Transient)
        and error.failure.code.startswith("net.")
    )


def _last_word(state: RetryCallState) -> Any:
    """After the last try its own answer or error is the answer, whatever it is."""
    return state.outcome.result() if state.outcome is not None else None
