"""What to do with a delivery that failed: each failure has one answer, and no wait is endless."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.vocabulary import (
    Ambiguous,
    AuthExpired,
    Blocked,
    Failure,
    Permanent,
    RateLimited,
    Transient,
)
from middleware.outbox.rules import (
    AskProvider,
    Bury,
    CloseConversation,
    Hold,
    LetGo,
    LookAgain,
    ParkConnection,
    RetryAt,
    RetryPolicy,
    Situation,
    Verdict,
    backoff,
    decide,
    decide_probe,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
POLICY = RetryPolicy(
    first_wait=2 * SECOND, longest_wait=timedelta(minutes=5), longest_pause=timedelta(hours=1)
)
FIRST = Situation(
    failures=1,
    can_probe=False,
    repeatable=False,
    on_doubt="hold",
    settles_after=30 * SECOND,
    called_at=NOON - 10 * SECOND,
    now=NOON,
    jitter=0.0,
)

waits = st.none() | st.timedeltas(timedelta(0), 30 * DAY)
failures = st.one_of(
    st.builds(
        Permanent, code=st.just("x"), gone=st.sampled_from(["", "record", "quoted", "message"])
    ),
    st.builds(Transient, code=st.just("x")),
    st.builds(RateLimited, code=st.just("x"), retry_after=waits),
    st.builds(AuthExpired, code=st.just("x")),
    st.builds(Blocked, code=st.just("x"), by=st.sampled_from(["recipient", "provider"])),
    st.builds(Ambiguous, code=st.just("x")),
)
situations = st.builds(
    Situation,
    failures=st.integers(0, 10_000),
    can_probe=st.booleans(),
    repeatable=st.booleans(),
    on_doubt=st.sampled_from(["hold", "resend"]),
    settles_after=st.timedeltas(timedelta(0), 5 * timedelta(minutes=1)),
    called_at=st.just(NOON - 10 * SECOND),
    now=st.just(NOON),
    jitter=st.floats(0, 1, exclude_max=True),
    deadline=st.none()
    | st.datetimes(datetime(2026, 11, 20), datetime(2026, 11, 23)).map(  # noqa: DTZ001  # hypothesis adds the zone below
        lambda when: when.replace(tzinfo=UTC)
    ),
    looked_again=st.booleans(),
)


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (Permanent(code="x"), Bury()),
        (Permanent(code="x", gone="record"), LookAgain("record")),
        (Permanent(code="x", gone="deal"), LookAgain("deal")),
        (Permanent(code="x", gone="conversation"), LookAgain("conversation")),
        (Permanent(code="x", gone="quoted"), Bury()),
        (Permanent(code="x", gone="message"), Bury()),
        (Blocked(code="x", by="recipient"), CloseConversation()),
        (Blocked(code="x", by="provider"), ParkConnection()),
        (AuthExpired(code="x"), ParkConnection()),
        (RateLimited(code="x", retry_after=7 * SECOND), RetryAt(NOON + 7 * SECOND, counts=False)),
        (RateLimited(code="x"), RetryAt(NOON + 2 * SECOND, counts=False)),
        (
            RateLimited(code="x", retry_after=timedelta(0)),
            RetryAt(NOON + 2 * SECOND, counts=False),
        ),
        (
            RateLimited(code="x", retry_after=2 * DAY),
            RetryAt(NOON + timedelta(hours=1), counts=False),
        ),
        (Transient(code="x"), RetryAt(NOON + SECOND)),
        (Ambiguous(code="x"), Hold("hub.not_confirmed")),
    ],
)
def test_each_failure_has_one_answer(failure: Failure, verdict: Verdict) -> None:
    assert decide(failure, FIRST, POLICY) == verdict


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        (replace(FIRST, can_probe=True), AskProvider(NOON + 20 * SECOND)),
        (
            replace(FIRST, can_probe=True, called_at=NOON - DAY),
            AskProvider(NOON + 2 * SECOND),
        ),
        (replace(FIRST, can_probe=True, on_doubt="resend"), AskProvider(NOON + 20 * SECOND)),
        (replace(FIRST, can_probe=True, repeatable=True), RetryAt(NOON + SECOND)),
        (replace(FIRST, repeatable=True), RetryAt(NOON + SECOND)),
        (replace(FIRST, on_doubt="resend"), RetryAt(NOON + SECOND)),
    ],
)
def test_doubt_is_asked_about_before_anything_is_repeated(at: Situation, verdict: Verdict) -> None:
    assert decide(Ambiguous(code="x"), at, POLICY) == verdict


@given(failure=failures, at=situations)
def test_what_fades_is_let_go_whatever_happened(failure: Failure, at: Situation) -> None:
    assert decide(failure, replace(at, fades=True), POLICY) == LetGo()


@pytest.mark.parametrize("gone", ["record", "deal", "conversation"])
def test_what_is_gone_is_looked_for_once(gone: str) -> None:
    failure = Permanent(code="x", gone=gone)  # type: ignore[arg-type]
    assert decide(failure, replace(FIRST, looked_again=True), POLICY) == Bury()


@pytest.mark.parametrize(
    "failure", [Transient(code="x"), RateLimited(code="x", retry_after=3 * SECOND)]
)
def test_past_its_deadline_a_reply_waits_for_a_persons_word(failure: Failure) -> None:
    late = replace(FIRST, deadline=NOON + SECOND / 2)
    assert decide(failure, late, POLICY) == Hold("hub.too_late")
    in_time = replace(FIRST, deadline=NOON + 3 * SECOND)
    assert isinstance(decide(failure, in_time, POLICY), RetryAt)


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (None, RetryAt(NOON)),
        (Permanent(code="x"), Hold("hub.cannot_ask")),
        (Blocked(code="x", by="provider"), Hold("hub.cannot_ask")),
        (AuthExpired(code="x"), ParkConnection()),
        (RateLimited(code="x", retry_after=7 * SECOND), AskProvider(NOON + 7 * SECOND)),
        (RateLimited(code="x"), AskProvider(NOON + 2 * SECOND)),
        (RateLimited(code="x", retry_after=2 * DAY), AskProvider(NOON + timedelta(hours=1))),
        (Transient(code="x"), AskProvider(NOON + SECOND)),
        (Ambiguous(code="x"), AskProvider(NOON + SECOND)),
    ],
)
def test_each_answer_to_our_question_has_one_consequence(
    failure: Failure | None, verdict: Verdict
) -> None:
    assert decide_probe(failure, FIRST, POLICY) == verdict


@pytest.mark.parametrize(
    ("count", "jitter", "seconds"),
    [
        (0, 0.0, 1),
        (1, 0.0, 1),
        (1, 0.5, 1.5),
        (2, 0.0, 2),
        (5, 0.0, 16),
        (8, 0.0, 128),
        (9, 0.0, 150),
        (10_000, 0.0, 150),
    ],
)
def test_waits_double_up_to_the_longest(count: int, jitter: float, seconds: float) -> None:
    assert backoff(count, jitter, POLICY) == timedelta(seconds=seconds)


@given(count=st.integers(0, 10**9), jitter=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_nothing_and_never_longer_than_the_longest(
    count: int, jitter: float
) -> None:
    assert POLICY.first_wait / 2 <= backoff(count, jitter, POLICY) <= POLICY.longest_wait


@given(failure=failures, at=situations)
def test_whatever_goes_on_goes_on_soon_and_in_time(failure: Failure, at: Situation) -> None:
    match decide(failure, at, POLICY):
        case RetryAt(when=when):
            assert NOON < when <= NOON + POLICY.longest_pause
            assert at.deadline is None or when <= at.deadline
        case AskProvider(when=when):
            assert NOON < when <= NOON + max(POLICY.longest_pause, at.settles_after)
            assert when >= at.called_at + at.settles_after
        case _:
            pass


@given(failure=failures, at=situations)
def test_a_doubtful_call_is_never_repeated_unless_that_is_safe_or_wished(
    failure: Failure, at: Situation
) -> None:
    verdict = decide(failure, at, POLICY)
    if isinstance(failure, Ambiguous) and isinstance(verdict, RetryAt):
        assert at.repeatable or (at.on_doubt == "resend" and not at.can_probe)


@given(failure=failures, at=situations)
def test_while_a_doubt_stands_nothing_is_sent_again(failure: Failure, at: Situation) -> None:
    assert not isinstance(decide_probe(failure, at, POLICY), RetryAt | Bury)


@given(at=situations)
def test_only_what_counts_is_counted(at: Situation) -> None:
    limited = decide(RateLimited(code="x"), at, POLICY)
    failed = decide(Transient(code="x"), at, POLICY)
    assert not (isinstance(limited, RetryAt) and limited.counts)
    assert not (isinstance(failed, RetryAt) and not failed.counts)


def test_a_failure_of_no_known_kind_is_a_bug_and_not_a_guess() -> None:
    with pytest.raises(AssertionError):
        decide("nonsense", FIRST, POLICY)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        decide_probe("nonsense", FIRST, POLICY)  # type: ignore[arg-type]
