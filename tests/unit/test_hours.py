"""Working hours: what is read, what is refused, and how time is counted through them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.hours import BadHours, Hours, after, read_hours

OFFICE = "mon-fri 09:00-18:00, sat 10:00-14:00"
LINES = (
    OFFICE,
    "mon-fri 09:00-13:00, mon-fri 14:00-18:00",
    "fri-mon 22:00-06:00",
    "mon-sun 00:00-24:00",
    "sun 02:15-02:45",
    "sun 01:00-04:00, sun 02:30-05:00",
)
ZONES = ("Europe/Moscow", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC")
FIRST, LAST = datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2027-01-01")
HALF_AN_HOUR = timedelta(minutes=30)

lines = st.sampled_from(LINES)
zones = st.sampled_from(ZONES)
moments = st.datetimes(min_value=FIRST, max_value=LAST, timezones=st.just(UTC))
spans = st.integers(0, 3 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("2026-11-18T10:00+03:00", "2026-11-18T10:30+03:00"),
        ("2026-11-18T17:45+03:00", "2026-11-19T09:15+03:00"),
        ("2026-11-18T03:00+03:00", "2026-11-18T09:30+03:00"),
        ("2026-11-20T17:50+03:00", "2026-11-21T10:20+03:00"),
        ("2026-11-21T13:45+03:00", "2026-11-23T09:15+03:00"),
        ("2026-11-22T12:00+03:00", "2026-11-23T09:30+03:00"),
        ("2026-11-18T17:30+03:00", "2026-11-18T18:00+03:00"),
    ],
)
def test_time_passes_only_while_the_office_is_open(asked: str, answered: str) -> None:
    hours = read_hours(OFFICE, "Europe/Moscow")
    assert after(hours, at(asked), HALF_AN_HOUR) == at(answered)


def test_without_hours_every_hour_counts() -> None:
    assert read_hours("  ", "") is None
    assert after(None, at("2026-11-22T03:00+03:00"), HALF_AN_HOUR) == at("2026-11-22T03:30+03:00")


def test_a_break_is_not_worked_and_a_night_shift_is() -> None:
    noon = read_hours("mon-fri 09:00-13:00, mon-fri 14:00-18:00", "Europe/Moscow")
    assert after(noon, at("2026-11-18T12:50+03:00"), HALF_AN_HOUR) == at("2026-11-18T14:20+03:00")
    night = read_hours("mon 22:00-06:00", "Europe/Moscow")
    assert after(night, at("2026-11-17T01:00+03:00"), HALF_AN_HOUR) == at("2026-11-17T01:30+03:00")


def test_an_hour_that_a_change_of_time_skips_is_nobodys_and_a_repeated_one_counts() -> None:
    """In Berlin clocks go forward on 2026-03-29 at 02:00, and back on 2026-10-25 at 03:00."""
    night = read_hours("sun 00:00-06:00", "Europe/Berlin")
    six_hours = timedelta(hours=6)
    spring, autumn = at("2026-03-29T00:00+01:00"), at("2026-10-25T00:00+02:00")
    assert after(night, spring, timedelta(hours=5)) == at("2026-03-29T06:00+02:00")
    assert after(night, spring, six_hours) == at("2026-04-05T01:00+02:00")
    assert after(night, autumn, six_hours) == at("2026-10-25T05:00+01:00")
    assert after(night, autumn, timedelta(hours=7)) == at("2026-10-25T06:00+01:00")


@given(
    hours=st.builds(read_hours, lines, zones), moment=moments, later=spans, span=spans, more=spans
)
def test_later_questions_and_longer_spans_never_end_earlier(
    hours: Hours | None, moment: datetime, later: timedelta, span: timedelta, more: timedelta
) -> None:
    assert after(hours, moment, span) <= after(hours, moment + later, span)
    assert after(hours, moment, span) <= after(hours, moment, span + more)
    assert after(hours, moment, span) >= moment + span


@given(line=lines, zone=zones, moment=moments, span=spans, more=spans)
def test_time_may_be_counted_in_pieces(
    line: str, zone: str, moment: datetime, span: timedelta, more: timedelta
) -> None:
    hours = read_hours(line, zone)
    halfway = after(hours, moment, span)
    assert after(hours, halfway, more) == after(hours, moment, span + more) or not more


@given(line=st.one_of(st.text(max_size=30), st.from_regex(r"[a-z]{3} \d\d:\d\d-\d\d:\d\d")))
def test_what_is_no_line_of_hours_is_refused_in_words(line: str) -> None:
    try:
        hours = read_hours(line, "Europe/Moscow")
    except BadHours:
        return
    assert hours is None or any(hours.week)


@pytest.mark.parametrize(
    ("line", "zone", "says"),
    [
        ("mon 9-18", "UTC", "write days and times"),
        ("may 09:00-18:00", "UTC", "no day"),
        ("mon 09:00-25:00", "UTC", "no time of a day"),
        ("mon 09:75-18:00", "UTC", "no time of a day"),
        ("mon 09:00-09:00", "UTC", "ends when it begins"),
        ("mon 09:00-18:00", "Moscow", "no time zone"),
        ("mon 09:00-18:00", "../etc/passwd", "no time zone"),
        ("mon 09:00-18:00", "", "no time zone"),
    ],
)
def test_each_mistake_is_named(line: str, zone: str, says: str) -> None:
    with pytest.raises(BadHours, match=says):
        read_hours(line, zone)
