"""Settling: attempt what is due, decide what became of it, and have both recorded."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from mappers.vocabulary import (
    Ambiguous,
    AuthExpired,
    Blocked,
    DeliveryKind,
    DeliveryState,
    Failure,
    Permanent,
    ProviderError,
    Transient,
)
from middleware.clock import Clock
from middleware.connections.model import Connected, ConnectedCrm, Directory
from middleware.http.ledger import collecting
from middleware.http.urgency import urgent
from middleware.outbox import perform
from middleware.outbox.bulk import Bulk
from middleware.outbox.circuit import Circuit
from middleware.outbox.correcting import Corrected, Declined
from middleware.outbox.effects import Rehearsed
from middleware.outbox.perform import (
    Means,
    Nothing,
    Result,
)
from middleware.outbox.record import Recorder, looks
from middleware.outbox.rehearsal import rehearse
from middleware.outbox.rules import (
    MOST_LOOKS,
    Renewed,
    RetryPolicy,
    Situation,
    Verdict,
    decide,
    decide_probe,
    urgency_of,
)
from middleware.store.duties import RESTORED, Attempt, Job
from middleware.store.port import Unit
from middleware.tracing.place import in_place

NOT_FOUND = "not_found"
RENEWED = Transient(code="hub.credentials_renewed")
EXPIRING = frozenset({DeliveryKind.SEND, DeliveryKind.FETCH_FILE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What settling needs besides the store. `roll` is a chance in [0, 1), seeded in tests.

    `renew` renews a connection's credentials and says whether there are new ones to try.
    `pace` scales the provider's settling time, and the pauses between polls: 1 in production, less
    where the provider is an emulator known to settle at once.
    """

    clock: Clock
    means: Means
    roll: Callable[[], float]
    retry: RetryPolicy
    renew: Callable[[Connected], Awaitable[bool]]
    pace: float = 1.0


class Commit(Protocol):
    """Runs work in one unit under the server's lease, and wakes whom it gave something to do."""

    async def __call__(self, work: Callable[[Unit], Awaitable[None]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt brought: a result, a failure, or (after a probe) neither."""

    result: Result | None
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Settler:
    """Attempts deliveries of one connection under one lease."""

    commit: Commit
    tools: Tools
    directory: Directory
    to: Connected
    circuit: Circuit
    bulk: Bulk | None = None

    async def attempt(self, job: Job) -> Verdict | None:
        """Try once and record it. Returns what was decided about a failure; None is success.

        No transaction is open while the network is. Whatever stops us between the call and its
        record leaves the delivery in flight, and the next owner of the lease treats it as doubt.
        What is decided goes by the database's clock, which says when lanes are due: ours may jump.
        """
        began = self.tools.clock.monotonic()
        with urgent(urgency_of(job.kind)), collecting() as exchanges:
            in_doubt = job.was is DeliveryState.DOUBT
            outcome = await self._ask(job) if in_doubt else await self._do(job)
        took = timedelta(seconds=self.tools.clock.monotonic() - began)
        ended = job.taken_at + took
        verdict = None
        if outcome.result is None:
            failure = await self._after_renewal(outcome.failure)
            verdict = Renewed() if failure is RENEWED else self._judge(job, failure, ended)
        note = Attempt(
            started_at=job.taken_at,
            duration_ms=round(took.total_seconds() * 1000),
            purpose="probe" if in_doubt else "call",
            outcome=_outcome_name(outcome, verdict),
            failure=outcome.failure,
            exchanges=tuple(exchange.row() for exchange in exchanges),
            effects=_effects_of(outcome.result),
        )

        async def record(unit: Unit) -> None:
            await unit.note_attempt(job, note)
            now = job.taken_at + timedelta(seconds=self.tools.clock.monotonic() - began)
            recorder = Recorder(self.to, self.directory, unit, job, now)
            if outcome.result is not None:
                await recorder.done(outcome.result)
            else:
                await recorder.failed(outcome.failure, verdict)

        await self.commit(in_place(record))
        if not in_doubt and not perform.is_repeatable(job, self.to):
            self.circuit.note(doubt=isinstance(outcome.failure, Ambiguous))
        return verdict

    async def _do(self, job: Job) -> Outcome:
        tools = self.tools
        try:
            # A dry route writes nothing to its CRM; who answers a customer means it.
            if job.policy.dry_run and isinstance(self.to, ConnectedCrm):
                return Outcome(await rehearse(job, self.to, tools.means), None)
            return Outcome(await perform.perform(job, self.to, tools.means, self.bulk), None)
        except ProviderError as error:
            return Outcome(None, error.failure)

    async def _ask(self, job: Job) -> Outcome:
        if perform.is_repeatable(job, self.to):
            return await self._do(job)
        if not perform.can_find(job, self.to):
            return Outcome(None, Ambiguous(code="hub.interrupted"))
        if job.taken_at < job.called_at + self._settles_after():
            return Outcome(None, Ambiguous(code="hub.interrupted"))
        try:
            return Outcome(await perform.find(job, self.to, self.tools.means), None)
        except ProviderError as error:
            return Outcome(None, error.failure)

    async def _after_renewal(self, failure: Failure | None) -> Failure | None:
        """Try once to renew credentials that were refused; say what is left of the failure."""
        if not isinstance(failure, AuthExpired):
            return failure
        try:
            return RENEWED if await self.tools.renew(self.to) else failure
        except ProviderError as error:
            if isinstance(error.failure, AuthExpired | Permanent | Blocked):
                return failure
            # Whether we may come in is unknown now: no reason yet to give up the connection.
            return Transient(code=error.failure.code)

    def _settles_after(self) -> timedelta:
        return self.to.can.settles_after * self.tools.pace

    def _judge(self, job: Job, failure: Failure | None, now: datetime) -> Verdict:
        # Past its deadline nobody wants a reply without being asked; who was asked has said so.
        expires = job.kind in EXPIRING and "asked" not in job.detail
        at = Situation(
            failures=job.failures + 1,
            can_probe=perform.can_find(job, self.to),
            repeatable=perform.is_repeatable(job, self.to),
            on_doubt=job.policy.on_doubt or self.to.settings.on_doubt,
            settles_after=self._settles_after(),
            called_at=job.called_at,
            now=now,
            jitter=self.tools.roll(),
            deadline=job.created_at + self.to.settings.reply_age_limit if expires else None,
            fades=job.kind is DeliveryKind.SHOW_TYPING,
            restored=job.was is DeliveryState.DOUBT and RESTORED in job.detail,
            looked_again=not isinstance(self.to, ConnectedCrm) or looks(job) >= MOST_LOOKS,
        )
        asked = job.was is DeliveryState.DOUBT and at.can_probe and not at.repeatable
        too_early = isinstance(failure, Ambiguous) and failure.code == "hub.interrupted"
        if asked and not too_early:
            return decide_probe(failure, at, self.tools.retry)
        return decide(failure or Ambiguous(code=NOT_FOUND), at, self.tools.retry)


def _effects_of(result: Result | None) -> tuple[Mapping[str, Any], ...]:
    return tuple(e.row() for e in result.effects) if isinstance(result, Rehearsed) else ()


def _outcome_name(outcome: Outcome, verdict: Verdict | None) -> str:
    match outcome.result:
        case Rehearsed(why=why):
            return why or "rehearsed"
        case Nothing(why=why) | Corrected(why=why):
            return why or "done"
        case Declined(code=code):
            return code
        case None:
            pass
        case _:
            return "done"
    kind = outcome.failure.kind if outcome.failure is not None else NOT_FOUND
    return f"{kind}:{type(verdict).__name__}"
