"""What to do with a delivery that failed, was doubted, or was asked about. Values in, value out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, assert_never

from mappers.vocabulary import (
    Ambiguous,
    AuthExpired,
    Blocked,
    DeliveryKind,
    Failure,
    Permanent,
    Priority,
    RateLimited,
    Transient,
)

OnDoubt: TypeAlias = Literal["hold", "resend"]
MOST_LOOKS = 3
FIRST_BULK, BULK_LASTS_S = 10, 6.0

URGENCY: Mapping[DeliveryKind, Priority] = {
    DeliveryKind.SEND: Priority.REPLY,
    DeliveryKind.EDIT: Priority.REPLY,
    DeliveryKind.DELETE: Priority.REPLY,
    DeliveryKind.REFUSE: Priority.STATUS,
    DeliveryKind.REACT: Priority.STATUS,
    DeliveryKind.WRITE_REACTION: Priority.STATUS,
    DeliveryKind.REPORT: Priority.STATUS,
    DeliveryKind.REMARK: Priority.STATUS,
    DeliveryKind.SHOW_TYPING: Priority.BACKFILL,
    DeliveryKind.KEEP_SOURCE: Priority.STATUS,
    DeliveryKind.READ_OPERATORS: Priority.BACKFILL,
    DeliveryKind.FETCH_FILE: Priority.STATUS,
    DeliveryKind.CREATE_TASK: Priority.STATUS,
}


def urgency_of(kind: DeliveryKind) -> Priority:
    """Who goes first when a provider's limit is short."""
    return URGENCY.get(kind, Priority.MESSAGE)


@dataclass(frozen=True, slots=True)
class RetryAt:
    when: datetime
    counts: bool = True


@dataclass(frozen=True, slots=True)
class AskProvider:
    """Look for our key before calling again; before `when`, absence proves nothing."""

    when: datetime


@dataclass(frozen=True, slots=True)
class ParkConnection:
    """Nothing of this connection can go on until a person signs in or pays."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """The credentials had run out and are new now: do it again at once."""


@dataclass(frozen=True, slots=True)
class CloseConversation:
    """The recipient does not want this: tell the operator, stop."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """What we knew of the CRM's side is out of date: find out anew, then do it again."""

    gone: Literal["record", "deal", "conversation"]


@dataclass(frozen=True, slots=True)
class Hold:
    """Nobody can tell, or it is too late to decide alone: a person is asked."""

    code: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """Nobody needs it any more, whatever became of it."""


@dataclass(frozen=True, slots=True)
class Bury:
    """Refused for good: visible, waiting for a person to replay or drop it."""


Verdict: TypeAlias = (
    RetryAt
    | AskProvider
    | ParkConnection
    | Renewed
    | CloseConversation
    | LookAgain
    | Hold
    | LetGo
    | Bury
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Waits double from `first_wait` to `longest_wait`; nothing gives up by count."""

    first_wait: timedelta = timedelta(seconds=2)
    longest_wait: timedelta = timedelta(minutes=5)
    longest_pause: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """`failures` counts those that count, this one included. `jitter` is in [0, 1).

    `deadline` is set for replies to customers: past it nobody wants them without asking. What
    `fades` is worth nothing a moment later. `restored`: the database was, so that it may have been
    done in the time that is forgotten, and only a person may decide to do it again.
    """

    failures: int
    can_probe: bool
    repeatable: bool
    on_doubt: OnDoubt
    settles_after: timedelta
    called_at: datetime
    now: datetime
    jitter: float
    deadline: datetime | None = None
    looked_again: bool = False
    fades: bool = False
    restored: bool = False


def decide(failure: Failure, at: Situation, policy: RetryPolicy) -> Verdict:
    """Choose the next step for one failed attempt."""
    if at.fades:
        return LetGo()
    match failure:
        case Permanent(gone="record" | "deal" | "conversation" as gone) if not at.looked_again:
            return LookAgain(gone)
        case Permanent():
            return Bury()
        case Blocked(by="recipient"):
            return CloseConversation()
        case Blocked() | AuthExpired():
            return ParkConnection()
        case RateLimited(retry_after=wait):
            pause = min(wait or policy.first_wait, policy.longest_pause)
            return _again(at, pause, counts=False)
        case Transient():
            return _again(at, backoff(at.failures, at.jitter, policy))
        case Ambiguous():
            return _doubt(at, policy)
        case _:
            assert_never(failure)


def _doubt(at: Situation, policy: RetryPolicy) -> Verdict:
    if not at.repeatable and at.can_probe:
        return AskProvider(max(at.called_at + at.settles_after, at.now + policy.first_wait))
    if at.restored and not at.repeatable:
        return Hold("hub.restored")
    if at.repeatable or at.on_doubt == "resend":
        return _again(at, backoff(at.failures, at.jitter, policy))
    return Hold("hub.not_confirmed")


def decide_probe(failure: Failure | None, at: Situation, policy: RetryPolicy) -> Verdict:
    """Choose the next step after asking; `failure` is None when the provider has no such thing."""
    match failure:
        case None:
            return RetryAt(at.now)
        case Permanent() | Blocked():
            return Hold("hub.cannot_ask")
        case AuthExpired():
            return ParkConnection()
        case RateLimited(retry_after=wait):
            return AskProvider(at.now + min(wait or policy.first_wait, policy.longest_pause))
        case Transient() | Ambiguous():
            return AskProvider(at.now + backoff(at.failures, at.jitter, policy))
        case _:
            assert_never(failure)


def backoff(failures: int, jitter: float, policy: RetryPolicy) -> timedelta:
    """Wait between half of the doubled wait and all of it, never longer than the longest."""
    doubled = policy.first_wait * (1 << min(max(failures, 1) - 1, 16))
    return min(doubled, policy.longest_wait) * (0.5 + jitter / 2)


def next_bulk(now: int, carried: int, took_s: float, *, is_doubt: bool) -> int:
    """Choose how many entries the next call may carry, so that it ends long before its deadline.

    Twice as many as went quickly, half of what lasted. `took_s` is 0 where nothing was sent.
    """
    if is_doubt or took_s > BULK_LASTS_S:
        return max(1, carried // 2)
    is_quick = 0 < took_s < BULK_LASTS_S / 3
    return now * 2 if is_quick and carried >= now else now


def _again(at: Situation, wait: timedelta, *, counts: bool = True) -> Verdict:
    when = at.now + wait
    if at.deadline is not None and when > at.deadline:
        return Hold("hub.too_late")
    return RetryAt(when, counts=counts)
